package integrity

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
)

// traps make a repository's owner run a program of the repository's choosing,
// each in another way. Evil is the program, Work the work tree, Dir its .git.
var traps = []struct {
	name  string
	set   func(t *testing.T, b *bait)
	stock []string // a git command that falls into it, to prove that it is one
}{
	{"file system monitor", func(_ *testing.T, b *bait) { b.config("core.fsmonitor", b.evil) }, []string{"status"}},
	{"hooks", func(_ *testing.T, b *bait) {
		for _, hook := range []string{"pre-commit", "post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "fsmonitor-watchman", "update", "pre-receive"} {
			b.program(filepath.Join(b.dir, "hooks", hook))
		}
	}, []string{"checkout", "-q", "-b", "trap"}},
	{"path of hooks", func(_ *testing.T, b *bait) {
		b.program(filepath.Join(b.work, "hooks/reference-transaction"))
		b.program(filepath.Join(b.work, "hooks/post-checkout"))
		b.config("core.hooksPath", filepath.Join(b.work, "hooks"))
	}, []string{"checkout", "-q", "-b", "trap"}},
	{"external diff", func(_ *testing.T, b *bait) { b.config("diff.external", b.evil) }, []string{"diff", "HEAD~1"}},
	{"text conversion", func(_ *testing.T, b *bait) {
		b.config("diff.trap.textconv", b.evil)
		b.attributes("* diff=trap\n")
	}, []string{"diff", "HEAD~1"}},
	{"diff driver", func(_ *testing.T, b *bait) {
		b.config("diff.trap.command", b.evil)
		b.attributes("* diff=trap\n")
	}, []string{"diff", "HEAD~1"}},
	{"filter", func(_ *testing.T, b *bait) {
		b.config("filter.trap.clean", b.evil)
		b.config("filter.trap.smudge", b.evil)
		b.config("filter.trap.process", b.evil)
		b.attributes("* filter=trap\n")
	}, []string{"checkout", "-q", "HEAD~1"}},
	{"merge driver", func(_ *testing.T, b *bait) {
		b.config("merge.trap.driver", b.evil+" %A")
		b.attributes("* merge=trap\n")
	}, nil},
	{"pager", func(_ *testing.T, b *bait) {
		b.config("core.pager", b.evil)
		b.config("pager.log", b.evil)
	}, nil},
	{"signature programs", func(_ *testing.T, b *bait) {
		b.config("gpg.program", b.evil)
		b.config("gpg.ssh.program", b.evil)
		b.config("gpg.x509.program", b.evil)
		b.config("gpg.ssh.defaultKeyCommand", b.evil)
		b.config("gpg.ssh.allowedSignersFile", filepath.Join(b.work, DefaultSignersPath))
		b.config("log.showSignature", "true")
	}, []string{"log", "-1"}},
	{"alias", func(_ *testing.T, b *bait) {
		b.config("alias.rev-list", "!"+b.evil)
		b.config("alias.trap", "!"+b.evil)
	}, []string{"trap"}},
	{"transport", func(_ *testing.T, b *bait) {
		b.config("core.sshCommand", b.evil)
		b.config("core.gitProxy", b.evil)
		b.config("credential.helper", "!"+b.evil)
		b.config("remote.origin.url", "ext::"+b.evil)
		b.config("remote.origin.uploadpack", b.evil)
		b.config("url.ext::"+b.evil+" .insteadOf", "https://")
		b.config("protocol.ext.allow", "always")
	}, []string{"ls-remote", "origin"}},
	{"promised objects", func(_ *testing.T, b *bait) {
		b.config("core.repositoryFormatVersion", "1")
		b.config("extensions.partialClone", "origin")
		b.config("remote.origin.url", "ext::"+b.evil)
		b.config("remote.origin.promisor", "true")
		b.config("protocol.ext.allow", "always")
	}, []string{"cat-file", "-e", strings.Repeat("1", 40)}},
	{"alternates", func(t *testing.T, b *bait) {
		other := t.TempDir()
		b.config("core.alternateRefsCommand", b.evil)
		b.write(filepath.Join(b.dir, "objects/info/alternates"), other+"\n")
	}, nil},
	{"included configuration", func(_ *testing.T, b *bait) {
		b.write(filepath.Join(b.work, "evil.config"), "[core]\n\tfsmonitor = "+b.evil+"\n")
		b.config("include.path", filepath.Join(b.work, "evil.config"))
	}, []string{"status"}},
	{"configuration of the work tree", func(_ *testing.T, b *bait) {
		b.config("extensions.worktreeConfig", "true")
		b.write(filepath.Join(b.dir, "config.worktree"), "[core]\n\tfsmonitor = "+b.evil+"\n")
	}, []string{"status"}},
	{"editors and prompts", func(_ *testing.T, b *bait) {
		b.config("core.editor", b.evil)
		b.config("core.askPass", b.evil)
		b.config("sequence.editor", b.evil)
	}, nil},
	{"maintenance", func(_ *testing.T, b *bait) {
		b.config("gc.auto", "1")
		b.config("maintenance.auto", "true")
		b.program(filepath.Join(b.dir, "hooks/pre-auto-gc"))
	}, nil},
	{"submodule", func(_ *testing.T, b *bait) {
		b.config("submodule.x.update", "!"+b.evil)
		b.config("submodule.recurse", "true")
		b.config("submodule.x.url", "ext::"+b.evil)
	}, nil},
	{"programs in the path", func(t *testing.T, b *bait) {
		dir := t.TempDir()
		for _, name := range []string{"gpg", "gpg2", "gpgsm", "ssh", "ssh-keygen", "less", "sh", "git-lfs", "git-rev-list", "cat"} {
			b.program(filepath.Join(dir, name))
		}
		b.env = append(b.env, "PATH="+dir+":"+os.Getenv("PATH"), "GIT_EXEC_PATH="+dir, "GIT_EXTERNAL_DIFF="+b.evil, "GIT_SSH_COMMAND="+b.evil, "GIT_PAGER="+b.evil)
	}, nil},
}

