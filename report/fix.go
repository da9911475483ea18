package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
)

// mostFixLines is how many lines of a fix are shown.
const mostFixLines = 16

// fix says how a finding is mended: by an edit, which is shown, or in words.
func (p *Printer) fix(gutter int, f *finding.Finding) {
	if !f.Fix.Automatic() || f.Fix.Class == finding.Manual {
		p.Note(gutter, "fix", f.Rule.Remediation)
		return
	}
	text := "safe [*]"
	if f.Fix.Class == finding.Review {
		text = "to review [*]: " + f.Fix.Note
	}
	p.Note(gutter, "fix", text)
	if f.HidesFix() {
		return
	}
	pad, bar := strings.Repeat(" ", gutter), p.Paint("|", Blue)
	p.Printf("%s %s", pad, bar)
	rows := fixLines(f.Fix)
	if f.Location.File == nil || f.Location.File.Path != f.Fix.File.Path {
		p.Printf("%s%s %s", pad, p.Paint(":::", Blue), Plain(f.Fix.File.Path))
	}
	for i, row := range rows {
		if i == mostFixLines {
			p.Printf("%s %s … and %d more lines", pad, bar, len(rows)-i)
			break
		}
		sign, style := row.sign, []Style(nil)
		switch sign {
		case "+":
			style = []Style{Green}
		case "-":
			style = []Style{Red}
		}
		line := row.excerpt(max(p.Width-gutter-3, minCode))
		p.Printf("%s", strings.TrimRight(fmt.Sprintf("%s %s %s",
			p.Paint(fmt.Sprintf("%*d", gutter, row.number), Blue), p.Paint(sign, style...), p.Paint(line, style...)), " "))
	}
	p.Printf("%s %s", pad, bar)
}

// fixLine is a line of a fix: "+" for a new one, "-" for an old one, or "|" for
// one that stays.
type fixLine struct {
	number int // in the old file, of new ones in the new file
	sign   string
	text   string
	same   int // bytes at its start that the line it stands for has too
}

// excerpt returns the part of the line that is about the change, if the whole of it
// does not fit.
func (l fixLine) excerpt(width int) string {
	text, before := expand(l.text), columns(expand(l.text[:l.same]))
	if columns(text) <= width || before < width/2 {
		return window(text, 0, width)
	}
	return window(text, min(before-width/2, columns(text)-width), width)
}

// fixLines returns the lines that a fix changes, with the one before new ones.
func fixLines(f *finding.Fix) (rows []fixLine) {
	first, last := len(f.File.Content), 0
	for _, e := range f.Edits {
		first, last = min(first, e.Span.Start), max(last, e.Span.End)
	}
	from := f.File.Position(first).Line
	start, end := f.File.Line(from).Start, len(f.File.Content)
	if below := f.File.Line(f.File.Position(last).Line + 1); !below.IsZero() {
		end = below.Start
	}
	edits := make([]source.Edit, len(f.Edits))
	for i, e := range f.Edits {
		edits[i] = source.Edit{Span: source.Span{Start: e.Span.Start - start, End: e.Span.End - start}, New: e.New}
	}
	before := f.File.Content[start:end]
	after, err := source.Apply(before, edits)
	if err != nil {
		return nil
	}
	added := 0
	for _, e := range edit.Lines(before, after) {
		at := from + strings.Count(string(before[:e.Span.Start]), "\n")
		old, fresh := linesOf(string(before[e.Span.Start:e.Span.End])), linesOf(e.New)
		if len(old) == 0 && at > 1 {
			above := f.File.Line(at - 1)
			rows = append(rows, fixLine{number: at - 1, sign: "|", text: keyOnly(string(f.File.Content[above.Start:above.End]))})
		}
		for i, line := range old {
			rows = append(rows, fixLine{at + i, "-", line, samePrefix(old, fresh, i)})
		}
		for i, line := range fresh {
			rows = append(rows, fixLine{at + added + i, "+", line, samePrefix(old, fresh, i)})
		}
		added += len(fresh) - len(old)
	}
	return rows
}

