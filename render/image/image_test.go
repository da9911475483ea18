package image_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func TestValue(t *testing.T) {
	const digest = "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"
	for text, want := range map[string][5]string{ // registry, repository, name, tag, digest
		"alpine":                              {"docker.io", "library/alpine", "alpine", "-", "-"},
		"alpine:3.22":                         {"docker.io", "library/alpine", "alpine", "3.22", "-"},
		"team/app":                            {"docker.io", "team/app", "app", "-", "-"},
		"localhost/app:1":                     {"localhost", "app", "app", "1", "-"},
		"registry.example:5000/a/b":           {"registry.example:5000", "a/b", "b", "-", "-"},
		"registry.example:5000/b:1@" + digest: {"registry.example:5000", "b", "b", "1", digest},
		"b@" + digest:                         {"docker.io", "library/b", "b", "-", digest},
		"b:\x00":                              {"docker.io", "library/b", "b", "?", "?"},
		"b:\x00-slim":                         {"docker.io", "library/b", "b", "?", "-"},
		"\x00":                                {"docker.io", "?", "?", "?", "?"},
		"\x00/b:1":                            {"?", "b", "b", "1", "-"},
		"":                                    {"docker.io", "library/", "", "-", "-"},
	} {
		v := image.Value(text, source.Span{Start: 10, End: 10 + len(text)}, "reason")
		for i, key := range []string{"registry", "repository", "name", "tag", "digest"} {
			got := "-"
			if part := v.Get(key); part != nil {
				if got = part.Str; part.Unknown() != "" {
					got = "?"
				}
			}
			if got != want[i] {
				t.Errorf("%q: the %s is %q, want %q", text, key, got, want[i])
			}
		}
	}
}

func TestSpans(t *testing.T) {
	v := image.Value("r.example/a:1@sha256:x", source.Span{Start: 5, End: 27}, "")
	at := func(part *resource.Value) source.Span { return part.Span }
	if at(v.Get("tag")) != (source.Span{Start: 17, End: 18}) || at(v.Get("digest")) != (source.Span{Start: 19, End: 27}) {
		t.Errorf("the tag stands at %v, the digest at %v", at(v.Get("tag")), at(v.Get("digest")))
	}
}
