package safeguard

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// What surrounds a gate decides what it finds as much as its own words do: the
// environment, the machine, what is checked out, and what ran before it.

// telling are the beginnings of the names of variables by which programs that check,
// shells and loaders are told something else. Others of a whole workflow are for others.
var telling = []string{"HOLDFAST", "PATH", "LD_", "BASH_ENV", "ENV", "SHELL", "HOME", "GIT_", "IFS"}

// surrounding returns those variables of maps that may tell a program that checks
// something else.
func surrounding(tool string, maps ...*resource.Value) map[string]string {
	own := strings.ToUpper(strings.ReplaceAll(tool, "-", "_")) + "_"
	all := settingsOf(maps...)
	for name := range all {
		if !strings.HasPrefix(name, own) && !slices.ContainsFunc(telling, func(t string) bool {
			return name == t || strings.HasPrefix(name, t) && (strings.HasSuffix(t, "_") || t == "HOLDFAST")
		}) {
			delete(all, name)
		}
	}
	return all
}

// misled reports whether settings differ by which any program, or the checkout, does
// something else.
func misled(old, now map[string]string) bool {
	certain := func(name string) bool {
		return strings.HasPrefix(name, "HOLDFAST_") && name != "HOLDFAST_CACHE" || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "GIT_CONFIG") ||
			slices.Contains([]string{"PATH", "BASH_ENV", "ENV", "SHELLOPTS", "GIT_STRATEGY", "GIT_CHECKOUT", "GIT_DIR", "GIT_WORK_TREE"}, name)
	}
	for name, value := range now {
		if certain(name) && old[name] != value {
			return true
		}
	}
	return false
}

// machine returns where a job runs: on machines of the forge, whose versions do not
// matter, or elsewhere.
func machine(job *resource.Value) string {
	labels := texts(job.Get("runs-on"))
	hosted := slices.ContainsFunc(labels, func(l string) bool {
		return strings.HasPrefix(l, "ubuntu-") || strings.HasPrefix(l, "windows-") || strings.HasPrefix(l, "macos-")
	})
	if len(labels) == 1 && hosted {
		labels = nil
	} else if runs := job.Get("runs-on"); runs != nil && runs.Kind == resource.Map {
		labels = []string{encoded(runs)}
	}
	image := scalar(job.Get("container"))
	if image == "" {
		image = scalar(at(job, "container", "image"))
	}
	return strings.TrimSpace(strings.Join(labels, " ") + " " + imageName(image))
}

// imageName returns the name of an image without tag and digest.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

// checkedOut returns what a step takes from a repository, if it is one that does: another
// repository, revision, place or part is not what was checked before.
func checkedOut(step *resource.Value) string {
	uses, _, _ := strings.Cut(strings.ToLower(scalar(step.Get("uses"))), "@")
	if path.Base(uses) != "checkout" {
		return ""
	}
	text := uses
	for _, key := range []string{"repository", "ref", "path", "sparse-checkout", "filter"} {
		if v := scalar(at(step, "with", key)); v != "" {
			text += " " + key + "=" + v
		}
	}
	return text
}

// step notes what a step before a gate does that may decide what the gate
// finds: a program in the place of another, another environment, other files.
func (p *preparation) step(step *resource.Value) {
	p.done = append(p.done, preparingLines(scalar(step.Get("run")))...)
	uses := scalar(step.Get("uses"))
	name, version, _ := strings.Cut(uses, "@")
	switch {
	case uses == "":
	case pinned(version):
		p.pinned = append(p.pinned, name)
	default:
		p.loose = append(p.loose, name)
		if !slices.Contains([]string{"actions", "github", "docker", "."}, strings.Split(name, "/")[0]) && !isAction(uses) {
			p.done = append(p.done, name)
		}
	}
}

// preparation is what runs before a gate.
type preparation struct {
	done          []string // what may decide what the gate finds
	pinned, loose []string // actions
}

// preparingLines returns the lines of a script that do so.
func preparingLines(script string) (all []string) {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t;&|()`\"'", r) })
		if strings.HasPrefix(line, "#") || len(words) == 0 {
			continue
		}
		if strings.Contains(line, "GITHUB_PATH") || strings.Contains(line, "GITHUB_ENV") || removes(words) || replaces(words) {
			all = append(all, line)
		}
	}
	return all
}

// removes reports whether words take files away from the work tree.
func removes(words []string) bool {
	for i, w := range words {
		switch path.Base(w) {
		case "rm", "unlink", "shred", "truncate":
			return true
		case "mv":
			return true
		case "git":
			if slices.ContainsFunc(words[i+1:], func(w string) bool {
				return slices.Contains([]string{"checkout", "switch", "reset", "restore", "sparse-checkout", "stash", "clean", "rm", "mv", "read-tree", "update-index", "replace"}, w)
			}) {
				return true
			}
		}
	}
	return false
}

// replaces reports whether words write to a place from which a program that checks, or
// its settings, are taken.
func replaces(words []string) bool {
	if !slices.ContainsFunc(words, func(w string) bool {
		return strings.HasPrefix(w, ">") || slices.Contains([]string{"ln", "cp", "tee", "install", "dd", "sed", "alias", "chmod"}, path.Base(w))
	}) {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool {
		_, tool := tools[nameOf(w)]
		_, dotted := tools[strings.TrimPrefix(strings.TrimSuffix(path.Base(w), path.Ext(w)), ".")]
		return (tool || dotted) && w != words[0]
	})
}

// matrix notes what may leave a job without a single run.
func (g *gate) matrix(matrix *resource.Value) {
	if matrix == nil {
		return
	}
	if matrix.Kind == resource.String {
		g.conditions = append(g.conditions, "a matrix that is computed: "+matrix.Str)
		return
	}
	for _, axis := range fields(matrix) {
		switch {
		case axis.Value.Kind == resource.List && len(axis.Value.Items) == 0 && axis.Key != "exclude" && axis.Key != "include":
			g.never = true
		case axis.Value.Kind == resource.String:
			g.conditions = append(g.conditions, "a matrix that is computed: "+axis.Value.Str)
		case axis.Key == "exclude" && len(axis.Value.Items) > 0:
			g.conditions = append(g.conditions, "what the matrix excludes: "+encoded(axis.Value))
		}
	}
}
