package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
)

// GitHub writes workflow commands, which GitHub Actions shows as annotations of
// the changed lines, and the conclusion as the last line. What does not count is
// left out. GitHub shows the first ten errors and warnings of a step.
func GitHub(w io.Writer, s *Scan) error {
	p := NewPrinter(w, 0, false)
	for _, f := range s.Findings {
		text := sentence(f.Message)
		if f.Rule.Remediation != "" {
			text += " Fix: " + f.Rule.Remediation
		}
		if remark := s.remark(f); remark != "" {
			text += " (" + remark + ")"
		}
		p.Printf("%s", command(Level(f.Severity), append(annotated(f), property{"title", f.Rule.ID + ": " + f.Rule.Title}), text))
	}
	for _, t := range s.troubles() {
		at := []property{}
		if t.Path != "" {
			at = append(at, property{"file", t.Path})
		}
		if t.At.Line > 0 {
			at = append(at, property{"line", fmt.Sprint(t.At.Line)}, property{"col", fmt.Sprint(t.At.Column)})
		}
		p.Printf("%s", command("error", append(at, property{"title", "Holdfast could not judge this"}), t.text()))
	}
	if s.Partial() {
		p.Printf("Incomplete: %s", incomplete(s))
	}
	p.Printf("%s", conclusion(s))
	return p.Err()
}

type property struct{ name, value string }

// annotated returns the place of a finding. Columns are allowed on one line only.
func annotated(f *finding.Finding) []property {
	if f.Location.File == nil {
		return nil
	}
	r := region(f.Location)
	all := []property{{"file", f.Location.File.Path}, {"line", fmt.Sprint(r.StartLine)}}
	if r.EndLine > 0 {
		all = append(all, property{"endLine", fmt.Sprint(r.EndLine)})
	}
	if r.EndLine == r.StartLine {
		all = append(all, property{"col", fmt.Sprint(r.StartColumn)}, property{"endColumn", fmt.Sprint(r.EndColumn)})
	}
	return all
}

// command writes one workflow command. All values are untrusted: what could end
// them, or begin another command, is escaped as GitHub's runner reads it.
func command(name string, properties []property, message string) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	level := map[string]string{"error": "error", "warning": "warning", "note": "notice"}[name]
	var list []string
	for _, p := range properties {
		list = append(list, p.name+"="+value.Replace(Plain(p.value)))
	}
	head := "::" + level
	if len(list) > 0 {
		head += " " + strings.Join(list, ",")
	}
	return head + "::" + data.Replace(Plain(message))
}
