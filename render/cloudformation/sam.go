package cloudformation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
)

// globals are the types of resources that a section of Globals is for.
var globals = map[string]string{
	"Function": "AWS::Serverless::Function", "Api": "AWS::Serverless::Api", "HttpApi": "AWS::Serverless::HttpApi",
	"WebSocketApi": "AWS::Serverless::WebSocketApi",
	"SimpleTable":  "AWS::Serverless::SimpleTable", "StateMachine": "AWS::Serverless::StateMachine",
	"LayerVersion": "AWS::Serverless::LayerVersion", "CapacityProvider": "AWS::Serverless::CapacityProvider",
}

// mergeGlobals puts what is written for all resources of a type into each.
func (t *template) mergeGlobals(all *resource.Value) {
	if all == nil {
		return
	}
	for _, section := range all.Fields {
		for i, e := range t.entries {
			if kind := e.body.Get("Type").Text(); kind == "" || kind != globals[section.Key] {
				continue
			}
			body := *e.body
			body.Fields = slices.Clone(body.Fields)
			at := slices.IndexFunc(body.Fields, func(f resource.Field) bool { return f.Key == "Properties" })
			if at < 0 {
				body.Fields = append(body.Fields, resource.Field{Key: "Properties", KeySpan: e.key, Value: resource.NewMap(e.body.Span)})
				at = len(body.Fields) - 1
			}
			body.Fields[at].Value = t.merge(section.Value, body.Fields[at].Value)
			t.entries[i].body = &body
		}
	}
}

// merge returns what is written for one resource over what is written for all: maps
// are merged, lists put together, and of all else the own one counts.
func (t *template) merge(common, own *resource.Value) *resource.Value {
	t.budget -= 1 + len(own.Fields)*len(common.Fields)/64
	_, isCall := t.callOf(common)
	_, ownIsCall := t.callOf(own)
	if isCall || ownIsCall || common.Kind != own.Kind || t.budget < 0 {
		return own
	}
	switch own.Kind {
	case resource.List:
		out := *own
		out.Items = slices.Concat(common.Items, own.Items)
		return &out
	case resource.Map:
		out := *own
		out.Fields = slices.Clone(own.Fields)
		for _, f := range common.Fields {
			at := slices.IndexFunc(out.Fields, func(mine resource.Field) bool { return mine.Key == f.Key })
			if at < 0 {
				out.Fields = append(out.Fields, f)
				continue
			}
			out.Fields[at].Value = t.merge(f.Value, out.Fields[at].Value)
		}
		return &out
	}
	return own
}
