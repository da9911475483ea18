package terraform

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Detect reports whether the directory has configuration. What has been installed
// for one is no configuration of its own.
func (*renderer) Detect(tree source.Tree, dir string) bool {
	if slices.Contains(strings.Split(dir, "/"), ".terraform") {
		return false
	}
	return hasConfig(tree, dir)
}

func hasConfig(tree source.Tree, dir string) bool {
	entries, err := tree.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e source.Entry) bool {
		return e.Mode != source.ModeDir && IsConfig(e.Name)
	})
}

// Uses returns the files of a module, and the directories of the modules that it
// calls, and those call.
func (r *renderer) Uses(tree source.Tree, dir string) []string {
	seen := map[string]bool{dir: true}
	var uses []string
	queue := []string{dir}
	for len(queue) > 0 && len(seen) < maxModules {
		at := queue[0]
		queue = queue[1:]
		entries, err := tree.ReadDir(at)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := path.Join(at, e.Name)
			switch {
			case e.Mode == source.ModeDir:
				if at == dir && e.Name == ".terraform" {
					uses = append(uses, name)
				}
			case IsConfig(e.Name):
				if at == dir {
					uses = append(uses, name)
				}
				content, err := tree.ReadFile(name)
				if err != nil {
					continue
				}
				for _, called := range localCalls(content) {
					if called = path.Join(at, called); !seen[called] && !strings.HasPrefix(called, "..") && hasConfig(tree, called) {
						seen[called] = true
						uses = append(uses, called)
						queue = append(queue, called)
					}
				}
			case at == dir && (isVariables(e.Name) || e.Name == lockFile):
				uses = append(uses, name)
			}
		}
	}
	r.calls(seen, dir)
	slices.Sort(uses)
	return slices.Compact(uses)
}

// calls notes the directories that are called, so that they are kept when parsed.
func (r *renderer) calls(called map[string]bool, by string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.callees == nil {
		r.callees = map[string]bool{}
	}
	for dir := range called {
		if dir != by {
			r.callees[dir] = true
		}
	}
}

func (r *renderer) shared(dir string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.callees[dir]
}

const lockFile = ".terraform.lock.hcl"

// Absorbs reports whether who uses a module stands for it. What examples and tests
// do with a module is not all that can be done with it.
func (*renderer) Absorbs(user, used string) bool {
	inside := func(dir string) bool {
		return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool {
			return slices.Contains(trials, strings.ToLower(part))
		})
	}
	return !inside(user) || inside(used)
}

var trials = []string{"example", "examples", "test", "tests", "fixtures", "testdata", "wrappers"}

// localCalls returns the sources of module blocks that are paths, without parsing.
func localCalls(content []byte) (all []string) {
	if !bytes.Contains(content, []byte("module")) {
		return nil
	}
	for _, key := range []string{`source`, `"source"`} {
		for rest := content; ; {
			i := bytes.Index(rest, []byte(key))
			if i < 0 {
				break
			}
			rest = rest[i+len(key):]
			value := bytes.TrimLeft(rest, " \t")
			if len(value) == 0 || value[0] != '=' && value[0] != ':' {
				continue
			}
			value = bytes.TrimLeft(value[1:], " \t\r\n")
			if len(value) == 0 || value[0] != '"' {
				continue
			}
			end := bytes.IndexByte(value[1:], '"')
			if end < 0 {
				break
			}
			if text := string(value[1 : end+1]); isLocal(text) {
				all = append(all, text)
			}
		}
	}
	return all
}

// isLocal reports whether the source of a module is a path.
func isLocal(text string) bool {
	return strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || text == "." || text == ".."
}
