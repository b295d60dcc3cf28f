// Engine reads lines of any shape and prints a report of what they say. It is
// the main example of the capability package: what it does with a line is
// decided by providers that are bound at several levels and asked on the hot
// path. This file holds the program; read event.go and pipelines.go next.

package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// self is the input of a run without arguments: what tests of this repository
// said one day. This command, run in the root of the repository, records
// another day; go test ./examples/engine -update then renews the golden reports:
//
//	go test -count=1 -json -run 'Example|Promise|Order|Sizes|Run' . ./examples/quickstart > examples/engine/testdata/self.jsonl
//
//go:embed testdata/self.jsonl
var self []byte

const usage = `usage: engine [flags] [FILE]

Engine reads lines from FILE, or from standard input if FILE is -, and prints
what they say. Without FILE it reads a recorded test run of its own repository.
It knows the events of go test -json, access logs, dpkg logs, JSON lines of any
shape and plain text, also mixed.

A line that is not UTF-8, is longer than 1 MiB, or breaks the format that it
begins with is bad: it is counted, reported and left out.

exit status:
  0    all input was read; bad lines are allowed
  1    input, a sink or the report failed, or no line could be understood
  2    wrong use
  130  interrupted; the report covers what was read so far

flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	file     string
	strict   bool   // any bad line makes the exit status 1
	only     string // events whose line does not hold this text are left out
	top      int    // rows of a table; 0 leaves that to the engine
	quiet    int    // after that many lines routine events are left out; 0 is never
	problems bool   // errors are printed as they pass
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	input, source, err := open(o.file, stdin)
	if err != nil {
		fmt.Fprintf(stderr, "engine: %v\n", err)
		return 1
	}
	defer input.Close()
	e, err := newEngine(o, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "engine: %v\n", err)
		return 1
	}
	defer e.close()

	p := newProgress(stderr)
	ended := readLines(ctx, input, e.line, func(read int64) {
		e.bytes = read
		p.show(time.Now(), e.lines, read, e.bad)
	})
	p.clear()
	if err := e.result(source, ended).print(stdout); err != nil {
		fmt.Fprintf(stderr, "engine: printing the report: %v\n", err)
		return 1
	}
	switch {
	case errors.Is(ended, errInterrupted):
		fmt.Fprintln(stderr, "engine: interrupted, the report covers what was read so far")
		return 130
	case ended != nil:
		fmt.Fprintf(stderr, "engine: %v\n", ended)
		return 1
	case e.bad > 0 && (o.strict || e.understood == 0):
		fmt.Fprintf(stderr, "engine: %d of %d lines are bad\n", e.bad, e.lines)
		return 1
	}
	return 0
}

// parse returns what the command line says. It has told stderr about an error.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("engine", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.strict, "strict", false, "exit with 1 if any line is bad")
	flags.StringVar(&o.only, "only", "", "leave out lines without this `text`")
	flags.IntVar(&o.top, "top", 0, "`rows` of a table, instead of what the engine chooses")
	flags.IntVar(&o.quiet, "quiet", 100, "leave out routine events after that many `lines`; 0 is never")
	flags.BoolVar(&o.problems, "problems", false, "print errors as they pass, ahead of the report")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var wrong error
	switch {
	case flags.NArg() > 1:
		wrong = fmt.Errorf("%d files are given: give one, or none", flags.NArg())
	case flags.NArg() == 1 && flags.Arg(0) == "":
		wrong = errors.New("the name of the file is empty: give one, or - for standard input")
	case o.top < 0 || o.top > maxRows:
		wrong = fmt.Errorf("-top is %d: give it 1 to %d rows, or 0", o.top, maxRows)
	case o.quiet < 0:
		wrong = fmt.Errorf("-quiet is %d: give it a number of lines, or 0", o.quiet)
	}
	if wrong != nil {
		fmt.Fprintf(stderr, "engine: %v\n", wrong)
	}
	o.file = flags.Arg(0)
	return o, wrong
}

// open returns the input and what the report calls it.
func open(file string, stdin io.Reader) (io.ReadCloser, string, error) {
	switch file {
	case "":
		return io.NopCloser(bytes.NewReader(self)), "a test run of this repository", nil
	case "-":
		return io.NopCloser(stdin), "standard input", nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, "", fmt.Errorf("%s is a directory: give it a file", file)
	}
	return f, file, nil
}
