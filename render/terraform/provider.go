package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/resource"
)

// defaultTags puts tags_all into the tree of a resource of AWS: its tags over those
// that its provider gives to all resources.
func (i *instance) defaultTags(out *resource.Value) {
	if i.block.Type != "resource" || !strings.HasPrefix(i.block.label(0), "aws_") || out.Get("tags_all") != nil {
		return
	}
	tags, defaults := out.Get("tags"), i.tagsOf(i.provider())
	switch {
	case tags == nil && defaults == nil:
		return
	case defaults == nil || tags != nil && tags.Unknown() != "":
		out.Fields = append(out.Fields, resource.Field{Key: "tags_all", KeySpan: tags.Span, Value: tags})
		return
	case tags == nil || defaults.Unknown() != "":
		out.Fields = append(out.Fields, resource.Field{Key: "tags_all", KeySpan: defaults.Span, Value: defaults})
		return
	}
	all := &resource.Value{Kind: resource.Map, Span: tags.Span, Fields: slices.Clone(defaults.Fields)}
	for _, f := range tags.Fields {
		all.Fields = setField(all.Fields, f)
	}
	out.Fields = append(out.Fields, resource.Field{Key: "tags_all", KeySpan: tags.Span, Value: all})
}

// configured is a block that configures a provider, in its module.
type configured struct {
	block *block
	scope *scope
}

// provider returns the configuration of the provider of a resource.
func (i *instance) provider() configured {
	name, _, _ := strings.Cut(i.block.label(0), "_")
	if e := i.block.attr("provider"); e != nil {
		name = i.names(e).Str
	}
	return i.configured(name)
}

// configured returns the configuration of a provider by its name here: aws, aws.eu.
func (s *scope) configured(name string) configured {
	local, alias, _ := strings.Cut(name, ".")
	for _, b := range s.mod.providers {
		if b.label(0) != local {
			continue
		}
		known := ""
		if e := b.attr("alias"); e != nil {
			known = s.frame().value(e).Text()
		}
		if known == alias {
			return configured{b, s}
		}
	}
	if s.parent == nil {
		return configured{}
	}
	if given, ok := s.call.attr("providers").(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range given.Items {
			if s.names(item.KeyExpr).Str == name {
				return s.parent.configured(s.names(item.ValueExpr).Str)
			}
		}
	}
	if alias == "" {
		return s.parent.configured(local)
	}
	return configured{}
}

// tagsOf returns the default tags of a provider's configuration, or nil.
func (r *run) tagsOf(c configured) *resource.Value {
	if c.block == nil {
		return nil
	}
	if tags, ok := r.tags[c]; ok {
		return tags
	}
	var tags *resource.Value
	c.scope.frame().blocks(c.block.Body, func(kind string, b *hclsyntax.Block, in frame, why string) {
		if kind == "default_tags" && b != nil && why == "" && b.Body.Attributes["tags"] != nil {
			tags = in.value(b.Body.Attributes["tags"].Expr)
		}
	})
	if tags != nil && tags.Unknown() == "" && tags.Kind != resource.Map {
		tags = nil
	}
	if r.tags == nil {
		r.tags = map[configured]*resource.Value{}
	}
	r.tags[c] = tags
	return tags
}
