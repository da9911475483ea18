package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
)

// TextOptions say how much text output shows.
type TextOptions struct {
	Width   int
	Color   bool
	Limit   int  // findings; 0 for all
	Quiet   bool // the summary only
	Verbose bool // also what was passed over, and why
}

// Text writes a scan for people.
func Text(w io.Writer, s *Scan, opts TextOptions) error {
	p := NewPrinter(w, opts.Width, opts.Color)
	if !opts.Quiet {
		for i, f := range s.Findings {
			if opts.Limit > 0 && i == opts.Limit {
				p.Printf("… and %d more: `holdfast scan --limit 0`\n", len(s.Findings)-i)
				break
			}
			p.Finding(f, f.Severity >= s.FailOn)
		}
		for _, problem := range s.Problems {
			p.Problem(problem)
		}
		for _, e := range s.Errors {
			p.Printf("%s: a policy could not be evaluated: %s\n", p.Paint("error", Bold, Red), Plain(e))
		}
	}
	if opts.Verbose {
		for _, skip := range s.Skipped {
			p.Printf("skipped %s: %s", Plain(skip.Path), Plain(skip.Reason))
		}
	}
	p.summary(s)
	return p.Err()
}

// Finding writes one finding with its frame and notes.
func (p *Printer) Finding(f *finding.Finding, blocks bool) {
	style := levelStyle(f.Severity)
	p.Printf("%s: %s", p.Paint(fmt.Sprintf("%s[%s]", Level(f.Severity), f.Rule.ID), Bold, style), p.Paint(Plain(f.Message), Bold))
	gutter := p.Frame(f.Location, f.Label, style)
	p.Note(gutter, "in", subject(f))
	p.Note(gutter, "why", f.Rule.Why)
	p.Note(gutter, "fix", f.Rule.Remediation)
	p.Note(gutter, "", strings.Join(facts(f, blocks), " · "))
	p.Note(gutter, "more", "holdfast explain "+f.Rule.ID)
	p.Printf("")
}

func subject(f *finding.Finding) string {
	text := f.Subject.String()
	if len(f.Via) > 0 {
		text += ", rendered by " + strings.Join(f.Via, ", ")
	}
	if f.Count > 1 {
		text += fmt.Sprintf(" (%d occurrences)", f.Count)
	}
	return text
}

func facts(f *finding.Finding, blocks bool) []string {
	severity := f.Severity.String()
	if !blocks {
		severity += " (below the gate)"
	}
	all := append([]string{severity}, f.Rule.Controls...)
	return append(all, "finding "+f.ShortID())
}

func levelStyle(s finding.Severity) Style {
	switch Level(s) {
	case "error":
		return Red
	case "warning":
		return Yellow
	}
	return Cyan
}

// Problem writes a file that could not be judged.
func (p *Printer) Problem(problem render.Problem) {
	p.Printf("%s: %s", p.Paint("error", Bold, Red), p.Paint(Plain(problem.Message), Bold))
	at := Plain(problem.Path)
	if problem.Position.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", at, problem.Position.Line, problem.Position.Column)
	}
	p.Printf("  %s %s", p.Paint("-->", Blue), at)
	if problem.Hint != "" {
		p.Note(2, "help", problem.Hint)
	}
	p.Printf("")
}

func (p *Printer) summary(s *Scan) {
	if len(s.Findings) == 0 {
		p.Printf("%s", p.Paint("No problems found.", Bold))
	} else {
		p.Printf("%s", p.Paint(counts(s), Bold))
	}
	if s.Partial() {
		p.Printf("%s: %s", p.Paint("Incomplete", Bold, Red), incomplete(s))
	}
	objects := Plural(s.Objects, "object", "objects")
	if s.Renders > 0 {
		objects += fmt.Sprintf(" (%s)", Plural(s.Renders, "render", "renders"))
	}
	p.Printf("Checked %s as %s against %s in %s; passed over %s.",
		Plural(s.Files, "file", "files"), objects, Plural(s.Policies, "policy", "policies"),
		seconds(s.Elapsed), Plural(len(s.Skipped), "file", "files"))
	if n := s.Verdicts[policy.Unknown]; n > 0 {
		p.Printf("%s could not be decided, because a value is not known.", Plural(n, "verdict", "verdicts"))
	}
}

func counts(s *Scan) string {
	var parts []string
	for severity := finding.Critical; ; severity-- {
		n := 0
		for _, f := range s.Findings {
			if f.Severity == severity {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, severity))
		}
		if severity == finding.Info {
			break
		}
	}
	text := fmt.Sprintf("Found %s: %s", Plural(len(s.Findings), "problem", "problems"), strings.Join(parts, ", "))
	switch n := s.Blocking(); n {
	case 0:
		return text + fmt.Sprintf("; none blocks (fail-on: %s).", s.FailOn)
	case 1:
		return text + fmt.Sprintf("; 1 blocks (fail-on: %s).", s.FailOn)
	default:
		return text + fmt.Sprintf("; %d block (fail-on: %s).", n, s.FailOn)
	}
}

func incomplete(s *Scan) string {
	var parts []string
	if n := len(s.Problems); n > 0 {
		parts = append(parts, Plural(n, "file or unit could not be judged", "files or units could not be judged"))
	}
	if n := len(s.Errors); n > 0 {
		parts = append(parts, Plural(n, "policy could not be evaluated", "policies could not be evaluated"))
	}
	return strings.Join(parts, ", ") + "."
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
