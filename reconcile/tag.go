package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/state"
)

// tag follows a tag to its commit, and compares it with what it was when it was
// accepted. A tag that was refused may still be made anew under its name.
func (f *Follower) tag(ctx context.Context, st state.Source, ref, tip string) (now integrity.TagState, problems []integrity.Problem, err error) {
	now = integrity.TagState{Object: tip, Target: tip}
	tag, err := f.Mirror.Tag(ctx, tip)
	var missing *git.MissingError
	switch {
	case err == nil:
		now.Target, now.Signed = tag.Object, len(tag.Signature) > 0
	case errors.As(err, &missing): // a lightweight tag
	default:
		return now, nil, err
	}
	before, err := f.tagState(ctx, ref)
	if err != nil {
		return now, nil, err
	}
	if problems = integrity.CheckTag(ref, before, now); len(problems) > 0 {
		return now, problems, nil
	}
	if _, err := f.Mirror.Commit(ctx, now.Target); errors.As(err, &missing) {
		return now, []integrity.Problem{{
			Code: integrity.TagTarget, Decision: integrity.Deny, Commit: now.Target,
			Message: fmt.Sprintf("the tag %s does not name a commit", ref), Hint: "tag the commit itself",
		}}, nil
	}
	if tag == nil || f.Config.Verify.Off {
		return now, nil, nil // of a lightweight tag, the commit's own signature decides
	}
	problems, err = f.tagSignature(ctx, st, ref, tag)
	return now, problems, err
}

// tagSignature verifies a tag against the signers of the last accepted commit.
func (f *Follower) tagSignature(ctx context.Context, st state.Source, ref string, tag *git.Tag) ([]integrity.Problem, error) {
	base := st.Accepted
	if base == "" {
		base = f.Config.Verify.Root
	}
	signers, err := f.bootstrap()
	if err != nil {
		return nil, err
	}
	if base != "" {
		tree, err := f.Mirror.Tree(ctx, base)
		if err != nil {
			return nil, err
		}
		if signers, err = integrity.LoadSigners(tree, f.Config.Verify.Signers, f.Config.Verify.Keys); err != nil {
			return nil, err
		}
	}
	_, problems := integrity.VerifyTag(ref, tag, signers, f.firstSeen(ctx)(tag.ID))
	return problems, nil
}

func (f *Follower) tagState(ctx context.Context, ref string) (integrity.TagState, error) {
	text, err := f.Store.Ref(ctx, f.Config.Name, ref)
	if err != nil || text == "" {
		return integrity.TagState{}, err
	}
	var t integrity.TagState
	_, err = fmt.Sscanf(text, "%s %s %t", &t.Object, &t.Target, &t.Signed)
	return t, err
}

func formatTag(t integrity.TagState) string {
	return fmt.Sprintf("%s %s %t", t.Object, t.Target, t.Signed)
}
