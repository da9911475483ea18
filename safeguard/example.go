package safeguard

import (
	"context"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// exampleStep is what an example may say of its commit, before its files.
type exampleStep struct {
	Signer   string `yaml:"signer"`
	Author   string `yaml:"author"`
	Subject  string `yaml:"subject"`
	Waives   string `yaml:"waives"`   // the highest severity that the signer may accept
	Unsigned bool   `yaml:"unsigned"` // nobody has to sign
	// Safeguards are paths that the trust file lists.
	Safeguards []string `yaml:"safeguards"`
}

// ReadExample reads an example of a policy for changes. It says who signed, if that
// matters, and holds the files that differ, each after a line with its name:
//
//	signer: alice@example.com
//	-- before/CODEOWNERS --
//	* @acme/security
//	-- after/CODEOWNERS --
//	* @everybody
//
// A file that is only before was removed.
func ReadExample(file *source.File) ([]*resource.Resource, error) {
	head, files := exampleFiles(string(file.Content))
	sides := map[string]map[string]string{"before": {}, "after": {}}
	for name, text := range files {
		side, rest, _ := strings.Cut(name, "/")
		if sides[side] == nil || rest == "" {
			return nil, &strict.Error{Path: file.Path, Position: file.Position(0), Message: "file " + name + " is neither before/ nor after/ the change"}
		}
		sides[side][rest] = text
	}
	step := Step{Commit: strings.Repeat("0", 40)}
	if strings.TrimSpace(head) != "" {
		var said exampleStep
		if err := strict.Decode(source.NewFile(file.Path, []byte(head)), &said).Err(); err != nil {
			return nil, err
		}
		step.Signer, step.Author, step.Subject, step.Unsigned = said.Signer, said.Author, said.Subject, said.Unsigned
		step.Guards = func(path string) bool { return slices.Contains(said.Safeguards, path) }
		if said.Waives != "" {
			most, err := finding.ParseSeverity(said.Waives)
			if err != nil {
				return nil, err
			}
			step.MayWaive = func(s finding.Severity) bool { return s <= most }
		}
	}
	before, after := source.Memory(sides["before"]), source.Memory(sides["after"])
	changed, err := Changed(context.Background(), before, after)
	if err != nil {
		return nil, err
	}
	changes, err := Compare(context.Background(), before, after, changed)
	if err != nil {
		return nil, err
	}
	return Resources(guarded(changes, after, step), step), nil
}

// exampleFiles parts a text at its lines `-- path --`.
func exampleFiles(text string) (head string, files map[string]string) {
	files = map[string]string{}
	name := ""
	var part strings.Builder
	flush := func() {
		if name == "" {
			head = part.String()
		} else {
			files[name] = part.String()
		}
		part.Reset()
	}
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if next, ok := strings.CutPrefix(trimmed, "-- "); ok {
			if next, ok = strings.CutSuffix(next, " --"); ok {
				flush()
				name = next
				continue
			}
		}
		part.WriteString(line)
	}
	flush()
	return head, files
}
