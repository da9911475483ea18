package policy

import (
	"cmp"
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
	var values [16]*resource.Value
	at := r.Root.Trail(nil, values[:0])
	for i := range results {
		result := &results[i]
		if result.Verdict != Fail {
			continue
		}
		var same map[string]int // findings of this policy by field
		if len(result.Failures) > 1 {
			same = make(map[string]int, len(result.Failures))
		}
		for _, failure := range result.Failures {
			f := &made[len(out)]
			at = at.Along(failure.Path)
			f.Rule, f.Severity, f.Sensitive = &result.Policy.Rule, result.Policy.Severity, result.Policy.Sensitive
			f.Subject, f.Path, f.Via, f.Location = r.ID, at.Path, r.Origin.Via, r.LocateTrail(at)
			if result.Severity != nil {
				f.Severity = *result.Severity
			}
			say(f, r, result.Policy, failure.Message, at)
			f.SetMaterial(at.End())
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

// say sets the texts of a finding, which are in one piece of memory: there are many.
func say(f *finding.Finding, r *resource.Resource, p *Policy, message string, at resource.Trail) {
	var room [512]byte
	text := appendMessage(room[:0], r, p, message, at)
	label := len(text)
	text = appendLabel(text, r, p, at)
	field := len(text)
	all := string(appendField(text, p, at))
	f.Message, f.Label, f.Field = all[:label], all[label:field], all[field:]
}

// discriminator tells apart list items of one identity, such as port 53 by TCP
// and by UDP: by their order among themselves, since nothing else is left.
func discriminator(earlier int) string {
	if earlier == 0 {
		return ""
	}
	return strconv.Itoa(earlier)
}

func appendMessage(b []byte, r *resource.Resource, p *Policy, message string, at resource.Trail) []byte {
	const mark = "{subject}"
	if message == "" {
		return append(append(appendSubject(b, r, at), ": "...), p.Title...)
	}
	for {
		before, after, ok := strings.Cut(message, mark)
		if b = append(b, before...); !ok {
			return b
		}
		b, message = appendSubject(b, r, at), after
	}
}

// appendField appends the path with the identities of list items. The identity of a
// text in a list is the text itself, which a sensitive policy must not show.
func appendField(b []byte, p *Policy, at resource.Trail) []byte {
	n := len(at.Path)
	if n > 0 && at.Path[n-1].IsIndex() && p.Sensitive && at.End().Text() != "" {
		list := resource.Trail{Path: at.Path[:n-1], Values: at.Values[:n]}
		return append(strconv.AppendInt(append(list.AppendStable(b), '['), int64(at.Path[n-1].Index()), 10), ']')
	}
	return at.AppendStable(b)
}

type noun struct {
	noun  string
	ofPod bool
}

// nounOf returns what people call an entry of a list or map. Those of a pod are known
// without its name, which the subject of the finding has; of others the object is named
// too.
func nounOf(key string, inList bool) (noun, bool) {
	if !inList {
		switch key {
		case "jobs":
			return noun{"job", true}, true
		case "data", "stringData", "binaryData":
			return noun{"key", false}, true
		}
		return noun{}, false
	}
	switch key {
	case "containers":
		return noun{"container", true}, true
	case "initContainers":
		return noun{"init container", true}, true
	case "ephemeralContainers":
		return noun{"ephemeral container", true}, true
	case "envFrom":
		return noun{"source", true}, true
	case "env", "variables":
		return noun{"variable", true}, true
	case "volumeMounts":
		return noun{"mount", true}, true
	case "volumes", "ports", "sysctls", "stages", "commands", "services", "steps", "expressions":
		return noun{strings.TrimSuffix(key, "s"), true}, true
	case "include":
		return noun{"include", false}, true
	case "dependencies":
		return noun{"dependency", false}, true
	case "rules", "subjects", "webhooks", "settings":
		return noun{strings.TrimSuffix(key, "s"), false}, true
	case "externalIPs":
		return noun{"external IP", false}, true
	}
	return noun{}, false
}

// appendSubject appends the name of what fails, from the inside out: "variable `X` of
// container `api`", "rule 2 of Role shop/reader", or the object itself.
func appendSubject(b []byte, r *resource.Resource, at resource.Trail) []byte {
	withObject := true
	for i := len(at.Path) - 1; i > 0; i-- {
		if at.Path[i-1].IsIndex() {
			continue
		}
		one, ok := nounOf(at.Path[i-1].Name, at.Path[i].IsIndex())
		if !ok || r.ID.Platform == resource.Terraform && only(at, i) {
			continue // a nested block that occurs once says nothing new
		}
		b = append(appendEntry(append(append(b, one.noun...), ' '), at, i), " of "...)
		withObject = withObject && !one.ofPod
	}
	if withObject {
		return append(b, r.ID.String()...)
	}
	return b[:len(b)-len(" of ")]
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

// appendEntry appends the key or the identity of the entry at step i; without one, its
// position counted from 1, as people count.
func appendEntry(b []byte, at resource.Trail, i int) []byte {
	name := at.Path[i].Name
	if at.Path[i].IsIndex() {
		var own bool
		if name, own = at.ItemName(i); !own {
			return strconv.AppendInt(b, int64(at.Path[i].Index())+1, 10)
		}
	}
	return append(append(append(b, '`'), name...), '`')
}

// appendLabel says what is wrong at the marked place: what the value is, or what is
// missing below the nearest value that is there.
func appendLabel(b []byte, r *resource.Resource, p *Policy, at resource.Trail) []byte {
	present := len(at.Values) - 1
	for present > 0 && !exists(at.Values[present]) {
		present--
	}
	switch rest := at.Path[present:]; {
	case len(rest) == 1:
		return append(append(append(b, '`'), rest[0].Name...), "` is missing here"...)
	case len(rest) > 1:
		return append(rest.AppendTo(append(b, '`')), "` is missing here"...)
	case len(at.Path) == 0 && r.Change != nil:
		return append(append(b, strings.Join(r.Change.Actions, ", then ")...), " is planned"...)
	case len(at.Path) == 0:
		return append(b, "is declared here"...)
	case p.Sensitive || r.ID.Kind == "Secret":
		return append(b, "the value is here (not shown)"...)
	}
	if text, ok := shown(at.End()); ok {
		return append(append(append(b, "is `"...), text...), '`')
	}
	return append(b, "is set here"...)
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