// bait is a repository, and a program that leaves a mark when it runs.
type bait struct {
	t                     *testing.T
	work, dir, evil, mark string
	env                   []string
}

func (b *bait) config(key, value string) {
	b.t.Helper()
	cmd := exec.Command("git", "config", "--file", filepath.Join(b.dir, "config"), "--replace-all", key, value)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %s", err, out)
	}
}

func (b *bait) write(name, content string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bait) attributes(content string) {
	b.t.Helper()
	b.write(filepath.Join(b.work, ".gitattributes"), content)
	b.write(filepath.Join(b.dir, "info/attributes"), content)
}

func (b *bait) program(name string) {
	b.t.Helper()
	b.write(name, "#!/bin/sh\necho ran >>'"+b.mark+"'\n")
	if err := os.Chmod(name, 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bait) ran() bool {
	_, err := os.Stat(b.mark)
	return err == nil
}

// TestNoProgramOfTheRepositoryRuns judges a repository full of traps, as it is
// and as a remote, and looks at every program that is started meanwhile.
func TestNoProgramOfTheRepositoryRuns(t *testing.T) {
	keys := newPeople(t, "alice", "bob")
	tracer := stracer(t)
	for _, trap := range traps {
		t.Run(trap.name, func(t *testing.T) {
			l := newLab(t, keys)
			tip := l.as("bob").edit("x")
			work := filepath.Join(t.TempDir(), "work")
			if out, err := exec.Command("git", "clone", "-q", l.FileURL(), work).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b := &bait{t: t, work: work, dir: filepath.Join(work, ".git"), mark: filepath.Join(t.TempDir(), "ran"), evil: filepath.Join(t.TempDir(), "evil")}
			b.program(b.evil)
			trap.set(t, b)

			out, started := b.judge(tracer, l.trust.Root, tip)
			if !strings.Contains(out, "verdict allow") {
				t.Errorf("the check said:\n%s", out)
			}
			for _, program := range started {
				if !isGit(program, b.dir) {
					t.Errorf("started %s", program)
				}
			}
			if b.ran() {
				t.Error("the program of the repository ran")
			}
			if trap.stock == nil {
				return
			}
			cmd := exec.Command("git", trap.stock...)
			cmd.Dir, cmd.Env = b.work, append(os.Environ(), "GIT_ALLOW_PROTOCOL=ext:file")
			if out, _ := cmd.CombinedOutput(); !b.ran() {
				t.Errorf("git %v does not fall into it, so nothing is proven:\n%s", trap.stock, out)
			}
		})
	}
}

// isGit reports whether an execve, as strace writes it, is of git itself, or of
// the shell by which it serves the fetch of a directory.
func isGit(execve, dir string) bool {
	serve := `"/bin/sh", ["/bin/sh", "-c", "git-upload-pack '` + dir + `'", "git-upload-pack '` + dir + `'"]`
	return strings.HasPrefix(execve, serve) || regexp.MustCompile(`^"(/usr(/local)?/bin/git|/[a-z/]+/git-core/git(-[a-z-]+)?)", \[`).MatchString(execve)
}

// stracer returns the program that tells which programs are started, empty where
// there is none or it may not look.
func stracer(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil || exec.Command(strace, "-f", "-e", "trace=execve", "-o", os.DevNull, "true").Run() != nil {
		t.Log("strace is not here: only marks of programs are looked for")
		return ""
	}
	return strace
}

// judge runs the check in a process of its own, and lists the programs that this
// process started.
func (b *bait) judge(tracer, root, tip string) (out string, started []string) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	args := []string{self, "-test.run=^TestJudgeHelper$", "-test.v"}
	trace := filepath.Join(b.t.TempDir(), "trace")
	if tracer != "" {
		args = append([]string{tracer, "-f", "-qq", "-s", "4096", "-e", "trace=execve,execveat", "-e", "status=successful", "-o", trace}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), b.env...), "HOLDFAST_JUDGE="+strings.Join([]string{b.work, b.dir, root, tip}, "\n"))
	cmd.Dir = b.work
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%v\n%s", err, buf.String())
	}
	if tracer == "" {
		return buf.String(), nil
	}
	lines, err := os.ReadFile(trace)
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		if _, call, ok := strings.Cut(line, "execve("); ok && !strings.HasPrefix(call, strconv.Quote(self)) {
			started = append(started, call)
		} else if strings.Contains(line, "execveat(") {
			started = append(started, line)
		}
	}
	if len(started) == 0 {
		b.t.Fatalf("not even git was started:\n%s", lines)
	}
	return buf.String(), started
}

