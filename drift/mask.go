package drift

import (
	"regexp"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// hidden stands for a value that must not be shown.
const hidden = "(hidden)"

// lastApplied is where kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// credentialName finds names of variables and fields that hold credentials.
var credentialName = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential|connection_?string|dsn)s?$|^(passw(or)?d|secret|token|api_?key|credential)s?[_\-.]`)

// hideValue returns the value at a path of an object with all that is sensitive
// hidden. It does not change the value.
func hideValue(m meta, path resource.Path, value any) any {
	if value == nil {
		return nil
	}
	if m.sensitive() && len(path) > 0 && (path[0].Name == "data" || path[0].Name == "stringData") {
		return hidden
	}
	switch v := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for key, item := range v {
			shown[key] = hideValue(m, path.Append(resource.Key(key)), item)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, item := range v {
			shown[i] = hideValue(m, path.Append(itemStep(item, i)), item)
		}
		return shown
	}
	if holdsCredential(path) {
		return hidden
	}
	return value
}

func holdsCredential(path resource.Path) bool {
	n := len(path)
	if n == 0 {
		return false
	}
	last := path[n-1].Name
	if n >= 3 && path[n-3].Name == "env" && last == "value" {
		return credentialName.MatchString(path[n-2].Name)
	}
	return last == lastApplied || n > 1 && !path[n-1].IsIndex() && !strings.Contains(last, "/") && credentialName.MatchString(last)
}
