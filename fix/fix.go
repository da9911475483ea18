// Package fix mends findings in the files that they are from.
//
//	Fixer    proposes a fix for one finding, and proves it as far as one file can
//	place    where in the files a value of a resource is written: a document, and
//	         the path of the value in it
//	Run      makes fixes until none is left, in rounds, because an edit moves what
//	         others are about
//	Prove    whether the fixes of policies mend their own failing examples
//
// A proposal for a manifest is proven: the text is read again, it must hold exactly
// the intended change, the policy must no longer object, and no other policy may
// object more than before. One for the source of a rendered resource is a guess
// until Run has rendered it again.
package fix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Fixer proposes fixes.
type Fixer struct {
	Policies policy.Mender
	Read     policy.Reader // reads files of platforms other than Kubernetes
	Tree     source.Tree   // holds what resources are rendered from

	parsed sync.Map // *source.File → parsed, of what resources are rendered from
}

type parsed struct {
	documents []resource.Document
	err       error
}

// documents reads a file once.
func (f *Fixer) documents(file *source.File) ([]resource.Document, error) {
	if known, ok := f.parsed.Load(file); ok {
		return known.(parsed).documents, known.(parsed).err
	}
	documents, err := resource.Parse(file)
	f.parsed.Store(file, parsed{documents, err})
	return documents, err
}

// Propose returns how findings on a resource can be mended, one fix for each, which
// is nil if its policy does not say. Without edits a fix says why there are none.
func (f *Fixer) Propose(ctx context.Context, all []*finding.Finding, r *resource.Resource, set *resource.Set, stage policy.Stage) []*finding.Fix {
	fixes := make([]*finding.Fix, len(all))
	if r.Change != nil {
		return fixes // a plan is not edited; what it was made of has findings of its own
	}
	at, err := written(r)
	if err != nil {
		return fixes
	}
	j := &judged{policies: f.Policies, r: r, set: set, stage: stage}
	for i, one := range all {
		fixes[i] = f.propose(ctx, j, at, one)
	}
	return fixes
}

func (f *Fixer) propose(ctx context.Context, j *judged, at place, one *finding.Finding) *finding.Fix {
	mends, err := f.Policies.Mends(ctx, policy.Failing{Policy: one.Rule.ID, Path: one.Path, Resource: j.r, Set: j.set, Stage: j.stage, Written: at.root})
	if err != nil || len(mends) == 0 {
		return nil
	}
	var refused *finding.Fix
	for _, mend := range mends {
		proposal := &finding.Fix{Class: mend.Fix.Class, Note: mend.Fix.Note}
		if len(mend.Changes) > 0 {
			proposal.File, proposal.Edits, err = f.edits(ctx, j, one, at, mend.Changes)
		}
		switch {
		case mend.Fix.Class == finding.Manual || len(proposal.Edits) > 0 && err == nil:
			return proposal
		case refused == nil:
			proposal.File, proposal.Edits, proposal.Reason = nil, nil, reason(err)
			refused = proposal
		}
	}
	return refused
}

func reason(err error) string {
	if err == nil {
		return "there is nothing to change"
	}
	if refusal, ok := errors.AsType[*edit.Refusal](err); ok {
		return refusal.Reason
	}
	return err.Error()
}

func refuse(format string, args ...any) error {
	return &edit.Refusal{Reason: fmt.Sprintf(format, args...)}
}

// edits turns changes of a resource into edits of the file that it is from.
func (f *Fixer) edits(ctx context.Context, j *judged, one *finding.Finding, at place, changes []edit.Change) (*source.File, []source.Edit, error) {
	if j.r.ID.Platform == resource.Terraform {
		return f.configuration(ctx, j, one, changes)
	}
	if j.r.Origin.Locator != nil {
		return f.sourceEdits(j.r, changes)
	}
	file := j.r.Origin.File
	if file == nil {
		return nil, nil, refuse("it is in no file")
	}
	edits, err := at.edits(file, changes)
	if err != nil {
		return nil, nil, err
	}
	after, err := f.reread(j.r, at, edits)
	if err != nil {
		return nil, nil, err
	}
	return file, edits, j.mended(ctx, after, one)
}

// reread reads the resource again after edits of its file.
func (f *Fixer) reread(r *resource.Resource, at place, edits []source.Edit) (*resource.Resource, error) {
	file := r.Origin.File
	if r.ID.Platform == resource.Kubernetes {
		return rereadObject(r, at, edits)
	}
	content, err := source.Apply(file.Content, edits)
	if err != nil {
		return nil, err
	}
	all, err := f.Read(r.ID.Platform, source.NewFile(file.Path, content))
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.ID.Key() == r.ID.Key() {
			return one, nil
		}
	}
	return nil, refuse("%s is not in the file any more", r.ID)
}

// rereadObject reads an object again. The other documents of its file stay as they
// are, and need not be read.
func rereadObject(r *resource.Resource, at place, edits []source.Edit) (*resource.Resource, error) {
	file := r.Origin.File
	from, to := edit.Chunk(file, at.offset)
	edits = slices.Clone(edits)
	for i := range edits {
		edits[i].Span.Start -= from
		edits[i].Span.End -= from
	}
	content, err := source.Apply(file.Content[from:to], edits)
	if err != nil {
		return nil, err
	}
	documents, err := resource.Parse(source.NewFile(file.Path, content))
	if err != nil {
		return nil, err
	}
	for _, doc := range documents {
		for _, o := range resource.Objects(doc) {
			if slices.Equal(o.Path, at.path) { // its name may be what has changed
				return &resource.Resource{ID: o.ID, Root: o.Root, Origin: r.Origin}, nil
			}
		}
	}
	return nil, refuse("%s is not in the file any more", r.ID)
}

// judged is a resource with what it is judged by.
type judged struct {
	policies policy.Evaluator
	r        *resource.Resource
	set      *resource.Set
	stage    policy.Stage
	before   map[objection]int // to r; nil until that was asked
}

// mended returns an error if a policy objects to the resource more than before the
// change, or still to what the finding is about.
func (j *judged) mended(ctx context.Context, after *resource.Resource, one *finding.Finding) error {
	if j.before == nil {
		j.before = j.objections(ctx, j.r)
	}
	before, left := j.before, j.objections(ctx, after)
	about := objection{one.Rule.ID, one.Field}
	if left[about] > 0 && left[about] >= before[about] {
		return refuse("it does not mend all of the problem")
	}
	first := "" // of all that are new, so that the same is said each time
	for what := range left {
		if before[what] == 0 && what.policy != one.Rule.ID && (first == "" || what.policy < first) {
			first = what.policy
		}
	}
	if first != "" {
		return refuse("it would give rise to %s", first)
	}
	return nil
}

// objection is what a policy objects to.
type objection struct{ policy, field string }

// objections counts what policies object to in a resource.
func (j *judged) objections(ctx context.Context, r *resource.Resource) map[objection]int {
	found := map[objection]int{}
	for _, f := range policy.Findings(r, j.policies.Evaluate(ctx, nil, r, j.set, j.stage), j.stage) {
		found[objection{f.Rule.ID, f.Field}]++
	}
	return found
}
