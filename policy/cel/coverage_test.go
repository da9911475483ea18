package cel_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy/cel"
)

func TestCoverage(t *testing.T) {
	pack := newPack(t, `
variables:
- {name: named, expression: "object.metadata.name == 'x' ? 1 : 2"}
validations:
- expression: >-
    object.spec.list.all(i, i != 'z' && (i != 'w' || object.spec.number > 5)) || variables.named == 2
examples:
- {name: sound, pass: "{apiVersion: v1, kind: Thing, metadata: {name: x}, spec: {number: 7, list: [a, w]}}"}
- {name: unsound, fail: "{apiVersion: v1, kind: Thing, metadata: {name: x}, spec: {number: 7, list: [z]}}"}
`)
	branches, err := cel.Coverage(pack.Policies[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range branches {
		switch {
		case b.Tested():
			got = append(got, b.Text)
		case b.True:
			got = append(got, b.Text+": never false")
		case b.False:
			got = append(got, b.Text+": never true")
		default:
			got = append(got, b.Text+": never asked")
		}
	}
	want := `object.metadata.name == "x": never false
object.spec.list.all(i, i != "z" && (i != "w" || object.spec.number > 5))
variables.named == 2: never true
i != "z"
i != "w"
object.spec.number > 5: never false`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}
