// Package image reads references to container images, as Dockerfiles, Compose
// files and pipelines hold them:
//
//	registry.example:5000/team/web:1.4@sha256:…
//	└──── registry ─────┘ └ repository ┘ tag  digest
//
// A reference without a registry is one of Docker Hub, and there without a
// folder one of library. Parts of it may be unknown, because they depend on
// arguments that are given later.
package image

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Unknown stands in a text for a part that is not known.
const Unknown = "\x00"

// Value returns what a reference is made of: registry, repository, name (the
// last part of the repository), and tag and digest if it has them. Parts of text
// that are not known are written as Unknown, and reason says why. Where text
// stands at span as it is, tag and digest have spans of their own.
func Value(text string, span source.Span, reason string) *resource.Value {
	b := builder{text, span, reason}
	path, digest, pinned := strings.Cut(text, "@")
	tagged := strings.LastIndexByte(path, ':')
	if tagged <= strings.LastIndexByte(path, '/') {
		tagged = len(path)
	}
	repository := path[:tagged]
	registry, rest, ok := strings.Cut(repository, "/")
	switch {
	case ok && (strings.ContainsAny(registry, ".:") || registry == "localhost"):
		repository = rest
	case ok && strings.Contains(registry, Unknown):
		repository = rest // perhaps, but it is not known what of
	default:
		registry = "docker.io"
		if !ok {
			repository = "library/" + repository
		}
	}
	out := resource.NewMap(span)
	out.Put("reference", b.part(text, 0, len(text)))
	out.Put("registry", b.part(registry, 0, len(text)))
	out.Put("repository", b.part(repository, 0, len(text)))
	out.Put("name", b.part(repository[strings.LastIndexByte(repository, '/')+1:], 0, len(text)))
	vague := strings.HasSuffix(path, Unknown)
	switch {
	case tagged < len(path):
		out.Put("tag", b.part(path[tagged+1:], tagged+1, len(path)))
	case vague && !pinned:
		out.Put("tag", b.part(Unknown, 0, len(text)))
	}
	switch {
	case pinned:
		out.Put("digest", b.part(digest, len(path)+1, len(text)))
	case vague:
		out.Put("digest", b.part(Unknown, 0, len(text)))
	}
	return out
}

type builder struct {
	text   string
	span   source.Span
	reason string
}

// part returns the value of a part that is text[start:end].
func (b builder) part(value string, start, end int) *resource.Value {
	span := b.span
	if b.span.End-b.span.Start == len(b.text) {
		span = source.Span{Start: b.span.Start + start, End: b.span.Start + end}
	}
	if strings.Contains(value, Unknown) {
		return resource.NewUnknown(b.reason, span)
	}
	return resource.NewText(value, span)
}
