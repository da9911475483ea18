package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
)

// Findings returns one finding for each failing value of the results. No value
// of a Secret is in them, nor one that a sensitive policy judged. A finding is
// the same at every stage, so that its fingerprint is.
func Findings(r *resource.Resource, results []Result, _ Stage) []*finding.Finding {
	n := 0
	for i := range results {
		if results[i].Verdict == Fail {
			n += len(results[i].Failures)
		}
	}
	if n == 0 {
		return nil
	}
	made, out := make([]finding.Finding, n), make([]*finding.Finding, 0, n)
	for i := range results {
		if results[i].Verdict != Fail {
			continue
		}
		var same map[string]int // findings of this policy by field
		if len(results[i].Failures) > 1 {
			same = make(map[string]int, len(results[i].Failures))
		}
		for _, failure := range results[i].Failures {
			f := &made[len(out)]
			*f = newFinding(r, results[i].Policy, failure)
			if s := results[i].Severity; s != nil {
				f.Severity = *s
			}
			f.SetMaterial(r.Root.At(f.Path))
			f.Identify(discriminator(same[f.Field]))
			f.Location = f.Location.OrLine()
			if same != nil {
				same[f.Field]++
			}
			out = append(out, f)
		}
	}
	return out
}

func newFinding(r *resource.Resource, p *Policy, failure Failure) finding.Finding {
	return finding.Finding{
		Rule:     &p.Rule,
		Message:  message(r, p, failure),
		Severity: p.Severity,
		Subject:  r.ID,
		Path:     failure.Path,
		Field:    field(r, p, failure.Path),
		Label:    label(r, p, failure.Path),
		Location: r.Locate(failure.Path),
		Via:      r.Origin.Via,

		Sensitive: p.Sensitive,
	}
}

// discriminator tells apart list items of one identity, such as port 53 by TCP
// and by UDP: by their order among themselves, since nothing else is left.
func discriminator(earlier int) string {
	if earlier == 0 {
		return ""
	}
	return strconv.Itoa(earlier)
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

// field returns the path with the identities of list items. The identity of a
// text in a list is the text itself, which a sensitive policy must not show.
func field(r *resource.Resource, p *Policy, path resource.Path) string {
	if n := len(path); n > 0 && path[n-1].IsIndex() && p.Sensitive && r.Root.At(path).Text() != "" {
		return r.Root.Stable(path[:n-1]) + "[" + strconv.Itoa(path[n-1].Index()) + "]"
	}
	return r.Root.Stable(path)
}

// nouns are the lists and maps whose entries people know by a name of their own.
// Those of a pod are known without its name, which the subject of the finding
// has; of others the object is named too.
var nouns = map[string]struct {
	noun  string
	ofPod bool
}{
	"containers": {"container", true}, "initContainers": {"init container", true},
	"ephemeralContainers": {"ephemeral container", true}, "volumes": {"volume", true},
	"env": {"variable", true}, "envFrom": {"source", true}, "ports": {"port", true},
	"volumeMounts": {"mount", true}, "sysctls": {"sysctl", true},
	"stages": {"stage", true}, "commands": {"command", true}, "services": {"service", true},
	"variables": {"variable", true}, "include": {"include", false}, "dependencies": {"dependency", false}, "settings": {"setting", false},
	"jobs": {"job", true}, "steps": {"step", true}, "expressions": {"expression", true},
	"rules": {"rule", false}, "subjects": {"subject", false}, "webhooks": {"webhook", false},
	"externalIPs": {"external IP", false},
	"data":        {"key", false}, "stringData": {"key", false}, "binaryData": {"key", false},
}

// keyed are the nouns of entries of maps; the others are of lists.
var keyed = map[string]bool{"key": true, "job": true}

// subject names what fails, from the inside out: "variable `X` of container
// `api`", "rule 2 of Role shop/reader", or the object itself.
func subject(r *resource.Resource, path resource.Path) string {
	names := []string{}
	withObject := true
	for i := 1; i < len(path); i++ {
		list := path[i-1].Name
		n, ok := nouns[list]
		if !ok || path[i-1].IsIndex() || path[i].IsIndex() == keyed[n.noun] {
			continue
		}
		if r.ID.Platform == resource.Terraform && only(r.Root, path[:i+1]) {
			continue // a nested block that occurs once says nothing new
		}
		names = append(names, n.noun+" "+entryName(r.Root, path[:i+1]))
		withObject = withObject && !n.ofPod
	}
	if withObject {
		names = slices.Insert(names, 0, r.ID.String())
	}
	slices.Reverse(names)
	return strings.Join(names, " of ")
}

// only reports whether an entry without a name is the only one of its list.
func only(root *resource.Value, path resource.Path) bool {
	if !path[len(path)-1].IsIndex() {
		return false
	}
	_, own := root.ItemName(path)
	list := root.At(path[:len(path)-1])
	return !own && list != nil && len(list.Items) == 1
}

// entryName is the key or the identity of an entry; without one, its position
// counted from 1, as people count.
func entryName(root *resource.Value, path resource.Path) string {
	last := path[len(path)-1]
	if !last.IsIndex() {
		return "`" + last.Name + "`"
	}
	if name, own := root.ItemName(path); own {
		return "`" + name + "`"
	}
	return strconv.Itoa(last.Index() + 1)
}

// label says what is wrong at the marked place: what the value is, or what is
// missing below the nearest value that is there.
func label(r *resource.Resource, p *Policy, path resource.Path) string {
	present := len(path)
	for present > 0 && !exists(r.Root.At(path[:present])) {
		present--
	}
	if rest := path[present:]; len(rest) == 1 {
		return "`" + rest[0].Name + "` is missing here"
	} else if len(rest) > 0 {
		return "`" + rest.String() + "` is missing here"
	}
	if len(path) == 0 && r.Change != nil {
		return strings.Join(r.Change.Actions, ", then ") + " is planned"
	}
	if len(path) == 0 {
		return "is declared here"
	}
	if p.Sensitive || r.ID.Kind == "Secret" {
		return "the value is here (not shown)"
	}
	if text, ok := shown(r.Root.At(path)); ok {
		return "is `" + text + "`"
	}
	return "is set here"
}

// shown returns a value as it is written, if it is a scalar or a list of them
// and fits into a line.
func shown(v *resource.Value) (string, bool) {
	const most = 60 // bytes
	text := v.Str
	switch v.Kind {
	case resource.Map:
		return "", false
	case resource.List:
		var all []string
		for _, item := range v.Items {
			one, ok := shown(item)
			if !ok || item.Kind == resource.List {
				return "", false
			}
			all = append(all, one)
		}
		text = "[" + strings.Join(all, ", ") + "]"
	case resource.Bool:
		text = cmp.Or(text, strconv.FormatBool(v.Bool))
	case resource.Int:
		text = cmp.Or(text, strconv.FormatInt(v.Int, 10))
	}
	return text, len(text) <= most && !strings.ContainsAny(text, "\r\n`")
}

// exists reports whether there is a value: null is as good as nothing.
func exists(v *resource.Value) bool { return v != nil && v.Kind != resource.Null }
