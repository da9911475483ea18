package cli

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// fixLabels say how a fix of each class is made.
var fixLabels = map[finding.FixClass]string{
	finding.Safe:   "Safe fix (`holdfast fix`):",
	finding.Review: "Fix to review (`holdfast fix --review`):",
	finding.Manual: "Fix by hand:",
}

// fixText tells what a fix changes, when, and what people have to know.
func fixText(f *policy.Fix) string {
	parts := make([]string, len(f.Edits))
	for i := range f.Edits {
		parts[i] = editText(&f.Edits[i])
	}
	text := strings.Join(parts, ", then ")
	if f.When != "" {
		text = strings.TrimSpace(text + " when " + code(f.When))
	}
	if text != "" {
		text += "."
	}
	return strings.TrimSpace(text + " " + f.Note)
}

func editText(e *policy.FixEdit) string {
	target := targetText(e)
	switch e.Op {
	case policy.FixRemove:
		return "remove " + target
	case policy.FixRename:
		return fmt.Sprintf("rename %s to %s", target, code(e.To))
	case policy.FixAppend:
		return fmt.Sprintf("append %s to %s", valueText(e), target)
	case policy.FixAdd:
		return fmt.Sprintf("set %s, if it is not set, to %s", target, valueText(e))
	case policy.FixReplace:
		return fmt.Sprintf("change %s, if it is set, to %s", target, valueText(e))
	}
	return fmt.Sprintf("set %s to %s", target, valueText(e))
}

// targetText names what an edit changes, such as "`privileged` of the container".
func targetText(e *policy.FixEdit) string {
	of := ancestorsText(e.Of)
	path := fixPath(e.Path)
	switch {
	case path == "" && of == "":
		return "what is found"
	case path == "":
		return of
	case of == "":
		return code(path) + " of what is found"
	case of == "the object":
		return code(path)
	}
	return code(path) + " of " + of
}

func ancestorsText(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		list, isItem := strings.CutSuffix(name, "[]")
		field, isField := strings.CutSuffix(name, ".*")
		switch {
		case isItem:
			words[i] = "the item of " + code(list)
		case isField:
			words[i] = "the entry of " + code(field)
		case name == "object" || name == "container":
			words[i] = "the " + name
		default:
			words[i] = code(name)
		}
	}
	return strings.Join(words, " or ")
}

// fixPath writes a path as policies have it.
func fixPath(steps []policy.FixStep) string {
	var text strings.Builder
	for i, step := range steps {
		switch {
		case step.End:
			text.WriteString("[+]")
		case step.Field != "":
			fmt.Fprintf(&text, "[%s=%s]", step.Field, step.Equals)
		default:
			one := resource.Path{step.Step}.String()
			if i > 0 && !strings.HasPrefix(one, "[") {
				text.WriteByte('.')
			}
			text.WriteString(one)
		}
	}
	return text.String()
}

func valueText(e *policy.FixEdit) string {
	if e.Value == nil {
		return code(e.Expression)
	}
	if text := e.Value.Text(); text != "" && e.Value.Kind == resource.String {
		return code(text)
	}
	return code(string(resource.EncodeJSON(e.Value)))
}

// code is a code span, whatever it holds.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
