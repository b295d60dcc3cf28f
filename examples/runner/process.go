// Processes: a command in a process group of its own, which ends with it.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// Streams are what a plug-in reads and writes. Files are handed over as they are;
// nil is nothing to read, and nobody who listens.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// linger is how long what a killed process has written may take to arrive.
const linger = time.Second

// execute runs a program until it ends or ctx does, and returns its exit code, or
// the cause of ctx. The processes that it started and that are still in its group
// then are killed in either case.
//
// A program in a group of its own is stopped by the terminal when it reads from it,
// so a terminal is not handed over; see main.
func execute(ctx context.Context, program string, args, environment []string, s Streams) (exit int, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	cmd.WaitDelay = linger
	var killed atomic.Bool
	setGroup(cmd)
	cmd.Cancel = func() error {
		err := killGroup(cmd.Process)
		if err == nil {
			killed.Store(true)
		}
		return err
	}
	if err := cmd.Start(); err != nil {
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case errors.Is(err, syscall.ENOEXEC):
			err = fmt.Errorf("%w: it must be a program for this machine, or a script whose first line begins with #!", err)
		}
		return 0, err
	}
	err = cmd.Wait()
	killGroup(cmd.Process) // what is left of it; most often nothing is
	var failed *exec.ExitError
	switch state := cmd.ProcessState; {
	case state == nil:
		return 0, err
	case killed.Load() && !state.Success():
		return 0, context.Cause(ctx)
	case err == nil, errors.As(err, &failed), errors.Is(err, exec.ErrWaitDelay), ctx.Err() != nil:
		return exitCode(state), nil
	}
	return 0, fmt.Errorf("passing on what it reads or writes: %w", err)
}
