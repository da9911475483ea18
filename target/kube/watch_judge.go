package kube

import (
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
)

// surveyedKinds are looked through for extra objects in the namespaces that an
// application declares: what runs, what exposes it and what gives it rights.
var surveyedKinds = []groupVersionKind{
	{"", "v1", "Pod"}, {"", "v1", "Service"}, {"", "v1", "ServiceAccount"},
	{"apps", "v1", "DaemonSet"}, {"apps", "v1", "Deployment"}, {"apps", "v1", "ReplicaSet"}, {"apps", "v1", "StatefulSet"},
	{"batch", "v1", "CronJob"}, {"batch", "v1", "Job"},
	{"networking.k8s.io", "v1", "Ingress"}, {"networking.k8s.io", "v1", "NetworkPolicy"},
	{"rbac.authorization.k8s.io", "v1", "Role"}, {"rbac.authorization.k8s.io", "v1", "RoleBinding"},
}

// extra is an object that was reported because nobody declares it.
type extra struct {
	app *watchedApp
	uid string
}

func objectKey(id resource.ID) string { return id.Namespace + "/" + id.Name }

// observe takes in one object of a stream. Asked is the clock when a list that
// has the object began; 0 for an event.
func (s *stream) observe(object map[string]any, gone bool, listing, asked int) {
	w, id := s.w, liveID(object)
	e := w.entries[id.Key()]
	s.note(id, object, gone, listing)
	switch {
	case e == nil && gone:
		if w.extras[id.Key()] != nil {
			w.confirm(id)
		}
	case e == nil:
		w.candidate(id, s.seen[objectKey(id)])
	case !s.survey && e.ID.Version == s.streamKey.version:
		w.judge(e, object, gone, asked)
	}
}

// note keeps the reference of an object. Of a survey, only those of objects
// that may be extra are kept.
func (s *stream) note(id resource.ID, object map[string]any, gone bool, listing int) {
	key := objectKey(id)
	r := sighting{
		version: stringAt(object, "metadata", "resourceVersion"),
		app:     stringAt(object, "metadata", "labels", LabelApplication), listing: listing,
	}
	owners, _ := at(object, "metadata", "ownerReferences").([]any)
	r.owned = len(owners) > 0
	if gone || s.survey && (r.owned || r.app != "" || s.w.declaredNamespaces()[id.Namespace] == nil) {
		delete(s.seen, key)
		return
	}
	s.seen[key] = r
}

// complete ends a list: what was there before and is not in the list is asked
// for, and so is what is tracked and was never seen.
func (s *stream) complete(version string, listing int) {
	s.version, s.synced = version, true
	for key, r := range s.seen {
		if r.listing != listing {
			delete(s.seen, key)
			if id := s.idOf(key); s.w.extras[id.Key()] != nil {
				s.w.confirm(id)
			}
		}
	}
	if s.survey {
		return
	}
	for _, e := range s.w.entries {
		if s.w.keyOf(e) != s.streamKey || !e.Baseline.Applied() {
			continue
		}
		if _, seen := s.seen[objectKey(e.ID)]; !seen && newer(version, e.Baseline.ResourceVersion) {
			s.w.confirm(e.ID)
		}
	}
}

// judge compares what was seen of a tracked object with its baseline. Asked is
// the clock when it was asked for; 0 for an event, which may be older than the
// baseline.
func (w *Watcher) judge(e *entry, live map[string]any, gone bool, asked int) {
	e.steps++
	if e.app.holds > 0 || !e.Baseline.Applied() {
		e.pending = &pending{live, gone, asked}
		return
	}
	version := stringAt(live, "metadata", "resourceVersion")
	switch {
	case asked >= e.based: // newer than our apply, even if the server's history went back
	case e.judged != "" && !newer(version, e.judged):
		return
	case e.judged == "" && version != e.Baseline.ResourceVersion && !newer(version, e.Baseline.ResourceVersion):
		return
	}
	if gone {
		w.confirm(e.ID)
		return
	}
	digest := drift.Digest(live)
	if e.judged != "" && digest == e.digest {
		e.judged = version
		return
	}
	e.digest, e.judged, e.missing = digest, version, false
	q := question{entry: e, Tracked: e.Tracked, app: e.app, declared: e.app.declared, steps: e.steps, asked: asked, live: live}
	w.calls = append(w.calls, func() { w.compare(q) })
}

