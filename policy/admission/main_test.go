package admission_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/test/testcluster"
)

var shared testcluster.Shared

const workers = 8 // requests at a time

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

// server is a real API server.
type server struct {
	t      *testing.T
	config *rest.Config
	http   *http.Client
	kinds  map[string]served // by "apiVersion kind"
}

// served is how objects of a kind are reached.
type served struct {
	resource   string
	namespaced bool
}

type object = map[string]any

func newServer(t *testing.T) *server {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", shared.Cluster(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, config: config, http: client}
	s.discover()
	return s
}

func (s *server) discover() {
	s.t.Helper()
	s.kinds = map[string]served{}
	client, err := discovery.NewDiscoveryClientForConfig(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, list := range lists {
		for _, r := range list.APIResources {
			if !strings.Contains(r.Name, "/") {
				s.kinds[list.GroupVersion+" "+r.Kind] = served{r.Name, r.Namespaced}
			}
		}
	}
}

// answer is what the API server says to a request.
type answer struct {
	code     int
	body     []byte
	warnings []string
}

func (a answer) message() string {
	var status struct{ Message string }
	if err := json.Unmarshal(a.body, &status); err != nil {
		return string(a.body)
	}
	return status.Message
}

var warning = regexp.MustCompile(`^299 \S+ "(.*)"$`)

func (s *server) do(method, path string, body any) (answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, strings.TrimSuffix(s.config.Host, "/")+path, bytes.NewReader(data))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	out := answer{code: resp.StatusCode}
	for _, header := range resp.Header.Values("Warning") {
		if m := warning.FindStringSubmatch(header); m != nil {
			out.warnings = append(out.warnings, strings.ReplaceAll(m[1], `\"`, `"`))
		}
	}
	out.body, err = io.ReadAll(resp.Body)
	return out, err
}

// path returns where objects of o's kind are, and whether there are any.
func (s *server) path(o object) (string, bool) {
	version, _ := o["apiVersion"].(string)
	kind, ok := s.kinds[version+" "+fmt.Sprint(o["kind"])]
	if !ok {
		return "", false
	}
	path := "/apis/" + version
	if !strings.Contains(version, "/") {
		path = "/api/" + version
	}
	if kind.namespaced {
		path += "/namespaces/" + namespaceOf(o)
	}
	return path + "/" + kind.resource, true
}

// create creates an object for the tests; one that is there already is as good.
func (s *server) create(o object) {
	s.t.Helper()
	s.createAll([]object{o})
}

// createAll creates objects in any order.
func (s *server) createAll(all []object) {
	s.t.Helper()
	var group errgroup.Group
	group.SetLimit(workers)
	for _, o := range all {
		group.Go(func() error {
			path, ok := s.path(o)
			if !ok {
				return fmt.Errorf("the server has no %v %v", o["apiVersion"], o["kind"])
			}
			got, err := s.do(http.MethodPost, path, o)
			if err != nil {
				return err
			}
			if got.code != http.StatusCreated && got.code != http.StatusConflict {
				return fmt.Errorf("create %v %v: %s", o["kind"], o["metadata"], got.message())
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		s.t.Fatal(err)
	}
}

// dryRun sends an object as if to create it.
func (s *server) dryRun(o object) (answer, error) {
	path, ok := s.path(o)
	if !ok {
		return answer{}, fmt.Errorf("the server has no %v %v", o["apiVersion"], o["kind"])
	}
	query := url.Values{"dryRun": {"All"}, "fieldValidation": {"Strict"}}
	return s.do(http.MethodPost, path+"?"+query.Encode(), o)
}

// try sends an object as if to create it. Ephemeral containers are added to a
// pod that is there.
func (s *server) try(o object) (answer, error) {
	debuggers := at(o, "spec", "ephemeralContainers")
	if o["kind"] != "Pod" || debuggers == nil {
		return s.dryRun(o)
	}
	pod := object{}
	data, err := json.Marshal(o)
	if err != nil {
		return answer{}, err
	}
	if err := json.Unmarshal(data, &pod); err != nil {
		return answer{}, err
	}
	name := fmt.Sprintf("debugged-%p", o)[:20]
	pod["metadata"].(object)["name"] = name
	delete(pod["spec"].(object), "ephemeralContainers")
	path, _ := s.path(pod)
	got, err := s.do(http.MethodPost, path, pod)
	if err != nil || got.code != http.StatusCreated {
		return got, err
	}
	if err := json.Unmarshal(got.body, &pod); err != nil {
		return answer{}, err
	}
	delete(pod["metadata"].(object), "resourceVersion") // the scheduler may be faster
	pod["spec"].(object)["ephemeralContainers"] = debuggers
	return s.do(http.MethodPut, path+"/"+name+"/ephemeralcontainers?dryRun=All&fieldValidation=Strict", pod)
}

// patience is how long a busy machine may take.
const patience = 4 * time.Minute

// waitFor polls, as what is waited for tells nobody.
func (s *server) waitFor(what string, done func(context.Context) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !done(ctx) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// warned returns the warnings of admission policies, by the policy's name.
func (a answer) warned() map[string]string {
	all := map[string]string{}
	const mark = "Validation failed for ValidatingAdmissionPolicy '"
	for _, text := range a.warnings {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			name, _, _ := strings.Cut(rest, "'")
			_, message, _ := strings.Cut(rest, ": ")
			all[name] = strings.TrimPrefix(all[name]+"; "+message, "; ")
		}
	}
	return all
}

func namespaceOf(o object) string {
	if name, ok := at(o, "metadata", "namespace").(string); ok && name != "" {
		return name
	}
	return "example"
}

// at returns what is below o, or nil.
func at(o any, path ...string) any {
	for _, name := range path {
		m, ok := o.(object)
		if !ok {
			return nil
		}
		o = m[name]
	}
	return o
}

// below returns the map that is below o, and makes it if there is none.
func below(o object, path ...string) object {
	for _, name := range path {
		next, ok := o[name].(object)
		if !ok {
			next = object{}
			o[name] = next
		}
		o = next
	}
	return o
}

func preset(o object, name string, value any) {
	if o[name] == nil {
		o[name] = value
	}
}

var templates = map[string][]string{
	"Pod": {}, "PodTemplate": {"template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
	"Deployment": {"spec", "template"}, "ReplicaSet": {"spec", "template"}, "StatefulSet": {"spec", "template"},
	"DaemonSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"},
}

// complete adds what an API server insists on and no policy is about.
func complete(o object) {
	kind := fmt.Sprint(o["kind"])
	preset(below(o, "metadata"), "name", "example")
	if kind == "CronJob" {
		preset(below(o, "spec"), "schedule", "0 0 * * *")
	}
	if kind == "Service" && at(o, "spec", "type") != "ExternalName" {
		preset(below(o, "spec"), "ports", []any{object{"port": 80}})
	}
	path, holdsPod := templates[kind]
	if !holdsPod {
		return
	}
	template := below(o, path...)
	spec := below(template, "spec")
	if kind == "Job" || kind == "CronJob" {
		preset(spec, "restartPolicy", "Never")
	}
	if slices.Contains([]string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"}, kind) && o["spec"].(object)["selector"] == nil {
		below(template, "metadata", "labels")["example"] = "example"
		below(o, "spec", "selector", "matchLabels")["example"] = "example"
	}
	if kind == "ReplicationController" {
		below(template, "metadata", "labels")["example"] = "example"
	}
}
