package secret

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"unicode/utf8"
)

// entropy is that of Shannon, in bits for each byte.
func entropy(s []byte) (bits float64) {
	var counts [256]int
	for _, c := range s {
		counts[c]++
	}
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// marks are in values that something else is put in for, in calls, and in what
// was cut off or hidden.
var marks = [][]byte{
	[]byte("${"), []byte("$("), []byte("{{"), []byte("}}"), []byte("<"), []byte(">"), []byte("%("), []byte("%s"), []byte("%v"),
	[]byte("***"), []byte("..."), []byte("…"), []byte("#{"), []byte("@@"), []byte("${{"), []byte("•"),
}

// standIns are words of which examples are made, and weakWords those of which
// bad passwords are. Short ones count only between characters that are not
// letters, for they occur in random texts.
var (
	standIns = []string{
		"example", "placeholder", "changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me", "redacted", "insert-", "insert_",
		"notreal", "not-real", "not_real", "not-a-real", "notasecret", "not-a-secret", "removed", "yourtoken", "yourkey", "yoursecret",
		"yourpassword", "your", "fake", "mock", "todo", "fixme", "xxxx", "dummy", "sample", "lorem", "ipsum",
	}
	weakWords = []string{"foobar", "mypassword", "mysecret", "deadbeef", "p@ssw0rd", "passw0rd", "password", "qwerty", "here", "demo", "test", "none", "null", "secret"}
)

// placeholder reports whether a value stands for a secret that is put in later,
// is one of documentation, or nothing that a program would make.
func placeholder(value []byte) bool {
	return standsIn(value) || hasWords(value, weakWords) || regular(value)
}

// regular reports what nothing random has.
func regular(value []byte) bool { return repeats(value) || counts(bytes.ToLower(value)) }

// standsIn reports whether a value stands for a secret that is put in later, or
// is one of documentation.
func standsIn(value []byte) bool {
	if len(value) == 0 || value[0] == '$' || value[0] == '%' && value[len(value)-1] == '%' || value[0] == '[' {
		return true
	}
	for _, mark := range marks {
		if bytes.Contains(value, mark) {
			return true
		}
	}
	return hasWords(value, standIns)
}

func hasWords(value []byte, words []string) bool {
	lower := bytes.ToLower(value)
	return slices.ContainsFunc(words, func(word string) bool { return hasWord(lower, word) })
}

func hasWord(lower []byte, word string) bool {
	for at := 0; ; at++ {
		next := bytes.Index(lower[at:], []byte(word))
		if next < 0 {
			return false
		}
		at += next
		end := at + len(word)
		if len(word) > 6 || (at == 0 || !letter(lower[at-1])) && (end == len(lower) || !letter(lower[end])) {
			return true
		}
	}
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// repeats reports six times the same character.
func repeats(value []byte) bool {
	run := 1
	for i := 1; i < len(value); i++ {
		if run++; value[i] != value[i-1] {
			run = 1
		}
		if run == 6 {
			return true
		}
	}
	return false
}

// counts reports six characters that count upwards, such as 123456 or abcdef.
func counts(lower []byte) bool {
	run := 1
	for i := 1; i < len(lower); i++ {
		if run++; lower[i] != lower[i-1]+1 && (lower[i-1] != '9' || lower[i] != '0') {
			run = 1
		}
		if run == 6 {
			return true
		}
	}
	return false
}

// random reports whether a value looks like a generated one. Names have their
// digits at the ends of words; in what is random, letters and digits and both
// cases take turns.
func random(value []byte) bool {
	if len(value) < 12 || entropy(value) < 3.1 || uuid(value) || bytes.ContainsAny(value, "()[]{}\\;|*?&<>`\"' ,") {
		return false
	}
	if bytes.Contains(value, []byte("://")) || bytes.HasPrefix(value, []byte("sha")) || bytes.ContainsAny(value[:1], "/.~@") {
		return false
	}
	letters, digits, turns, longest, piece := 0, 0, 0, 0, 0
	last := byte(0)
	for _, c := range value {
		now := charClass(c)
		switch now {
		case 'l', 'u':
			letters++
		case 'd':
			digits++
		}
		if piece++; now == 0 {
			piece = 0
		}
		longest = max(longest, piece)
		if now != 0 && last != 0 && now != last {
			turns++
		}
		last = now
	}
	return letters >= 2 && digits >= 2 && longest >= 8 && turns >= max(4, longest/6)
}

func charClass(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'l'
	case c >= 'A' && c <= 'Z':
		return 'u'
	case digit(c):
		return 'd'
	}
	return 0
}

// uuid reports 8-4-4-4-12 hexadecimal digits, which is mostly a name.
func uuid(value []byte) bool {
	if len(value) != 36 {
		return false
	}
	for i, c := range value {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// strongPassword reports what people choose when they are told to take letters
// of both cases and digits.
func strongPassword(value []byte) bool {
	if len(value) < 8 || len(value) > 40 || entropy(value) < 2.7 {
		return false
	}
	var lower, upper, digits bool
	for _, c := range value {
		switch charClass(c) {
		case 'l':
			lower = true
		case 'u':
			upper = true
		case 'd':
			digits = true
		default:
			if bytes.IndexByte([]byte("!@#$%^&*+?~"), c) < 0 {
				return false
			}
		}
	}
	return lower && digits && upper
}

// unbase64 decodes a text of either alphabet, padded or not. What is not text
// gives nil.
func unbase64(value []byte) []byte {
	clean := bytes.TrimRight(value, "=")
	clean = bytes.ReplaceAll(bytes.ReplaceAll(clean, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(out, clean)
	if err != nil || !utf8.Valid(out[:n]) {
		return nil
	}
	return out[:n]
}
