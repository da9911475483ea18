package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/pace"
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
	verify := func(commits int) (u usage, dir, first, signers string, err error) {
		dir = filepath.Join(b.dir, fmt.Sprintf("history-%d", commits))
		if first, signers, err = writeHistory(ctx, dir, commits); err != nil {
			return usage{}, "", "", "", err
		}
		u, err = processIn(ctx, place{dir: dir}, program, []int{0}, "verify", "--ref", "refs/heads/main", first+"..main")
		return u, dir, first, signers, err
	}
	u, dir, first, signers, err := verify(verifiedCommits)
	if err != nil {
		return err
	}
	log, err := processIn(ctx, place{dir, []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}}, "git", []int{0},
		"-c", "gpg.ssh.allowedSignersFile="+signers, "log", "--format=%G?", fmt.Sprintf("--max-count=%d", comparedCommits), "main")
	if err != nil {
		return err
	}
	pace.Set(pace.Wide) // as the program does
	defer pace.Set(pace.Usual)
	alone, err := judged(ctx, dir, first)
	if err != nil {
		return err
	}
	each, whole, eachOfGit := alone.cpu/verifiedCommits, u.cpu/verifiedCommits, log.cpu/comparedCommits
	b.print(fmt.Sprintf("verifying %d signed commits, %d of them merges", verifiedCommits, verifiedCommits/groupCommits),
		figure{"signatures, rights, contents and merges, each commit", us(each), "µs CPU", 100, fmt.Sprintf("%d commits/s", time.Second/max(each, 1))},
		figure{"that against git log --format=%G?", float64(each) / float64(eachOfGit), "", 1.0 / 50, fmt.Sprintf("git takes %s ms for each", number(ms(eachOfGit)))},
		figure{"`verify`, with safeguards, each commit", us(whole), "µs CPU", 0, fmt.Sprintf("%s of git log", number(float64(whole)/float64(eachOfGit)))},
		figure{"`verify`, elapsed", ms(u.elapsed), "ms", 0, ""},
		figure{"`verify`, peak memory", mb(u.peak), "MB", 0, ""},
	)
	if u, _, _, _, err = verify(manyCommits); err != nil {
		return err
	}
	b.print(fmt.Sprintf("`verify`: %d signed commits", manyCommits),
		figure{"each commit", us(u.cpu / manyCommits), "µs CPU", 0, ""},
		figure{"peak memory", mb(u.peak), "MB", 400, "bounded by the limit of commits"},
	)
	return nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// judged verifies the branch of a repository in this process, and counts what git used
// for that.
func judged(ctx context.Context, dir, root string) (usage, error) {
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: dir})
	if err != nil {
		return usage{}, err
	}
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		return usage{}, errors.Join(err, repo.Close())
	}
	before := childrenCPU()
	u, err := own(func() error {
		result, err := integrity.Check(ctx, repo, integrity.Trust{Root: root, Ref: "refs/heads/main"}, "", tip, nil)
		if err == nil && (result.Decision != integrity.Allow || len(result.Verified) != verifiedCommits-1) {
			err = fmt.Errorf("the decision is %s: %v", result.Decision, result.Problems)
		}
		return err
	})
	err = errors.Join(err, repo.Close()) // which waits for the processes
	u.cpu += childrenCPU() - before
	return u, err
}

func childrenCPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r) // cannot fail with these arguments
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
