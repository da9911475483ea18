package kube

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// The weights of an apply: what others need goes first. Kinds that are not
// listed are custom resources, and weigh less than webhooks only.
const (
	weightNamespace = iota
	weightDefinition
	weightClass
	weightLimit
	weightAccount
	weightRole
	weightBinding
	weightConfig
	weightVolume
	weightClaim
	weightService
	weightWorkload
	weightFront
	weightCustom
	weightAdmission
)

var weights = map[string]int{
	"/Namespace": weightNamespace,
	"apiextensions.k8s.io/CustomResourceDefinition": weightDefinition,

	"scheduling.k8s.io/PriorityClass": weightClass,
	"storage.k8s.io/StorageClass":     weightClass,
	"storage.k8s.io/CSIDriver":        weightClass,
	"node.k8s.io/RuntimeClass":        weightClass,
	"networking.k8s.io/IngressClass":  weightClass,

	"/ResourceQuota":                  weightLimit,
	"/LimitRange":                     weightLimit,
	"networking.k8s.io/NetworkPolicy": weightLimit,

	"/ServiceAccount":                              weightAccount,
	"rbac.authorization.k8s.io/ClusterRole":        weightRole,
	"rbac.authorization.k8s.io/Role":               weightRole,
	"rbac.authorization.k8s.io/ClusterRoleBinding": weightBinding,
	"rbac.authorization.k8s.io/RoleBinding":        weightBinding,

	"/ConfigMap":             weightConfig,
	"/Secret":                weightConfig,
	"/PersistentVolume":      weightVolume,
	"/PersistentVolumeClaim": weightClaim,
	"/Service":               weightService,

	"/Pod":                   weightWorkload,
	"/ReplicationController": weightWorkload,
	"apps/ReplicaSet":        weightWorkload,
	"apps/Deployment":        weightWorkload,
	"apps/StatefulSet":       weightWorkload,
	"apps/DaemonSet":         weightWorkload,
	"batch/Job":              weightWorkload,
	"batch/CronJob":          weightWorkload,

	"policy/PodDisruptionBudget":          weightFront,
	"autoscaling/HorizontalPodAutoscaler": weightFront,
	"networking.k8s.io/Ingress":           weightFront,

	"admissionregistration.k8s.io/MutatingWebhookConfiguration":     weightAdmission,
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   weightAdmission,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy":        weightAdmission,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": weightAdmission,
	"admissionregistration.k8s.io/MutatingAdmissionPolicy":          weightAdmission,
	"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding":   weightAdmission,
	"apiregistration.k8s.io/APIService":                             weightAdmission,
}

func weight(id resource.ID) int {
	if w, ok := weights[id.Group+"/"+id.Kind]; ok {
		return w
	}
	return weightCustom
}

// compareOrder orders IDs as they are applied: by weight, then by key.
func compareOrder(a, b resource.ID) int {
	return cmp.Or(cmp.Compare(weight(a), weight(b)), strings.Compare(a.Key(), b.Key()))
}

// stages splits objects into groups of one weight, in the order of an apply.
// The objects of one group do not need each other.
func stages(objects []object) [][]object {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b object) int { return compareOrder(a.id, b.id) })
	var all [][]object
	for i, o := range sorted {
		if i == 0 || weight(o.id) != weight(sorted[i-1].id) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], o)
	}
	return all
}
