package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/target"
)

// dict is a decoded object.
type dict = map[string]any

func TestDifference(t *testing.T) {
	container := func(name, image string, env ...any) dict {
		c := dict{"name": name, "image": image}
		if len(env) > 0 {
			c["env"] = env
		}
		return c
	}
	deployment := func(containers ...any) dict {
		return dict{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": dict{"name": "api"}, "spec": dict{"containers": containers}}
	}
	tests := []struct {
		reason   string
		from, to dict
		want     []target.Field
	}{
		{
			"the server's bookkeeping and the status are no changes",
			dict{"kind": "Thing", "metadata": dict{"resourceVersion": "1", "managedFields": []any{"x"}, "generation": int64(1)}, "status": "a"},
			dict{"kind": "Thing", "metadata": dict{"resourceVersion": "2", "uid": "u"}},
			nil,
		},
		{
			"a container in front does not change the others",
			deployment(container("api", "api:1")),
			deployment(container("proxy", "proxy:1"), container("api", "api:2")),
			[]target.Field{
				{Path: "spec.containers[api].image", From: "api:1", To: "api:2"},
				{Path: "spec.containers[proxy]", To: dict{"name": "proxy", "image": "proxy:1"}},
			},
		},
		{
			"credentials in the environment are hidden, other values are not",
			deployment(container("api", "api:1", dict{"name": "DB_PASSWORD", "value": planted}, dict{"name": "MODE", "value": "fast"})),
			deployment(container("api", "api:1", dict{"name": "DB_PASSWORD", "value": planted + "2"}, dict{"name": "MODE", "value": "slow"})),
			[]target.Field{
				{Path: "spec.containers[api].env[DB_PASSWORD].value", From: hidden, To: hidden},
				{Path: "spec.containers[api].env[MODE].value", From: "fast", To: "slow"},
			},
		},
		{
			"credentials are hidden inside of what is added as a whole",
			deployment(),
			deployment(container("api", "api:1", dict{"name": "API_TOKEN", "value": planted})),
			[]target.Field{{Path: "spec.containers[api]", To: dict{"name": "api", "image": "api:1", "env": []any{dict{"name": "API_TOKEN", "value": hidden}}}}},
		},
		{
			"a Secret shows which keys change",
			dict{"apiVersion": "v1", "kind": "Secret", "data": dict{"old": planted, "both": planted}, "type": "Opaque"},
			dict{"apiVersion": "v1", "kind": "Secret", "data": dict{"new": planted, "both": planted + "2"}, "type": "Opaque"},
			[]target.Field{{Path: "data.both", From: hidden, To: hidden}, {Path: "data.new", To: hidden}, {Path: "data.old", From: hidden}},
		},
		{
			"a Secret whose data is new as a whole is hidden as well",
			dict{"apiVersion": "v1", "kind": "Secret"},
			dict{"apiVersion": "v1", "kind": "Secret", "data": dict{"key": planted}},
			[]target.Field{{Path: "data", To: dict{"key": hidden}}},
		},
		{
			"a list of plain values changes as a whole",
			dict{"kind": "Thing", "args": []any{"a", "b"}},
			dict{"kind": "Thing", "args": []any{"b"}},
			[]target.Field{{Path: "args", From: []any{"a", "b"}, To: []any{"b"}}},
		},
		{
			"a reference to a credential is no credential",
			dict{"kind": "Thing", "spec": dict{"tokenSecretRef": dict{"name": "a", "key": "k"}}},
			dict{"kind": "Thing", "spec": dict{"tokenSecretRef": dict{"name": "b", "key": "k"}}},
			[]target.Field{{Path: "spec.tokenSecretRef.name", From: "a", To: "b"}},
		},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, difference(test.from, test.to)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
