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
	var room [16]*resource.Value
	names := namer{r: r}
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
			trail := r.Root.Trail(failure.Path, room[:0])
			*f = newFinding(r, results[i].Policy, trail)
			f.Message = message(names.subject(trail), results[i].Policy, failure)
			if s := results[i].Severity; s != nil {
				f.Severity = *s
			}
			f.SetMaterial(trail.End())
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

func newFinding(r *resource.Resource, p *Policy, at resource.Trail) finding.Finding {
	return finding.Finding{
		Rule:     &p.Rule,
		Severity: p.Severity,
		Subject:  r.ID,
		Path:     at.Path,
		Field:    field(p, at),
		Label:    label(r, p, at),
		Location: r.LocateTrail(at),
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

func message(subject string, p *Policy, failure Failure) string {
	if failure.Message == "" {
		return subject + ": " + p.Title
	}
	before, after, ok := strings.Cut(failure.Message, "{subject}")
	if !ok {
		return failure.Message
	}
	if strings.IndexByte(after, '{') >= 0 {
		after = strings.ReplaceAll(after, "{subject}", subject)
	}
	return before + subject + after
}

// field returns the path with the identities of list items. The identity of a
// text in a list is the text itself, which a sensitive policy must not show.
func field(p *Policy, at resource.Trail) string {
	n := len(at.Path)
	if n > 0 && at.Path[n-1].IsIndex() && p.Sensitive && at.End().Text() != "" {
		list := resource.Trail{Path: at.Path[:n-1], Values: at.Values[:n]}
		return list.Stable() + "[" + strconv.Itoa(at.Path[n-1].Index()) + "]"
	}
	return at.Stable()
}

type noun struct {
	noun  string
	ofPod bool
}

// nouns are the lists and maps whose entries people know by a name of their own.
// Those of a pod are known without its name, which the subject of the finding
// has; of others the object is named too.
var nouns = map[string]noun{
	"containers": {"container", true}, "initContainers": {"init container", true},
	"ephemeralContainers": {"ephemeral container", true}, "volumes": {"volume", true},
	"env": {"variable", true}, "envFrom": {"source", true}, "ports": {"port", true},
	"volumeMounts": {"mount", true}, "sysctls": {"sysctl", true},
	"stages": {"stage", true}, "commands": {"command", true}, "services": {"service", true},
	"variables": {"variable", true}, "include": {"include", false}, "dependencies": {"dependency", false}, "settings": {"setting", false},
	"steps": {"step", true}, "expressions": {"expression", true},
	"rules": {"rule", false}, "subjects": {"subject", false}, "webhooks": {"webhook", false},
	"externalIPs": {"external IP", false},
}

// nounOfKey is that of the entries of maps; the others are those of lists.
func nounOfKey(key string) (noun, bool) {
	switch key {
	case "jobs":
		return noun{"job", true}, true
	case "data", "stringData", "binaryData":
		return noun{"key", false}, true
	}
	return noun{}, false
}

// namer names what fails in a resource.
type namer struct {
	r    *resource.Resource
	path resource.Path // of what was named last, as far as names are in it
	name string
}

// subject names what fails, from the inside out: "variable `X` of container
// `api`", "rule 2 of Role shop/reader", or the object itself.
func (n *namer) subject(at resource.Trail) string {
	named := 0 // steps
	for i := 1; i < len(at.Path); i++ {
		if _, ok := nounAt(at.Path, i); ok {
			named = i + 1
		}
	}
	if n.name == "" || !slices.Equal(n.path, at.Path[:named]) {
		n.path, n.name = at.Path[:named], n.nameOf(at)
	}
	return n.name
}

func (n *namer) nameOf(at resource.Trail) string {
	names := []string{}
	withObject := true
	for i := 1; i < len(at.Path); i++ {
		one, ok := nounAt(at.Path, i)
		if !ok {
			continue
		}
		if n.r.ID.Platform == resource.Terraform && only(at, i) {
			continue // a nested block that occurs once says nothing new
		}
		names = append(names, one.noun+" "+entryName(at, i))
		withObject = withObject && !one.ofPod
	}
	if withObject {
		names = slices.Insert(names, 0, n.r.ID.String())
	}
	slices.Reverse(names)
	return strings.Join(names, " of ")
}

// nounAt returns the noun of what the step i of a path leads to, if that has one.
func nounAt(path resource.Path, i int) (noun, bool) {
	if path[i-1].IsIndex() {
		return noun{}, false
	}
	if path[i].IsIndex() {
		n, ok := nouns[path[i-1].Name]
		return n, ok
	}
	return nounOfKey(path[i-1].Name)
}

// only reports whether the entry at step i, without a name, is the only one of its list.
func only(at resource.Trail, i int) bool {
	if !at.Path[i].IsIndex() {
		return false
	}
	_, own := at.ItemName(i)
	list := at.At(i)
	return !own && list != nil && len(list.Items) == 1
}

// entryName is the key or the identity of the entry at step i; without one, its
// position counted from 1, as people count.
func entryName(at resource.Trail, i int) string {
	if !at.Path[i].IsIndex() {
		return "`" + at.Path[i].Name + "`"
	}
	if name, own := at.ItemName(i); own {
		return "`" + name + "`"
	}
	return strconv.Itoa(at.Path[i].Index() + 1)
}

// label says what is wrong at the marked place: what the value is, or what is
// missing below the nearest value that is there.
func label(r *resource.Resource, p *Policy, at resource.Trail) string {
	present := len(at.Values) - 1
	for present > 0 && !exists(at.Values[present]) {
		present--
	}
	if rest := at.Path[present:]; len(rest) == 1 {
		return "`" + rest[0].Name + "` is missing here"
	} else if len(rest) > 0 {
		var room [128]byte
		return string(append(rest.AppendTo(append(room[:0], '`')), "` is missing here"...))
	}
	if len(at.Path) == 0 && r.Change != nil {
		return strings.Join(r.Change.Actions, ", then ") + " is planned"
	}
	if len(at.Path) == 0 {
		return "is declared here"
	}
	if p.Sensitive || r.ID.Kind == "Secret" {
		return "the value is here (not shown)"
	}
	if text, ok := shown(at.End()); ok {
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
