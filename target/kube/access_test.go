package kube

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

func TestAnotherApplicationKeepsItsObjects(t *testing.T) {
	w := newWorld(t)
	w.apply(workload)
	before, err := w.Live(w.ctx, resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: w.app.Namespace, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	thief := w.app
	thief.Name += "-thief"
	declared := declare(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: api}
data: {mode: stolen}
`)
	plan, err := w.Plan(w.ctx, thief, declared, nil)
	if err != nil || !errors.Is(plan.Err(), target.NotOwned) {
		t.Errorf("plan: %v, %v", err, plan.Err())
	}
	applied, err := w.Apply(w.ctx, thief, declared, ApplyOptions{})
	if err != nil || !errors.Is(applied.Err(), target.NotOwned) || !strings.Contains(applied.Err().Error(), "belongs to application "+w.app.Name) {
		t.Fatalf("apply: %v, %v", err, applied.Err())
	}
	// What it never got, it must not delete either.
	pruned, err := w.Prune(w.ctx, applied.Owned, target.Inventory{Application: thief.Name}, PruneTerms{Remove: true})
	if err != nil || len(pruned.Deleted) != 0 || len(pruned.Released) != 1 {
		t.Errorf("prune: %+v, %v", pruned, err)
	}
	after, err := w.Live(w.ctx, resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: w.app.Namespace, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the object changed (-before +after):\n%s", diff)
	}
}

func TestTwoReplicasDoNotApplyAtOnce(t *testing.T) {
	w := newWorld(t)
	applied := w.apply(workload)
	stale := applied.Owned
	newer := stale
	newer.Revision = "r2"
	if _, err := w.WriteInventory(w.ctx, newer); err != nil {
		t.Fatal(err)
	}
	stale.Revision = "r3"
	if _, err := w.WriteInventory(w.ctx, stale); !errors.Is(err, target.Conflict) {
		t.Errorf("a stale inventory was written: %v", err)
	}
	fresh := target.Inventory{Application: w.app.Name}
	if _, err := w.WriteInventory(w.ctx, fresh); !errors.Is(err, target.Conflict) {
		t.Errorf("an inventory was written over: %v", err)
	}
}

func TestRightsThatAreMissing(t *testing.T) {
	w := newWorld(t)
	c, err := Connect(Options{Kubeconfig: w.server.UserKubeconfig(t, "nobody"), InventoryNamespace: w.app.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(w.ctx, w.app, declare(t, workload), ApplyOptions{}); !errors.Is(err, target.Forbidden) {
		t.Errorf("without any rights: %v", err)
	}
	for _, args := range [][]string{
		{"create", "role", "some", "--verb=get,create,update,patch,delete", "--resource=configmaps,serviceaccounts"},
		{"create", "rolebinding", "some", "--role=some", "--user=nobody"},
	} {
		if _, err := w.server.Kubectl(append(args, "-n", w.app.Namespace)...); err != nil {
			t.Fatal(err)
		}
	}
	var applied *target.Applied
	w.eventually("the role is in force", func() bool {
		applied, err = c.Apply(w.ctx, w.app, declare(t, workload), ApplyOptions{})
		return err == nil
	})
	for _, r := range applied.Results {
		allowed := r.ID.Kind == "ConfigMap" || r.ID.Kind == "ServiceAccount"
		if errors.Is(r.Err, target.Forbidden) == allowed {
			t.Errorf("%s: %v", r.ID, r.Err)
		}
		if !allowed && !strings.Contains(r.Err.Error(), `User "nobody" cannot get resource "`+strings.ToLower(r.ID.Kind)+`s"`) {
			t.Errorf("%s does not say what is missing: %v", r.ID, r.Err)
		}
		if strings.Contains(errText(r.Err), planted) {
			t.Errorf("%s: the secret is in %v", r.ID, r.Err)
		}
	}
	impersonated, err := Connect(Options{Kubeconfig: w.server.Kubeconfig, Impersonate: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := impersonated.Live(w.ctx, resource.ID{Version: "v1", Kind: "Secret", Namespace: w.app.Namespace, Name: "api"}); !errors.Is(err, target.Forbidden) {
		t.Errorf("as somebody without rights: %v", err)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	w := newWorld(t)
	const other = "correct-horse-planted"
	w.apply(workload)
	changed := strings.ReplaceAll(workload, planted, other)
	plan, err := w.Plan(w.ctx, w.app, declare(t, changed), nil)
	if err != nil || plan.Err() != nil {
		t.Fatal(err, plan.Err())
	}
	text := plan.Changes
	if diff := cmp.Diff(map[target.Action]int{target.Unchanged: 3, target.Update: 1}, plan.Counts()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	for _, c := range text {
		for _, f := range c.Fields {
			if f.Path != "data.password" || f.From != hidden || f.To != hidden {
				t.Errorf("%s: %+v", c.ID, f)
			}
		}
	}
	broken := strings.ReplaceAll(changed, "stringData:", "type: kubernetes.io/"+planted+"\nstringData:")
	broken = strings.ReplaceAll(broken, "metadata: {name: api}\ntype", "metadata: {name: api, labels: {a: \""+planted+" !\"}}\ntype")
	broken = strings.ReplaceAll(broken, "requests: {cpu: 0.1", "requests: {cpu: "+planted)
	applied, err := w.Apply(w.ctx, w.app, declare(t, broken), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	failed := applied.Err()
	if failed == nil || !errors.Is(failed, target.Invalid) {
		t.Fatalf("got %v", failed)
	}
	plan, err = w.Plan(w.ctx, w.app, declare(t, broken), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{failed, plan.Err()} {
		t.Log(err)
		for _, secret := range []string{planted, other, "aHVudGVyMi1wbGFudGVk"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q has the secret %q", err, secret)
			}
		}
	}
	live, err := w.LiveResource(w.ctx, resource.ID{Version: "v1", Kind: "Secret", Namespace: w.app.Namespace, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if got := live.Root.Get("data").Get("password").Text(); got != hidden {
		t.Errorf("a policy sees the secret as %q", got)
	}
	if live.ID.Kind != "Secret" || live.ID.Namespace != w.app.Namespace {
		t.Errorf("its ID is %v", live.ID)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
