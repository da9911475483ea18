package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// admissionMatch reads the matchConstraints of an admission policy. A manifest
// is an object that is created.
func (d *decoder) admissionMatch(v *resource.Value, p *Policy) {
	for _, rule := range items(v.Get("resourceRules")) {
		d.refuseField(rule, "resourceNames")
		if operations := texts(rule.Get("operations")); !slices.ContainsFunc(operations, func(o string) bool { return o == "*" || o == "CREATE" || o == "UPDATE" }) {
			continue
		}
		m := Match{Groups: texts(rule.Get("apiGroups"))}
		for _, name := range texts(rule.Get("resources")) {
			if name == "*/*" {
				name = "*"
			}
			if !strings.Contains(name, "/") { // what is not a request for a part of it
				m.Resources = append(m.Resources, name)
			}
		}
		if len(m.Resources) > 0 && len(m.Groups) > 0 {
			p.Match = append(p.Match, m)
		}
	}
	if len(p.Match) == 0 {
		d.fail(v.Span, "leave the policy to the API server", "the policy is about requests that no manifest makes")
	}
	if where := d.selection(v); where != "" {
		p.Conditions = append(p.Conditions, Condition{Name: "selected", Expression: where, Span: v.Span})
	}
}

func (d *decoder) refuseField(v *resource.Value, name string) {
	if found := v.Get(name); found != nil && len(found.Items) > 0 {
		d.fail(found.Span, "write it as a match condition", "%s is not taken from admission policies", name)
	}
}

// selection returns the condition that stands for the selectors of
// matchConstraints or matchResources; "" stands for any object.
func (d *decoder) selection(v *resource.Value) string {
	if v == nil {
		return ""
	}
	d.refuseField(v, "excludeResourceRules")
	var all []string
	if one := d.selector(v.Get("objectSelector"), "object.?metadata.?labels.orValue({})", ""); one != "" {
		all = append(all, one)
	}
	if one := d.selector(v.Get("namespaceSelector"), namespaceLabels, namespaceName); one != "" {
		all = append(all, "("+noNamespace+" || "+one+")")
	}
	if len(all) == 0 {
		return ""
	}
	return "(" + strings.Join(all, " && ") + ")"
}

// bound is the selection of a binding, which cannot name other resources than
// its policy does.
func (d *decoder) bound(binding *resource.Value) string {
	v := binding.Get("spec").Get("matchResources")
	d.refuseField(v, "resourceRules")
	return d.selection(v)
}

// What a selector of namespaces is compared with. An object without a namespace
// is selected, as those of the cluster are. The name of a namespace is known
// from the object, its other labels only if it is there too.
const (
	noNamespace     = "object.kind != 'Namespace' && object.?metadata.?namespace.orValue('') == ''"
	namespaceName   = "(object.kind == 'Namespace' ? object.metadata.name : object.metadata.namespace)"
	namespaceLabels = "(object.kind == 'Namespace' ? object : namespaceObject).?metadata.?labels.orValue({})"
)

// nameLabel is a label that API servers give each namespace.
const nameLabel = "kubernetes.io/metadata.name"

// selector returns an expression for a label selector. The name is what stands
// for the value of nameLabel; "" for none.
func (d *decoder) selector(v *resource.Value, labels, name string) string {
	var all []string
	value := func(key string) (has, is string) {
		if key == nameLabel && name != "" {
			return "true", name
		}
		quoted := strconv.Quote(key)
		return quoted + " in " + labels, labels + "[?" + quoted + "].orValue('')"
	}
	if labels := v.Get("matchLabels"); labels != nil {
		for _, f := range labels.Fields {
			has, is := value(f.Key)
			all = append(all, "("+has+" && "+is+" == "+strconv.Quote(f.Value.Text())+")")
		}
	}
	for _, e := range items(v.Get("matchExpressions")) {
		has, is := value(e.Get("key").Text())
		var values []string
		for _, one := range texts(e.Get("values")) {
			values = append(values, strconv.Quote(one))
		}
		in := "(" + has + " && " + is + " in [" + strings.Join(values, ", ") + "])"
		switch operator := e.Get("operator"); operator.Text() {
		case "In":
			all = append(all, in)
		case "NotIn":
			all = append(all, "!"+in)
		case "Exists":
			all = append(all, "("+has+")")
		case "DoesNotExist":
			all = append(all, "!("+has+")")
		default:
			d.fail(e.Span, "use In, NotIn, Exists or DoesNotExist", "%q is not an operator of selectors", operator.Text())
		}
	}
	return strings.Join(all, " && ")
}

func items(v *resource.Value) []*resource.Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// texts returns the items of a list.
func texts(v *resource.Value) (all []string) {
	for _, item := range items(v) {
		all = append(all, item.Text())
	}
	return all
}
