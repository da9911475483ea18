package integrity

import (
	"testing"

	"github.com/holdfast-dev/holdfast/trust"
)

func TestOnlyFields(t *testing.T) {
	bot := &trust.BotRule{Fields: []string{"image", "spec.replicas"}}
	for _, c := range []struct {
		reason, before, after string
		want                  bool
	}{
		{"an image", "a:\n- image: x:1\n  name: n\n", "a:\n- image: x:2\n  name: n\n", true},
		{"in quotes now", "image: x:1\n", "image: \"x:2\"\n", true},
		{"in flow style", "{image: x, b: 1}", "{image: z, b: 1}", true},
		{"as JSON", `{"image": "x", "b": 1}`, `{"image": "y", "b": 1}`, true},
		{"in one of several documents", "b: 1\n---\nimage: x\n", "b: 1\n---\nimage: z\n", true},
		{"a field by its path", "spec: {replicas: 1}", "spec: {replicas: 9}", true},
		{"of another object", "status: {replicas: 1}", "status: {replicas: 9}", false},
		{"another field", "image: x\nb: 1\n", "image: x\nb: 2\n", false},
		{"a field more", "image: x\n", "image: x\ncommand: evil\n", false},
		{"a field by flow style", "a: {image: x}\n", "a: {image: x, command: evil}\n", false},
		{"a comment at the end", "image: x\n", "image: x # holdfast:ignore\n", false},
		{"a map in its place", "image: x\n", "image: {a: b}\n", false},
		{"a text of several lines", "image: x\n", "image: |\n  x\n  y\n", false},
		{"a document more", "image: x\n", "image: x\n---\nkind: ClusterRoleBinding\n", false},
		{"a tag", "image: x\n", "image: !!binary eA==\n", false},
		{"an anchor for others to use", "image: x\nb: y\n", "image: &a x\nb: y\n", false},
		{"what an alias repeats in another field", "image: &a v:1\nargs: [*a]\n", "image: &a v:2\nargs: [*a]\n", false},
		{"what an alias repeats in a field of its own", "- image: &a v:1\n- image: *a\n", "- image: &a v:2\n- image: *a\n", true},
		{"the name of the field", "image: x\nb: 1\n", "imaged: x\nb: 1\n", false},
		{"what cannot be read", "image: x\n", "image: [\n", false},
	} {
		if why, got := onlyFields("x.yaml", []byte(c.before), []byte(c.after), bot); got != c.want {
			t.Errorf("%s: %v%s; want %v", c.reason, got, why, c.want)
		}
	}
}
