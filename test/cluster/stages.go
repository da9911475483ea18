package main

import (
	"bytes"
	_ "embed"
	"fmt"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/yaml"
)

//go:embed stages.yaml
var ownStages string

// notBroken keeps kwok's own stages off the pods of the stage pod-broken.
var notBroken = map[string]any{
	"key":      `.spec.containers.[].image | select(test("broken"))`,
	"operator": "DoesNotExist",
}

// kwokConfig returns what the simulated kubelet does: kwok's own stages, so
// that nodes are ready, pods run at once, and those of Jobs complete, and ours.
func kwokConfig() ([]byte, error) {
	var documents [][]byte
	for _, stage := range []string{podfast.DefaultPodReady, podfast.DefaultPodComplete} {
		document, err := restrict(stage, notBroken)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	for _, stage := range []string{podfast.DefaultPodDelete, nodefast.DefaultNodeInit, heartbeat.DefaultNodeHeartbeatWithLease, ownStages} {
		documents = append(documents, []byte(stage))
	}
	return bytes.Join(documents, []byte("\n---\n")), nil
}

// restrict adds one more condition to the selector of a stage.
func restrict(stage string, condition map[string]any) ([]byte, error) {
	var object struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(stage), &object); err != nil {
		return nil, fmt.Errorf("stage of kwok: %w", err)
	}
	selector, _ := object.Spec["selector"].(map[string]any)
	expressions, _ := selector["matchExpressions"].([]any)
	if len(expressions) == 0 {
		return nil, fmt.Errorf("stage %v of kwok has no selector: its format has changed", object.Metadata["name"])
	}
	selector["matchExpressions"] = append(expressions, condition)
	return yaml.Marshal(object)
}
