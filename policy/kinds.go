package policy

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Workloads are the kinds that hold a pod spec. "workloads" in a policy's
// match stands for all of them.
var workloads = []string{
	"Pod", "PodTemplate", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet",
	"ReplicationController", "Job", "CronJob",
}

// groupsOf are the API groups of well-known kinds, so that a policy for
// Services is not applied to those of other makers that have the same name.
var groupsOf = map[string][]string{
	"Deployment": {"apps", "extensions"}, "ReplicaSet": {"apps", "extensions"},
	"DaemonSet": {"apps", "extensions"}, "StatefulSet": {"apps"},
	"Job": {"batch"}, "CronJob": {"batch"},
	"Ingress": {"networking.k8s.io", "extensions"}, "NetworkPolicy": {"networking.k8s.io", "extensions"},
	"Role": {"rbac.authorization.k8s.io"}, "ClusterRole": {"rbac.authorization.k8s.io"},
	"RoleBinding": {"rbac.authorization.k8s.io"}, "ClusterRoleBinding": {"rbac.authorization.k8s.io"},
	"PodDisruptionBudget": {"policy"}, "HorizontalPodAutoscaler": {"autoscaling"},
	"ValidatingWebhookConfiguration":   {"admissionregistration.k8s.io"},
	"MutatingWebhookConfiguration":     {"admissionregistration.k8s.io"},
	"APIService":                       {"apiregistration.k8s.io"},
	"ValidatingAdmissionPolicy":        {"admissionregistration.k8s.io"},
	"ValidatingAdmissionPolicyBinding": {"admissionregistration.k8s.io"},
	"StorageClass":                     {"storage.k8s.io"}, "CSIDriver": {"storage.k8s.io"},
	"VolumeSnapshotClass":      {"snapshot.storage.k8s.io"},
	"CustomResourceDefinition": {"apiextensions.k8s.io"},
}

var coreKinds = []string{
	"Pod", "PodTemplate", "ReplicationController", "Service", "ServiceAccount", "Secret", "ConfigMap",
	"Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Endpoints", "LimitRange", "ResourceQuota",
}

// Applies reports whether the policy is for resources of id's platform and kind.
func (p *Policy) Applies(id resource.ID) bool {
	if p.Platform != id.Platform {
		return false
	}
	return len(p.Match) == 0 && p.Platform != resource.Kubernetes ||
		slices.ContainsFunc(p.Match, func(m Match) bool { return m.Matches(id.Group, id.Kind) })
}

// Matches reports whether m selects a kind of an API group.
func (m Match) Matches(group, kind string) bool {
	return m.kind(kind) && m.group(group, kind)
}

func (m Match) kind(kind string) bool {
	return hasOrAny(m.Kinds, kind) || len(m.Resources) > 0 && hasOrAny(m.Resources, Plural(kind))
}

func (m Match) group(group, kind string) bool {
	if len(m.Groups) > 0 {
		return hasOrAny(m.Groups, group)
	}
	if groups, ok := groupsOf[kind]; ok {
		return slices.Contains(groups, group)
	}
	return group == "" || !slices.Contains(coreKinds, kind)
}

func hasOrAny(names []string, name string) bool {
	return slices.Contains(names, name) || slices.Contains(names, "*")
}

// Plural guesses a kind's resource, as API servers do for custom kinds.
func Plural(kind string) string {
	s := strings.ToLower(kind)
	switch {
	case s == "endpoints":
		return s
	case strings.HasSuffix(s, "s"):
		return s + "es"
	case strings.HasSuffix(s, "y"):
		return s[:len(s)-1] + "ies"
	}
	return s + "s"
}
