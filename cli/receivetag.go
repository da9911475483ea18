package cli

import (
	"context"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
)

// judgeTag judges a tag that is made: tags stay as they are.
func (r *receiver) judgeTag(ctx context.Context, u integrity.RefUpdate) ([]integrity.Problem, error) {
	var before, now integrity.TagState
	var tag *git.Tag
	var err error
	if !u.Creates() {
		if before, _, err = r.tagState(ctx, u.Old); err != nil {
			before = integrity.TagState{Object: u.Old, Target: u.Old} // what is known of it
		}
	}
	if !u.Deletes() {
		if now, tag, err = r.tagState(ctx, u.New); err != nil {
			return malformed(err)
		}
	}
	if problems := integrity.CheckTag(u.Ref, before, now); len(problems) > 0 || u.Deletes() {
		return problems, nil
	}
	var problems []integrity.Problem
	if r.trusted != "" || r.bootstrap != nil {
		signers, err := r.trustedSigners(ctx)
		if err != nil {
			return nil, err
		}
		if tag != nil {
			_, problems = integrity.VerifyTag(u.Ref, tag, signers, time.Now())
		} else {
			problems = integrity.MayMake(u.Ref, nil, signers, time.Now())
		}
	}
	switch kind, err := r.repo.Kind(ctx, now.Target); {
	case err != nil:
		return problems, err
	case kind != "commit":
		if tag == nil || tag.ObjectType == "commit" {
			problems = append(problems, one(integrity.TagTarget, "Tag the commit itself.", "%s names a %s, not a commit", plainRef(u.Ref), kind)...)
		}
		return problems, nil
	}
	more, err := r.sinceTrusted(ctx, u.Ref, r.branch, now.Target)
	return append(problems, more...), err
}

// tagState reads what a tag is; the tag object is nil if it has none.
func (r *receiver) tagState(ctx context.Context, id string) (integrity.TagState, *git.Tag, error) {
	kind, err := r.repo.Kind(ctx, id)
	if err != nil || kind != "tag" {
		return integrity.TagState{Object: id, Target: id}, nil, err
	}
	tag, err := r.repo.Tag(ctx, id)
	if err != nil {
		return integrity.TagState{}, nil, err
	}
	return integrity.TagState{Object: id, Target: tag.Object, Signed: len(tag.Signature) > 0}, tag, nil
}
