package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	maxOutput = 64 << 20 // bytes of standard output that are ever held
	maxStderr = 8 << 10  // bytes of standard error, from its end
)

// setting is one configuration variable, given to git by its environment.
type setting struct{ key, value string }

// environment is all that a git process sees of ours. Configuration files, the
// repository's own among them, cannot override what is set here.
func (m *Mirror) environment(extra ...setting) []string {
	env := []string{
		"PATH=" + filepath.Dir(m.git) + string(os.PathListSeparator) + "/usr/local/bin:/usr/bin:/bin",
		"HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent", "LC_ALL=C.UTF-8",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false", "GIT_SSH_VARIANT=ssh",
		"GIT_ALLOW_PROTOCOL=" + strings.Join(m.opts.AllowProtocols, ":"), "GIT_PROTOCOL_FROM_USER=0",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE=" + os.DevNull, // one does not cover the other
		"GIT_OPTIONAL_LOCKS=0", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(m.opts.Dir), "GIT_LFS_SKIP_SMUDGE=1",
		"GIT_DIR=" + m.opts.Dir,
	}
	settings := append([]setting{
		{"advice.graftFileDeprecated", "false"},
		{"core.hooksPath", os.DevNull}, {"core.fsmonitor", "false"}, {"core.symlinks", "false"},
		{"core.protectNTFS", "true"}, {"core.protectHFS", "true"}, {"core.attributesFile", os.DevNull},
		{"core.commitGraph", "false"}, {"core.alternateRefsCommand", ""}, {"core.sshCommand", m.opts.SSHCommand},
		{"core.bigFileThreshold", strconv.FormatInt(m.opts.MaxFileSize, 10)},
		{"protocol.file.allow", "never"}, {"protocol.ext.allow", "never"}, {"protocol.version", "2"},
		{"transfer.fsckObjects", "true"}, {"fetch.fsckObjects", "true"}, {"receive.fsckObjects", "true"},
		{"fetch.fsck.badFilemode", "error"}, {"transfer.bundleURI", "false"}, {"fetch.bundleURI", ""},
		{"promisor.acceptFromServer", "none"}, {"submodule.recurse", "false"}, {"fetch.recurseSubmodules", "false"},
		{"credential.helper", ""}, {"core.askPass", ""}, {"http.followRedirects", "false"}, {"http.sslVerify", "true"},
		{"http.lowSpeedLimit", "1000"}, {"http.lowSpeedTime", "60"},
		{"safe.bareRepository", "explicit"}, {"safe.directory", m.opts.Dir}, {"diff.external", ""},
		{"gc.auto", "0"}, {"maintenance.auto", "false"}, {"log.mailmap", "false"}, {"log.showSignature", "false"},
		{"blame.ignoreRevsFile", ""},
	}, extra...)
	if m.workTree != "" {
		env = append(env, "GIT_WORK_TREE="+m.workTree, "GIT_NO_LAZY_FETCH=1", "GIT_INDEX_FILE="+m.indexFile)
	}
	if m.bare {
		env = append(append(env, "GIT_NO_LAZY_FETCH=1"), m.quarantine.environment()...)
	}
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return env
}

// command makes a git process that dies with its whole group when ctx ends.
func (m *Mirror) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, m.git, args...)
	cmd.Env = env
	cmd.Dir = cmp.Or(m.workTree, m.opts.Dir)
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	return cmd
}

// run runs git and returns its output. Errors other than the context's are a
// *runError.
func (m *Mirror) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.opts.Timeout)
	defer cancel()
	cmd := m.command(ctx, env, args...)
	stdout, stderr := &capped{max: maxOutput, stop: cancel}, &tail{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case stdout.over:
		return nil, &LimitError{What: "bytes of output of git " + args[0], Limit: maxOutput}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("git %s took longer than %s: %w", args[0], m.opts.Timeout, ctx.Err())
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], ctx.Err())
	case err != nil:
		return nil, &runError{command: args[0], code: cmd.ProcessState.ExitCode(), stderr: stderr.String(), text: m.remote.clean(stderr.String()), err: err}
	}
	return stdout.Bytes(), nil
}

// runError is a git process that failed.
type runError struct {
	command string
	code    int
	stderr  string // as it came, for us to look for known messages
	text    string // fit to be shown
	err     error
}

func (e *runError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.text)
}

func (e *runError) Unwrap() error { return e.err }

// capped is a buffer that stops its source when it is full.
type capped struct {
	bytes.Buffer
	max  int
	stop func()
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.max {
		c.over = true
		c.stop()
		return 0, io.ErrShortWrite
	}
	return c.Buffer.Write(p)
}

// tail keeps the last bytes written, for the reason of a failure comes last.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-maxStderr):]...)
	t.b = t.b[max(0, len(t.b)-maxStderr):]
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
