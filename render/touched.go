package render

import "strings"

// Touched returns the units that changed files have a part in: those that are
// such a file or take one in, and those that build upon these.
func Touched(units []Unit, changed []string) []Unit {
	isChanged := make(map[string]bool, len(changed))
	for _, name := range changed {
		isChanged[name] = true
	}
	byPath := map[string]Unit{}
	touched := map[string]bool{}
	var mark func(u Unit)
	mark = func(u Unit) {
		if touched[u.Path] {
			return
		}
		touched[u.Path] = true
		for _, user := range u.UsedBy {
			mark(byPath[user])
		}
	}
	for _, u := range units {
		byPath[u.Path] = u
	}
	for _, u := range units {
		if isChanged[u.Path] || takesIn(u, changed) {
			mark(u)
		}
	}
	var out []Unit
	for _, u := range units {
		if touched[u.Path] {
			out = append(out, u)
		}
	}
	return out
}

func takesIn(u Unit, changed []string) bool {
	for _, part := range u.uses {
		for _, name := range changed {
			if rest, ok := strings.CutPrefix(name, part); ok && (rest == "" || rest[0] == '/') {
				return true
			}
		}
	}
	return false
}
