package kube

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const (
	pageSize       = 500
	firstWatchWait = 100 * time.Millisecond
	longWatchWait  = 3 * time.Second // between attempts to reach an API server
	longKindWait   = 30 * time.Second
	watchLifetime  = 30 * time.Minute // at least; at most twice that
)

type groupVersionKind struct{ group, version, kind string }

// streamKey says what a watch is for: the objects with our label of one kind,
// or all objects of a kind, to find extra ones.
type streamKey struct {
	groupVersionKind
	namespace string // empty for all
	survey    bool
}

func (k streamKey) compare(o streamKey) int {
	return cmp.Or(cmp.Compare(k.group, o.group), cmp.Compare(k.kind, o.kind), cmp.Compare(k.version, o.version), cmp.Compare(k.namespace, o.namespace))
}

// light reports whether the watch carries metadata alone.
func (k streamKey) light() bool { return k.survey || secretKind(k.group, k.kind) }

func (k streamKey) String() string {
	id := resource.ID{Group: k.group, Version: k.version}
	text := id.APIVersion() + " " + k.kind
	if k.namespace != "" {
		text += " in " + k.namespace
	}
	return text
}

// stream is a list followed by a watch that goes on from it, for ever.
type stream struct {
	streamKey
	w      *Watcher
	cancel context.CancelFunc
	pause  time.Duration // before the last attempt; 0 once a watch brought something

	// The mutex of w guards these.
	seen     map[string]sighting // by namespace/name
	version  string              // the resourceVersion up to which everything was seen
	synced   bool                // has been listed
	watching bool
	listing  int // number of the list that runs or was last
	began    int // the clock of the Watcher when it began
}

// sighting is all that is kept of an object that was seen.
type sighting struct {
	version string
	app     string // value of our label
	owned   bool   // another object of the cluster owns it
	listing int
}

// idOf is the inverse of objectKey.
func (s *stream) idOf(key string) resource.ID {
	namespace, name, _ := strings.Cut(key, "/")
	return resource.ID{Group: s.group, Version: s.streamKey.version, Kind: s.kind, Namespace: namespace, Name: name}
}

// arrange starts the streams that are needed and stops the others.
func (w *Watcher) arrange() {
	if w.running == nil {
		return
	}
	needed := w.needed()
	for key, s := range w.streams {
		if !needed[key] {
			s.cancel()
			delete(w.streams, key)
		}
	}
	for _, key := range sortedStreams(needed) {
		if w.streams[key] == nil {
			ctx, cancel := context.WithCancel(w.running)
			s := &stream{streamKey: key, w: w, cancel: cancel, seen: map[string]sighting{}}
			w.streams[key] = s
			w.group.Go(func() { s.run(ctx) })
		}
	}
}

func (w *Watcher) needed() map[streamKey]bool {
	needed := map[streamKey]bool{}
	for _, e := range w.entries {
		needed[w.keyOf(e)] = true
	}
	for namespace := range w.declaredNamespaces() {
		for _, kind := range surveyedKinds {
			key := streamKey{groupVersionKind: kind, survey: true}
			if w.narrowed[kind] {
				key.namespace = namespace
			}
			needed[key] = true
		}
	}
	return needed
}

func (w *Watcher) keyOf(e *entry) streamKey {
	key := streamKey{groupVersionKind: groupVersionKind{e.ID.Group, e.ID.Version, e.ID.Kind}}
	if w.narrowed[key.groupVersionKind] {
		key.namespace = e.ID.Namespace
	}
	return key
}

func (w *Watcher) streamOf(e *entry) *stream { return w.streams[w.keyOf(e)] }

// run lists once and then watches. It lists again only if the API server no
// longer has the version to go on from.
func (s *stream) run(ctx context.Context) {
	version := ""
	for ctx.Err() == nil {
		m, err := s.w.cluster.mapper.lookup(ctx, resource.ID{Group: s.group, Version: s.streamKey.version, Kind: s.kind})
		if err == nil && version == "" {
			version, err = s.list(ctx, m)
		}
		if err == nil {
			version, err = s.watch(ctx, m, version)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		switch {
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err), errors.Is(err, errHistory):
			version = ""
			s.rest(ctx, longWatchWait)
		case apierrors.IsForbidden(err) && s.namespace == "" && m.namespaced && s.narrow(ctx):
			return
		case apierrors.IsForbidden(err), target.KindOf(err) == target.NotFound, target.KindOf(err) == target.Forbidden, apierrors.IsNotFound(err):
			s.complain(ctx, err)
			s.rest(ctx, longKindWait)
		default:
			s.complain(ctx, err)
			s.rest(ctx, longWatchWait)
		}
	}
}

func (s *stream) complain(ctx context.Context, err error) {
	failure := classify(subject{op: "watch " + s.String()}, err)
	var known *target.Error
	if errors.As(err, &known) {
		failure = known
	}
	s.post(ctx, func() {
		s.watching = false
		s.w.trouble(s.String(), failure)
	})
}

