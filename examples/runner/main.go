// Runner registers commands under names and runs them, with a time limit. It shows
// the provider pattern whole: storage, runners and output formats are extension
// points, and what the program does with them does not know who is behind. This
// file is its face; read assembly.go and executor.go next, then runners.go.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	exit := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(exit)
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		if _, err := io.WriteString(stdout, usage()); err != nil {
			return 1
		}
		return 0
	}
	exit := 0
	if err == nil {
		exit, err = c.do(ctx, Streams{withoutTerminal(stdin), stdout, stderr})
	}
	if err == nil {
		return exit
	}
	fmt.Fprintf(stderr, "runner: %v\n", err)
	var wrong *usageError
	switch {
	case ctx.Err() != nil:
		return 130
	case errors.As(err, &wrong):
		return 2
	}
	return 1
}

// withoutTerminal returns nil for a terminal, and otherwise what it is given. See
// execute.
func withoutTerminal(stdin io.Reader) io.Reader {
	if f, ok := stdin.(*os.File); ok {
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return nil
		}
	}
	return stdin
}

// do does what the command line says.
func (c *call) do(ctx context.Context, s Streams) (exit int, err error) {
	a, err := assemble(ctx, c.Config)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	return c.command.do(ctx, c, a.executor, s)
}

func doAdd(ctx context.Context, c *call, e *Executor, _ Streams) (int, error) {
	return 0, e.Add(ctx, c.plugin)
}

func doList(ctx context.Context, _ *call, e *Executor, s Streams) (int, error) {
	return 0, e.List(ctx, s.Out)
}

func doRemove(ctx context.Context, c *call, e *Executor, _ Streams) (int, error) {
	return 0, e.Remove(ctx, c.plugin.Name)
}

func doRun(ctx context.Context, c *call, e *Executor, s Streams) (int, error) {
	return e.Run(ctx, c.plugin.Name, c.plugin.Command, c.limit, s, func(choice Choice) {
		if !c.verbose {
			return
		}
		for _, r := range choice.Declined {
			fmt.Fprintf(s.Err, "runner: %s declines %q: %s\n", r.Runner, c.plugin.Name, r.Why)
		}
		fmt.Fprintf(s.Err, "runner: %s runs %q\n", choice.Runner, c.plugin.Name)
	})
}
