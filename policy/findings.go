package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
)

// Findings returns one finding for each failing value of the results. No value
// of a Secret is in them, nor one that a sensitive policy judged. A finding is
// the same at every stage, so that its fingerprint is.
func Findings(r *resource.Resource, results []Result, _ Stage) []*finding.Finding {
	var out []*finding.Finding
	for i := range results {
		if results[i].Verdict != Fail {
			continue
		}
		for _, failure := range results[i].Failures {
			out = append(out, newFinding(r, results[i].Policy, failure))
		}
	}
	return out
}

func newFinding(r *resource.Resource, p *Policy, failure Failure) *finding.Finding {
	f := &finding.Finding{
		Rule:     &p.Rule,
		Message:  message(r, p, failure),
		Severity: p.Severity,
		Subject:  r.ID,
		Path:     failure.Path,
		Field:    r.Root.Stable(failure.Path),
		Label:    label(r, p, failure.Path),
		Location: r.Locate(failure.Path),
		Via:      r.Origin.Via,
	}
	f.Identify("")
	return f
}

func message(r *resource.Resource, p *Policy, failure Failure) string {
	who := subject(r, failure.Path)
	switch {
	case failure.Message == "":
		return who + ": " + p.Title
	case strings.Contains(failure.Message, "{subject}"):
		return strings.ReplaceAll(failure.Message, "{subject}", who)
	}
	return failure.Message
}

// nouns are the lists and maps whose entries people know by a name of their own.
var nouns = map[string]string{
	"containers": "container", "initContainers": "init container", "ephemeralContainers": "ephemeral container",
	"volumes": "volume", "rules": "rule", "subjects": "subject", "data": "key", "stringData": "key",
	"binaryData": "key", "env": "variable", "ports": "port", "sysctls": "sysctl", "webhooks": "webhook",
	"externalIPs": "external IP", "volumeMounts": "mount", "envFrom": "source", "imagePullSecrets": "pull secret",
}

// subject names what fails, from the inside out: "variable `X` of container
// `api`", or the object itself.
func subject(r *resource.Resource, path resource.Path) string {
	var names []string
	for i := 1; i < len(path); i++ {
		noun, ok := nouns[path[i-1].Name]
		switch {
		case !ok || path[i-1].IsIndex():
		case path[i].IsIndex():
			names = append(names, fmt.Sprintf("%s `%s`", noun, itemName(r.Root, path[:i+1])))
		case noun == "key":
			names = append(names, fmt.Sprintf("%s `%s`", noun, path[i].Name))
		}
	}
	if len(names) == 0 || strings.HasPrefix(names[0], "key") {
		names = slices.Insert(names, 0, r.ID.String())
	}
	slices.Reverse(names)
	return strings.Join(names, " of ")
}

// itemName is the identity of a list item as Stable shows it, or its position
// counted from 1, as people count.
func itemName(root *resource.Value, path resource.Path) string {
	stable := root.Stable(path)
	name := stable[len(root.Stable(path[:len(path)-1]))+1 : len(stable)-1]
	index := path[len(path)-1].Index()
	if name == fmt.Sprint(index) {
		return fmt.Sprint(index + 1)
	}
	return name
}

// label says what is wrong at the marked place: what the value is, or what is
// missing below the nearest value that is there.
func label(r *resource.Resource, p *Policy, path resource.Path) string {
	present := len(path)
	for present > 0 && !exists(r.Root.At(path[:present])) {
		present--
	}
	if present < len(path) {
		return fmt.Sprintf("`%s` is missing here", path[present:])
	}
	v := r.Root.At(path)
	if p.Sensitive || r.ID.Kind == "Secret" {
		return "the value is here (not shown)"
	}
	switch v.Kind {
	case resource.Bool, resource.Int, resource.Float:
		return fmt.Sprintf("is `%s`", cmp.Or(v.Str, fmt.Sprint(v.Bool)))
	case resource.String:
		if len(v.Str) <= 60 && !strings.Contains(v.Str, "\n") {
			return fmt.Sprintf("is `%s`", v.Str)
		}
	}
	return "is here"
}

// exists reports whether there is a value: null is as good as nothing.
func exists(v *resource.Value) bool { return v != nil && v.Kind != resource.Null }
