package waiver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// ErrLayout says that a file is written in a way that only a person can change.
var ErrLayout = errors.New("its list of waivers is not written as a block at the end of the file, one entry below the other")

// Append returns the text of a list with one more entry. The list is nil if there
// is no file yet. The rest of the text stays as it is.
func Append(list *List, w *Waiver) ([]byte, error) {
	if list == nil {
		head := fmt.Sprintf("apiVersion: %s\nkind: %s\nwaivers:\n", APIVersion, Kind)
		return append([]byte(head), entry(w, "")...), nil
	}
	text := bytes.TrimRight(list.File.Content, " \t\n")
	indent := ""
	if n := len(list.Waivers); n > 0 {
		last := list.Waivers[n-1]
		column, ok := block(list.File, last.Span)
		if !ok || len(bytes.TrimSpace(withoutComments(text[min(last.Span.End, len(text)):]))) > 0 {
			return nil, ErrLayout
		}
		indent = strings.Repeat(" ", column-3)
	} else {
		text = bytes.TrimRight(bytes.TrimSuffix(text, []byte("[]")), " ")
		if !bytes.HasSuffix(text, []byte("waivers:")) {
			return nil, ErrLayout
		}
	}
	return slices.Concat(text, []byte("\n"), entry(w, indent)), nil
}

// withoutComments drops what follows a #, where the end of an entry is all that
// precedes it.
func withoutComments(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		before, _, _ := bytes.Cut(line, []byte("#"))
		out = append(out, before...)
	}
	return out
}

// block returns the column of an entry's first key, and whether it is an item of
// a block list.
func block(file *source.File, span source.Span) (int, bool) {
	at := file.Position(span.Start)
	line := file.Line(at.Line)
	before := string(file.Content[line.Start:span.Start])
	return at.Column, at.Column >= 3 && strings.TrimLeft(before, " ") == "- " && file.Content[span.Start] != '{'
}

func entry(w *Waiver, indent string) []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, name, value)
		}
	}
	fmt.Fprintf(&b, "%s- id: %s\n", indent, scalar(w.ID))
	line("policy", scalar(w.Policy))
	fmt.Fprintf(&b, "%s  match:\n", indent)
	line("  resource", scalar(w.Match.Resource))
	line("  path", scalar(w.Match.Path))
	if len(w.Match.Environments) > 0 {
		line("  environments", flow(w.Match.Environments))
	}
	line("treatment", scalar(string(w.Treatment)))
	line("reason", scalar(w.Reason))
	line("owner", scalar(w.Owner))
	line("ticket", scalar(w.Ticket))
	line("expires", w.Expires.String())
	line("digests", flow(w.Digests))
	return b.Bytes()
}

func flow(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = scalar(text)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// scalar writes a text so that it is read as that text: as it is if possible,
// and else in quotes.
func scalar(text string) string {
	if text == "" {
		return ""
	}
	docs, err := resource.ParseYAML(source.NewFile("x", []byte("[x, "+text+"]\n")))
	if err == nil && len(docs) == 1 && len(docs[0].Root.Items) == 2 && docs[0].Root.Items[1].Kind == resource.String &&
		docs[0].Root.Items[1].Str == text && !strings.ContainsAny(text, "\"'#\n\t") {
		return text
	}
	return strconv.Quote(text)
}

// Seal returns edits that store digests in an entry of a list.
func Seal(list *List, w *Waiver, digests []string) ([]source.Edit, error) {
	if slices.Equal(w.Digests, digests) {
		return nil, nil
	}
	if len(w.Digests) > 0 {
		return []source.Edit{{Span: w.digests, New: flow(digests)}}, nil
	}
	column, ok := block(list.File, w.Span)
	if !ok {
		return nil, ErrLayout
	}
	end := list.File.Line(list.File.Position(w.expires.Start).Line).End
	text := "\n" + strings.Repeat(" ", column-1) + "digests: " + flow(digests)
	return []source.Edit{{Span: source.Span{Start: end, End: end}, New: text}}, nil
}
