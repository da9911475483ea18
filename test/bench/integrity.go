package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Commits of the histories that are verified.
const (
	verifiedCommits = 20_000
	manyCommits     = 100_000
	comparedCommits = 300 // that git verifies, one process for each
)

// integrity measures what it costs to verify a history: all signatures, what each
// commit changes, and that its merges hold what both sides had.
func (b *bench) integrity(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	verify := func(commits int) (usage, string, string, error) {
		dir := filepath.Join(b.dir, fmt.Sprintf("history-%d", commits))
		first, signers, err := writeHistory(ctx, dir, commits)
		if err != nil {
			return usage{}, "", "", err
		}
		u, err := processIn(ctx, place{dir: dir}, program, []int{0}, "verify", "--ref", "refs/heads/main", first+"..main")
		return u, dir, signers, err
	}
	u, dir, signers, err := verify(verifiedCommits)
	if err != nil {
		return err
	}
	git, err := processIn(ctx, place{dir, []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}}, "git", []int{0},
		"-c", "gpg.ssh.allowedSignersFile="+signers, "log", "--format=%G?", fmt.Sprintf("--max-count=%d", comparedCommits), "main")
	if err != nil {
		return err
	}
	each := u.cpu / verifiedCommits
	eachOfGit := git.cpu / comparedCommits
	b.print(fmt.Sprintf("`verify`: %d signed commits, %d of them merges", verifiedCommits, verifiedCommits/groupCommits),
		figure{"CPU for each commit", float64(each) / float64(time.Microsecond), "µs", 100, fmt.Sprintf("%d commits/s", time.Second/max(each, 1))},
		figure{"CPU against git log --format=%G?", float64(each) / float64(eachOfGit), "", 1.0 / 50, fmt.Sprintf("git takes %s ms for each", number(ms(eachOfGit)))},
		figure{"elapsed", ms(u.elapsed), "ms", 0, ""},
		figure{"peak memory", mb(u.peak), "MB", 0, ""},
	)
	if u, _, _, err = verify(manyCommits); err != nil {
		return err
	}
	b.print(fmt.Sprintf("`verify`: %d signed commits", manyCommits),
		figure{"CPU for each commit", float64(u.cpu/manyCommits) / float64(time.Microsecond), "µs", 0, ""},
		figure{"peak memory", mb(u.peak), "MB", 400, "bounded by the limit of commits"},
	)
	return nil
}
