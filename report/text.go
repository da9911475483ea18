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
	All     bool // also what is old, in the baseline or waived
}

// Text writes a scan for people.
func Text(w io.Writer, s *Scan, opts TextOptions) error {
	p := NewPrinter(w, opts.Width, opts.Color)
	if !opts.Quiet {
		p.findings(s, opts.Limit)
		if opts.All {
			for _, e := range s.hidden() {
				p.finding(s, e.Finding, false)
			}
		}
		for _, problem := range s.Problems {
			p.Problem(problem)
		}
		for _, e := range s.Errors {
			p.announce("error", "a policy could not be evaluated: "+e, Red)
			p.Printf("")
		}
	}
	if opts.Verbose {
		p.skipped(s.Skipped)
	}
	p.summary(s, opts)
	return p.Err()
}

func (p *Printer) findings(s *Scan, limit int) {
	for i, f := range s.Findings {
		if limit > 0 && i == limit {
			p.Printf("… and %d more: `holdfast scan --limit 0`\n", len(s.Findings)-i)
			return
		}
		p.finding(s, f, f.Severity >= s.FailOn)
	}
}

func (p *Printer) skipped(all []render.Skipped) {
	for _, skip := range all {
		at := skip.Path
		if skip.Position.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", skip.Path, skip.Position.Line, skip.Position.Column)
		}
		p.Printf("skipped %s: %s", Plain(at), Plain(skip.Reason))
	}
	if len(all) > 0 {
		p.Printf("")
	}
}

// Finding writes one finding that blocks with its frame and notes. For explain see
// Scan.Explain.
func (p *Printer) Finding(f *finding.Finding, explain map[string]string) {
	p.finding(&Scan{Explain: explain}, f, true)
}

func (p *Printer) finding(s *Scan, f *finding.Finding, blocks bool) {
	style := levelStyle(f.Severity)
	p.announce(fmt.Sprintf("%s[%s]", Level(f.Severity), Plain(f.Rule.ID)), f.Message, style)
	show := newExcerpt
	if f.Hidden() {
		show = hiddenExcerpt
	}
	gutter := p.frame(f.Location, f.Label, style, show)
	if !f.Location.Exact {
		p.Note(gutter, "at", f.Field)
	}
	p.Note(gutter, "in", subject(f))
	p.Note(gutter, "why", f.Rule.Why)
	p.fix(gutter, f)
	e := s.entries[f]
	label, text := standing(e)
	p.Note(gutter, label, text)
	p.Note(gutter, "", strings.Join(facts(f, blocks || !e.Status.Blocks()), " · "))
	p.Note(gutter, "more", strings.TrimSpace("holdfast explain "+f.Rule.ID+" "+s.Explain[f.Rule.ID]))
	p.Printf("")
}

// announce writes the first line of a message: a word, and what is wrong.
func (p *Printer) announce(word, message string, style Style) {
	p.hang(p.Paint(word, Bold, style)+": ", columns(word)+2, message, Bold)
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
	p.announce("error", problem.Message, Red)
	p.Printf("  %s %s", p.Paint("-->", Blue), place(problem))
	p.Note(2, "help", problem.Hint)
	p.Printf("")
}

func place(p render.Problem) string {
	switch {
	case p.Path == "":
		return "holdfast"
	case p.Position.Line > 0:
		return fmt.Sprintf("%s:%d:%d", Plain(p.Path), p.Position.Line, p.Position.Column)
	}
	return Plain(p.Path)
}

// passedOver counts files, and the places that name what is out of reach.
func passedOver(all []render.Skipped) string {
	files := 0
	for _, skip := range all {
		if skip.Position.Line == 0 {
			files++
		}
	}
	text := Plural(files, "file", "files")
	if files < len(all) {
		text += " and " + Plural(len(all)-files, "reference", "references") + " out of reach"
	}
	return text
}

func (p *Printer) summary(s *Scan, opts TextOptions) {
	p.hang("", 0, conclusion(s), Bold)
	p.notShown(s, opts.All)
	p.fixable(s)
	if s.Partial() {
		p.hang(p.Paint("Incomplete", Bold, Red)+": ", len("Incomplete: "), incomplete(s))
	}
	skipped := passedOver(s.Skipped)
	if len(s.Skipped) > 0 && !opts.Verbose {
		skipped += " (`-v` lists them)"
	}
	if s.Past != nil {
		p.hang("", 0, fmt.Sprintf("Searched %s of files (%.1f MB) in %s; passed over %s.",
			Plural(s.Past.Versions, "version", "versions"), float64(s.Past.Bytes)/1e6, seconds(s.Elapsed), skipped))
		return
	}
	for _, about := range s.About {
		p.hang("", 0, about+".")
	}
	objects := Plural(s.Objects, "object", "objects")
	if s.Renders > 0 {
		objects += fmt.Sprintf(" (%s)", Plural(s.Renders, "render", "renders"))
	}
	p.hang("", 0, fmt.Sprintf("Checked %s as %s against %s in %s; passed over %s.",
		Plural(s.Files, "file", "files"), objects, Plural(s.Policies, "policy", "policies"), seconds(s.Elapsed), skipped))
	if n := s.Verdicts[policy.Unknown]; n > 0 {
		p.hang("", 0, Plural(n, "verdict", "verdicts")+" could not be decided, because a value is not known.")
	}
}

// conclusion says what came out, and never more than what was judged.
func conclusion(s *Scan) string {
	switch {
	case s.Conclusion != "":
		return s.Conclusion
	case len(s.Findings) > 0:
		return counts(s)
	case s.Partial():
		return "No " + adjective(s) + "problems found in what could be judged."
	case s.Objects == 0 && s.Past == nil && len(s.All) == 0:
		return "There was nothing to judge."
	}
	return "No " + adjective(s) + "problems found."
}

// adjective says which problems are counted, if it is not all.
func adjective(s *Scan) string {
	switch {
	case s.Triage != nil && s.Triage.Compared:
		return "new "
	case len(s.hidden()) > 0:
		return "other "
	}
	return ""
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
	which := strings.TrimPrefix(adjective(s), "other ")
	text := fmt.Sprintf("Found %s: %s", Plural(len(s.Findings), which+"problem", which+"problems"), strings.Join(parts, ", "))
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
	if n := len(s.Problems); n > 0 && s.Command != "" {
		parts = append(parts, Plural(n, "thing could not be found out", "things could not be found out"))
	} else if n > 0 {
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
