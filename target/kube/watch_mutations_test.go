package kube_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/target/kube"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

const watchedDeployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 100m, memory: 1024Mi}, requests: {cpu: "0.05"}}
        securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}}
        volumeMounts: [{name: tmp, mountPath: /tmp}]
      volumes: [{name: tmp, emptyDir: {}}]
`

const watchedConfigMap = `apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {mode: safe, level: "1"}
`

const watchedSecret = `apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: planted-hunter2}
data: {key: cGxhbnRlZC1rZXk=}
`

const watchedCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`

const watchedWidget = `apiVersion: example.org/v1
kind: Widget
metadata: {name: web}
spec:
  resources: {limits: {cpu: 100m, memory: 1Gi}}
  color: red
`

// What others do to an object, and what must be told of it. An empty want means
// that it must be silent; that it was looked at all is shown by an annotation
// which is added afterwards, and which then is the only change.
func TestWatchMutations(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	rig := newWatchRig(t, control, kube.WatchOptions{})
	rig.run()
	rig.apply("definitions", "default", watchedCRD)

	const container = "spec.template.spec.containers[web]"
	strategic := func(object, patch string) func(*watchRig, string) {
		return func(r *watchRig, ns string) { r.patch(ns, object, patch) }
	}
	command := func(command string) func(*watchRig, string) {
		return func(r *watchRig, ns string) { r.kubectl(ns, command) }
	}
	input := func(manifest string, args ...string) func(*watchRig, string) {
		return func(r *watchRig, ns string) { r.input(ns, manifest, args...) }
	}
	inContainer := func(fields string) string {
		return `{"spec":{"template":{"spec":{"containers":[{"name":"web",` + fields + `}]}}}}`
	}
	inPod := func(fields string) string { return `{"spec":{"template":{"spec":{` + fields + `}}}}` }
	replaced := func(manifest string, oldnew ...string) string {
		return strings.NewReplacer(oldnew...).Replace(manifest)
	}
	labelled := func(manifest, app string) string {
		return strings.NewReplacer("metadata: {name: web}", "metadata: {name: web, labels: {holdfast.dev/application: "+app+"}}",
			"labels: {app: web}}\nspec:\n  replicas", "labels: {holdfast.dev/application: "+app+"}}\nspec:\n  replicas").Replace(manifest)
	}
	tests := []struct {
		name     string
		manifest string
		mutate   func(*watchRig, string)
		want     string
	}{
		{"image", watchedDeployment, command("set image deployment/web web=nginx:2"),
			`changed ` + container + `.image "nginx:1" -> "nginx:2" by kubectl-set Update`},
		{"scale through the subresource", watchedDeployment, command("scale deployment/web --replicas=5"),
			`changed spec.replicas 2 -> 5 by kubectl Update scale`},
		{"environment variable removed", watchedDeployment, command("set env deployment/web B-"),
			`removed ` + container + `.env[B]`},
		{"environment variable added", watchedDeployment, command("set env deployment/web LD_PRELOAD=/tmp/x"),
			`added ` + container + `.env[LD_PRELOAD] {"name":"LD_PRELOAD","value":"/tmp/x"} by kubectl-set Update`},
		{"environment variable added, with a credential", watchedDeployment, command("set env deployment/web API_TOKEN=planted-token"),
			`added ` + container + `.env[API_TOKEN] {"name":"API_TOKEN","value":"(hidden)"} by kubectl-set Update`},
		{"environment variable changed", watchedDeployment, command("set env deployment/web A=9"),
			`changed ` + container + `.env[A].value "1" -> "9" by kubectl-set Update`},
		{"security context weakened", watchedDeployment,
			strategic("deployment/web", inContainer(`"securityContext":{"runAsNonRoot":false,"allowPrivilegeEscalation":null}`)),
			"removed " + container + ".securityContext.allowPrivilegeEscalation\n" +
				`changed ` + container + `.securityContext.runAsNonRoot true -> false by kubectl-patch Update`},
		{"security context removed", watchedDeployment, strategic("deployment/web", inContainer(`"securityContext":null`)),
			`removed ` + container + `.securityContext`},
		{"privileged", watchedDeployment,
			strategic("deployment/web", inContainer(`"securityContext":{"privileged":true,"allowPrivilegeEscalation":true}`)),
			"changed " + container + `.securityContext.allowPrivilegeEscalation false -> true by kubectl-patch Update` + "\n" +
				"added " + container + `.securityContext.privileged true by kubectl-patch Update`},
		{"capability added beside those we drop", watchedDeployment,
			strategic("deployment/web", inContainer(`"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}`)),
			`added ` + container + `.securityContext.capabilities.add ["SYS_ADMIN"] by kubectl-patch Update`},
		{"capability no longer dropped", watchedDeployment,
			strategic("deployment/web", inContainer(`"securityContext":{"capabilities":{"drop":["NET_RAW"]}}`)),
			`changed ` + container + `.securityContext.capabilities.drop ["ALL"] -> ["NET_RAW"] by kubectl-patch Update`},
		{"host network", watchedDeployment, strategic("deployment/web", inPod(`"hostNetwork":true`)),
			`added spec.template.spec.hostNetwork true by kubectl-patch Update`},
		{"host process namespace", watchedDeployment, strategic("deployment/web", inPod(`"hostPID":true`)),
			`added spec.template.spec.hostPID true by kubectl-patch Update`},
		{"sidecar", watchedDeployment,
			strategic("deployment/web", inPod(`"containers":[{"name":"evil","image":"evil:1","securityContext":{"privileged":true}}]`)),
			`added spec.template.spec.containers[evil] {"image":"evil:1","imagePullPolicy":"IfNotPresent","name":"evil","resources":{},"securityContext":{"privileged":true},` +
				`"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"} by kubectl-patch Update`},
		{"volume of the host, mounted", watchedDeployment,
			strategic("deployment/web", inPod(`"volumes":[{"name":"root","hostPath":{"path":"/"}}],"containers":[{"name":"web","volumeMounts":[{"name":"root","mountPath":"/host"}]}]`)),
			`added ` + container + `.volumeMounts[root] {"mountPath":"/host","name":"root"} by kubectl-patch Update` + "\n" +
				`added spec.template.spec.volumes[root] {"hostPath":{"path":"/","type":""},"name":"root"} by kubectl-patch Update`},
		{"content for a volume that we declare empty", watchedDeployment,
			strategic("deployment/web", inPod(`"volumes":[{"name":"tmp","emptyDir":{"medium":"Memory"}}]`)),
			`added spec.template.spec.volumes[tmp].emptyDir.medium "Memory" by kubectl-patch Update`},
		{"label added", watchedDeployment, command("label deployment/web team=red"),
			`added metadata.labels.team "red" by kubectl-label Update`},
		{"label changed", watchedDeployment, command("label deployment/web app=other --overwrite"),
			`changed metadata.labels.app "web" -> "other" by kubectl-label Update`},
		{"our label removed, which ends the watch of the object", watchedDeployment, command("label deployment/web holdfast.dev/application-"),
			`removed metadata.labels.holdfast.dev/application`},
		{"annotation added", watchedDeployment, command("annotate deployment/web note=1"),
			`added metadata.annotations.note "1" by kubectl-annotate Update`},
		{"restart", watchedDeployment, func(r *watchRig, ns string) {
			r.patch(ns, "deployment/web", `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`, "--field-manager=kubectl-rollout")
		}, `added spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt "now" by kubectl-rollout Update`},
		{"forced apply by another manager", watchedConfigMap,
			input(replaced(watchedConfigMap, "safe", "wild"), "apply", "--server-side", "--force-conflicts", "--field-manager=rival"),
			`changed data.mode "safe" -> "wild" by rival Apply`},
		{"apply by another manager with our values", watchedConfigMap,
			input(watchedConfigMap, "apply", "--server-side", "--field-manager=rival"), ``},
		{"apply in our name", watchedConfigMap, func(r *watchRig, ns string) {
			r.input(ns, labelled(replaced(watchedConfigMap, "safe", "wild", "level:", "extra: x, level:"), ns), "apply", "--server-side", "--field-manager=holdfast")
		}, `added data.extra "x" by holdfast Apply` + "\n" + `changed data.mode "safe" -> "wild" by holdfast Apply`},
		{"update in our name", watchedConfigMap, func(r *watchRig, ns string) {
			r.patch(ns, "configmap/web", `{"data":{"mode":"wild"}}`, "--field-manager=holdfast")
		}, `changed data.mode "safe" -> "wild" by holdfast Update`},
		{"client-side apply", watchedConfigMap, input(replaced(watchedConfigMap, "safe", "wild"), "apply"),
			`changed data.mode "safe" -> "wild" by kubectl-client-side-apply Update` + "\n" +
				`added metadata.annotations.kubectl.kubernetes.io/last-applied-configuration "(hidden)" by kubectl-client-side-apply Update`},
		{"key of a map added and one removed", watchedConfigMap,
			strategic("configmap/web", `{"data":{"level":null,"more":"x"}}`),
			"removed data.level\nadded data.more \"x\" by kubectl-patch Update"},
		{"changed and changed back, at once", watchedConfigMap, func(r *watchRig, ns string) {
			release := r.watcher.Hold(ns)
			defer release()
			r.patch(ns, "configmap/web", `{"data":{"mode":"wild"}}`)
			r.patch(ns, "configmap/web", `{"data":{"mode":"safe"}}`)
		}, ``},
		{"a controller's name does not make everything legal", watchedDeployment, func(r *watchRig, ns string) {
			r.patch(ns, "deployment/web", inPod(`"hostIPC":true`), "--field-manager=kube-controller-manager")
		}, `added spec.template.spec.hostIPC true by kube-controller-manager Update`},
		{"owners erased, and an addition without owner", watchedDeployment, func(r *watchRig, ns string) {
			r.patch(ns, "deployment/web", `[{"op":"add","path":"/spec/template/spec/hostPID","value":true}]`, "--type=json")
			r.patch(ns, "deployment/web", `[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]`, "--type=json")
		}, "removed metadata.managedFields\nadded spec.template.spec.hostPID true"},
		{"deleted", watchedConfigMap, command("delete configmap/web"), `missing`},
		{"deleted and created again, with the same content", watchedConfigMap, func(r *watchRig, ns string) {
			r.kubectl(ns, "delete configmap/web")
			r.input(ns, labelled(watchedConfigMap, ns), "create")
		}, `changed metadata.uid by kubectl-create Update`},
		{"deployment deleted and created again, where defaults are owned", watchedDeployment, func(r *watchRig, ns string) {
			r.kubectl(ns, "delete deployment/web")
			r.input(ns, labelled(watchedDeployment, ns), "create")
		}, "removed metadata.labels.app\n" + `changed metadata.uid by kubectl-create Update`},
		{"quantity in another spelling", watchedDeployment,
			strategic("deployment/web", inContainer(`"resources":{"limits":{"cpu":"0.1","memory":"1Gi"}}`)), ``},
		{"quantity of a custom resource in another spelling", watchedWidget, func(r *watchRig, ns string) {
			r.patch(ns, "widget/web", `{"spec":{"resources":{"limits":{"cpu":"0.1","memory":"1024Mi"}}}}`, "--type=merge")
		}, ``},
		{"quantity of a custom resource changed", watchedWidget, func(r *watchRig, ns string) {
			r.patch(ns, "widget/web", `{"spec":{"resources":{"limits":{"cpu":"0.2"}}}}`, "--type=merge")
		}, `changed spec.resources.limits.cpu "100m" -> "0.2" by kubectl-patch Update`},
		{"default written out", watchedDeployment, strategic("deployment/web", inPod(`"dnsPolicy":"ClusterFirst","terminationGracePeriodSeconds":30`)), ``},
		{"default changed", watchedDeployment, strategic("deployment/web", inPod(`"terminationGracePeriodSeconds":5`)),
			`added spec.template.spec.terminationGracePeriodSeconds 5 by kubectl-patch Update`},
		{"finalizer", watchedConfigMap, strategic("configmap/web", `{"metadata":{"finalizers":["example.org/wait"]}}`), ``},
		{"status", watchedDeployment, func(r *watchRig, ns string) {
			r.kubectl(ns, "wait deployment/web --for=condition=Available --timeout=60s")
			r.patch(ns, "deployment/web", `{"status":{"collisionCount":1}}`, "--subresource=status")
		}, ``},
		{"autoscaler, where Git declares no replicas", replaced(watchedDeployment, "  replicas: 2\n", ""), func(r *watchRig, ns string) {
			r.patch(ns, "deployment/web", `{"spec":{"replicas":4}}`, "--type=merge", "--subresource=scale", "--field-manager=kube-controller-manager")
		}, ``},
		{"autoscaler, where Git declares replicas", watchedDeployment, func(r *watchRig, ns string) {
			r.patch(ns, "deployment/web", `{"spec":{"replicas":4}}`, "--type=merge", "--subresource=scale", "--field-manager=kube-controller-manager")
		}, `changed spec.replicas 2 -> 4 by kube-controller-manager Update scale`},
		{"volume claim is bound", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: web}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}\n",
			command("wait pvc/web --for=jsonpath={.status.phase}=Bound --timeout=60s"), ``},
		{"service gets addresses and endpoints", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n",
			command("wait service/web --for=jsonpath={.spec.clusterIP} --timeout=60s"), ``},
		{"service opened to the world", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, type: ClusterIP, ports: [{port: 80}]}\n",
			strategic("service/web", `{"spec":{"externalIPs":["203.0.113.7"]}}`),
			`added spec.externalIPs ["203.0.113.7"] by kubectl-patch Update`},
		{"token for a service account", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n",
			input("apiVersion: v1\nkind: Secret\nmetadata: {name: web-token, annotations: {kubernetes.io/service-account.name: web}}\ntype: kubernetes.io/service-account-token\n", "apply"), ``},
		{"token secret is filled", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n---\n" +
			"apiVersion: v1\nkind: Secret\nmetadata: {name: web, annotations: {kubernetes.io/service-account.name: robot}}\ntype: kubernetes.io/service-account-token\n",
			command("wait secret/web --for=jsonpath={.data.token} --timeout=60s"), ``},
		{"certificate of a webhook", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: web}\nwebhooks: [{name: a.example.org, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Ignore, clientConfig: {service: {name: x, namespace: x}}, rules: [{apiGroups: [example.org], apiVersions: [v1], resources: [nothing], operations: [CREATE]}]}]\n",
			func(r *watchRig, ns string) {
				r.patch(ns, "validatingwebhookconfiguration/web", `{"webhooks":[{"name":"a.example.org","clientConfig":{"caBundle":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJoVENDQVN1Z0F3SUJBZ0lRSVJpNnplUEw2bUtqT2lwTitkTnVhVEFLQmdncWhrak9QUVFEQWpBU01SQXcKRGdZRFZRUUtFd2RCWTIxbElFTnZNQjRYRFRFM01UQXlNREU1TkRNd05sb1hEVEU0TVRBeU1ERTVORE13TmxvdwpFakVRTUE0R0ExVUVDaE1IUVdOdFpTQkRiekJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCRDBkCjdWTmhiV3ZacldyU3RTTlNZaGljejBJQzlDVDhxUmFnbmhwMTFKbGJEbmpYTXVOVVp3aW1WbFp1M2QwOStTdUwKTGoyTGFOd2c1bHUzZVlkZnpQYWpZekJoTUE0R0ExVWREd0VCL3dRRUF3SUNwREFUQmdOVkhTVUVEREFLQmdncgpCZ0VGQlFjREFUQVBCZ05WSFJNQkFmOEVCVEFEQVFIL01Da0dBMVVkRVFRaU1DQ0NEbXh2WTJGc2FHOXpkRG8xCk5EVXpnZzR4TWpjdU1DNHdMakU2TlRRMU16QUtCZ2dxaGtqT1BRUURBZ05JQURCRkFpRUEyenBKRVBReno2L2wKV2Y4NmFYNlBlcHNudFpZcnRpUmFmcEV6YkZxd21vMENJREJSNnNQMDVqcVJCRm9SZFBEbzhYNjZCVXd2OGdXYwpRWGFoYUtHTHVWNDAKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="}}]}`, "--field-manager=cert-manager-cainjector")
			}, ``},
		{"rule of a role widened", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: web}\nrules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]\n",
			strategic("role/web", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`),
			`changed rules [{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}] -> [{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}] by kubectl-patch Update`},
		{"value of a secret changed", watchedSecret, strategic("secret/web", `{"stringData":{"password":"planted-other"}}`),
			`changed data.password "(hidden)" -> "(hidden)" by kubectl-patch Update`},
		{"key of a secret added", watchedSecret, strategic("secret/web", `{"stringData":{"more":"planted-more"}}`),
			`added data.more "(hidden)" by kubectl-patch Update`},
		{"key of a secret removed", watchedSecret, strategic("secret/web", `{"data":{"key":null}}`), `removed data.key`},
		{"secret applied in our name", watchedSecret, func(r *watchRig, ns string) {
			nextSecond()
			r.input(ns, "apiVersion: v1\nkind: Secret\nmetadata: {name: web, labels: {holdfast.dev/application: "+ns+"}}\ndata: {key: cGxhbnRlZC1rZXk=, password: cGxhbnRlZC1vdGhlcg==}\n", "apply", "--server-side", "--field-manager=holdfast")
		}, `changed data "(hidden)" -> "(hidden)" by holdfast Apply`},
		{"more writers than the server keeps", watchedConfigMap, func(r *watchRig, ns string) {
			for i := range 12 {
				name := string(rune('a' + i))
				r.patch(ns, "configmap/web", `{"data":{"k`+name+`":"x"}}`, "--field-manager=writer-"+name)
			}
		}, "added data.ka \"x\" by ancient-changes Update\nadded data.kb \"x\" by ancient-changes Update\n" +
			"added data.kc \"x\" by ancient-changes Update\nadded data.kd \"x\" by writer-d Update\nadded data.ke \"x\" by writer-e Update\nadded data.kf \"x\" by writer-f Update\n" +
			"added data.kg \"x\" by writer-g Update\nadded data.kh \"x\" by writer-h Update\nadded data.ki \"x\" by writer-i Update\nadded data.kj \"x\" by writer-j Update\n" +
			"added data.kk \"x\" by writer-k Update\nadded data.kl \"x\" by writer-l Update"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rig.in(t)
			ns := control.Namespace(t)
			app := ns // so that manifests can name it
			objects := r.apply(app, ns, tt.manifest)
			defer r.watcher.Untrack(app)
			id := objects[len(objects)-1].ID
			r.idle()
			from := r.mark()
			tt.mutate(r, ns)
			want, silent := tt.want, tt.want == ""
			if silent {
				r.kubectl(ns, "annotate "+strings.ToLower(id.Kind)+"/"+id.Name+" marker=1")
				want = `added metadata.annotations.marker "1" by kubectl-annotate Update`
			}
			var got []string
			deadline := time.Now().Add(mutationLimit)
			waitFor(t, "the watcher", func() bool {
				got = nil
				for _, told := range r.since(from, app) {
					if told.hook == "drift" {
						got = append(got, told.text)
					}
				}
				return len(got) > 0 && got[len(got)-1] == want || time.Now().After(deadline)
			})
			switch {
			case len(got) == 0:
				t.Fatal("nothing was told")
			case got[len(got)-1] != want:
				t.Errorf("changes (-want +got):\n%s", cmp.Diff(want, got[len(got)-1]))
			case silent && got[0] != want:
				t.Errorf("was not silent: %s", got[0])
			}
			for _, text := range got {
				if strings.Contains(text, "planted") {
					t.Errorf("a secret value was told: %s", text)
				}
			}
		})
	}
}

const mutationLimit = 15 * time.Second

// nextSecond waits for the next second of the clock, the unit of the times in
// managedFields.
func nextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }
