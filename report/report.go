// Package report writes what was found, for people and for machines.
//
//	Printer  text on a terminal or in a log: width, colour, frames around code
//	Frame    a place, its line of code, and marks below what is meant
//	Text     findings in their frames, then a summary
//	Concise  one line for each finding, as compilers write them
//	JSON     a document of the json-v1 schema
//	SARIF    a log for code scanning services and editors
//	Verification  what came of judging the commits of a branch
//	Formats  these and what other services read: JSONL, GitHub, GitLab, JUnit,
//	         RDJSON, Markdown
//	Plain    untrusted text without what acts on a terminal
//
// Whatever comes from files or from Git is untrusted. For people it passes
// through Plain; for machines it is kept, and what would act on a terminal is
// escaped. Lines that may hold a secret are shown without their values.
package report

import (
	"cmp"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/triage"
)

// Scan is a finished scan and what a report says about it.
type Scan struct {
	*scan.Result
	Root     string // what was scanned, as the user named it
	Revision string // commit, when it was one
	FailOn   finding.Severity
	Policies int               // that judged
	Digest   string            // of the packs
	Version  string            // of Holdfast
	Explain  map[string]string // by policy: the flags with which `holdfast explain` knows it

	Command    string // of Holdfast; "" is scan
	Conclusion string // what came out, where counts do not say it
	Anchor     string // the file at which SARIF shows what is about no file

	Triage  *triage.Outcome // nil: every finding counts; set by SetTriage
	Now     time.Time       // when it was triaged
	entries map[*finding.Finding]triage.Entry
}

// command is the command whose findings these are.
func (s *Scan) command() string { return cmp.Or(s.Command, "scan") }

// Blocking returns how many findings are at or above FailOn.
func (s *Scan) Blocking() (n int) {
	for _, f := range s.Findings {
		if f.Severity >= s.FailOn {
			n++
		}
	}
	return n
}

// Level returns the word with which a severity is announced.
func Level(s finding.Severity) string {
	switch {
	case s >= finding.High:
		return "error"
	case s == finding.Medium:
		return "warning"
	}
	return "note"
}

// Plural returns "1 thing" or "n things".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
