package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Of the repository in which a commit is judged before it is made.
const (
	stagedTeams   = 500
	filesOfTeam   = 40
	stagedChanges = 3
)

// staged measures what a hook costs: a scan of few staged files among many.
func (b *bench) staged(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "staged")
	if err := writeTeams(ctx, dir); err != nil {
		return err
	}
	var all []usage
	for range 15 {
		u, err := process(ctx, program, scanned, "scan", "--staged", dir)
		if err != nil {
			return err
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b usage) int { return int(a.elapsed - b.elapsed) })
	middle := all[len(all)/2]
	b.print(fmt.Sprintf("`scan --staged`: %d changed files of %d", stagedChanges, stagedTeams*filesOfTeam),
		figure{"elapsed, median of 15", ms(middle.elapsed), "ms", 150, "least " + number(ms(all[0].elapsed))},
		figure{"CPU of that run", ms(middle.cpu), "ms", 0, ""},
	)
	return nil
}

// writeTeams makes a repository with a base and an overlay for each team, and
// stages a change in the manifests of a few.
func writeTeams(ctx context.Context, dir string) error {
	deployment := strings.NewReplacer("CONTEXT", soundContext).Replace(strings.Split(serviceManifests, "---\n")[0])
	for team := range stagedTeams {
		files := map[string]string{
			"README.md": "text\n", "main.go": "package main\n",
			"base/kustomization.yaml": "resources: [d0.yaml, d1.yaml, d2.yaml, d3.yaml, d4.yaml, d5.yaml]\n",
			"prod/kustomization.yaml": "resources: [../base]\nnamespace: prod\n",
		}
		for i := range filesOfTeam - 4 {
			name := fmt.Sprintf("d%d.yaml", i)
			if i < 6 {
				name = "base/" + name
			}
			files[name] = strings.ReplaceAll(deployment, "NAME", fmt.Sprintf("t%d-d%d", team, i))
		}
		for name, content := range files {
			if err := writeFile(teamFile(dir, team, name), content); err != nil {
				return err
			}
		}
	}
	for _, args := range [][]string{{"init", "--quiet", "--template="}, {"add", "--all"}, {"commit", "--quiet", "--message=all"}} {
		if err := gitIn(ctx, dir, args...); err != nil {
			return err
		}
	}
	for team := range stagedChanges {
		changed := strings.ReplaceAll(deployment, "replicas: 3", "replicas: 4")
		if err := writeFile(teamFile(dir, team, "d20.yaml"), strings.ReplaceAll(changed, "NAME", fmt.Sprintf("t%d-d20", team))); err != nil {
			return err
		}
	}
	return gitIn(ctx, dir, "add", "--all")
}

func teamFile(dir string, team int, name string) string {
	return filepath.Join(dir, "apps", fmt.Sprintf("team%03d", team), name)
}

func writeFile(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

func gitIn(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "user.name=Bench", "-c", "user.email=bench@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return nil
}