// question is what an object is compared with, at the time of an event.
type question struct {
	Tracked
	entry    *entry
	app      *watchedApp
	declared func(resource.ID) *resource.Value
	steps    int
	asked    int
	live     map[string]any
}

// compare answers a question and tells what is new. It holds no lock, since
// the declared manifest may take time to get.
func (w *Watcher) compare(q question) {
	result, err := drift.Compare(q.Baseline, nil, q.live, w.o.Rules)
	secret := secretKind(q.ID.Group, q.ID.Kind)
	values := secret && q.live["type"] != nil // which only the manifest can judge
	if err == nil && (len(result.Changes) > 0 || values) && q.declared != nil {
		result, err = drift.Compare(q.Baseline, q.declared(q.ID), q.live, w.o.Rules)
	}
	w.mu.Lock()
	e, differs := q.entry, len(result.Changes) > 0
	was := e.drifted
	switch {
	case w.entries[q.ID.Key()] != e:
		w.mu.Unlock()
		return
	case e.steps != q.steps || q.app.holds > 0: // it is being applied
		if e.pending == nil {
			e.pending = &pending{live: q.live, asked: q.asked}
		}
		e.judged = ""
		w.poke()
		w.mu.Unlock()
		return
	case secret && differs && !values && w.o.ReadSecrets:
		w.confirm(q.ID)
		w.mu.Unlock()
		return
	case err == nil:
		e.drifted = differs
	}
	w.mu.Unlock()
	w.tell(q, result, err, was)
}

func (w *Watcher) tell(q question, result drift.Result, err error, was bool) {
	switch {
	case err != nil && w.o.OnTrouble != nil:
		w.o.OnTrouble(q.ID.String(), err)
	case err != nil:
	case len(result.Changes) > 0 && w.o.OnDrift != nil:
		w.o.OnDrift(q.app.name, drift.Drift{
			Kind: drift.Changed, Object: q.ID, UID: stringAt(q.live, "metadata", "uid"), Changes: result.Changes, Lost: result.Lost,
			Applied: q.Baseline.Generation, Generation: generationOf(q.live), Seen: time.Now(),
		}, q.live)
	case len(result.Changes) == 0 && was && w.o.OnAgree != nil:
		w.o.OnAgree(q.app.name, q.ID)
	}
	if err == nil && len(result.Changes) == 0 && len(result.Lost) > 0 && w.o.OnLost != nil {
		w.o.OnLost(q.app.name, q.ID, result.Lost)
	}
}

// candidate asks for an object that is in the cluster and in no inventory,
// before it is reported as extra.
func (w *Watcher) candidate(id resource.ID, r sighting) {
	if r.version != "" && w.extras[id.Key()] == nil && w.extraOf(id, r.app, r.owned) != nil {
		w.confirm(id)
	}
}

// extraOf returns the application to which an object is extra, or nil.
func (w *Watcher) extraOf(id resource.ID, label string, owned bool) *watchedApp {
	if w.entries[id.Key()] != nil || owned || automatic(id) {
		return nil
	}
	app := w.apps[label]
	if label == "" && surveyed(id) {
		app = w.declaredNamespaces()[id.Namespace]
	}
	if app == nil || app.holds > 0 {
		return nil
	}
	return app
}

func surveyed(id resource.ID) bool {
	for _, k := range surveyedKinds {
		if k.group == id.Group && k.kind == id.Kind {
			return true
		}
	}
	return false
}

// automatic reports whether the control plane makes an object by itself,
// without making another object its owner.
func automatic(id resource.ID) bool {
	switch id.Kind {
	case "ServiceAccount":
		return id.Name == "default"
	case "Service":
		return id.Namespace == "default" && id.Name == "kubernetes"
	case "ConfigMap":
		return id.Name == "kube-root-ca.crt"
	case "Endpoints", "EndpointSlice", "ControllerRevision", "PodMetrics":
		return true
	}
	return false
}

func generationOf(live map[string]any) int64 {
	n, _ := at(live, "metadata", "generation").(int64)
	return n
}
