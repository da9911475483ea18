package tffunc

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func texts() map[string]function.Function {
	return map[string]function.Function{
		"startswith":  test(strings.HasPrefix),
		"endswith":    test(strings.HasSuffix),
		"strcontains": test(strings.Contains),
		"basename":    text(func(s string) (string, error) { return path.Base(s), nil }),
		"dirname":     text(func(s string) (string, error) { return path.Dir(s), nil }),
		"pathexpand":  simple(cty.String, pathExpand, cty.String),
		"replace":     simple(cty.String, replace, cty.String, cty.String, cty.String),
		"timecmp":     simple(cty.Number, timeCompare, cty.String, cty.String),
	}
}

// pathExpand replaces a leading ~, which is the home of who runs it.
func pathExpand(args []cty.Value) (cty.Value, error) {
	if strings.HasPrefix(args[0].AsString(), "~") {
		return cty.UnknownVal(cty.String).Mark(Because("pathexpand() hangs on who runs it")), nil
	}
	return args[0], nil
}

// replace replaces a text, or a regular expression that is written between slashes.
func replace(args []cty.Value) (cty.Value, error) {
	text, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	if len(old) < 2 || old[0] != '/' || old[len(old)-1] != '/' {
		if strings.Count(text, old)*len(with) > maxText {
			return cty.UnknownVal(cty.String), fmt.Errorf("more than %d bytes: %w", maxText, ErrTooLarge)
		}
		return cty.StringVal(strings.ReplaceAll(text, old, with)), nil
	}
	if len(old) > maxPattern || (len(text)+1)*len(with) > maxText {
		return cty.UnknownVal(cty.String), ErrTooLarge
	}
	re, err := regexp.Compile(old[1 : len(old)-1])
	if err != nil {
		return cty.UnknownVal(cty.String), function.NewArgError(1, err)
	}
	refs := strings.Count(with, "$") // each may stand for the whole text
	if refs > 1 && refs*len(text)*(len(text)/16+1) > 16*maxText {
		return cty.UnknownVal(cty.String), ErrTooLarge
	}
	return cty.StringVal(re.ReplaceAllString(text, with)), nil
}

func timeCompare(args []cty.Value) (cty.Value, error) {
	var at [2]time.Time
	for i, arg := range args {
		t, err := time.Parse(time.RFC3339, arg.AsString())
		if err != nil {
			return cty.UnknownVal(cty.Number), function.NewArgErrorf(i, "not a time as in RFC 3339, such as 2006-01-02T15:04:05Z: %q", arg.AsString())
		}
		at[i] = t
	}
	return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
}
