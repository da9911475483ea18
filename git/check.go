package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Report tells whether the git program on this machine is safe to use here.
type Report struct {
	Path    string // of the program
	Version string
	Probes  []Probe
	Fixes   Fixes
}

// Probe is one property of the program.
type Probe struct {
	Name   string
	OK     bool
	Detail string // what was found, and what to do about it
}

// OK reports whether all probes are, and no vulnerability is proven.
func (r Report) OK() bool {
	for _, fixed := range r.Fixes {
		if !fixed {
			return false
		}
	}
	return !slices.ContainsFunc(r.Probes, func(p Probe) bool { return !p.OK })
}

// Check looks at the git program: "" for the one in PATH. Distributions fix
// vulnerabilities without changing the version, so that what the program does
// counts for more than what it says: of the version, others judge. The error is that it cannot be run.
func Check(ctx context.Context, program string) (Report, error) {
	tmp, err := os.MkdirTemp("", "holdfast-check-")
	if err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(tmp)
	m, err := OpenMirror(ctx, Options{Git: program, Dir: filepath.Join(tmp, "mirror.git"), URL: "https://localhost/none"})
	if err != nil {
		return Report{}, err
	}
	defer m.Close()
	out, err := m.run(ctx, m.environment(), "version")
	if err != nil {
		return Report{}, err
	}
	r := Report{Path: m.git, Version: strings.TrimPrefix(strings.TrimSpace(string(out)), "git version ")}
	for _, probe := range []func(context.Context) (Probe, error){
		m.probeExt, m.probeBare, m.probeMergeTree,
	} {
		p, err := probe(ctx)
		if err != nil {
			return Report{}, err
		}
		r.Probes = append(r.Probes, p)
	}
	r.Fixes, err = ProbeFixes(ctx, m.git)
	return r, err
}

func (m *Mirror) probeExt(ctx context.Context) (Probe, error) {
	p := Probe{Name: "protocols"}
	message, err := m.failure(ctx, m.environment(), "ls-remote", "--end-of-options", "ext::false")
	if p.OK = strings.Contains(message, "transport 'ext' not allowed"); p.OK {
		p.Detail = "protocols that run programs are refused"
	} else {
		p.Detail = "the ext protocol is not refused: " + message
	}
	return p, err
}

func (m *Mirror) probeBare(ctx context.Context) (Probe, error) {
	p := Probe{Name: "safe.bareRepository"}
	env := slices.DeleteFunc(m.environment(), func(v string) bool { return strings.HasPrefix(v, "GIT_DIR=") })
	message, err := m.failure(ctx, env, "rev-parse", "--git-dir")
	if p.OK = strings.Contains(message, "cannot use bare repository"); p.OK {
		p.Detail = "repositories within repositories are not used by accident"
	} else {
		p.Detail = "bare repositories are used without being asked for; install git 2.38 or later"
	}
	return p, err
}

func (m *Mirror) probeMergeTree(ctx context.Context) (Probe, error) {
	p := Probe{Name: "merge-tree"}
	message, err := m.failure(ctx, m.environment(), "merge-tree", "--write-tree")
	if p.OK = strings.Contains(message, "--write-tree"); p.OK { // its usage
		p.Detail = "merges can be repeated to look for changes hidden in them"
	} else {
		p.Detail = "merges cannot be repeated to look for changes hidden in them; install git 2.38 or later"
	}
	return p, err
}

// failure returns what git says when it fails, as it should.
func (m *Mirror) failure(ctx context.Context, env []string, args ...string) (string, error) {
	_, err := m.run(ctx, env, args...)
	if failed, ok := errors.AsType[*runError](err); ok {
		return failed.text, nil
	}
	return "", err
}