// TestJudgeHelper is the process that judge starts: it judges a work tree, and a
// mirror of it.
func TestJudgeHelper(t *testing.T) {
	args := strings.Split(os.Getenv("HOLDFAST_JUDGE"), "\n")
	if len(args) != 4 {
		t.Skip("not started by a test")
	}
	work, dir, root, tip := args[0], args[1], args[2], args[3]
	local, err := git.OpenLocal(git.LocalOptions{WorkTree: work})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	mirror, err := git.OpenMirror(t.Context(), git.Options{Dir: filepath.Join(t.TempDir(), "m.git"), URL: "file://" + dir, AllowProtocols: []string{"file"}})
	if err != nil {
		t.Fatal(err)
	}
	defer mirror.Close()
	_, fetchErr := mirror.Fetch(t.Context(), "refs/heads/main")
	for name, h := range map[string]History{"local": local, "mirror": mirror} {
		if name == "mirror" && fetchErr != nil {
			continue // the server is the attacker's: what it refuses to serve is not judged
		}
		r, err := Check(t.Context(), h, Trust{Root: root}, "", tip, nil)
		if err != nil || r.Decision != Allow {
			t.Fatalf("%s: %v %s %v", name, err, r.Decision, r.Problems)
		}
	}
	fmt.Println("verdict allow")
}
