package drift

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Rule allows a field manager to add fields that Git does not declare. In each
// pattern, * stands for any text; an empty pattern matches everything. What Git
// declares is never allowed to differ.
type Rule struct {
	Manager string // field manager
	Kind    string // kind of the object
	Field   string // as in Change.Field: metadata.annotations.example.org/*
}

// KnownControllers returns the rules for the controllers of Kubernetes itself
// and for some that are in most clusters. A field manager's name proves
// nothing, so each may add no more than what its controller is there for, and
// nothing that changes what runs.
func KnownControllers() []Rule {
	return append([]Rule(nil), knownControllers...)
}

const controllerManager = "kube-controller-manager"

var knownControllers = []Rule{
	{"", "Namespace", "metadata.labels.kubernetes.io/metadata.name"},
	{"", "Namespace", "spec.finalizers*"},

	{controllerManager, "", "metadata.annotations.deployment.kubernetes.io/*"},
	{controllerManager, "", "metadata.annotations.deprecated.daemonset.template.generation"},
	{controllerManager, "", "metadata.annotations.autoscaling.alpha.kubernetes.io/*"},
	{controllerManager, "", "metadata.annotations.endpoints.kubernetes.io/*"},
	{controllerManager, "", "metadata.annotations.control-plane.alpha.kubernetes.io/leader"},
	{controllerManager, "", "spec.replicas"}, // horizontal pod autoscaler, where Git declares no number
	{controllerManager, "PersistentVolumeClaim", "spec.volumeName"},
	{controllerManager, "PersistentVolumeClaim", "metadata.annotations.pv.kubernetes.io/*"},
	{controllerManager, "PersistentVolumeClaim", "metadata.annotations.volume.*kubernetes.io/*"},
	{controllerManager, "PersistentVolume", "spec.claimRef*"},
	{controllerManager, "PersistentVolume", "metadata.annotations.pv.kubernetes.io/*"},
	{controllerManager, "ServiceAccount", "secrets*"},
	{controllerManager, "Secret", "data*"}, // tokens of service accounts
	{controllerManager, "Secret", "metadata.annotations.kubernetes.io/service-account.uid"},
	{controllerManager, "Secret", "metadata.labels.kubernetes.io/legacy-token-last-used"},
	{controllerManager, "Endpoints", "subsets*"},
	{controllerManager, "EndpointSlice", "endpoints*"},
	{controllerManager, "EndpointSlice", "ports*"},
	{controllerManager, "Node", "spec.podCIDR*"},
	{controllerManager, "Job", "metadata.annotations.batch.kubernetes.io/*"},
	{"clusterrole-aggregation-controller", "ClusterRole", "rules*"},

	{"kube-scheduler", "Pod", "spec.nodeName"},
	{"kube-scheduler", "PersistentVolumeClaim", "metadata.annotations.volume.kubernetes.io/selected-node"},
	{"kubelet", "Node", "metadata.*"},
	{"cluster-autoscaler", "", "metadata.annotations.cluster-autoscaler.kubernetes.io/*"},
	{"cloud-controller-manager", "Node", "*"},
	{"cloud-controller-manager", "Service", "spec.loadBalancerIP"},
	{"*csi*", "PersistentVolumeClaim", "metadata.annotations.volume.*kubernetes.io/*"},

	// Certificates of webhooks.
	{"*cainjector", "", "*caBundle"},
	{"kube-webhook-certgen", "", "*caBundle"},
	{"pilot-discovery", "", "*caBundle"},
}

// unnamed are managers that stand for others: the API server keeps ten Update
// managers of an object and joins older ones, and names what it found before
// there was any.
var unnamed = map[string]bool{"ancient-changes": true, "before-first-apply": true}

func allows(rules []Rule, by *manager, kind, field string) bool {
	for _, r := range rules {
		if glob(r.Kind, kind) && glob(r.Field, field) && (glob(r.Manager, by.name) || unnamed[by.name]) {
			return true
		}
	}
	return false
}

// allowsAny is allows for a field whose manager is not known.
func allowsAny(rules []Rule, kind, field string) bool {
	for _, r := range rules {
		if glob(r.Kind, kind) && glob(r.Field, field) {
			return true
		}
	}
	return false
}

// glob matches s with a pattern in which * stands for any text.
func glob(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, part := range parts[:len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

// defaults are values that the API gives to fields which are not set, by the
// last key of the path. Who creates an object without server-side apply owns
// them, so they are no additions: to write them changes nothing.
var defaults = map[string][]any{
	"imagePullPolicy":               {"Always", "IfNotPresent"},
	"terminationMessagePath":        {"/dev/termination-log"},
	"terminationMessagePolicy":      {"File"},
	"terminationGracePeriodSeconds": {int64(30)},
	"dnsPolicy":                     {"ClusterFirst"},
	"restartPolicy":                 {"Always"},
	"schedulerName":                 {"default-scheduler"},
	"enableServiceLinks":            {true},
	"progressDeadlineSeconds":       {int64(600)},
	"revisionHistoryLimit":          {int64(10)},
	"maxSurge":                      {"25%"},
	"maxUnavailable":                {"25%"},
	"podManagementPolicy":           {"OrderedReady"},
	"whenDeleted":                   {"Retain"},
	"whenScaled":                    {"Retain"},
	"protocol":                      {"TCP"},
	"failureThreshold":              {int64(3)},
	"periodSeconds":                 {int64(10)},
	"successThreshold":              {int64(1)},
	"timeoutSeconds":                {int64(1)},
	"scheme":                        {"HTTP"},
	"defaultMode":                   {int64(420)},
	"sessionAffinity":               {"None"},
	"internalTrafficPolicy":         {"Cluster"},
	"externalTrafficPolicy":         {"Cluster"},
	"ipFamilyPolicy":                {"SingleStack"},
	"replicas":                      {int64(1)},
	"parallelism":                   {int64(1)},
	"completions":                   {int64(1)},
	"backoffLimit":                  {int64(6)},
	"completionMode":                {"NonIndexed"},
	"podReplacementPolicy":          {"TerminatingOrFailed"},
	"concurrencyPolicy":             {"Allow"},
	"suspend":                       {false},
	"successfulJobsHistoryLimit":    {int64(3)},
	"failedJobsHistoryLimit":        {int64(1)},
	"volumeMode":                    {"Filesystem"},
}

// isDefault reports whether a value says what the API would assume without it.
// Empty values say nothing at all, except for selectors and the like, where
// empty means everything.
func isDefault(path resource.Path, value any) bool {
	key := ""
	for _, s := range path {
		if !s.IsIndex() {
			key = s.Name
		}
	}
	if empty(value) {
		return key == "securityContext" || key == "resources" || key == "strategy" || key == "updateStrategy" || key == "status" || value == nil
	}
	if len(path) < 2 || path[0].Name != "spec" {
		return false
	}
	for _, d := range defaults[key] {
		if equal(d, value) {
			return true
		}
	}
	return key == "type" && len(path) == 2 && value == "ClusterIP" ||
		key == "type" && path[len(path)-2].Name == "strategy" && value == "RollingUpdate" ||
		key == "type" && path[len(path)-2].Name == "updateStrategy" && value == "RollingUpdate" ||
		key == "apiVersion" && path[len(path)-2].Name == "fieldRef" && value == "v1"
}
