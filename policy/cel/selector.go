package cel

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// selector is a label selector: of a Service, a map of labels; of everything else
// labels and requirements, of which none selects everything.
type selector struct {
	nothing      bool
	labels       *resource.Value // a map, or nil
	requirements []*resource.Value
}

// templates are the paths to the labels of the pods that a kind makes.
var templates = map[string][]string{
	"Deployment": {"spec", "template"}, "ReplicaSet": {"spec", "template"}, "StatefulSet": {"spec", "template"},
	"DaemonSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"},
	"CronJob": {"spec", "jobTemplate", "spec", "template"}, "PodTemplate": {"template"},
}

// labelsOf returns the labels that selectors look at: those of the pods that a
// workload makes, and of everything else its own.
func labelsOf(r *resource.Resource) *resource.Value {
	return podOf(r).Get("metadata").Get("labels")
}

// podOf returns the template of the pods that a workload makes, and of everything
// else the object itself.
func podOf(r *resource.Resource) *resource.Value {
	v := r.Root
	for _, key := range templates[r.ID.Kind] {
		v = v.Get(key)
	}
	return v
}

// labelKeys returns the labels as key=value, and why not all are known.
func labelKeys(r *resource.Resource) (keys []string, open string) {
	labels := labelsOf(r)
	if labels == nil {
		return nil, ""
	}
	open = labels.Unknown()
	for _, f := range labels.Fields {
		open = firstOf(open, f.Value.Unknown())
		keys = append(keys, f.Key+"="+f.Value.Str)
	}
	return keys, open
}

// selectorAt returns the selector at a path of keys, and why it is not known.
func selectorAt(r *resource.Resource, path string) (s selector, open string) {
	v := r.Root
	for key := range strings.SplitSeq(path, ".") {
		if v != nil && v.Unknown() != "" {
			return selector{nothing: true}, v.Unknown()
		}
		v = v.Get(key)
	}
	if v == nil || v.Kind != resource.Map || v.Unknown() != "" {
		reason := ""
		if v != nil {
			reason = v.Unknown()
		}
		return selector{nothing: true}, reason
	}
	if plain := r.ID.Kind == "Service" || r.ID.Kind == "ReplicationController"; plain {
		s = selector{nothing: len(v.Fields) == 0, labels: v}
	} else {
		s.labels = v.Get("matchLabels")
		if expressions := v.Get("matchExpressions"); expressions != nil {
			s.requirements, open = expressions.Items, expressions.Unknown()
		}
	}
	if s.labels != nil {
		open = firstOf(open, s.labels.Unknown())
		for _, f := range s.labels.Fields {
			open = firstOf(open, f.Value.Unknown())
		}
	}
	for _, requirement := range s.requirements {
		if hasUnknown(requirement) {
			open = firstOf(open, "a requirement of the selector")
		}
	}
	return s, open
}

// key returns a label that everything selected has, as key=value, or "".
func (s selector) key() string {
	if s.labels == nil || len(s.labels.Fields) == 0 {
		return ""
	}
	f := s.labels.Fields[len(s.labels.Fields)-1] // often the most particular
	return f.Key + "=" + f.Value.Str
}

func (s selector) matches(labels *resource.Value) bool {
	if s.nothing {
		return false
	}
	if s.labels != nil {
		for _, f := range s.labels.Fields {
			if v := labels.Get(f.Key); v == nil || v.Str != f.Value.Str {
				return false
			}
		}
	}
	return !slices.ContainsFunc(s.requirements, func(r *resource.Value) bool { return !meets(labels, r) })
}

// meets reports whether labels meet a requirement. One that is not valid is never
// met.
func meets(labels, requirement *resource.Value) bool {
	v := labels.Get(requirement.Get("key").Text())
	among := false
	if values := requirement.Get("values"); v != nil && values != nil {
		among = slices.ContainsFunc(values.Items, func(item *resource.Value) bool { return item.Str == v.Str })
	}
	switch requirement.Get("operator").Text() {
	case "In":
		return among
	case "NotIn":
		return !among
	case "Exists":
		return v != nil
	case "DoesNotExist":
		return v == nil
	}
	return false
}
