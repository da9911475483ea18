package integrity

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// attributes tells of attributes by which a work tree or an archive holds something
// else than what is signed. What only hides changes from reviews is for the policies
// about safeguards.
func (r *treeRules) attributes() error {
	for _, change := range r.own {
		name := change.Path()
		if path.Base(name) != ".gitattributes" || !change.After.Mode.Regular() || change.After.ID == "" {
			continue
		}
		now, err := attributesOf(r.tree, name)
		if err != nil {
			return err
		}
		before, err := attributesOf(r.before, name)
		if err != nil {
			return err
		}
		for _, a := range now {
			effect := altering(a.Name)
			if effect == "" || slices.ContainsFunc(before, func(b git.Attribute) bool { return b.Pattern == a.Pattern && b.Name == a.Name }) {
				continue
			}
			decision := Warn
			if deployed(a.Pattern) {
				decision = Deny
			}
			content, err := r.tree.ReadFile(name)
			if err != nil {
				return err
			}
			r.add(TreeAttr, decision, name, "Take it away, or limit it to files that are never deployed, such as *.png.",
				"%s of %s %s", quoted(a.Name), quoted(a.Pattern), effect)
			r.problems[len(r.problems)-1].Line = source.NewFile(name, content).Position(a.Span.Start).Line
		}
	}
	return nil
}

func attributesOf(tree source.Tree, name string) ([]git.Attribute, error) {
	if tree == nil {
		return nil, nil
	}
	entry, err := tree.Stat(name)
	if source.IsNotExist(err) || err == nil && !entry.Mode.Regular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := tree.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return git.ParseAttributes(source.NewFile(name, content)), nil
}

// altering says what an attribute does to content; "" if it does nothing to it.
func altering(attribute string) string {
	name, value, _ := strings.Cut(attribute, "=")
	switch name {
	case "filter":
		if value == "" {
			return ""
		}
		return "has a program of the user write the files of a work tree"
	case "working-tree-encoding":
		return "writes the files of a work tree in another encoding"
	case "ident":
		return "writes ids into the files of a work tree"
	case "export-ignore":
		return "leaves files out of archives"
	case "export-subst":
		return "writes texts of commits into the files of archives"
	}
	return ""
}

// deployable are endings of files that manifests, configurations and programs have.
var deployable = []string{
	".yaml", ".yml", ".json", ".tf", ".tfvars", ".hcl", ".tpl", ".tmpl", ".gotmpl", ".toml", ".jsonnet", ".libsonnet", ".cue", ".sh", ".py", ".rego", ".cel",
	".xml", ".ini", ".conf", ".cfg", ".env", ".properties", ".bicep", ".dockerfile", ".txt", ".js", ".ts", ".go", ".lua", ".sql", ".star", ".pkl", ".kcl", ".md",
}

// deployed reports whether a pattern may be one of files that are deployed: unless it
// ends in the ending of others, it is.
func deployed(pattern string) bool {
	end := path.Ext(path.Base(pattern))
	return end == "" || strings.ContainsAny(end, "*?[]\\") || strings.HasPrefix(pattern, "[attr]") || slices.Contains(deployable, strings.ToLower(end))
}
