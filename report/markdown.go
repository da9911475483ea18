package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"unicode"

	"github.com/holdfast-dev/holdfast/finding"
)

// markdownMark is the first line, by which a comment of a command is found to be replaced.
const markdownMark = "<!-- holdfast:%s -->"

const (
	markdownRows  = 50    // most findings in the table
	markdownBytes = 60000 // most of all; GitHub takes comments of 65536 characters
	markdownWords = 240   // most characters of one text in it
)

// Markdown writes a comment for a pull request or the summary of a job: the
// conclusion, a table of findings and, folded, each with its frame.
//
// Nothing untrusted can act in it: words that are not plain ones stand in code
// elements, where neither links nor mentions are made, and what could end them is
// written as a reference. The frames are preformatted text.
func Markdown(w io.Writer, s *Scan) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, markdownMark+"\n### Holdfast: %s\n", s.command(), markdownText(strings.TrimSuffix(conclusion(s), ".")))
	if s.Partial() {
		fmt.Fprintf(&b, "\n**Incomplete:** %s\n\n", markdownText(incomplete(s)))
		for i, t := range s.troubles() {
			if i == markdownRows/5 {
				fmt.Fprintf(&b, "* … and %d more\n", len(s.troubles())-i)
				break
			}
			fmt.Fprintf(&b, "* %s%s\n", markdownPlace(t), markdownText(t.text()))
		}
	}
	markdownTable(&b, s)
	var counts bytes.Buffer
	p := NewPrinter(&counts, 0, false)
	p.notShown(s, false)
	if counts.Len() > 0 {
		fmt.Fprintf(&b, "\n%s\n", markdownText(strings.ReplaceAll(strings.TrimSpace(counts.String()), "\n", " ")))
	}
	markdownDetails(&b, s)
	_, err := w.Write(b.Bytes())
	return err
}

func markdownTable(b *bytes.Buffer, s *Scan) {
	if len(s.Findings) == 0 {
		return
	}
	b.WriteString("\n| Severity | Policy | Finding | Place |\n|---|---|---|---|\n")
	for i, f := range s.Findings {
		if i == markdownRows || b.Len() > markdownBytes/2 {
			fmt.Fprintf(b, "\n… and %d more: `holdfast %s` shows them all.\n", len(s.Findings)-i, s.command())
			return
		}
		severity := f.Severity.String()
		if s.blocks(f) {
			severity = "**" + severity + "** (blocks)"
		}
		message := markdownText(f.Message)
		if remark := s.remark(f); remark != "" {
			message += "<br>" + markdownText(remark)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", severity, markdownRule(f.Rule), message, markdownCode(site(f)))
	}
}

// markdownDetails writes the findings as text output has them, as many as fit.
func markdownDetails(b *bytes.Buffer, s *Scan) {
	for i, f := range s.Findings {
		var frame bytes.Buffer
		p := NewPrinter(&frame, DefaultWidth, false)
		p.finding(s, f, f.Severity >= s.FailOn)
		text := fmt.Sprintf("\n<details><summary>%s %s %s</summary>\n\n<pre>\n%s</pre>\n\n</details>\n",
			f.Severity, markdownCode(f.Rule.ID), markdownText(f.Message), html.EscapeString(strings.TrimSpace(frame.String())+"\n"))
		if i == markdownRows || b.Len()+len(text) > markdownBytes {
			fmt.Fprintf(b, "\n%s without details.\n", Plural(len(s.Findings)-i, "finding is", "findings are"))
			return
		}
		b.WriteString(text)
	}
}

// markdownRule is the id of a rule, with a link to where it is explained.
func markdownRule(r *finding.Rule) string {
	text := markdownCode(r.ID)
	if len(r.References) == 0 {
		return text
	}
	to, err := url.Parse(r.References[0])
	if err != nil || to.Scheme != "https" || to.Host == "" {
		return text
	}
	return fmt.Sprintf(`<a href="%s">%s</a>`, markdownEscape(to.String()), text)
}

func markdownPlace(t trouble) string {
	switch {
	case t.Path == "":
		return ""
	case t.At.Line > 0:
		return markdownCode(fmt.Sprintf("%s:%d:%d", Plain(t.Path), t.At.Line, t.At.Column)) + " "
	}
	return markdownCode(t.Path) + " "
}

// markdownText writes untrusted text for one line: plain words as they are, all
// others and what stands between backticks as code.
func markdownText(text string) string {
	var out []string
	code := ""
	flush := func() {
		if code != "" {
			out = append(out, markdownCode(code))
		}
		code = ""
	}
	for i, part := range strings.Split(window(Plain(text), 0, markdownWords), "`") {
		if i%2 == 1 && strings.TrimSpace(part) != "" {
			flush()
			out = append(out, markdownCode(part))
			continue
		}
		for _, word := range strings.Fields(part) {
			if isPlainWord(word) {
				flush()
				out = append(out, word)
				continue
			}
			code = strings.TrimSpace(code + " " + word)
		}
		flush()
	}
	return joinWords(out)
}

// joinWords puts spaces between words, but not inside of punctuation that stands
// alone.
func joinWords(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 && words[i-1] != "(" && (word == "(" || !isPunctuation(word)) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

func isPunctuation(word string) bool {
	return len(word) == 1 && strings.IndexByte(".,;:()", word[0]) >= 0
}

// isPlainWord reports whether a word means nothing to any dialect of Markdown
// inside of a line: letters or digits, with punctuation around them.
func isPlainWord(word string) bool {
	if isPunctuation(word) {
		return true
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimRight(word, ".,;:"), "("), ")")
	consists := func(of func(rune) bool) bool {
		return bare != "" && strings.IndexFunc(bare, func(r rune) bool { return !of(r) }) < 0
	}
	return consists(unicode.IsDigit) || consists(func(r rune) bool { return unicode.IsLetter(r) || r == '-' || r == '\'' })
}

func markdownCode(text string) string {
	return "<code>" + markdownEscape(window(strings.TrimSpace(Plain(text)), 0, markdownWords)) + "</code>"
}

// markdownEscape writes whatever means something to Markdown or HTML as references.
func markdownEscape(text string) string {
	var b strings.Builder
	for _, r := range Plain(text) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -/,", r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "&#%d;", r)
	}
	return b.String()
}
