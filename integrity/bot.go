package integrity

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// byBot judges a commit by a bot: some fields of some files, and not a byte more.
func (c *checker) byBot(ctx context.Context, j *judged, who *trust.Identity) (*Problem, error) {
	refuse := func(format string, args ...any) (*Problem, error) {
		p := problem(AuthzPath, "Let a person make this change, or give the bot more to change in the trust file.", format, args...)
		return &p, nil
	}
	if len(j.changes) == 0 {
		return nil, nil
	}
	if len(j.commit.Parents) != 1 {
		return refuse("the bot %s changes %s in a merge, or at the beginning of a history", who.Name, pathsOf(j.changes))
	}
	before, err := c.h.Tree(ctx, j.commit.Parents[0])
	if err != nil {
		return nil, err
	}
	after, err := c.h.Tree(ctx, j.commit.ID)
	if err != nil {
		return nil, err
	}
	for _, change := range j.changes {
		if !who.Bot.May(change.Path()) {
			return refuse("the bot %s may not change %s", who.Name, quoted(change.Path()))
		}
		if change.Before.ID == "" || change.After.ID == "" || change.Before.Mode != source.ModeFile || change.After.Mode != source.ModeFile {
			return refuse("the bot %s adds, removes or replaces %s, and may change fields of it only", who.Name, quoted(change.Path()))
		}
		var versions [2][]byte
		for i, tree := range []source.Tree{before, after} {
			if versions[i], err = tree.ReadFile(change.Path()); err != nil {
				var large *source.TooLargeError
				if errors.As(err, &large) {
					return refuse("the bot %s changes %s, which is too large to be compared", who.Name, quoted(change.Path()))
				}
				return nil, err
			}
		}
		if field, ok := onlyFields(change.Path(), versions[0], versions[1], who.Bot); !ok {
			return refuse("the bot %s changes more of %s than its fields%s", who.Name, quoted(change.Path()), field)
		}
	}
	return nil, nil
}

// onlyFields reports whether two versions of a file are the same byte for byte,
// comments too, but for the values of fields that the bot may change. If not, it
// says what it can about the reason.
func onlyFields(path string, before, after []byte, bot *trust.BotRule) (string, bool) {
	old, errOld := cutFields(source.NewFile(path, before), bot)
	new, errNew := cutFields(source.NewFile(path, after), bot)
	switch {
	case errOld != nil || errNew != nil:
		return ": it cannot be read as YAML or JSON", false
	case len(old.fields) != len(new.fields) || !slices.Equal(old.fields, new.fields):
		return ": fields come or go", false
	case !slices.Equal(old.others, new.others):
		return ": what it changes is repeated by an alias elsewhere", false
	}
	return "", string(old.rest) == string(new.rest)
}

// cut is a file without some values.
type cut struct {
	fields []string // the paths of the values that are left out, in the order of the file
	others []string // the paths and values of all else: an alias repeats what stands elsewhere
	rest   []byte
}

func cutFields(file *source.File, bot *trust.BotRule) (cut, error) {
	docs, err := resource.Parse(file)
	if err != nil {
		return cut{}, err
	}
	var out cut
	var spans []source.Span
	var walk func(v *resource.Value, path []string)
	walk = func(v *resource.Value, path []string) {
		for _, f := range v.Fields {
			walk(f.Value, append(slices.Clip(path), f.Key))
		}
		for _, item := range v.Items {
			walk(item, path)
		}
		scalar := v.Kind == resource.String || v.Kind == resource.Int || v.Kind == resource.Float
		if scalar && len(path) > 0 && bot.Field(path) && v.Span.End > v.Span.Start && oneWord(v.Str) {
			spans = append(spans, v.Span)
			out.fields = append(out.fields, pathText(path))
		} else if len(v.Fields)+len(v.Items) == 0 {
			out.others = append(out.others, pathText(path)+"\x00\x00"+v.Str)
		}
	}
	for _, d := range docs {
		if d.Root != nil {
			walk(d.Root, nil)
		}
	}
	slices.SortFunc(spans, func(a, b source.Span) int { return a.Start - b.Start })
	at := 0
	for _, s := range spans {
		if s.Start < at {
			continue // what an alias repeats
		}
		out.rest = append(append(out.rest, file.Content[at:s.Start]...), 0)
		at = s.End
	}
	out.rest = append(out.rest, file.Content[at:]...)
	return out, nil
}

// oneWord reports whether a value is what images, versions and numbers are: one
// word without blanks.
func oneWord(s string) bool {
	return s != "" && printable(s) && !slices.Contains([]byte(s), ' ')
}

func pathText(path []string) string {
	var text string
	for _, name := range path {
		text += "\x00" + name
	}
	return text
}
