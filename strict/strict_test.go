package strict_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

type settings struct {
	Name   string        `yaml:"name,required"`
	Level  int           `yaml:"level"`
	On     *bool         `yaml:"on"`
	Every  time.Duration `yaml:"every"`
	Items  []item        `yaml:"items"`
	Hidden string        `yaml:"-"`
}

type item struct {
	Key string `yaml:"key,required"`
}

func TestDecode(t *testing.T) {
	for _, name := range []string{"a.yaml", "a.json"} {
		var got settings
		d := strict.Decode(source.NewFile(name, []byte(`{"name": "x", "level": 3, "on": false, "every": "5m", "items": [{"key": "a"}]}`)), &got)
		if err := d.Err(); err != nil {
			t.Fatal(err)
		}
		off := false
		if diff := cmp.Diff(settings{Name: "x", Level: 3, On: &off, Every: 5 * time.Minute, Items: []item{{"a"}}}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ reason, text, want string }{
		{"all at once, in the order of their places", "level: high\nevery: -1s\nitems:\n- {kay: 1}\n",
			`a.yaml:1:1: field "name" is missing
a.yaml:1:8: level must be a whole number, and is "high"
a.yaml:2:8: every must be a duration such as 30s or 5m, and is "-1s"
a.yaml:4:3: field "key" is missing in items[0]
a.yaml:4:4: unknown field "kay" in items[0]
  did you mean "key"?`},
		{"what is hidden is unknown", "name: x\nHidden: y\n", "a.yaml:2:1: unknown field \"Hidden\"\n  known here: every, items, level, name, on"},
		{"an empty required field", "name: ''\n", `a.yaml:1:7: field "name" is empty`},
		{"one document", "name: x\n---\nname: y\n", "a.yaml:1:1: the file must hold one document, and holds 2"},
		{"no document", "# nothing\n", "a.yaml:1:1: the file must hold one document, and holds 0"},
		{"a list", "- name: x\n", "a.yaml:1:1: the file must be a map, and is a list"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			d := strict.Decode(source.NewFile("a.yaml", []byte(tt.text)), &settings{})
			mistakes, ok := errors.AsType[strict.Errors](d.Err())
			if !ok || mistakes.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", d.Err(), tt.want)
			}
		})
	}
}

func TestMistakesThatAreFoundLater(t *testing.T) {
	d := strict.Decode(source.NewFile("a.yaml", []byte("name: x\nitems:\n- key: a\n")), &settings{})
	d.At("items[0].other", "write less", "too much")
	d.OneOf("name", "x", "y")
	if got := d.Err().Error(); !strings.HasPrefix(got, `a.yaml:1:7: name is "x", and must be y`) || !strings.HasSuffix(got, "a.yaml:3:3: too much\n  write less") {
		t.Errorf("got\n%s", got)
	}
}
