package secret

import (
	"bytes"
	"strings"
)

var commonPasswords = []string{
	"password", "passwd", "pass", "secret", "admin", "root", "postgres", "guest", "user", "pwd", "token", "mysql", "rabbitmq", "redis", "minio", "xxxx",
}

// parseURL reads a URL with a password around its "://".
func parseURL(f class, line []byte, at int) (start, end int, ok bool) {
	scheme := nameStart(line, at-len("://"))
	rest := line[at:]
	if stop := bytes.IndexAny(rest, "/ \t\r\"'<>`\\?#"); stop >= 0 {
		rest = rest[:stop]
	}
	userinfo, host, ok := cutLast(rest, '@')
	user, password, ok2 := bytes.Cut(userinfo, []byte(":"))
	if !ok || !ok2 || len(password) < 4 || len(password) > 128 || at-len("://")-scheme < 2 || len(host) == 0 {
		return 0, 0, false
	}
	start = at + len(user) + 1
	return start, start + len(password), acceptURL(f, user, password, host)
}

func cutLast(text []byte, sep byte) (before, after []byte, found bool) {
	if at := bytes.LastIndexByte(text, sep); at >= 0 {
		return text[:at], text[at+1:], true
	}
	return text, nil, false
}

// acceptURL judges the password of a URL. In documentation it must be random.
func acceptURL(f class, user, password, host []byte) bool {
	if placeholder(password) || bytes.ContainsAny(password, "()[]{}$|*,") || len(user) > 0 && placeholder(user) || documentationHost(host) {
		return false
	}
	for _, word := range commonPasswords {
		if strings.EqualFold(string(password), word) {
			return false
		}
	}
	if f.prose {
		return random(password)
	}
	return !bytes.EqualFold(user, password) && notAWord(password)
}

// documentationHost reports the names that RFC 2606 reserves, and stand-ins.
func documentationHost(host []byte) bool {
	name := strings.ToLower(string(host))
	if end := strings.IndexAny(name, ":/?#,;)"); end >= 0 {
		name = name[:end]
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	second := ""
	if len(labels) > 1 {
		second = labels[len(labels)-2]
	}
	return second == "example" || last == "example" || last == "invalid" || last == "test" || name == "host" || name == "hostname" ||
		strings.ContainsAny(name, "${%<")
}

// notAWord reports whether a password is more than letters of one case.
func notAWord(value []byte) bool {
	return entropy(value) >= 2 && bytes.ContainsFunc(value, func(r rune) bool { return r < 'a' || r > 'z' }) &&
		bytes.ContainsFunc(value, func(r rune) bool { return r < 'A' || r > 'Z' && r != '_' })
}
