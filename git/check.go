package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Report tells whether the git program on this machine is safe to use here.
type Report struct {
	Path    string // of the program
	Version string
	Probes  []Probe
}

// Probe is one property of the program.
type Probe struct {
	Name   string
	OK     bool
	Detail string // what was found, and what to do about it
}

// OK reports whether all probes are.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Probes, func(p Probe) bool { return !p.OK })
}

// Check looks at the git program: "" for the one in PATH. Distributions fix
// vulnerabilities without changing the version, so that what the program does
// counts for more than what it says. The error is that it cannot be run.
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
		m.probeConfig, m.probeExt, m.probeBare, m.probeMergeTree,
	} {
		p, err := probe(ctx)
		if err != nil {
			return Report{}, err
		}
		r.Probes = append(r.Probes, p)
	}
	version := checkVersion(r.Version)
	if !version.OK && r.Probes[0].OK {
		version.OK = true
		version.Detail += "; yet it has the fix for CVE-2025-48384, so its distributor seems to add fixes: keep it up to date"
	}
	r.Probes = append([]Probe{version}, r.Probes...)
	return r, nil
}

// fixed are the first releases, by minor version, without known vulnerabilities
// that matter to a program that fetches on its own. All later minors are fixed.
var fixed = map[int]int{43: 7, 44: 4, 45: 4, 46: 4, 47: 3, 48: 2, 49: 1, 50: 1}

const firstFixedMinor, recommended = 51, "2.55.0"

var versionNumber = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?`)

func checkVersion(version string) Probe {
	p := Probe{Name: "version"}
	number := versionNumber.FindStringSubmatch(version)
	if number == nil {
		p.Detail = "cannot tell the version from " + quoteName(version)
		return p
	}
	major, _ := strconv.Atoi(number[1])
	minor, _ := strconv.Atoi(number[2])
	patch, _ := strconv.Atoi(number[3])
	least, known := fixed[minor]
	p.OK = major > 2 || major == 2 && (minor >= firstFixedMinor || known && patch >= least)
	if p.OK {
		p.Detail = version
	} else {
		p.Detail = fmt.Sprintf("%s has known vulnerabilities; install %s or later", version, recommended)
	}
	return p
}

func (m *Mirror) probeConfig(ctx context.Context) (Probe, error) {
	p := Probe{Name: "CVE-2025-48384"}
	file := filepath.Join(m.opts.Dir, "..", "probe")
	if _, err := m.run(ctx, m.environment(), "config", "--file", file, "probe.value", "x\r"); err != nil {
		return p, err
	}
	out, err := m.run(ctx, m.environment(), "config", "--file", file, "--null", "probe.value")
	if p.OK = string(out) == "x\r\x00"; p.OK {
		p.Detail = "configuration values keep their last carriage return"
	} else {
		p.Detail = "a carriage return at the end of a configuration value is lost; install git " + recommended + " or later"
	}
	return p, err
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
