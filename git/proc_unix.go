//go:build unix

package git

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a process group, so that killing it
// ends the transports and index-pack that git starts, too.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
