package safeguard

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// protecting are the kinds of objects that protect others, and what they are of.
var protecting = map[string]string{
	"NetworkPolicy": "network", "CiliumNetworkPolicy": "network", "CiliumClusterwideNetworkPolicy": "network", "GlobalNetworkPolicy": "network",
	"AdminNetworkPolicy": "network", "BaselineAdminNetworkPolicy": "network", "PeerAuthentication": "network", "AuthorizationPolicy": "network",
	"ValidatingAdmissionPolicy": "admission", "ValidatingAdmissionPolicyBinding": "admission", "MutatingAdmissionPolicy": "admission",
	"ValidatingWebhookConfiguration": "admission", "ClusterPolicy": "admission", "ValidatingPolicy": "admission", "ImageValidatingPolicy": "admission",
	"ConstraintTemplate": "admission", "ClusterImagePolicy": "admission", "PodSecurityPolicy": "admission", "ClusterAdmissionPolicy": "admission",
	"GitRepository": "admission", "OCIRepository": "admission", "HelmChart": "admission", "AppProject": "admission",
	"PodDisruptionBudget": "availability", "ResourceQuota": "quota", "LimitRange": "quota", "Namespace": "namespace",
}

// sortOf returns what an object protects; "" if it protects nothing.
func sortOf(id resource.ID) string {
	switch {
	case id.Group == "constraints.gatekeeper.sh":
		return "admission"
	case id.Kind == "Policy" && strings.HasSuffix(id.Group, "kyverno.io"):
		return "admission"
	}
	return protecting[id.Kind]
}

// object is an object that protects others.
type object struct {
	id   resource.ID
	sort string
	file *source.File
	root *resource.Value
}

func (o object) String() string { return o.id.String() }

var kindLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*["']?kind["']?\s*:\s*["']?([A-Za-z]+)`)
})

// mayProtect tells from the words of a file whether it can hold what protects.
func mayProtect(content []byte) bool {
	if bytes.Contains(content, []byte("constraints.gatekeeper.sh")) || bytes.Contains(content, []byte("kyverno.io")) || bytes.IndexByte(content, '\\') >= 0 {
		return true
	}
	for kind := range protecting {
		if bytes.Contains(content, []byte(kind)) {
			return true
		}
	}
	return false
}

// objectsIn returns the objects of a manifest that protect. Of a template, which is
// no YAML, these are its kinds, under the number of each as name.
func objectsIn(file *source.File) (all []object) {
	if file == nil || !isYAML(file.Path) && !strings.HasSuffix(file.Path, ".json") || !bytes.Contains(file.Content, []byte("kind")) {
		return nil
	}
	if !mayProtect(file.Content) {
		return nil
	}
	var docs []resource.Document
	if !bytes.Contains(file.Content, []byte("{{")) {
		docs = documents(file)
	}
	if docs == nil {
		numbers := map[string]int{}
		for _, m := range kindLine().FindAllSubmatch(file.Content, -1) {
			kind := string(m[1])
			if protecting[kind] != "" && kind != "Namespace" && !slices.Contains(fetching, kind) {
				numbers[kind]++
				all = append(all, object{resource.ID{Kind: kind, Name: fmt.Sprintf("%d of %s", numbers[kind], file.Path)}, protecting[kind], file, nil})
			}
		}
		return all
	}
	for _, doc := range docs {
		for _, o := range resource.Objects(doc) {
			if sort := sortOf(o.ID); sort != "" && (!slices.Contains(fetching, o.ID.Kind) || asksForSignatures(o.Root)) {
				all = append(all, object{o.ID, sort, file, o.Root})
			}
		}
	}
	return all
}

// protections compares the objects that protect others in the manifests that
// differ. One that moves to another file is still there.
func protections(c *comparison) error {
	var old, now []object
	for _, p := range c.pairs {
		if strings.HasPrefix(p.path, ".github/") || strings.HasPrefix(p.path, directory) {
			continue
		}
		before, after := objectsIn(p.old), objectsIn(p.new)
		old, now = append(old, before...), append(now, after...)
		if len(before)+len(after) > 0 {
			c.kept(Protection, p)
		}
		c.values(p)
	}
	for _, o := range old {
		if slices.Contains(fetching, o.id.Kind) {
			c.fetched(o)
			continue
		}
		i := slices.IndexFunc(now, func(n object) bool { return n.id.Key() == o.id.Key() })
		if i >= 0 {
			c.loosened(o, now[i])
			continue
		}
		gone, err := c.retired(o)
		if err != nil {
			return err
		}
		if gone || o.sort == "namespace" && enforced(o.root) == 0 {
			continue
		}
		c.add(Change{Kind: Protection, Path: o.file.Path, Name: o.String(), Loss: "removed", Old: withSort(o), At: in(o.file, o.root),
			Text: fmt.Sprintf("%s, which protects what else is there, is gone", o)})
	}
	return nil
}

// fetching are kinds of what controllers fetch from, which protect if they ask for
// signatures.
var fetching = []string{"GitRepository", "OCIRepository", "HelmChart", "AppProject"}

func asksForSignatures(o *resource.Value) bool {
	return at(o, "spec", "verify") != nil || len(items(at(o, "spec", "signatureKeys"))) > 0
}

// fetched tells that something is fetched still, and no signature asked for, or
// another one. What is fetched no more needs none.
func (c *comparison) fetched(o object) {
	for _, p := range c.pairs {
		for _, doc := range documents(p.new) {
			for _, now := range resource.Objects(doc) {
				if now.ID.Key() != o.id.Key() {
					continue
				}
				was, is := o.root.Get("spec"), now.Root.Get("spec")
				more := missing(encodings(is.Get("signatureKeys")), encodings(was.Get("signatureKeys")))
				if !asksForSignatures(now.Root) || encoded(was.Get("verify")) != encoded(is.Get("verify")) || len(more) > 0 {
					c.add(Change{Kind: Protection, Path: p.path, Name: o.String(), Loss: "mode", Old: withSort(o), At: in(p.new, is),
						Text: fmt.Sprintf("%s asks for other signatures than before, or for none", o)})
				}
				return
			}
		}
	}
}

func encodings(list *resource.Value) (all []string) {
	for _, item := range items(list) {
		all = append(all, encoded(item))
	}
	return all
}

// withSort is what policies see of an object: what it protects, and the object.
func withSort(o object) *resource.Value {
	span := source.Span{}
	if o.root != nil {
		span = o.root.Span
	}
	return resource.NewMap(span).Put("protects", resource.NewText(o.sort, span)).
		Put("objectKind", resource.NewText(o.id.Kind, span)).Put("object", o.root)
}

// retired reports whether all that was beside an object is gone with it: then there
// is nothing left to protect.
func (c *comparison) retired(o object) (bool, error) {
	if o.sort == "admission" {
		return false, nil
	}
	dir := path.Dir(o.file.Path)
	entries, err := c.after.ReadDir(dir)
	if source.IsNotExist(err) {
		return dir != ".", nil
	}
	if err != nil {
		return false, err
	}
	return len(entries) == 0, nil
}

func (c *comparison) loosened(old, now object) {
	if old.root == nil || now.root == nil {
		return
	}
	say := func(loss string, at *resource.Value, format string, args ...any) {
		if at == nil {
			at = now.root
		}
		c.add(Change{Kind: Protection, Path: now.file.Path, Name: now.String(), Loss: loss, Old: withSort(old), New: withSort(now),
			Text: now.String() + " " + fmt.Sprintf(format, args...), At: in(now.file, at)})
	}
	if scalar(now.root.Get("$patch")) == "delete" {
		say("removed", nil, "is deleted by a patch")
		return
	}
	was, is := old.root.Get("spec"), now.root.Get("spec")
	switch old.sort {
	case "namespace":
		if enforced(now.root) < enforced(old.root) {
			say("level", at(now.root, "metadata", "labels"), "asks less of its pods: `%s` is %s", enforceLabel, enforcedText(now.root))
		}
	case "network":
		network(was, is, say)
	case "availability":
		if scalar(was.Get("minAvailable")) != "" && less(is.Get("minAvailable"), was.Get("minAvailable")) {
			say("lowered", is.Get("minAvailable"), "keeps fewer pods: %s", scalar(is.Get("minAvailable")))
		}
		if v := was.Get("maxUnavailable"); v != nil && less(v, is.Get("maxUnavailable")) {
			say("lowered", is.Get("maxUnavailable"), "lets more pods be away: %s", scalar(is.Get("maxUnavailable")))
		}
		selectsOthers(was.Get("selector"), is.Get("selector"), say)
	case "quota":
		if lost := missing(keys(was.Get("hard")), keys(is.Get("hard"))); len(lost) > 0 {
			say("lowered", is, "does not limit %s any more", quote(lost))
		} else if encoded(was.Get("hard")) != encoded(is.Get("hard")) {
			say("changed", is.Get("hard"), "has other limits")
		}
	case "admission":
		admission(old.root, now.root, say)
	}
}

type sayer func(loss string, at *resource.Value, format string, args ...any)

const enforceLabel = "pod-security.kubernetes.io/enforce"

// enforced returns the level of the Pod Security Standards that a namespace asks for.
func enforced(namespace *resource.Value) int {
	return slices.Index([]string{"privileged", "baseline", "restricted"}, scalar(at(namespace, "metadata", "labels", enforceLabel))) + 1 - boolInt(scalar(at(namespace, "metadata", "labels", enforceLabel)) == "privileged")
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func enforcedText(namespace *resource.Value) string {
	if s := scalar(at(namespace, "metadata", "labels", enforceLabel)); s != "" {
		return s
	}
	return "gone"
}

func network(was, is *resource.Value, say sayer) {
	if lost := missing(texts(was.Get("policyTypes")), texts(is.Get("policyTypes"))); len(lost) > 0 {
		say("types", is.Get("policyTypes"), "does not limit %s any more", quote(lost))
	}
	for _, key := range []string{"podSelector", "endpointSelector", "selector"} {
		selectsOthers(was.Get(key), is.Get(key), say)
	}
	for _, direction := range []string{"ingress", "egress"} {
		before := map[string]bool{}
		for _, rule := range items(was.Get(direction)) {
			before[encoded(rule)] = true
		}
		for _, rule := range items(is.Get(direction)) {
			peers := items(rule.Get("from"))
			peers = append(peers, items(rule.Get("to"))...)
			open := len(peers) == 0 && rule.Get("fromEndpoints") == nil && rule.Get("toEndpoints") == nil && rule.Get("toCIDR") == nil && rule.Get("fromEntities") == nil
			for _, peer := range peers {
				open = open || encoded(peer) == "{}" || slices.Contains([]string{"0.0.0.0/0", "::/0"}, scalar(at(peer, "ipBlock", "cidr")))
			}
			switch {
			case before[encoded(rule)]:
			case open:
				say("opened", rule, "lets all %s through", direction)
			default:
				say("changed", rule, "lets other %s through than before", direction)
			}
		}
	}
	if mode := scalar(at(was, "mtls", "mode")); mode == "STRICT" && scalar(at(is, "mtls", "mode")) != mode {
		say("opened", is.Get("mtls"), "does not ask for mutual TLS any more")
	}
}

func selectsOthers(was, is *resource.Value, say sayer) {
	if encoded(was) == encoded(is) || was == nil {
		return
	}
	// Fewer labels select more.
	if more := missing(pairsOf(is), pairsOf(was)); len(more) > 0 {
		say("selector", is, "selects other pods: %s", quote(more))
	}
}

func pairsOf(selector *resource.Value) (all []string) {
	labels := selector.Get("matchLabels")
	if labels == nil {
		labels = selector
	}
	for _, f := range fields(labels) {
		if f.Key != "matchLabels" {
			all = append(all, f.Key+"="+encoded(f.Value))
		}
	}
	for _, e := range items(selector.Get("matchExpressions")) {
		all = append(all, encoded(e))
	}
	return all
}

// admission compares policies and bindings of API servers, Gatekeeper and Kyverno by
// the fields that say whether and to what they apply.
func admission(old, now *resource.Value, say sayer) {
	was, is := old.Get("spec"), now.Get("spec")
	if was == nil { // webhooks have no spec
		was, is = old, now
	}
	// Values from the strictest on.
	for _, mode := range []struct {
		key    string
		strict []string
	}{
		{"failurePolicy", []string{"Fail", ""}}, {"enforcementAction", []string{"deny", ""}}, {"validationFailureAction", []string{"Enforce", "enforce"}}, {"mode", []string{"protect", ""}},
	} {
		a, b := scalar(was.Get(mode.key)), scalar(is.Get(mode.key))
		if a != b && slices.Contains(mode.strict, a) && !slices.Contains(mode.strict, b) {
			say("mode", is.Get(mode.key), "does not refuse any more: `%s` is %s", mode.key, b)
		}
	}
	if actions := texts(was.Get("validationActions")); slices.Contains(actions, "Deny") && !slices.Contains(texts(is.Get("validationActions")), "Deny") {
		say("mode", is.Get("validationActions"), "does not refuse any more")
	}
	for _, key := range []string{"validations", "rules", "webhooks"} {
		if lost := len(items(was.Get(key))) - len(items(is.Get(key))); lost > 0 {
			say("rules", is.Get(key), "has %d `%s` fewer", lost, key)
		}
	}
	if len(items(is.Get("matchConditions"))) > len(items(was.Get("matchConditions"))) {
		say("scope", is.Get("matchConditions"), "has more conditions")
	}
	for _, key := range []string{"match", "matchResources", "matchConstraints", "namespaceSelector", "exclude"} {
		if a, b := was.Get(key), is.Get(key); encoded(a) != encoded(b) {
			say("scope", b, "applies to something else: `%s`", key)
		}
	}
	for i, w := range items(is.Get("webhooks")) {
		if before := items(was.Get("webhooks")); i < len(before) && scalar(w.Get("failurePolicy")) == "Ignore" && scalar(before[i].Get("failurePolicy")) != "Ignore" {
			say("mode", w, "lets through what it cannot check")
		}
	}
}

func keys(v *resource.Value) (all []string) {
	for _, f := range fields(v) {
		all = append(all, f.Key)
	}
	return all
}

// less compares numbers and percentages of one form; with doubt, it is less.
func less(a, b *resource.Value) bool {
	x, y := scalar(a), scalar(b)
	if x == y {
		return false
	}
	if strings.HasSuffix(x, "%") != strings.HasSuffix(y, "%") {
		return true
	}
	x, y = strings.TrimSuffix(x, "%"), strings.TrimSuffix(y, "%")
	return len(x) < len(y) || len(x) == len(y) && x < y
}
