package waiver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// MaxIgnored is the highest severity that a comment can waive. More takes an
// entry in the list, and somebody who approves it.
const MaxIgnored = finding.Medium

// Ignore is a comment that accepts findings of one line:
//
//	# holdfast:ignore HF-K8S-012 until=2026-12-15 reason="isolated by np-legacy"
//
// It is about its own line, or about the next one if nothing else is on its own.
// Several ids are separated by commas.
type Ignore struct {
	File     *source.File
	Span     source.Span // of the comment
	Policies []string
	Until    Date
	Reason   string
	Line     int // that it is about, from 1
}

const (
	mark      = "holdfast:"
	directive = "ignore"
)

// ParseIgnores reads the comments of a file. Known tells which policies there
// are; an id that is none, a missing reason or date and whatever else is not as
// it must be is a mistake, and the comment does not count.
func ParseIgnores(file *source.File, known func(id string) bool) (all []Ignore, mistakes strict.Errors) {
	for n := 1; n <= file.Lines(); n++ {
		span := file.Line(n)
		line := file.Content[span.Start:span.End]
		at, ok := comment(line)
		if !ok {
			continue
		}
		p := &ignoreParser{file: file, offset: span.Start + at, rest: string(line[at+len(mark):])}
		p.offset += len(mark)
		one, isIgnore := p.parse(known)
		mistakes = append(mistakes, p.mistakes...)
		if !isIgnore || len(p.mistakes) > 0 {
			continue
		}
		one.File, one.Span = file, source.Span{Start: span.Start + at, End: span.End}
		one.Line = target(file, n, bytes.TrimSpace(line[:at]))
		all = append(all, one)
	}
	return all, mistakes
}

// comment returns where in a line the text of a comment for Holdfast begins.
func comment(line []byte) (int, bool) {
	at := bytes.Index(line, []byte(mark))
	if at < 0 || at+len(mark) >= len(line) || !isLetter(line[at+len(mark)]) {
		return 0, false
	}
	before := bytes.TrimRight(line[:at], " \t")
	for _, sign := range []string{"#", "//"} {
		if text, ok := bytes.CutSuffix(before, []byte(sign)); ok {
			text = bytes.TrimRight(text, "#/")
			return at, len(text) == 0 || text[len(text)-1] == ' ' || text[len(text)-1] == '\t'
		}
	}
	return 0, false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

// target returns the line that a comment is about: its own if there is more on
// it than the sign of the comment, or else the next that is neither empty nor a
// comment.
func target(file *source.File, line int, before []byte) int {
	if len(bytes.Trim(before, "#/ \t")) > 0 {
		return line
	}
	for n := line + 1; n <= file.Lines(); n++ {
		span := file.Line(n)
		text := bytes.TrimSpace(file.Content[span.Start:span.End])
		if len(text) > 0 && text[0] != '#' && !bytes.HasPrefix(text, []byte("//")) {
			return n
		}
	}
	return line
}

// ignoreParser reads the text after the mark.
type ignoreParser struct {
	file     *source.File
	offset   int // of rest
	rest     string
	mistakes strict.Errors
}

func (p *ignoreParser) fail(offset int, suggestion, format string, args ...any) {
	p.mistakes = append(p.mistakes, &strict.Error{
		Path: p.file.Path, Position: p.file.Position(offset), Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	})
}

const example = `write # holdfast:ignore HF-K8S-012 until=2026-12-15 reason="why it is no risk here"`

func (p *ignoreParser) parse(known func(string) bool) (one Ignore, ok bool) {
	start := p.offset
	if word, at := p.word(); word != directive {
		p.fail(at, strict.Suggest(word, []string{directive}), "holdfast:%s is not known", word)
		return one, false
	}
	ids, at := p.word()
	for id := range strings.SplitSeq(ids, ",") {
		switch {
		case id == "" || strings.Contains(id, "="):
			p.fail(at, example, "the comment names no policy")
			return one, false
		case !known(id):
			p.fail(at, "`holdfast explain` lists them all", "there is no policy %q", id)
		}
		one.Policies = append(one.Policies, id)
		at += len(id) + 1
	}
	seen := map[string]bool{}
	for word, at := p.word(); word != ""; word, at = p.word() {
		name, value, _ := strings.Cut(word, "=")
		if seen[name] {
			p.fail(at, "", "%q stands twice in the comment", name)
		}
		seen[name] = true
		switch name {
		case "until":
			if err := one.Until.UnmarshalText([]byte(value)); err != nil {
				p.fail(at+len("until="), "", "%v", err)
			}
		case "reason":
			one.Reason = strings.TrimSpace(strings.Trim(value, `"`))
		default:
			p.fail(at, example, "%q is not understood in the comment", word)
		}
	}
	if !seen["until"] {
		p.fail(start, example, "the comment has no date: until=…")
	}
	if one.Reason == "" {
		p.fail(start, example, "the comment has no reason: reason=\"…\"")
	}
	return one, true
}

// word returns the next word and its offset. Blanks within quotes belong to it.
func (p *ignoreParser) word() (string, int) {
	trimmed := strings.TrimLeft(p.rest, " \t")
	p.offset += len(p.rest) - len(trimmed)
	p.rest = trimmed
	end, inQuotes := len(p.rest), false
	for i := range len(p.rest) {
		switch c := p.rest[i]; {
		case c == '"':
			inQuotes = !inQuotes
		case (c == ' ' || c == '\t') && !inQuotes:
			end = min(end, i)
		}
		if end == i {
			break
		}
	}
	word, at := p.rest[:end], p.offset
	p.rest, p.offset = p.rest[end:], p.offset+end
	return word, at
}

// Covers reports whether a comment is about a finding.
func (i *Ignore) Covers(f *finding.Finding) bool {
	return f.Location.File != nil && f.Location.File.Path == i.File.Path && f.Location.Position().Line == i.Line &&
		slices.Contains(i.Policies, f.Rule.ID)
}

// Holds tells whether a comment that covers a finding holds for it, as
// Waiver.Holds does. ErrTooBroad says that the severity needs more than a comment.
func (i *Ignore) Holds(f *finding.Finding, now time.Time) error {
	switch {
	case i.Until.Over(now):
		return ErrExpired
	case f.Severity > MaxIgnored:
		return ErrTooBroad
	case i.Until.Days(now) > Life(f.Severity):
		return ErrTooLong
	}
	return nil
}
