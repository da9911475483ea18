package integrity

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

// TestBasesAgreeWithGit compares common ancestors in random histories with git's.
// Where the range does not reach back to them, nothing is claimed.
func TestBasesAgreeWithGit(t *testing.T) {
	r := gittest.New(t)
	tree := r.TreeObject()
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 0))
		var ids []string
		commits := map[string]loaded{}
		for i := range 30 {
			var parents []string
			for range min(i, 1+random.IntN(2)) {
				if p := ids[i-1-random.IntN(min(i, 6))]; !slices.Contains(parents, p) {
					parents = append(parents, p)
				}
			}
			if i == 12 {
				parents = nil // another history
			}
			id := r.CommitObject(tree, strings.Repeat("x", i+1)+strings.Repeat("y", int(seed)), parents...)
			ids = append(ids, id)
			commits[id] = loaded{parents: parents}
		}
		whole := newGraph(ids, commits)
		const excluded = 8 // the first commits, though a range excludes all ancestors of one
		late := map[string]loaded{}
		for _, id := range ids[excluded:] {
			late[id] = commits[id]
		}
		part := newGraph(ids[excluded:], late)
		for range 25 {
			a, b := ids[random.IntN(len(ids))], ids[random.IntN(len(ids))]
			want := mergeBases(r, a, b)
			base, related := whole.base(a, b)
			switch {
			case len(want) == 0 && related != unrelated, len(want) == 1 && (related != based || base != want[0]), len(want) > 1 && related != unclear:
				t.Errorf("seed %d, %d and %d: %v %s, and git says %v", seed, slices.Index(ids, a), slices.Index(ids, b), related, base, want)
			}
			if base, related = part.base(a, b); related == based && !slices.Equal(want, []string{base}) {
				t.Errorf("seed %d, %d and %d in part: %s, and git says %v", seed, slices.Index(ids, a), slices.Index(ids, b), base, want)
			}
		}
	}
}

func mergeBases(r *gittest.Repo, a, b string) []string {
	out := r.Git("-c", "alias.try=!git merge-base --all "+a+" "+b+"; test $? -le 1", "try")
	return strings.Fields(out)
}
