package safeguard

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// Repository is what is asked of a repository: git.Mirror and git.Local are some.
type Repository interface {
	Commit(ctx context.Context, id string) (*git.Commit, error)
	FirstParents(ctx context.Context, from, to string) ([]string, error)
	Tree(ctx context.Context, commit string) (source.Tree, error)
}

// Judged is a step of a range with what was found out about it.
type Judged struct {
	Step Step
	Report
}

// Range judges the mainline commits of from..to, oldest first, and hands each to
// yield, which says whether to go on. Signers are those that integrity.Check proved.
// A first commit of all takes nothing away. Without unsigned, nobody's right is
// taken for granted.
func Range(ctx context.Context, repo Repository, evaluator policy.Evaluator, from, to string, verified []integrity.Verified, unsigned bool, yield func(Judged) bool) error {
	commits, err := repo.FirstParents(ctx, from, to)
	if err != nil {
		return err
	}
	signers := map[string]integrity.Signer{}
	for _, v := range verified {
		signers[v.Commit] = v.Signer
	}
	var before source.Tree
	if from != "" {
		if before, err = repo.Tree(ctx, from); err != nil {
			return err
		}
	}
	for _, id := range commits {
		commit, err := repo.Commit(ctx, id)
		if err != nil {
			return err
		}
		after, err := repo.Tree(ctx, id)
		if err != nil {
			return err
		}
		if before == nil && len(commit.Parents) > 0 {
			if before, err = repo.Tree(ctx, commit.Parents[0]); err != nil {
				return err
			}
		}
		step, err := NewStep(commit, signers[id], before)
		if err != nil {
			return fmt.Errorf("commit %s: %w", short(id), err)
		}
		step.Unsigned = unsigned
		judged := Judged{Step: step}
		if before != nil {
			changed, err := Changed(ctx, before, after)
			if err != nil {
				return fmt.Errorf("commit %s: %w", short(id), err)
			}
			if judged.Report, err = Check(ctx, evaluator, before, after, changed, step); err != nil {
				return fmt.Errorf("commit %s: %w", short(id), err)
			}
		}
		if !yield(judged) {
			return nil
		}
		before = after
	}
	return nil
}

// NewStep returns a commit as what is judged: whose rights count, and which paths
// need approvals, is what the tree before it says. That as many approved as are
// needed is for integrity.Check to find out, which comes first.
func NewStep(commit *git.Commit, signer integrity.Signer, before source.Tree) (Step, error) {
	step := Step{
		Commit: commit.ID, Subject: commit.Subject(), Signer: signer.Identity,
		Author: commit.Author.Email, Committer: commit.Committer.Email,
	}
	if before == nil {
		return step, nil
	}
	approvers, err := integrity.LoadApprovers(before, "")
	if err != nil {
		return step, err
	}
	file, err := regular(before, trust.Path)
	if err != nil {
		return step, err
	}
	var rules *trust.Trust
	if file != nil {
		if rules, err = trust.Parse(trust.Path, file.Content); err != nil {
			return step, err
		}
		step.Guards = rules.Guards
		step.Approved = func(path string) bool {
			for _, rule := range rules.Rules(path) {
				if rule.Approvals > 0 {
					return true
				}
			}
			return false
		}
	}
	if signer.Identity != "" {
		step.MayWaive = func(s finding.Severity) bool {
			return approvers.May(signer, s) || rules != nil && rules.Owner(signer.Identity).Has(trust.Waiver)
		}
	}
	return step, nil
}
