package report

import (
	"io"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

// Format is one that machines read, or people through a machine.
type Format struct {
	Name  string
	Write func(w io.Writer, s *Scan) error
}

// Formats returns all but Text, which takes options.
func Formats() []Format {
	return []Format{
		{"concise", Concise}, {"json", JSON}, {"jsonl", JSONL}, {"sarif", SARIF}, {"github", GitHub}, {"gitlab", GitLab},
		{"junit", JUnit}, {"rdjson", RDJSON}, {"markdown", Markdown},
	}
}

// trouble is something that could not be judged. Without a file, Path is empty.
type trouble struct {
	Path    string
	At      source.Position // zero if it is not known
	Message string
	Hint    string
}

// troubles returns what makes a scan partial.
func (s *Scan) troubles() (all []trouble) {
	for _, p := range s.Problems {
		all = append(all, trouble{p.Path, p.Position, p.Message, p.Hint})
	}
	for _, e := range s.Errors {
		all = append(all, trouble{Message: "a policy could not be evaluated: " + e})
	}
	return all
}

// text is what is wrong in sentences on one line, and what to do about it.
func (t trouble) text() string {
	text := sentence(t.Message)
	if t.Hint != "" {
		text += " " + sentence(t.Hint)
	}
	return text
}

// withOld returns the findings that count, and those that were there before. It
// is for readers that compare with an earlier report by themselves: to them, what
// is not there any more is mended.
func (s *Scan) withOld() []*finding.Finding {
	all := s.Findings[:len(s.Findings):len(s.Findings)]
	for _, e := range s.hidden() {
		if e.Status == triage.Old {
			all = append(all, e.Finding)
		}
	}
	return all
}

// blocks reports whether a finding is a reason to stop.
func (s *Scan) blocks(f *finding.Finding) bool {
	return f.Severity >= s.FailOn && s.entries[f].Status.Blocks()
}

// remark says what became of a finding; nothing if there is nothing to say.
func (s *Scan) remark(f *finding.Finding) string {
	e := s.entries[f]
	_, text := standing(e)
	switch e.Status {
	case triage.Requested:
		return "a waiver is asked for: " + text
	case triage.Waived:
		return "waived until " + text
	}
	return text
}
