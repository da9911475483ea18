package kube

import (
	"cmp"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// hidden stands for a value that must not be shown.
const hidden = resource.Mask

// secretKind reports whether the objects of a kind are secret as a whole.
func secretKind(group, kind string) bool { return group == "" && kind == "Secret" }

// credentialName finds the names of fields and environment variables that hold
// credentials. Names that end in Name, Ref, Key and the like hold references.
var (
	credentialName = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential|connection_?string|dsn)s?$`)
	credentialData = regexp.MustCompile(`(?i)^(passw(or)?d|secret|token|api_?key|credential)s?[_\-.]`)
)

// lastApplied is where kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// sensitive reports whether the value below a path must not be shown. The path
// has names of fields, and of list items their identity.
func sensitive(group, kind string, path []string) bool {
	if len(path) == 0 {
		return false
	}
	if secretKind(group, kind) && (path[0] == "data" || path[0] == "stringData") {
		return true
	}
	last := path[len(path)-1]
	if last == lastApplied {
		return true
	}
	if n := len(path); n >= 3 && path[n-3] == "env" && last == "value" {
		return credential(path[n-2])
	}
	return len(path) > 1 && credential(last)
}

func credential(name string) bool {
	return credentialName.MatchString(name) || credentialData.MatchString(name)
}

// mask returns v with its sensitive values hidden. It does not change v.
func mask(group, kind string, path []string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if secretMap(group, kind, path) {
			return hidden
		}
		masked := make(map[string]any, len(v))
		for key, value := range v {
			masked[key] = mask(group, kind, append(path[:len(path):len(path)], key), value)
		}
		return masked
	case []any:
		masked := make([]any, len(v))
		for i, value := range v {
			masked[i] = mask(group, kind, append(path[:len(path):len(path)], itemName(value, i)), value)
		}
		return masked
	case string:
		if sensitive(group, kind, path) {
			return hidden
		}
		return shorten(v)
	default:
		if sensitive(group, kind, path) && v != nil {
			return hidden
		}
		return v
	}
}

// secretMap reports whether a map is hidden as a whole. Only the data of
// Secrets are: below a field such as "token" of a custom resource there may be
// a reference, which is worth seeing.
func secretMap(group, kind string, path []string) bool {
	return secretKind(group, kind) && len(path) == 2 && (path[0] == "data" || path[0] == "stringData")
}

const longestValue = 1024

func shorten(s string) string {
	if len(s) <= longestValue {
		return s
	}
	return strings.ToValidUTF8(s[:longestValue], "") + "… (" + strconv.Itoa(len(s)) + " bytes)"
}

// secretsIn lists the values of an object that must not come back in a
// message: those that are sensitive, environment values and the data of
// ConfigMaps; longest first, so that a part does not hide the whole.
func secretsIn(object map[string]any) []string {
	var all []string
	group, kind := groupKind(object)
	var walk func(path []string, v any)
	walk = func(path []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				walk(append(path[:len(path):len(path)], key), value)
			}
		case []any:
			for i, value := range v {
				walk(append(path[:len(path):len(path)], itemName(value, i)), value)
			}
		case string:
			if len(v) >= 4 && (sensitive(group, kind, path) || quotable(path)) {
				all = append(all, v, strings.Trim(strconv.Quote(v), `"`))
				if plain, err := base64.StdEncoding.DecodeString(v); err == nil && len(plain) >= 4 {
					all = append(all, string(plain))
				}
			}
		}
	}
	walk(nil, object)
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// quotable reports whether the value at a path is free text of a person, which
// may hold a credential under any name.
func quotable(path []string) bool {
	n := len(path)
	return n >= 3 && path[n-3] == "env" && path[n-1] == "value" ||
		n == 2 && (path[0] == "data" || path[0] == "binaryData" || path[0] == "stringData")
}
