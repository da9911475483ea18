package secret

import (
	"bytes"
	"strings"
)

// maxSettingLine is the longest line, in bytes, in which settings are looked
// for: what is longer was written by a program.
const maxSettingLine = 4 << 10

// settingWords are how the names of secret settings end. What ends in "key" is
// one only with a word before it that says of what.
var (
	settingWords = []string{"password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "credentials", "key", "secret_key_base", "_auth"}
	keyWords     = []string{"api", "access", "secret", "private", "auth", "signing", "encryption", "master", "account", "shared", "storage", "license"}
)

// parseSetting reads a setting whose name ends like that of a secret, in the
// notations of YAML, JSON, TOML, properties, shells, flags, XML and programs.
func parseSetting(f class, line []byte, at int) (start, end int, ok bool) {
	name := line[nameStart(line, at):at]
	if len(line) > maxSettingLine || !secretName(name) {
		return 0, 0, false
	}
	start, ok = separator(line, at, bytes.HasPrefix(name, []byte("--")))
	if !ok {
		return 0, 0, false
	}
	start, end, quoted := valueAt(line, start)
	value := line[start:end]
	if len(value) < 8 || len(value) > 256 || bytes.ContainsAny(value, " \t\\") || f.code && !quoted {
		return 0, 0, false
	}
	return start, end, acceptSetting(name, value)
}

func nameStart(line []byte, at int) int {
	for at > 0 && (letter(line[at-1]) || digit(line[at-1]) || bytes.IndexByte([]byte("_.-"), line[at-1]) >= 0) {
		at--
	}
	return at
}

func secretName(name []byte) bool {
	lower := bytes.ToLower(name)
	before, isKey := bytes.CutSuffix(lower, []byte("key"))
	if !isKey {
		return true
	}
	return hasAnySuffix(strings.TrimRight(string(before), "_-"), keyWords...)
}

// separator finds what is between a name and its value, and returns where the
// value begins. Behind a flag a space is enough.
func separator(line []byte, at int, flag bool) (int, bool) {
	rest := line[at:]
	if flag && len(rest) > 1 && rest[0] == ' ' && rest[1] != '-' {
		return at + 1, true
	}
	closers := 0
	for closers < min(3, len(rest)) && bytes.IndexByte([]byte("\"'`]\\"), rest[closers]) >= 0 {
		closers++
	}
	rest = bytes.TrimLeft(rest[closers:], " \t")
	for _, sep := range []string{"=>", ":=", ":", "=", ">"} {
		if after, found := bytes.CutPrefix(rest, []byte(sep)); found {
			after = bytes.TrimLeft(after, " \t")
			return len(line) - len(after), len(after) > 0 && after[0] != '=' && after[0] != ':'
		}
	}
	return 0, false
}

// valueAt returns the value at an offset, without its quotes. A quote that is
// not closed on the line gives no value.
func valueAt(line []byte, at int) (start, end int, quoted bool) {
	if line[at] == '\\' && at+1 < len(line) {
		at++ // in a string of JSON
	}
	if q := line[at]; q == '"' || q == '\'' || q == '`' {
		length := bytes.IndexByte(line[at+1:], q)
		if length < 0 {
			return at, at, true
		}
		end = at + 1 + length
		if end > at+1 && line[end-1] == '\\' {
			end--
		}
		return at + 1, end, true
	}
	length := bytes.IndexAny(line[at:], " \t\r\"'`,;#<>)}]\\")
	if length < 0 {
		return at, len(line), false
	}
	return at, at + length, false
}

// acceptSetting judges the value of a setting.
func acceptSetting(name, value []byte) bool {
	if standsIn(value) || bytes.ContainsAny(value, "()$") {
		return false
	}
	if decoded := unbase64(value); len(decoded) > 3 && printable(decoded) && placeholder(decoded) {
		return false
	}
	if random(value) && !placeholder(value) {
		return true
	}
	return bytes.Contains(bytes.ToLower(name), []byte("pass")) && strongPassword(value)
}

func printable(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f })
}
