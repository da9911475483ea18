package admission

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/policy"
)

// served are the kinds of an API server that policies can match, with the
// version that a policy is shown.
var served = []struct{ group, version, kinds string }{
	{"", "v1", "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate " +
		"ReplicationController ResourceQuota Secret Service ServiceAccount"},
	{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"},
	{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"},
	{"apiregistration.k8s.io", "v1", "APIService"},
	{"apps", "v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"},
	{"autoscaling", "v2", "HorizontalPodAutoscaler"},
	{"batch", "v1", "CronJob Job"},
	{"certificates.k8s.io", "v1", "CertificateSigningRequest"},
	{"coordination.k8s.io", "v1", "Lease"},
	{"discovery.k8s.io", "v1", "EndpointSlice"},
	{"events.k8s.io", "v1", "Event"},
	{"flowcontrol.apiserver.k8s.io", "v1", "FlowSchema PriorityLevelConfiguration"},
	{"networking.k8s.io", "v1", "IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR"},
	{"node.k8s.io", "v1", "RuntimeClass"},
	{"policy", "v1", "PodDisruptionBudget"},
	{"rbac.authorization.k8s.io", "v1", "ClusterRole ClusterRoleBinding Role RoleBinding"},
	{"resource.k8s.io", "v1", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice"},
	{"scheduling.k8s.io", "v1", "PriorityClass"},
	{"storage.k8s.io", "v1", "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass"},
}

// exempt are kinds that an API server shows to no policy, so that no policy can
// keep people from removing it.
var exempt = []string{
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
}

// gone are groups that API servers served once.
var gone = []string{"extensions", "settings.k8s.io", "auditregistration.k8s.io"}

// alike are kinds of the same shape.
var alike = [][]string{
	{"Role", "ClusterRole"}, {"RoleBinding", "ClusterRoleBinding"},
	{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"},
}

// mixed reports whether the kinds differ in their shapes. An API server checks
// expressions against the types of all kinds.
func (x *exporter) mixed() bool {
	all := slices.Concat(x.kinds, x.custom, x.left)
	return len(all) > 1 && !slices.ContainsFunc(alike, func(shape []string) bool {
		return !slices.ContainsFunc(all, func(kind string) bool { return !slices.Contains(shape, kind) })
	})
}

func (x *exporter) constraints() MatchConstraints {
	all := MatchConstraints{MatchPolicy: "Equivalent"}
	for _, m := range x.policy.Match {
		all.ResourceRules = append(all.ResourceRules, x.rules(m)...)
	}
	switch {
	case len(all.ResourceRules) == 0 && len(x.left) > 0:
		x.refuse("API servers show nothing of %s to policies", strings.Join(x.left, ", "))
	case len(all.ResourceRules) == 0:
		x.refuse("no API server serves its kinds")
	}
	return all
}

func (x *exporter) rules(m policy.Match) (all []ResourceRule) {
	for _, kind := range m.Kinds {
		if slices.Contains(exempt, kind) {
			x.left = append(x.left, kind)
		}
	}
	add := func(groups []string, version string, resources ...string) {
		slices.Sort(resources)
		all = append(all, ResourceRule{
			APIGroups: groups, APIVersions: []string{version}, Operations: x.operations(), Resources: slices.Compact(resources),
		})
	}
	if slices.Contains(m.Kinds, "*") || slices.Contains(m.Resources, "*") {
		if groups := x.groups(m); len(groups) > 0 {
			add(groups, "*", "*")
		}
		return all
	}
	known := map[string]bool{}
	for _, s := range served {
		var resources []string
		for kind := range strings.FieldsSeq(s.kinds) {
			if !m.Matches(s.group, kind) {
				continue
			}
			known[kind], known[policy.Plural(kind)] = true, true
			x.kinds = append(x.kinds, kind)
			resources = append(resources, policy.Plural(kind))
		}
		if len(resources) > 0 {
			add([]string{s.group}, s.version, resources...)
		}
	}
	others, resources := custom(m, known)
	if len(others) == 0 {
		return all
	}
	before := len(x.left)
	if groups := x.groups(m); len(groups) > 0 {
		x.custom = append(x.custom, others...)
		add(groups, "*", resources...)
	} else if len(x.left) == before { // no longer served
		x.left = append(x.left, others...)
	}
	return all
}

// operations are those at which a policy is asked. What does not hold for live
// objects, such as that a pod has no node yet, must not stop their updates. What
// is deleted is never judged.
func (x *exporter) operations() []string {
	if stages := x.policy.Stages; len(stages) > 0 && !slices.Contains(stages, policy.Live) {
		return []string{"CREATE"}
	}
	return []string{"CREATE", "UPDATE"}
}

// withDebuggers adds the way by which containers get into a pod that runs, if a
// policy looks at them.
func (m *MatchConstraints) withDebuggers() {
	for i, rule := range m.ResourceRules {
		if slices.Contains(rule.Resources, "pods") && slices.Contains(rule.Operations, "UPDATE") {
			m.ResourceRules[i].Resources = slices.Concat(rule.Resources, []string{"pods/ephemeralcontainers"})
		}
	}
}

// custom returns what is not built in, as it is named and as resources.
func custom(m policy.Match, known map[string]bool) (names, resources []string) {
	for _, kind := range m.Kinds {
		if !known[kind] && !slices.Contains(exempt, kind) {
			names, resources = append(names, kind), append(resources, policy.Plural(kind))
		}
	}
	for _, resource := range m.Resources {
		if !known[resource] {
			names, resources = append(names, resource), append(resources, resource)
		}
	}
	return names, resources
}

// groups returns those of custom resources. Of the others all kinds that a
// policy can match are in the table, or they are in files only.
func (x *exporter) groups(m policy.Match) (groups []string) {
	if len(m.Groups) == 0 {
		return []string{"*"}
	}
	for _, group := range m.Groups {
		switch {
		case inFiles(group):
			x.left = append(x.left, group)
		case !builtIn(group):
			groups = append(groups, group)
		}
	}
	return groups
}

// inFiles reports whether a group is that of configuration files.
func inFiles(group string) bool {
	return strings.HasSuffix(group, ".config.k8s.io") || slices.Contains([]string{"kubeadm.k8s.io", "audit.k8s.io", "kind.x-k8s.io"}, group)
}

func builtIn(group string) bool {
	for _, s := range served {
		if s.group == group {
			return true
		}
	}
	return slices.Contains(gone, group)
}
