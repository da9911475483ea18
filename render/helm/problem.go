package helm

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// errorPlace is where the engine's messages say a template fails.
var errorPlace = regexp.MustCompile(`([^\s()":]+):(\d+)(?::(\d+))?`)

// templateProblem finds the place in an error of the engine: the innermost one
// that names a template.
func templateProblem(err error, templates []chartTemplate) render.Problem {
	text := err.Error()
	p := render.Problem{Message: shorten(strings.Join(strings.Fields(text), " "))}
	byName := map[string]chartTemplate{}
	for _, t := range templates {
		byName[t.name] = t
	}
	for _, m := range errorPlace.FindAllStringSubmatch(text, -1) {
		t, ok := byName[m[1]]
		if !ok {
			continue
		}
		p.Path = t.source.Place.Path
		p.Position = source.Position{}
		if !t.source.Place.Archived {
			p.Position.Line, _ = strconv.Atoi(m[2])
			column, _ := strconv.Atoi(m[3])
			p.Position.Column = column + 1 // the engine counts from 0
		}
	}
	if p.Path == "" && len(templates) > 0 {
		p.Path = templates[0].source.Place.Path
	}
	return p
}

// shorten leaves the ends of a chain of errors, which is as long as the recursion
// that it comes from is deep.
func shorten(text string) string {
	const head, tail = 200, 400
	if len(text) <= head+tail {
		return text
	}
	return strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[len(text)-tail:], "")
}

// dependencyPosition returns the place of a dependency's name in Chart.yaml.
func dependencyPosition(content []byte, name string) source.Position {
	var doc struct {
		Dependencies []struct {
			Name yaml.Node `yaml:"name"`
		} `yaml:"dependencies"`
	}
	if yaml.NewDecoder(bytes.NewReader(content)).Decode(&doc) == nil {
		for _, d := range doc.Dependencies {
			if d.Name.Value == name {
				return source.Position{Line: d.Name.Line, Column: d.Name.Column}
			}
		}
	}
	return source.Position{}
}

// stopped is the problem of a chart whose rendering reached a limit.
func stopped(dir string, err error) render.Problem {
	return render.Problem{Path: dir, Message: fmt.Sprintf("rendering was stopped: %v", err)}
}
