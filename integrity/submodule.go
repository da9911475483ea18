package integrity

import (
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

const modulesFile = ".gitmodules"

// module is a submodule as .gitmodules describes it.
type module struct{ path, url string }

// submodules judges submodules, whose content no signature of this repository covers.
// Nothing of them is ever rendered or deployed; but other programs follow them.
func (r *treeRules) submodules() error {
	var file *git.Change
	var links []git.Change
	for i, change := range r.own {
		switch {
		case change.Path() == modulesFile:
			file = &r.own[i]
		case git.IsModulesFile(change.Path()) && change.After.ID != "":
			r.add(TreeSubmodule, Deny, change.Path(), "Rename it.", "%s is taken for .gitmodules on some systems", quoted(change.Path()))
		case change.After.Mode == source.ModeSubmodule:
			links = append(links, change)
		}
	}
	if file == nil && len(links) == 0 {
		return nil
	}
	modules, err := r.modules(r.tree, file != nil)
	if err != nil {
		return err
	}
	if file != nil {
		if err := r.moved(*file, modules); err != nil {
			return err
		}
	}
	for _, link := range links {
		r.link(link, modules)
	}
	return nil
}

const hintSubmodule = "Nothing proves what a submodule holds: copy what is needed into the repository."

func (r *treeRules) link(change git.Change, modules map[string]module) {
	name := change.Path()
	listed := false
	for _, m := range modules {
		listed = listed || m.path == name
	}
	switch {
	case change.Before.ID != "" && change.Before.Mode != source.ModeSubmodule:
		r.add(TreeSubmodule, Deny, name, hintSubmodule, "%s was a file, and becomes a submodule", quoted(name))
	case !listed:
		r.add(TreeSubmodule, Deny, name, hintSubmodule, "%s is a submodule that .gitmodules does not list", quoted(name))
	case change.Before.ID == "":
		r.add(TreeSubmodule, r.released(), name, hintSubmodule, "%s becomes a submodule", quoted(name))
	default:
		r.add(TreeSubmodule, Warn, name, hintSubmodule, "the submodule %s is now at %s", quoted(name), short(change.After.ID))
	}
}

// released is the decision about what people have to look at: it is held, unless the
// trust file says who may change .gitmodules. They have done so, then.
func (r *treeRules) released() Decision {
	if policy := r.policy(); policy != nil && policy.Protects(modulesFile) {
		return Warn
	}
	return Hold
}

// moved judges a change of .gitmodules.
func (r *treeRules) moved(change git.Change, modules map[string]module) error {
	if change.After.ID == "" {
		return nil // its submodules are not listed then
	}
	var before map[string]module
	if r.before != nil {
		var err error
		if before, err = r.modules(r.before, false); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if m := modules[name]; m.url != before[name].url {
			r.add(TreeSubmodule, r.released(), modulesFile, "Have somebody look where it leads; a rule for .gitmodules in the trust file says who may decide that.",
				"the submodule %s comes from %s", quoted(name), quoted(m.url))
		}
	}
	return nil
}

// modules reads .gitmodules, and tells what is wrong with it if that is new.
func (r *treeRules) modules(tree source.Tree, judge bool) (map[string]module, error) {
	refuse := func(line int, format string, args ...any) {
		if judge {
			r.add(TreeSubmodule, Deny, modulesFile, "This is how submodules are made to run programs: find out who wrote it.", format, args...)
			r.problems[len(r.problems)-1].Line = line
		}
	}
	entry, err := tree.Stat(modulesFile)
	if source.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !entry.Mode.Regular() {
		refuse(0, ".gitmodules is no regular file")
		return nil, nil
	}
	content, err := tree.ReadFile(modulesFile)
	if err != nil {
		return nil, err
	}
	values, err := git.ParseConfig(source.NewFile(modulesFile, content))
	if err != nil {
		refuse(0, "%s", err)
		return nil, nil // the file is at fault, and it is told
	}
	modules := map[string]module{}
	for _, v := range values {
		section, name, key := v.Split()
		if section != "submodule" {
			continue
		}
		m := modules[name]
		switch key {
		case "path":
			m.path = v.Value
		case "url":
			m.url = v.Value
		}
		modules[name] = m
		if reason := badModule(name, key, v.Value); reason != "" {
			refuse(v.Line, "the submodule %s: %s", quoted(name), reason)
		}
	}
	return modules, nil
}

// badModule tells what is wrong with a variable of a submodule.
func badModule(name, key, value string) string {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return "its name leads out of the directory that Git keeps submodules in"
		}
	}
	switch {
	case name == "":
		return "it has no name"
	case !printable(value):
		return "its " + key + " holds control characters"
	case (key == "url" || key == "path" || key == "branch") && strings.HasPrefix(value, "-"):
		return "its " + key + " is an option of a program: " + quoted(value)
	case key == "update" && !slices.Contains([]string{"checkout", "rebase", "merge", "none"}, value):
		return "its update runs a program: " + quoted(value)
	case key == "path" && (source.CheckPath(value) != nil || git.IsGitDir(firstPart(value))):
		return "its path is none of the repository: " + quoted(value)
	case key == "url" && badURL(value):
		return "its URL is neither of https nor of ssh, and no path within the same server: " + quoted(value)
	}
	return ""
}

func firstPart(value string) string {
	first, _, _ := strings.Cut(value, "/")
	return first
}

// badURL reports URLs that are of another protocol than https or ssh, or name a
// helper that does what it wants. Relative ones lead to the same server.
func badURL(value string) bool {
	if strings.Contains(value, "::") || strings.ContainsAny(value, " \\") {
		return true
	}
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		return scheme != "https" && scheme != "ssh" || strings.HasPrefix(rest, "-")
	}
	if strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") {
		return false
	}
	host, path, ok := strings.Cut(value, ":") // user@host:path
	return !ok || strings.Contains(host, "/") || path == "" || strings.HasPrefix(path, "-") || strings.Contains(host, "@-")
}
