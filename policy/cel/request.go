package cel

import (
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Policies of API servers see a request. What is in a file is about to be
// created: the rest of the request nobody knows yet, so a verdict that depends on
// it is unknown.

// asked is what a policy reads that may be unknown of any object.
type asked struct{ request, namespace bool }

func askedBy(p *policy.Policy) (a asked) {
	if !p.Imported {
		return a
	}
	look := func(text string) {
		for _, name := range notYetKnown {
			a.request = a.request || strings.Contains(text, name)
		}
		a.namespace = a.namespace || strings.Contains(text, "namespaceObject")
	}
	for _, c := range p.Conditions {
		look(c.Expression)
	}
	for _, v := range p.Variables {
		look(v.Expression)
	}
	for _, v := range p.Validations {
		look(v.Expression)
	}
	return a
}

// notYetKnown are the fields of a request that do not follow from the object.
var notYetKnown = []string{"userInfo", "uid", "options"}

// unknown reports whether anything that is asked for is not known.
func (a asked) unknown(s *subject) bool {
	return a.request || a.namespace && types.IsUnknown(s.namespaceObject())
}

// request returns that by which an API server would be asked to create the
// resource.
func (s *subject) request() *resource.Value {
	id := s.r.ID
	if s.r.Change != nil {
		return planned(s.r.Change)
	}
	kind := mapOf("group", textOf(id.Group), "version", textOf(id.Version), "kind", textOf(id.Kind))
	named := mapOf("group", textOf(id.Group), "version", textOf(id.Version), "resource", textOf(policy.Plural(id.Kind)))
	return mapOf(
		"kind", kind, "requestKind", kind, "resource", named, "requestResource", named,
		"subResource", textOf(""), "requestSubResource", textOf(""),
		"name", textOf(id.Name), "namespace", textOf(id.Namespace), "operation", textOf("CREATE"),
		"dryRun", &resource.Value{Kind: resource.Bool},
		notYetKnown[0], unknownValue("who sends the object"),
		notYetKnown[1], unknownValue("the request"), notYetKnown[2], unknownValue("the request"),
	)
}

// planned returns what a plan asks for.
func planned(c *resource.Change) *resource.Value {
	actions, replaced := &resource.Value{Kind: resource.List}, &resource.Value{Kind: resource.List}
	for _, action := range c.Actions {
		actions.Items = append(actions.Items, textOf(action))
	}
	for _, path := range c.Replaced {
		replaced.Items = append(replaced.Items, textOf(path.String()))
	}
	return mapOf("actions", actions, "replaced", replaced)
}

// namespaceObject returns the Namespace of the resource: null for what has none.
func (s *subject) namespaceObject() ref.Val {
	name := s.r.ID.Namespace
	if name == "" || s.r.ID.Kind == "Namespace" {
		return types.NullValue
	}
	for _, k := range s.engine.index(s.set).byKind {
		if k.kindOf != (kindOf{kind: "Namespace"}) {
			continue
		}
		for _, r := range k.all {
			if r.ID.Name == name {
				return valueOf(withoutNulls(r.Root))
			}
		}
	}
	return valueOf(unknownValue("the namespace " + name + ", which is not judged together with this object"))
}

func unknownValue(reason string) *resource.Value {
	return &resource.Value{Extra: &resource.Extra{Unknown: reason}}
}

func textOf(s string) *resource.Value { return &resource.Value{Kind: resource.String, Str: s} }

// mapOf returns a map of keys and values in turns.
func mapOf(pairs ...any) *resource.Value {
	v := &resource.Value{Kind: resource.Map}
	for i := 0; i < len(pairs); i += 2 {
		v.Fields = append(v.Fields, resource.Field{Key: pairs[i].(string), Value: pairs[i+1].(*resource.Value)})
	}
	return v
}
