package report

import (
	"fmt"
	"io"

	"github.com/holdfast-dev/holdfast/finding"
)

// Concise writes one line for each finding, "path:line:col: severity[ID]
// message", as compilers write them and editors read them, and one for
// whatever could not be judged. It writes nothing when there is nothing wrong.
func Concise(w io.Writer, s *Scan) error {
	p := NewPrinter(w, 0, false)
	for _, f := range s.Findings {
		p.Printf("%s: %s[%s] %s", site(f), f.Severity, Plain(f.Rule.ID), Plain(f.Message))
	}
	for _, problem := range s.Problems {
		p.Printf("%s: error: %s", place(problem), Plain(problem.Message))
	}
	for _, e := range s.Errors {
		p.Printf("error: a policy could not be evaluated: %s", Plain(e))
	}
	return p.Err()
}

// site is the place of a finding; without a file, its subject.
func site(f *finding.Finding) string {
	if f.Location.File == nil {
		return Plain(f.Subject.String())
	}
	pos := f.Location.Position()
	return fmt.Sprintf("%s:%d:%d", Plain(f.Location.File.Path), pos.Line, pos.Column)
}
