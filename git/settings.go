package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// UserSetting is one line of the configuration that counts for the user everywhere.
// It may hold secrets.
type UserSetting struct {
	Origin string // the file, or what else it is from
	Key    string // section and variable in small letters
	Value  string
	NoEq   bool // the line has no value at all, which Git reads as true
}

// maxSettings bounds the bytes of a configuration.
const maxSettings = 4 << 20

// UserSettings reads the configuration of the system and of the user, and what the
// environment adds, as the user's own Git reads them. No repository counts.
func UserSettings(ctx context.Context, program string) ([]UserSetting, error) {
	dir, err := os.MkdirTemp("", "holdfast-settings-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "config", "--list", "--show-origin", "--null")
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GIT_DIR=") || strings.HasPrefix(v, "GIT_CONFIG=") || strings.HasPrefix(v, "GIT_TRACE")
	})
	cmd.Env = append(cmd.Env, "GIT_CEILING_DIRECTORIES="+dir, "LC_ALL=C")
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	out, said := &capped{max: maxSettings, stop: cancel}, &tail{}
	cmd.Stdout, cmd.Stderr = out, said
	if err := cmd.Run(); err != nil {
		if out.over {
			return nil, &LimitError{What: "bytes of configuration", Limit: maxSettings}
		}
		return nil, fmt.Errorf("the configuration of Git cannot be read: %s: %w", (&remote{}).clean(said.String()), err)
	}
	return append(parseUserSettings(out.Bytes()), environmentSettings(os.Getenv)...), nil
}

// environmentSettings returns what variables set that have names of their own. They
// come last, for they override files.
func environmentSettings(get func(string) string) (all []UserSetting) {
	add := func(variable, key, value string) {
		all = append(all, UserSetting{Origin: "the environment (" + variable + ")", Key: key, Value: value})
	}
	if get("GIT_SSL_NO_VERIFY") != "" {
		add("GIT_SSL_NO_VERIFY", "http.sslverify", "false")
	}
	if command := get("GIT_SSH_COMMAND"); command != "" {
		add("GIT_SSH_COMMAND", "core.sshcommand", command)
	}
	for name := range strings.SplitSeq(get("GIT_ALLOW_PROTOCOL"), ":") {
		if name == "ext" {
			add("GIT_ALLOW_PROTOCOL", "protocol.ext.allow", "always")
		}
	}
	return all
}

// parseUserSettings reads pairs of an origin and of "key\nvalue", each with a NUL
// after it.
func parseUserSettings(out []byte) []UserSetting {
	var all []UserSetting
	for len(out) > 0 {
		origin, rest, _ := bytes.Cut(out, []byte{0})
		line, rest, _ := bytes.Cut(rest, []byte{0})
		key, value, ok := bytes.Cut(line, []byte{'\n'})
		if len(key) > 0 {
			all = append(all, UserSetting{strings.TrimPrefix(string(origin), "file:"), string(key), string(value), !ok})
		}
		out = rest
	}
	return all
}