// samePrefix returns how many bytes the ith lines of two texts have in common.
func samePrefix(a, b []string, i int) (n int) {
	if i >= len(a) || i >= len(b) {
		return 0
	}
	for n < len(a[i]) && n < len(b[i]) && a[i][n] == b[i][n] {
		n++
	}
	for n > 0 && n < len(a[i]) && !utf8.RuneStart(a[i][n]) {
		n--
	}
	return n
}

// keyOnly leaves the value of a line out: nobody has looked whether it is a secret.
func keyOnly(line string) string {
	key := keyOfLine.FindString(line)
	if rest := line[len(key):]; strings.TrimSpace(rest) != "" {
		return key + "…"
	}
	return key
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}

// fixable counts what could be mended at once, in one line.
func (p *Printer) fixable(s *Scan) {
	safe, review := 0, 0
	for _, f := range s.Findings {
		switch {
		case !f.Fix.Automatic():
		case f.Fix.Class == finding.Safe:
			safe++
		case f.Fix.Class == finding.Review:
			review++
		}
	}
	var parts []string
	if safe > 0 {
		parts = append(parts, Plural(safe, "safe fix", "safe fixes")+": `holdfast fix`.")
	}
	if review > 0 {
		parts = append(parts, Plural(review, "fix", "fixes")+" to review: `holdfast fix --review`.")
	}
	if len(parts) > 0 {
		p.hang("[*] ", len("[*] "), strings.Join(parts, " "))
	}
}

// jsonFix is how a finding can be mended.
type jsonFix struct {
	Class  finding.FixClass `json:"class"`
	Note   string           `json:"note,omitempty"`
	Reason string           `json:"reason,omitempty"`
	Path   string           `json:"path,omitempty"`
	Edits  []jsonEdit       `json:"edits,omitempty"`
}

type jsonEdit struct {
	Start jsonPosition `json:"start"`
	End   jsonPosition `json:"end"`
	New   string       `json:"new"`
}

// newJSONFix leaves the edits out where the text may hold a secret.
func newJSONFix(f *finding.Finding) *jsonFix {
	if f.Fix == nil {
		return nil
	}
	out := &jsonFix{Class: f.Fix.Class, Note: f.Fix.Note, Reason: f.Fix.Reason}
	if !f.Fix.Automatic() || f.HidesFix() {
		return out
	}
	out.Path = f.Fix.File.Path
	for _, e := range f.Fix.Edits {
		start, end := f.Fix.File.Position(e.Span.Start), f.Fix.File.Position(e.Span.End)
		out.Edits = append(out.Edits, jsonEdit{
			jsonPosition{start.Line, start.Column, e.Span.Start}, jsonPosition{end.Line, end.Column, e.Span.End}, e.New,
		})
	}
	return out
}

type sarifFix struct {
	Description sarifText     `json:"description"`
	Changes     []sarifChange `json:"artifactChanges"`
}

type sarifChange struct {
	Artifact     sarifArtifact      `json:"artifactLocation"`
	Replacements []sarifReplacement `json:"replacements"`
}

type sarifReplacement struct {
	Deleted  sarifRegion  `json:"deletedRegion"`
	Inserted sarifContent `json:"insertedContent"`
}

type sarifContent struct {
	Text string `json:"text"`
}

// newSARIFFixes returns the fix of a finding for tools that apply it.
func newSARIFFixes(f *finding.Finding) []sarifFix {
	if !f.Fix.Automatic() || f.HidesFix() || f.Fix.Class == finding.Manual {
		return nil
	}
	text := "Safe."
	if f.Fix.Class == finding.Review {
		text = "To review: " + sentence(f.Fix.Note)
	}
	change := sarifChange{Artifact: artifact(f.Fix.File.Path)}
	for _, e := range f.Fix.Edits {
		start, end := f.Fix.File.Position(e.Span.Start), f.Fix.File.Position(e.Span.End)
		change.Replacements = append(change.Replacements, sarifReplacement{
			sarifRegion{start.Line, start.Column, end.Line, end.Column}, sarifContent{e.New},
		})
	}
	return []sarifFix{{Description: sarifText{Text: text}, Changes: []sarifChange{change}}}
}
