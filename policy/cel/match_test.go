package cel

import (
	"regexp"
	"slices"
	"testing"
)

func TestLiterals(t *testing.T) {
	for pattern, want := range map[string][]string{
		`^abc$`:                         {"abc"},
		`(^|/)(xmrig|minerd)(:|$)`:      {"xmrig", "minerd"},
		`(?i:password)`:                 nil,
		`a|bc`:                          nil, // one letter is in nearly everything
		`x*`:                            nil,
		`(abc)?def`:                     {"def"},
		`(abc){2,}`:                     {"abc"},
		`^--?(no|skip)-`:                {"no", "skip"},
		`curl\s.*(--insecure|-k\b)`:     {"curl"},
		`nb(miner|lol)|ethminer`:        {"nb", "ethminer"},
		`^[0-9]+$`:                      nil,
		`(stratum[12]?[+](tcp|ssl)|yy)`: {"stratum", "yy"},
	} {
		p, err := newPattern(pattern)
		if err != nil || !slices.Equal(p.literals, want) {
			t.Errorf("%s: got %q (%v), want %q", pattern, p.literals, err, want)
		}
	}
}

// FuzzPattern compares patterns with plain regular expressions.
func FuzzPattern(f *testing.F) {
	f.Add(`(^|/)(xmrig|minerd)(:|$)`, "a/xmrig:1")
	f.Add(`(abc)?def|x{2}y`, "xxy")
	f.Add(`(?i)ab|(?-i)cd`, "AB")
	f.Add(`^$|[${}<>]|^[A-Z_]+$`, "ABC")
	f.Add(`\bno\b|(?m)^x$|(?s).\z`, "a\nx\n")
	f.Add(`^([a-z0-9]+(:[0-9]+)?/)?[a-z]{1,63}(@sha256:[0-9a-f]{8})?$`, "a1:80/b@sha256:0123abcd")
	f.Add(`[^a]k\B`, "ä\u212ak")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(pattern)
		p, err2 := newPattern(pattern)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%v, %v", err, err2)
		}
		if err == nil && re.MatchString(text) != p.matches(text) {
			t.Errorf("%q does not match %q alike (%q)", pattern, text, p.literals)
		}
	})
}
