// Single processes, where there are no process groups.

//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// setGroup does nothing.
func setGroup(*exec.Cmd) {}

// killGroup kills the process. What it has started goes on.
func killGroup(p *os.Process) error { return p.Kill() }

// exitCode returns the exit code.
func exitCode(state *os.ProcessState) int { return state.ExitCode() }
