package drift

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// The levels of Risk.
const (
	riskHighest = 100 // gives power over the node or over the cluster
	riskCode    = 80  // changes what runs, or as whom
	riskData    = 60  // changes what it is told, or who reaches it
	riskOther   = 40
	riskSize    = 30
	riskLowest  = 10 // names and notes
)

// riskOf has the keys that tell how much a change at or below them matters.
var riskOf = map[string]int{
	"hostNetwork": riskHighest, "hostPID": riskHighest, "hostIPC": riskHighest, "hostPath": riskHighest, "hostUsers": riskHighest,
	"privileged": riskHighest, "capabilities": riskHighest, "allowPrivilegeEscalation": riskHighest, "securityContext": riskHighest,
	"procMount": riskHighest, "rules": riskHighest, "roleRef": riskHighest, "subjects": riskHighest, "aggregationRule": riskHighest,
	"webhooks": riskHighest, "caBundle": riskHighest, "managedFields": riskHighest, "validations": riskHighest,
	"runAsUser": riskHighest, "runAsNonRoot": riskHighest, "seccompProfile": riskHighest, "appArmorProfile": riskHighest,

	"image": riskCode, "command": riskCode, "args": riskCode,
	"serviceAccountName": riskCode, "serviceAccount": riskCode, "automountServiceAccountToken": riskCode, "lifecycle": riskCode,
	"uid": riskCode, "ownerReferences": riskCode, "nodeName": riskCode, "imagePullSecrets": riskCode, "externalName": riskCode,

	"env": riskData, "envFrom": riskData, "volumes": riskData, "volumeMounts": riskData, "data": riskData, "binaryData": riskData, "stringData": riskData,
	"ingress": riskData, "egress": riskData, "podSelector": riskData, "selector": riskData, "externalIPs": riskData, "ports": riskData,
	"loadBalancerSourceRanges": riskData, "tolerations": riskData, "hostAliases": riskData, "dnsConfig": riskData,

	"replicas": riskSize, "resources": riskSize, "minReplicas": riskSize, "maxReplicas": riskSize,
	"labels": riskLowest, "annotations": riskLowest,
}

// Risk returns how much a change deserves to be seen first, from 0 to 100. It
// is made for sorting. What a change means is for policies to say, which look
// at the whole live object.
func Risk(c Change) int {
	if c.Live == nil {
		return risk(c.Path, c.Declared)
	}
	return risk(c.Path, c.Live)
}

// risk is the highest risk among the values at and below a path. The deepest
// key that is known decides.
func risk(path resource.Path, value any) int {
	highest := 0
	eachLeaf(path, value, func(path resource.Path, _ any) { highest = max(highest, riskAt(path)) })
	return highest
}

func riskAt(path resource.Path) int {
	for i, s := range path {
		// Below these, keys are free text.
		if !s.IsIndex() && (s.Name == "labels" || s.Name == "annotations") {
			if i+1 < len(path) && strings.HasPrefix(path[i+1].Name, "pod-security.kubernetes.io/") {
				return riskHighest
			}
			return riskLowest
		}
		if i == 0 && (s.Name == "data" || s.Name == "binaryData" || s.Name == "stringData") {
			return riskData
		}
	}
	for i := len(path) - 1; i >= 0; i-- {
		if level := riskOf[path[i].Name]; level > 0 && !path[i].IsIndex() {
			return level
		}
	}
	return riskOther
}

// dangerous reports whether a field that nobody owns must not be taken for a
// new default of the API.
func dangerous(path resource.Path, value any) bool { return risk(path, value) >= riskCode }
