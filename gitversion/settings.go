package gitversion

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
)

// weakening says when a setting takes protection away. Key has its middle part, which
// can be a URL, left out.
type weakening struct {
	key      string
	when     func(value string) bool
	severity finding.Severity
	means    string
}

var weakenings = []weakening{
	{"protocol.ext.allow", notOne("never"), finding.High, "a URL of a repository may name a program, which is run"},
	{"protocol.allow", one("always", "user"), finding.High, "protocols that run programs are allowed"},
	{"protocol.file.allow", one("always"), finding.Medium, "submodules may be taken from directories of this machine"},
	{"http.sslverify", isFalse, finding.High, "nobody checks who the server is: whoever is on the way may answer"},
	{"http.proxysslverify", isFalse, finding.Medium, "nobody checks who the proxy is"},
	{"http.followredirects", isTrue, finding.Medium, "a server may send every request on to another host"},
	{"safe.directory", one("*"), finding.Medium, "repositories of other users are trusted, with the programs that they name"},
	{"credential.protectprotocol", isFalse, finding.Medium, "a carriage return in a URL reaches the credential helper (CVE-2024-52006)"},
	{"credential.sanitizeprompt", isFalse, finding.Medium, "a host name may control the terminal (CVE-2024-50349)"},
	{"credential.helper", isStore, finding.Medium, "passwords are kept in a file as they are"},
	{"sideband.allowcontrolcharacters", notFalse, finding.Medium, "messages of a server may control the terminal (CVE-2024-52005)"},
	{"core.protectntfs", isFalse, finding.Medium, "a tree may write into .git on Windows, by another name of it"},
	{"core.protecthfs", isFalse, finding.Medium, "a tree may write into .git on macOS, by another name of it"},
	{"transfer.fsckobjects", isFalse, finding.Low, "malformed objects are taken"},
	{"fetch.fsckobjects", isFalse, finding.Low, "malformed objects are taken"},
	{"receive.fsckobjects", isFalse, finding.Low, "malformed objects are taken"},
	{"transfer.bundleuri", isTrue, finding.Low, "a server may name other places to download from"},
	{"core.fsmonitor", isProgram, finding.Low, "a program runs at every git status"},
	{"core.sshcommand", trustsAnyHost, finding.High, "ssh does not check who the server is"},
}

// lists are the settings of which each line counts.
var lists = []string{"safe.directory", "credential.helper", "url.insteadof", "url.pushinsteadof"}

// WeakSettings returns a finding for each setting that takes protection away. Values
// are not shown, for they may hold secrets.
func WeakSettings(all []git.UserSetting) []*finding.Finding {
	var found []*finding.Finding
	last := map[string]int{}
	for i, s := range all {
		last[s.Key] = i
	}
	for i, s := range all {
		key, middle := splitKey(s.Key)
		if last[s.Key] != i && !slices.Contains(lists, key) {
			continue // a later line overrides it
		}
		value := strings.TrimSpace(s.Value)
		if s.NoEq {
			value = "true"
		}
		if key == "url.insteadof" || key == "url.pushinsteadof" {
			// A name of one's own, such as gh:, is no host that would be left out.
			if from, to := hostOf(value), hostOf(middle); from != to && strings.ContainsAny(value, "@/") {
				found = append(found, weak(s, "url.*."+strings.TrimPrefix(key, "url."), finding.Medium, "what is asked of "+from+" goes to "+to))
			}
			continue
		}
		for _, w := range weakenings {
			if full := fullKey(key, middle, w.key); full && w.when(value) {
				found = append(found, weak(s, w.key, w.severity, w.means))
			}
		}
	}
	return slices.CompactFunc(found, func(a, b *finding.Finding) bool { return a.Message == b.Message })
}

func weak(s git.UserSetting, key string, severity finding.Severity, means string) *finding.Finding {
	return newFinding(unsafeSetting, "Setting", key, severity, key+" in "+s.Origin+": "+means)
}

// splitKey takes the part between the first and the last point out of a key.
func splitKey(key string) (short, middle string) {
	section, rest, _ := strings.Cut(key, ".")
	i := strings.LastIndex(rest, ".")
	if i < 0 {
		return strings.ToLower(key), ""
	}
	return strings.ToLower(section + rest[i:]), rest[:i]
}

// fullKey reports whether a setting is the one of a weakening. The middle part of
// http and credential is a URL, for which the setting counts; that of protocol is a name.
func fullKey(short, middle, want string) bool {
	if section, _, _ := strings.Cut(short, "."); middle != "" && section != "http" && section != "credential" && section != "sideband" {
		name, last, _ := strings.Cut(short, ".")
		return strings.EqualFold(name+"."+middle+"."+last, want)
	}
	return short == want
}

func one(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, strings.ToLower(v)) }
}

func notOne(values ...string) func(string) bool {
	is := one(values...)
	return func(v string) bool { return !is(v) }
}

var (
	isTrue  = one("true", "yes", "on", "1")
	isFalse = one("false", "no", "off", "0", "")
)

func notFalse(v string) bool { return !isFalse(v) }

func isProgram(v string) bool { return !isTrue(v) && !isFalse(v) }

func isStore(v string) bool {
	program, _, _ := strings.Cut(v, " ")
	return path.Base(program) == "store" || path.Base(program) == "git-credential-store"
}

func trustsAnyHost(v string) bool {
	v = strings.ToLower(strings.NewReplacer(" ", "", "=", "", "\"", "", "'", "").Replace(v))
	return strings.Contains(v, "stricthostkeycheckingno") || strings.Contains(v, "stricthostkeycheckingoff") ||
		strings.Contains(v, "userknownhostsfile/dev/null")
}

// hostOf returns the host of a URL, of user@host:path, or says that it has none.
func hostOf(raw string) string {
	if strings.HasSuffix(raw, "://") {
		return "every host"
	}
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return strings.ToLower(u.Hostname())
	}
	if before, _, ok := strings.Cut(raw, ":"); ok && !strings.ContainsAny(before, "/") {
		return strings.ToLower(before[strings.LastIndex(before, "@")+1:])
	}
	return "a directory"
}