// rest waits, from failure to failure longer, up to a limit.
func (s *stream) rest(ctx context.Context, limit time.Duration) {
	s.pause = min(max(2*s.pause, firstWatchWait), limit)
	timer := time.NewTimer(s.pause/2 + rand.N(s.pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// narrow has the kind watched namespace by namespace from now on.
func (s *stream) narrow(ctx context.Context) bool {
	s.post(ctx, func() {
		s.w.narrowed[s.groupVersionKind] = true
		s.w.arrange()
	})
	return true
}

// post has a function run by the Watcher, unless the stream was stopped.
func (s *stream) post(ctx context.Context, do func()) {
	s.w.post(ctx, func() {
		if s.w.streams[s.streamKey] == s {
			do()
		}
	})
}

func (s *stream) options() metav1.ListOptions {
	if s.survey {
		return metav1.ListOptions{}
	}
	return metav1.ListOptions{LabelSelector: LabelApplication}
}

// list shows all objects to the Watcher, a page at a time, and returns the
// version to watch from.
func (s *stream) list(ctx context.Context, m mapping) (string, error) {
	var number int
	s.post(ctx, func() {
		s.listing++
		number = s.listing
		s.began = s.w.clock
	})
	options := s.options()
	options.Limit = pageSize
	for {
		objects, page, err := s.page(ctx, m, options)
		if err != nil {
			return "", err
		}
		s.post(ctx, func() {
			for _, o := range objects {
				s.observe(o, false, number, s.began)
			}
		})
		if options.Continue = page.GetContinue(); options.Continue == "" {
			version := page.GetResourceVersion()
			s.post(ctx, func() { s.complete(version, number) })
			return version, ctx.Err()
		}
	}
}

func (s *stream) page(ctx context.Context, m mapping, options metav1.ListOptions) ([]map[string]any, metav1.ListInterface, error) {
	ctx, cancel := context.WithTimeout(ctx, s.w.cluster.options.Timeout)
	defer cancel()
	if s.light() {
		list, err := s.w.cluster.metadata.Resource(m.gvr).Namespace(s.namespace).List(ctx, options)
		if err != nil {
			return nil, nil, err
		}
		objects := make([]map[string]any, 0, len(list.Items))
		for i := range list.Items {
			o, err := s.decode(&list.Items[i])
			if err != nil {
				return nil, nil, err
			}
			objects = append(objects, o)
		}
		return objects, list, nil
	}
	list, err := s.w.cluster.dynamic.Resource(m.gvr).Namespace(s.namespace).List(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	objects := make([]map[string]any, 0, len(list.Items))
	for i := range list.Items {
		o, err := s.decode(&list.Items[i])
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, o)
	}
	return objects, list, nil
}

// decode returns an object as decoded JSON, with its kind.
func (s *stream) decode(o runtime.Object) (map[string]any, error) {
	var object map[string]any
	switch o := o.(type) {
	case *unstructured.Unstructured:
		object = o.Object
	case *metav1.PartialObjectMetadata:
		var err error
		if object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(o); err != nil {
			return nil, errUnreadable
		}
	default:
		return nil, errUnreadable
	}
	object["apiVersion"] = resource.ID{Group: s.group, Version: s.streamKey.version}.APIVersion()
	object["kind"] = s.kind
	return object, nil
}

// errHistory means that the API server has an older state than we have seen,
// such as one restored from a backup. It would keep back all events up to the
// version that we ask for.
var errHistory = errors.New("the API server went back in its history")

// checkHistory asks for a single object, to learn the server's version.
func (s *stream) checkHistory(ctx context.Context, m mapping, version string) error {
	options := s.options()
	options.Limit = 1
	_, page, err := s.page(ctx, m, options)
	if err == nil && page.GetResourceVersion() != version && newer(version, page.GetResourceVersion()) {
		return errHistory
	}
	return err
}

// watch follows the objects from a version on, and returns the version that it
// came to. It ends without an error when the server has ended it in time.
func (s *stream) watch(ctx context.Context, m mapping, version string) (string, error) {
	options := s.options()
	options.ResourceVersion, options.AllowWatchBookmarks = version, true
	lifetime := int64((watchLifetime + rand.N(watchLifetime)).Seconds())
	options.TimeoutSeconds = &lifetime
	var (
		events watch.Interface
		err    error
	)
	if s.light() {
		events, err = s.w.cluster.metadata.Resource(m.gvr).Namespace(s.namespace).Watch(ctx, options)
	} else {
		events, err = s.w.cluster.dynamic.Resource(m.gvr).Namespace(s.namespace).Watch(ctx, options)
	}
	if err != nil {
		return version, err
	}
	defer events.Stop()
	if s.pause > 0 {
		// There was trouble: the server may be another one. It is asked while
		// the watch is open, so that it cannot change between the two unseen.
		if err := s.checkHistory(ctx, m, version); err != nil {
			return version, err
		}
	}
	s.post(ctx, func() { s.watching = true })
	began := time.Now()
	for event := range events.ResultChan() {
		if event.Type == watch.Error {
			return version, apierrors.FromObject(event.Object)
		}
		accessor, err := meta.Accessor(event.Object)
		if err != nil {
			return version, errUnreadable
		}
		next := accessor.GetResourceVersion()
		if event.Type == watch.Bookmark {
			s.post(ctx, func() { s.version = next })
		} else {
			object, err := s.decode(event.Object)
			if err != nil {
				return version, err
			}
			gone := event.Type == watch.Deleted
			s.post(ctx, func() {
				s.version = next
				s.observe(object, gone, s.listing, 0)
			})
		}
		version, s.pause = next, 0
	}
	if time.Since(began) < watchLifetime && ctx.Err() == nil {
		s.post(ctx, func() { s.watching = false })
		s.rest(ctx, longWatchWait) // a server that ends each watch at once must not be asked in a loop
	}
	return version, nil
}

// newer reports whether a resourceVersion is newer than another one. Unknown
// ones are taken for newer, so that nothing is missed.
func newer(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || order > 0
}
