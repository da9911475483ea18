package workflow

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// gate is what conditions leave of the events of a workflow.
type gate struct {
	events   []string
	own      bool // the pull request or the run before comes from this repository
	trusted  bool // who acts is a known person, or belongs to the repository
	computed bool // the outcome of another step or job decides
}

const (
	gateUnknown uint8 = iota
	gateComputing
	gateKnown
)

// Events that outsiders can cause. For those of pull requests they get no secrets
// and a token that only reads; for the others they get both.
var (
	publicEvents = []string{"pull_request", "pull_request_review", "pull_request_review_comment"}
	openEvents   = []string{
		"pull_request_target", "workflow_run", "issues", "issue_comment", "discussion", "discussion_comment",
		"fork", "watch", "gollum",
	}
	called = "workflow_call"
)

// and returns what both gates leave.
func (g gate) and(other gate) gate {
	return gate{
		events: intersect(g.events, other.events), own: g.own || other.own, trusted: g.trusted || other.trusted,
		computed: g.computed || other.computed,
	}
}

// or returns what one of the gates leaves.
func (g gate) or(other gate) gate {
	union := slices.Clone(g.events)
	for _, e := range other.events {
		if !slices.Contains(union, e) {
			union = append(union, e)
		}
	}
	// A side that leaves no event to outsiders lets none of them in.
	if !g.outside() {
		g.own, g.trusted, g.computed = true, true, true
	}
	if !other.outside() {
		other.own, other.trusted, other.computed = true, true, true
	}
	return gate{union, g.own && other.own, g.trusted && other.trusted, g.computed && other.computed}
}

func (g gate) outside() bool {
	return slices.ContainsFunc(g.events, func(e string) bool {
		return e == called || slices.Contains(publicEvents, e) || slices.Contains(openEvents, e)
	})
}

func intersect(a, b []string) (both []string) {
	for _, e := range a {
		if slices.Contains(b, e) {
			both = append(both, e)
		}
	}
	return both
}

// ofRequest reports whether an event is about a pull request or a run, which have
// a repository of their own.
func ofRequest(event string) bool {
	return strings.HasPrefix(event, "pull_request") || event == "workflow_run"
}

func (g gate) exposure() string {
	exposure := "internal"
	for _, e := range g.events {
		switch {
		case ofRequest(e) && g.own:
		case slices.Contains(openEvents, e):
			return "privileged"
		case slices.Contains(publicEvents, e):
			exposure = "public"
		case e == called && exposure == "internal":
			exposure = "called"
		}
	}
	return exposure
}

// privileged says whether outsiders can start what is behind the gate with more
// rights than they have.
func (g gate) privileged(at source.Span) *resource.Value {
	exposure := g.exposure()
	switch {
	case exposure == "privileged" && g.trusted:
	case exposure == "privileged" && g.computed:
		return resource.NewUnknown("the outcome of another step or job decides who can start it", at)
	case exposure == "privileged":
		return resource.NewBool(true, at)
	case slices.Contains(g.events, called):
		return resource.NewUnknown("it depends on who calls the workflow", at)
	}
	return resource.NewBool(false, at)
}

// gateOf returns the gate of a job: its own and those of the jobs that it needs,
// without which it is skipped.
func (r *reader) gateOf(j *job) gate {
	switch j.state {
	case gateKnown:
		return j.gate
	case gateComputing:
		return gate{events: r.events}
	}
	j.state = gateComputing
	condition := j.raw.Get("if")
	g := r.conditionGate(condition)
	if condition == nil || !hasStatus(condition.Str) {
		for _, need := range j.needs {
			if other := r.jobOf(need); other != nil && other != j {
				g = g.and(r.gateOf(other))
			}
		}
	}
	j.gate, j.state = g, gateKnown
	return g
}

// hasStatus reports whether a condition asks for the status itself, so that it
// also holds when what came before was skipped.
func hasStatus(condition string) bool {
	return strings.Contains(condition, "always()") || strings.Contains(condition, "cancelled()") || strings.Contains(condition, "failure()")
}

func (r *reader) jobOf(id string) *job {
	for _, j := range r.jobs {
		if strings.EqualFold(j.id, id) {
			return j
		}
	}
	return nil
}

// conditionGate returns the gate of an `if`. One with text around the expression
// always holds.
func (r *reader) conditionGate(condition *resource.Value) gate {
	t := r.condition(condition)
	if t == nil || len(t.exprs) != 1 || t.outside() != "" {
		return gate{events: r.events}
	}
	return r.holds(t.exprs[0].node, true)
}

// holds returns the gate of an expression that is as wanted.
func (r *reader) holds(n *node, want bool) gate {
	all := gate{events: r.events}
	switch {
	case n.kind == operator && n.text == "!":
		return r.holds(n.args[0], !want)
	case n.kind == operator && (n.text == "&&" || n.text == "||"):
		out := r.holds(n.args[0], want)
		for _, arg := range n.args[1:] {
			if (n.text == "&&") == want {
				out = out.and(r.holds(arg, want))
			} else {
				out = out.or(r.holds(arg, want))
			}
		}
		return out
	case n.kind == operator && (n.text == "==" || n.text == "!="):
		return r.compared(n, (n.text == "==") == want)
	case (n.isCall("contains") || n.isCall("startsWith") || n.isCall("endsWith")) && len(n.args) == 2:
		return r.contained(n, want)
	case n.kind == literal && n.text == "false" && want:
		return gate{}
	}
	return r.truthy(n.reference(), all, want)
}

