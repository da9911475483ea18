// Package iam reads policies in the language of AWS Identity and Access Management.
//
//	document    a map with Statement, as JSON, HCL or a template has it
//	statement   who may do what to what, and when: Effect, Principal, Action,
//	            Resource, Condition and what excludes instead
//	normal form the statements of a document as a list of maps in which all that
//	            may be one or several are lists (see Statements)
//	public      granted to anybody who has an AWS account, or none
//	restricted  granted only under a condition on who asks
//	escalation  actions by which one gets the permissions of others
//
// What is not known stays unknown: an answer that depends on it is neither yes
// nor no. Matching is that of AWS: actions without regard to case, `*` for any
// number of characters and `?` for one.
package iam

import (
	"github.com/holdfast-dev/holdfast/resource"
)

// Statements returns the normal form of a document's statements: a list of maps
//
//	sid, effect                   strings, absent if they are not there
//	actions, notActions, resources, notResources
//	                              lists of strings
//	principals, notPrincipals     lists of maps with type and id; that of "*" alone
//	                              has the type "*"
//	conditions                    a list of maps with test, variable and values, a list
//
// What is not known stays an unknown value in its place: the document, its list of
// statements, one of them, or anything in it. What is no document has no statements.
//
// origin, if it is not nil, is told from where in the document each list, map and
// string was taken. The values that it is told of occur once in what is returned.
func Statements(doc *resource.Value, origin func(*resource.Value, resource.Path)) *resource.Value {
	n := normaliser{origin: origin}
	if doc.Unknown() != "" {
		return n.leaf(doc, nil)
	}
	at := resource.Path{resource.Key("Statement")}
	all := doc.Get("Statement")
	if all != nil && all.Unknown() != "" {
		return n.leaf(all, at)
	}
	out := n.list(at)
	n.each(all, at, func(one *resource.Value, at resource.Path) {
		if one.Unknown() != "" || one.Kind == resource.Map {
			out.Items = append(out.Items, n.statement(one, at))
		}
	})
	return out
}

type normaliser struct {
	origin func(*resource.Value, resource.Path)
}

// noted tells of a value's origin.
func (n normaliser) noted(v *resource.Value, at resource.Path) *resource.Value {
	if n.origin != nil {
		n.origin(v, at)
	}
	return v
}

func (n normaliser) list(at resource.Path) *resource.Value {
	return n.noted(&resource.Value{Kind: resource.List}, at)
}

// leaf returns a value as it is: a copy if somebody wants to know whence it is,
// for one value may be in many places.
func (n normaliser) leaf(v *resource.Value, at resource.Path) *resource.Value {
	if n.origin == nil {
		return v
	}
	own := *v
	return n.noted(&own, at)
}

// step returns a longer path, which only an origin needs.
func (n normaliser) step(at resource.Path, s resource.Step) resource.Path {
	if n.origin == nil {
		return nil
	}
	return at.Append(s)
}

// each calls do for the items of a list, or for what stands in the place of one.
func (n normaliser) each(v *resource.Value, at resource.Path, do func(*resource.Value, resource.Path)) {
	switch {
	case v == nil || v.Kind == resource.Null && v.Unknown() == "":
	case v.Kind == resource.List && v.Unknown() == "":
		for i, item := range v.Items {
			do(item, n.step(at, resource.Index(i)))
		}
	default:
		do(v, at)
	}
}

func (n normaliser) statement(s *resource.Value, at resource.Path) *resource.Value {
	if s.Unknown() != "" {
		return n.leaf(s, at)
	}
	out := n.noted(&resource.Value{Kind: resource.Map, Span: s.Span}, at)
	add := func(key string, v *resource.Value) {
		out.Fields = append(out.Fields, resource.Field{Key: key, Value: v})
	}
	for _, f := range []struct{ key, name string }{{"Sid", "sid"}, {"Effect", "effect"}} {
		if v := s.Get(f.key); v != nil {
			add(f.name, n.leaf(v, n.step(at, resource.Key(f.key))))
		}
	}
	for _, f := range []struct{ key, name string }{
		{"Action", "actions"}, {"NotAction", "notActions"}, {"Resource", "resources"}, {"NotResource", "notResources"},
	} {
		add(f.name, n.texts(s.Get(f.key), n.step(at, resource.Key(f.key))))
	}
	add("principals", n.principals(s.Get("Principal"), n.step(at, resource.Key("Principal"))))
	add("notPrincipals", n.principals(s.Get("NotPrincipal"), n.step(at, resource.Key("NotPrincipal"))))
	add("conditions", n.conditions(s.Get("Condition"), n.step(at, resource.Key("Condition"))))
	return out
}

// texts returns a list of what is one or several.
func (n normaliser) texts(v *resource.Value, at resource.Path) *resource.Value {
	if v != nil && v.Unknown() != "" {
		return n.leaf(v, at)
	}
	out := n.list(at)
	n.each(v, at, func(item *resource.Value, at resource.Path) { out.Items = append(out.Items, n.leaf(item, at)) })
	return out
}

func (n normaliser) principals(v *resource.Value, at resource.Path) *resource.Value {
	if v != nil && v.Unknown() != "" {
		return n.leaf(v, at)
	}
	out := n.list(at)
	add := func(kind string, id *resource.Value, at resource.Path) {
		out.Items = append(out.Items, n.noted(record("type", text(kind), "id", n.leaf(id, at)), at))
	}
	if v != nil && v.Kind == resource.Map {
		for _, f := range v.Fields {
			n.each(f.Value, n.step(at, resource.Key(f.Key)), func(id *resource.Value, at resource.Path) { add(f.Key, id, at) })
		}
		return out
	}
	n.each(v, at, func(id *resource.Value, at resource.Path) { add("*", id, at) })
	return out
}

func (n normaliser) conditions(v *resource.Value, at resource.Path) *resource.Value {
	if v != nil && v.Unknown() != "" {
		return n.leaf(v, at)
	}
	out := n.list(at)
	if v == nil {
		return out
	}
	for _, test := range v.Fields {
		at := n.step(at, resource.Key(test.Key))
		if test.Value.Unknown() != "" {
			out.Items = append(out.Items, n.leaf(test.Value, at))
			continue
		}
		for _, f := range test.Value.Fields {
			at := n.step(at, resource.Key(f.Key))
			out.Items = append(out.Items, n.noted(record("test", text(test.Key), "variable", text(f.Key), "values", n.texts(f.Value, at)), at))
		}
	}
	return out
}

func text(s string) *resource.Value {
	return &resource.Value{Kind: resource.String, Str: s, Quoted: true}
}

// record returns a map of keys and values in turns.
func record(pairs ...any) *resource.Value {
	v := &resource.Value{Kind: resource.Map}
	for i := 0; i < len(pairs); i += 2 {
		v.Fields = append(v.Fields, resource.Field{Key: pairs[i].(string), Value: pairs[i+1].(*resource.Value)})
	}
	return v
}
