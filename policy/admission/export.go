// Package admission turns policies into ValidatingAdmissionPolicies, so that an
// API server refuses what a scan reports.
//
//	Export      one policy becomes a policy and its binding, or an error that
//	            says why an API server cannot judge by it
//	match       kinds become resource rules, with the version that the policy
//	            is to see: the API server converts the others (matchPolicy
//	            Equivalent)
//	variables   those of the prelude that are used are written out
//	subject     what a message calls {subject} is known only after an
//	            evaluation; here it becomes a fixed text, such as "a container"
//	version     the first Kubernetes that knows every function of a policy
package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Action is what an API server does with an object that breaks a policy.
type Action string

// The actions.
const (
	Deny  Action = "Deny"
	Warn  Action = "Warn"
	Audit Action = "Audit"
)

// Options of an export.
type Options struct {
	Actions []Action // none means those that fit the severity, see ActionsFor
	Exempt  []string // namespaces whose objects are not judged
}

// ActionsFor returns what is done by default: a clear hole is refused, the rest
// is told to whoever sends the object, and to the audit log.
func ActionsFor(s finding.Severity) []Action {
	if s >= finding.High {
		return []Action{Deny}
	}
	return []Action{Warn, Audit}
}

// NotExportable says why an API server cannot judge by a policy.
type NotExportable struct {
	Policy  *policy.Policy
	Reasons []string
}

func (e *NotExportable) Error() string {
	return fmt.Sprintf("%s cannot be exported: %s", e.Policy.ID, strings.Join(e.Reasons, "; "))
}

// Exported is a policy as an API server takes it.
type Exported struct {
	MinVersion string   // the first Kubernetes that can run it, such as "1.30"
	Left       []string // kinds and groups that no API server shows to policies
	Policy     *ValidatingAdmissionPolicy
	Binding    *ValidatingAdmissionPolicyBinding
}

// Export returns a Kubernetes policy in the form of an API server. The error is
// a NotExportable with all reasons.
func Export(p *policy.Policy, o Options) (*Exported, error) {
	x := &exporter{policy: p, minor: oldestMinor}
	if p.Platform != resource.Kubernetes {
		x.refuse("it is for %s, which an API server does not see", p.Platform)
		return nil, x.err()
	}
	if p.Code != nil {
		x.refuse("it is written in %s, and API servers read CEL", p.Code.Language())
	}
	if len(p.Stages) > 0 && !slices.Contains(p.Stages, policy.Admission) {
		x.refuse("it holds only for what is written in files: `admission` is not one of its stages")
	}
	if len(p.Relations) > 0 {
		x.refuse("it needs other objects (relations.%s), and an API server shows a policy only one", p.Relations[0].Name)
	}
	constraints := x.constraints()
	spec := x.expressions()
	if len(x.reasons) > 0 {
		return nil, x.err()
	}
	if slices.ContainsFunc(spec.Variables, func(v Named) bool { return strings.Contains(v.Expression, "ephemeralContainers") }) {
		constraints.withDebuggers()
	}
	spec.FailurePolicy, spec.MatchConstraints = "Fail", constraints
	return x.documents(spec, o), nil
}

// exporter collects all reasons against an export.
type exporter struct {
	policy  *policy.Policy
	reasons []string
	minor   int      // of Kubernetes, the oldest that will do
	kinds   []string // built-in ones that it is for
	custom  []string // resources that are not built in
	left    []string // kinds and groups that API servers do not show to policies
}

func (x *exporter) refuse(format string, args ...any) {
	if reason := fmt.Sprintf(format, args...); !slices.Contains(x.reasons, reason) {
		x.reasons = append(x.reasons, reason)
	}
}

func (x *exporter) err() error { return &NotExportable{Policy: x.policy, Reasons: x.reasons} }

// annotationPrefix is that of what a policy says of itself. Import reads it.
const annotationPrefix = "holdfast.dev/"

func (x *exporter) documents(spec PolicySpec, o Options) *Exported {
	p, version := x.policy, fmt.Sprintf("1.%d", x.minor)
	meta := Metadata{Name: strings.ToLower(p.ID), Annotations: map[string]string{}}
	for name, text := range map[string]string{
		"title": p.Title, "severity": p.Severity.String(), "why": p.Why, "remediation": p.Remediation,
		"references": strings.Join(p.References, "\n"), "controls": strings.Join(p.Controls, "\n"),
		"min-kubernetes-version": version,
	} {
		if text != "" {
			meta.Annotations[annotationPrefix+name] = text
		}
	}
	actions := o.Actions
	if len(actions) == 0 {
		actions = ActionsFor(p.Severity)
	}
	binding := &ValidatingAdmissionPolicyBinding{
		APIVersion: apiVersion, Kind: "ValidatingAdmissionPolicyBinding", Metadata: Metadata{Name: meta.Name},
		Spec: BindingSpec{PolicyName: meta.Name, ValidationActions: actions},
	}
	if len(o.Exempt) > 0 {
		binding.Spec.MatchResources = &MatchResources{NamespaceSelector: LabelSelector{MatchExpressions: []Requirement{
			{Key: "kubernetes.io/metadata.name", Operator: "NotIn", Values: o.Exempt},
		}}}
	}
	return &Exported{
		MinVersion: version, Left: x.left,
		Policy:  &ValidatingAdmissionPolicy{APIVersion: apiVersion, Kind: "ValidatingAdmissionPolicy", Metadata: meta, Spec: spec},
		Binding: binding,
	}
}

// subjects are what entries of lists and maps are called.
var subjects = map[string]string{
	"containers": "a container", "runs": "a container", "initContainers": "an init container",
	"ephemeralContainers": "an ephemeral container", "volumes": "a volume", "env": "a variable",
	"ports": "a port", "volumeMounts": "a mount", "sysctls": "a sysctl", "rules": "a rule",
	"subjects": "a subject", "webhooks": "a webhook", "externalIPs": "an external IP",
	"tolerations": "a toleration", "data": "a key", "stringData": "a key",
}

// subject is what a message calls {subject}: an entry of what the validation
// goes through, or the object.
func (x *exporter) subject(through string) string {
	if name, ok := subjects[through]; ok {
		return name
	}
	if len(x.kinds) == 1 {
		return "the " + x.kinds[0]
	}
	for _, kind := range x.kinds {
		if !slices.Contains(podHolders, kind) {
			return "the object"
		}
	}
	return "the pod"
}

var podHolders = []string{
	"Pod", "PodTemplate", "ReplicationController", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob",
}

// oneLine is a text without line breaks, which messages must not have.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (x *exporter) message(v policy.Validation, subject string) string {
	return oneLine(strings.ReplaceAll(cmp.Or(v.Message, x.policy.Title), "{subject}", subject))
}

// messageExpression is that of v, unless it could show what must stay hidden.
func (x *exporter) messageExpression(v policy.Validation, subject string) string {
	secrets := x.policy.Sensitive || slices.ContainsFunc(x.policy.Match, func(m policy.Match) bool { return m.Matches("", "Secret") })
	if secrets || v.MessageExpression == "" {
		return ""
	}
	return x.rewritten(strings.ReplaceAll(v.MessageExpression, "{subject}", subject))
}
