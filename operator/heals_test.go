package operator

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
)

func drifted(key string) event { return event{key: key, drift: &drift.Drift{Kind: drift.Changed}} }

func (q *driftQueue) await(t *testing.T) event {
	t.Helper()
	for {
		if e, ok := q.take(); ok {
			return e
		}
		select {
		case <-q.ready:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came")
		}
	}
}

func TestQueueKeepsTheNewestOfEachObject(t *testing.T) {
	q := newDriftQueue()
	q.add(drifted("a"))
	q.add(drifted("b"))
	q.add(event{key: "a"})
	if e := q.await(t); e.key != "a" || e.drift != nil {
		t.Errorf("the first is %+v, want that a agrees", e)
	}
	if e := q.await(t); e.key != "b" {
		t.Errorf("the second is %+v", e)
	}
	if e, ok := q.take(); ok {
		t.Errorf("there is one more: %+v", e)
	}
}

func TestWhatIsPutOffComesBack(t *testing.T) {
	q := newDriftQueue()
	q.add(drifted("a"))
	for range 3 { // it may be put off again
		e := q.await(t)
		if e.key != "a" || e.drift == nil {
			t.Fatalf("came back as %+v", e)
		}
		q.addLater(e, time.Millisecond)
	}
	q.await(t)
}

func TestWhatIsPutOffGivesWayToNews(t *testing.T) {
	for _, c := range []struct {
		name string
		take bool // the news was dealt with before
	}{{"still queued", false}, {"dealt with", true}} {
		t.Run(c.name, func(t *testing.T) {
			q := newDriftQueue()
			q.add(drifted("a"))
			old := q.await(t)
			q.add(event{key: "a"})
			if c.take {
				q.await(t)
			}
			q.addLater(old, 0)
			later := drifted("z") // queued by a timer that fires after the other
			q.add(later)
			q.addLater(q.awaitKey(t, "z"), 50*time.Millisecond)
			for e := q.await(t); e.key != "z"; e = q.await(t) {
				if e.drift != nil {
					t.Errorf("a drift came back though the object agrees since: %+v", e)
				}
			}
		})
	}
}

// awaitKey takes an event of one object and puts the others back.
func (q *driftQueue) awaitKey(t *testing.T, key string) event {
	t.Helper()
	e := q.await(t)
	if e.key == key {
		return e
	}
	defer q.add(e)
	return q.awaitKey(t, key)
}
