package cel

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// credentialFormat is what a kind of credential looks like. A text that has
// none of the hints is not searched, which makes ordinary texts cheap.
type credentialFormat struct {
	name    string
	hints   []string
	pattern *regexp.Regexp
	secret  int // the group that holds the secret itself
}

var credentialFormats = []credentialFormat{
	format("private key", "PRIVATE KEY-----", `-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=:,\s-]{40}`),
	format("AWS access key", "AKIA ASIA", `\b((?:AKIA|ASIA)[0-9A-Z]{16})\b`),
	format("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", `\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b`),
	format("GitLab token", "glpat-", `\b(glpat-[A-Za-z0-9_-]{20,})`),
	format("Slack token", "xox", `\b(xox[abeprs]-[A-Za-z0-9-]{20,})`),
	format("Slack webhook", "hooks.slack.com/services/", `hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/([A-Za-z0-9]{20,})`),
	format("Google API key", "AIza", `\b(AIza[0-9A-Za-z_-]{35})\b`),
	format("Stripe key", "sk_live_ rk_live_", `\b([rs]k_live_[0-9A-Za-z]{20,})\b`),
	format("npm token", "npm_", `\b(npm_[A-Za-z0-9]{36})\b`),
	format("PyPI token", "pypi-AgE", `\b(pypi-AgE[A-Za-z0-9_-]{50,})`),
	format("SendGrid key", "SG.", `\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b`),
	format("Vault token", "hvs.", `\b(hvs\.[A-Za-z0-9_-]{24,})`),
	format("Azure storage key", "AccountKey=", `\bAccountKey=([A-Za-z0-9+/]{86}==)`),
	format("JSON web token", "eyJ", `\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})`),
	format("password in a URL", "://", `\b[a-z][a-z0-9+.-]{2,}://[^/\s:@"'<>]*:([^@/\s"'<>]{3,})@[A-Za-z0-9\[]`),
	format("password", "pass secret token key Pass Secret Token Key PASS SECRET TOKEN KEY",
		`(?im)^[\s"'{,-]*(?:[a-z0-9_.-]*[_.-])?(?:password|passwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key)["']?`+
			`[ \t]*[:=][ \t]*["']?([^\s"',;#]{8,})["']?,?[ \t]*\r?$`),
}

func format(name, hints, pattern string) credentialFormat {
	re := regexp.MustCompile(pattern)
	return credentialFormat{name: name, hints: strings.Fields(hints), pattern: re, secret: min(re.NumSubexp(), 1)}
}

// credential names the first credential in a text, or gives "". It knows the
// formats that are unmistakable, and values of settings that are named like
// secrets and look like random ones.
func credential(s ref.Val) ref.Val {
	return types.String(credentialIn(string(s.(types.String))))
}

func credentialIn(text string) string {
	for i := range credentialFormats {
		f := &credentialFormats[i]
		if !f.hinted(text) {
			continue
		}
		for _, match := range f.pattern.FindAllStringSubmatch(text, 20) {
			if secret := match[f.secret]; !placeholder(secret) && (f.name != "password" || random(secret)) {
				return f.name
			}
		}
	}
	return ""
}

func (f *credentialFormat) hinted(text string) bool {
	for _, hint := range f.hints {
		if strings.Contains(text, hint) {
			return true
		}
	}
	return false
}

// placeholder reports whether a text stands for a secret that is put in later,
// or is one of documentation.
func placeholder(s string) bool {
	return strings.ContainsAny(s, "${}<>*[]") || strings.Contains(strings.ToUpper(s), "EXAMPLE") ||
		strings.Contains(s, "...") || strings.Contains(strings.ToLower(s), "redacted") || strings.Trim(s, "xX") == ""
}

// random reports whether a value looks like a generated one: letters and
// digits mixed, and neither a path, nor a name with dots, nor a call.
func random(s string) bool {
	letters := strings.ContainsAny(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz")
	digits := strings.ContainsAny(s, "0123456789")
	return letters && digits && !strings.ContainsAny(s, "./\\()%@:") && entropyOf(s) >= 3
}

// fromBase64 decodes a text. What is not base64 of a text gives "".
func fromBase64(s ref.Val) ref.Val {
	encoded := strings.Join(strings.Fields(string(s.(types.String))), "")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !utf8.Valid(decoded) {
		return types.String("")
	}
	return types.String(decoded)
}
