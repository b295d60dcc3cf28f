// Process groups where there are some.

//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// setGroup makes the command the first of a process group.
func setGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills all processes of the group of p. As long as one of them is left no
// other process gets its number; and afterwards numbers are given out in turn, so
// that it takes many processes before one has it again.
func killGroup(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// exitCode returns the exit code, as shells do: 128 and the signal for a process
// that a signal ended.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