// truthy is about conditions that are one reference.
func (r *reader) truthy(ref string, all gate, want bool) gate {
	switch {
	case strings.HasPrefix(ref, "needs.") && strings.Contains(ref, ".outputs."), strings.HasPrefix(ref, "steps.") && strings.Contains(ref, ".outputs."):
		all.computed = true
	case ref == "github.event.pull_request":
		all.events = r.eventsWith(func(e string) bool { return strings.HasPrefix(e, "pull_request") == want })
	case ref == "github.event.pull_request.head.repo.fork":
		all.own = !want
	}
	return all
}

func (r *reader) eventsWith(keep func(string) bool) (kept []string) {
	for _, e := range r.events {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// compared is about a == b, or a != b when equal is not wanted.
func (r *reader) compared(n *node, equal bool) gate {
	a, b := n.args[0], n.args[1]
	if a.kind == literal || a.reference() == "github.repository" {
		a, b = b, a
	}
	all := gate{events: r.events}
	ref, text := a.reference(), b.text
	known := b.kind == literal
	switch {
	case ref == "github.event_name" && known:
		all.events = r.eventsWith(func(e string) bool { return strings.EqualFold(e, text) == equal })
	case ref == "github.ref" && known && equal:
		all.events = r.eventsWith(noMergeRef)
	case strings.HasSuffix(ref, ".fork") && known:
		all.own = (text == "false") == equal
	case (ref == "github.event.pull_request.head.repo.full_name" || ref == "github.event.workflow_run.head_repository.full_name") && equal,
		(strings.HasSuffix(ref, ".head.repo.owner.login") || strings.HasSuffix(ref, ".head_repository.owner.login")) && equal:
		all.own, all.events = true, r.eventsWith(ofRequest) // for others it is empty
	case ref == "github.event.workflow_run.event" && known:
		all.own = !slices.Contains(publicEvents, text) == equal
	case strings.HasSuffix(ref, ".author_association") && known && equal:
		all.trusted = isMember(text)
	case isPerson(ref) && known && equal:
		all.trusted = !strings.HasSuffix(text, "[bot]") || strings.HasSuffix(ref, ".user.login")
	case known || equal:
		return r.truthy(ref, all, true).withoutEvents(r.events)
	}
	return all
}

// withoutEvents keeps of a gate only whether it is computed.
func (g gate) withoutEvents(events []string) gate { return gate{events: events, computed: g.computed} }

// noMergeRef reports whether runs for an event have a branch of the repository as
// their ref, and not that of a pull request.
func noMergeRef(event string) bool { return !slices.Contains(publicEvents, event) }

func isMember(association string) bool {
	return association == "OWNER" || association == "MEMBER" || association == "COLLABORATOR"
}

func isPerson(ref string) bool {
	switch ref {
	case "github.actor", "github.triggering_actor", "github.actor_id", "github.event.sender.login", "github.event.sender.id",
		"github.event.comment.user.login", "github.event.issue.user.login", "github.event.pull_request.user.login",
		"github.event.workflow_run.actor.login":
		return true
	}
	return false
}

// contained is about contains, startsWith and endsWith.
func (r *reader) contained(n *node, want bool) gate {
	all := gate{events: r.events}
	values := literals(n.args[0])
	ref := n.args[1].reference()
	switch {
	case n.isCall("startsWith") && n.args[0].reference() == "github.ref" && want:
		if !strings.HasPrefix(n.args[1].text, "refs/pull") {
			all.events = r.eventsWith(noMergeRef)
		}
	case n.isCall("startsWith") && n.args[0].reference() == "github.event_name" && n.args[1].kind == literal:
		all.events = r.eventsWith(func(e string) bool { return strings.HasPrefix(e, n.args[1].text) == want })
	case len(values) == 0 || !n.isCall("contains"):
	case ref == "github.event_name":
		all.events = r.eventsWith(func(e string) bool { return slices.Contains(values, e) == want })
	case strings.HasSuffix(ref, ".author_association") && want:
		all.trusted = !slices.ContainsFunc(values, func(s string) bool { return !isMember(s) })
	case isPerson(ref) && want:
		all.trusted = !slices.ContainsFunc(values, func(s string) bool { return strings.HasSuffix(s, "[bot]") })
	}
	return all
}

// literals returns the texts of fromJSON('["a","b"]'), or of a text that is
// searched for one: 'a b' and 'a,b'.
func literals(n *node) []string {
	if n.isCall("fromJSON") && len(n.args) == 1 && n.args[0].kind == literal {
		n = n.args[0]
	}
	if n.kind != literal {
		return nil
	}
	return strings.FieldsFunc(n.text, func(r rune) bool { return strings.ContainsRune("[]\", \t|", r) })
}
