package git

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// remote is a URL in the form that git is given, and what must not be shown.
type remote struct {
	url     string   // without credentials
	header  string   // Authorization header, empty without credentials
	secrets []string // never shown
}

var (
	hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.@+-]*$`)
	scpLike  = regexp.MustCompile(`^([^/@:]+)@([^/@:]+):([^/:].*)$`)
)

// parseRemote accepts what Git, its transports and we all understand alike, and
// nothing else: scheme://host/path, and user@host:path for SSH.
func parseRemote(raw, username, password string, allowed []string) (*remote, error) {
	refuse := func(reason string) (*remote, error) { return nil, &URLError{Reason: reason} }
	if raw == "" {
		return refuse("is empty")
	}
	if strings.ContainsFunc(raw, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' || r == unicode.ReplacementChar
	}) {
		return refuse("holds a control character, space or backslash")
	}
	if strings.HasPrefix(raw, "-") {
		return refuse("begins with a hyphen")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scp := scpLike.FindStringSubmatch(raw)
	if !ok && strings.Contains(raw, "::") {
		return refuse("names a helper program")
	}
	if !ok && scp != nil { // stays as it is for git, as its path starts at the user's home
		if _, err := parseRemote("ssh://"+scp[1]+"@"+scp[2]+"/"+scp[3], "", password, allowed); err != nil {
			return nil, err
		}
		return &remote{url: raw}, nil
	}
	if !ok {
		return refuse("needs the form https://host/path or user@host:path; use file:///path for a directory")
	}
	if !slices.Contains(allowed, scheme) {
		return refuse("protocol " + quoteName(scheme) + " is not allowed; allowed are " + strings.Join(allowed, ", "))
	}
	if scheme == "file" {
		if !strings.HasPrefix(rest, "/") {
			return refuse("file:// needs an absolute path")
		}
		return &remote{url: raw}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return refuse("cannot be parsed") // the parser's error repeats the URL
	}
	if !hostName.MatchString(u.Host) {
		return refuse("has no valid host name")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return refuse("has a query or fragment")
	}
	if strings.ContainsFunc(u.Path, unicode.IsControl) {
		return refuse("holds an escaped control character")
	}
	if strings.HasPrefix(u.Path, "/-") || u.Path == "" || u.Path == "/" {
		return refuse("has no path, or one that begins with a hyphen")
	}
	r := &remote{}
	if user := u.User; user != nil {
		if secret, ok := user.Password(); ok {
			password = secret
		}
		username = user.Username()
	}
	switch scheme {
	case "http", "https":
		if username != "" || password != "" {
			if u.User != nil {
				r.secrets = append(r.secrets, u.User.String())
			}
			pair := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
			r.header = "Authorization: Basic " + pair
			r.secrets = append(r.secrets, pair)
			if password == "" { // a token in the place of the name
				r.secrets = append(r.secrets, username)
			} else {
				r.secrets = append(r.secrets, password, url.QueryEscape(password), url.PathEscape(password))
			}
		}
		u.User = nil
	default:
		if password != "" {
			return refuse("a password cannot be used with " + scheme + "; use a key")
		}
		u.User = nil
		if username != "" {
			if !userName.MatchString(username) {
				return refuse("has no valid user name")
			}
			u.User = url.User(username)
		}
	}
	r.url = u.String()
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	return r, nil
}

var userInfo = regexp.MustCompile(`://[^/@\s]*:[^/@\s]*@`)

// clean makes text from git or the remote fit to be shown: without secrets, and
// on one line without control or direction-changing characters.
func (r *remote) clean(text string) string {
	for _, secret := range r.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "REDACTED")
		}
	}
	text = userInfo.ReplaceAllString(text, "://REDACTED@")
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, line)
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
