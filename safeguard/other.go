package safeguard

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// isOtherPipeline reports whether a file is a pipeline of a system of which only the
// scripts are understood.
func isOtherPipeline(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch name {
	case ".circleci/config.yml", ".travis.yml", ".drone.yml", "bitbucket-pipelines.yml", ".cirrus.yml":
		return true
	}
	begins := func(text string) func(string) bool {
		return func(start string) bool { return strings.HasPrefix(text, start) }
	}
	if isYAML(name) {
		return slices.ContainsFunc([]string{"azure-pipelines", ".woodpecker"}, begins(base)) ||
			slices.ContainsFunc([]string{".azuredevops/", ".azure-pipelines/", ".woodpecker/", ".buildkite/"}, begins(name))
	}
	return base == "jenkinsfile" || strings.HasSuffix(base, ".jenkinsfile")
}

// inQuotes finds what a Jenkinsfile gives to sh.
var inQuotes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)\bsh\b[^\n"']*?(?:\'\'\'(.*?)\'\'\'|"""(.*?)"""|'([^'\n]*)'|"([^"\n]*)")`)
})

// scriptGates returns the programs that check which the scripts of a file call.
func scriptGates(file *source.File) (all []*gate) {
	if file == nil {
		return nil
	}
	var scripts []string
	if isYAML(file.Path) {
		for _, doc := range documents(file) {
			scripts = append(scripts, strs(doc.Root, 0)...)
		}
	} else {
		for _, m := range inQuotes().FindAllStringSubmatch(string(file.Content), -1) {
			scripts = append(scripts, strings.Join(m[1:], ""))
		}
	}
	for _, script := range scripts {
		for _, c := range calls(script, true, false) {
			g := &gate{file: file, job: c.tool, tool: c.tool, words: c.words, ignored: c.ignored}
			if c.when != "" {
				g.conditions = []string{c.when}
			}
			all = append(all, g)
		}
	}
	return all
}

// strs returns all texts of a value.
func strs(v *resource.Value, depth int) (all []string) {
	if v == nil || depth > maxNesting {
		return nil
	}
	if s := scalar(v); s != "" && v.Kind == resource.String {
		all = append(all, s)
	}
	for _, f := range v.Fields {
		all = append(all, strs(f.Value, depth+1)...)
	}
	for _, item := range v.Items {
		all = append(all, strs(item, depth+1)...)
	}
	return all
}

// includes returns the files that the pipeline of GitLab took in before, and tells
// which of those with gates it takes in no more.
func (c *comparison) includes() ([]string, error) {
	const name = ".gitlab-ci.yml"
	before, err := regular(c.before, name)
	if before == nil || err != nil {
		return nil, err
	}
	old := localIncludes(before)
	p := c.pair(name)
	if p.old == nil || p.new == nil {
		return old, nil
	}
	for _, lost := range missing(old, localIncludes(p.new)) {
		if strings.Contains(lost, "*") {
			continue
		}
		file, err := regular(c.before, lost)
		if err != nil {
			return nil, err
		}
		if still := c.pair(lost); file == nil || still.old != nil && still.new == nil {
			continue // it moved, or went away, which is told of its gates
		}
		for _, g := range pipelineGates(file) {
			c.add(Change{Kind: Gate, Path: name, Name: g.job, Loss: "removed", Old: g.value(), At: in(p.new, nil),
				Text: "`" + lost + "` is not included any more, in which job `" + g.job + "` runs `" + g.label() + "`"})
			break
		}
	}
	return old, nil
}

// localIncludes returns the files of the repository that a pipeline takes in.
func localIncludes(file *source.File) (all []string) {
	docs := documents(file)
	if len(docs) == 0 {
		return nil
	}
	v := docs[len(docs)-1].Root.Get("include")
	for _, name := range texts(v) {
		if !strings.Contains(name, "://") {
			all = append(all, strings.TrimPrefix(name, "/"))
		}
	}
	for _, include := range includes(v) {
		for _, name := range texts(include.Get("local")) {
			all = append(all, strings.TrimPrefix(name, "/"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
