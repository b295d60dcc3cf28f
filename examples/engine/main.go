// Engine reads lines of any shape and prints a report of what they say. It is
// the main example of the capability package: what it does with a line is
// decided by providers that are bound at several levels and asked on the hot
// path, and by extensions that a placement file puts there. This file holds the
// program; read event.go, pipelines.go and placement.go next.

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
	"runtime/pprof"
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

Which extensions run, where, and which nodes use them is said by a placement, a
file of JSON: see engine.json and placement.go, and -extensions for what there is.
SIGHUP reads the file again while lines flow: each instance whose configuration has
changed is replaced by one that is ready, no line waits or is lost, and the one
before is stopped. If anything else has changed, or something is wrong, nothing is
replaced; the reason is printed and what runs goes on.

With -http a page shows who answers in the engine and in each pipeline, and why, while
lines are read and after that, until the program is interrupted. It is for operators:
give it an address that nobody else reaches.

exit status:
  0    all input was read; bad lines are allowed
  1    input, a sink, an extension or the report failed, or no line could be
       understood
  2    wrong use, or something is wrong in the placement
  130  interrupted; the report covers what was read so far

flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, hangups, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	file     string
	strict   bool   // any bad line makes the exit status 1
	only     string // events whose line does not hold this text are left out
	top      int    // rows of a table; 0 leaves that to the engine
	quiet    int    // after that many lines routine events are left out; 0 is never
	problems bool   // errors are printed as they pass
	config   string // the file of the placement; "" is the one that is built in
	http     string // the address of the page; "" is none
	profile  string // the file of a CPU profile; "" is none
	describe format // the extensions are described, and nothing else is done
}

// run is the program. With -config it reads that file again when something comes from what
// hup returns. It returns the exit status.
func run(ctx context.Context, hup func() <-chan os.Signal, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := newProgress(stderr)
	stderr = &locked{w: stderr} // extensions write too
	fail := func(status int, format string, args ...any) int {
		fmt.Fprintf(stderr, "engine: "+format+"\n", args...)
		return status
	}
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case o.describe != "":
		if err := o.describe.describe(stdout); err != nil {
			return fail(1, "printing the extensions: %v", err)
		}
		return 0
	}
	stopProfile, err := startProfile(o.profile)
	if err != nil {
		return fail(1, "%v", err)
	}
	defer func() {
		if err := stopProfile(); err != nil {
			fail(0, "the profile is not complete: %v", err)
		}
	}()
	input, source, err := open(o.file, stdin)
	if err != nil {
		return fail(1, "%v", err)
	}
	defer input.Close()
	from, err := readSource(o.config)
	if err != nil {
		return fail(1, "%v", err)
	}
	e, err := newEngine(ctx, o, from, stdout, stderr)
	if wrong := (*refusal)(nil); errors.As(err, &wrong) {
		return fail(2, "the placement is wrong:\n%v", err)
	} else if err != nil && ctx.Err() != nil {
		return fail(130, "interrupted while the extensions were starting")
	} else if err != nil {
		return fail(1, "%v", err)
	}
	defer func() {
		if err := e.close(); err != nil {
			fail(0, "not all has stopped in time:\n%v", err)
		}
	}()
	if o.http != "" {
		stop, err := e.serve(o.http, stderr)
		if err != nil {
			return fail(1, "the page cannot be served: %v", err)
		}
		defer stop()
	}
	stopFollowing := func() {}
	if o.config != "" {
		stopFollowing = e.follow(ctx, hup(), o.config, stderr)
	}

	ended := readLines(ctx, input, e.line, func(read int64) {
		e.bytes = read
		p.show(time.Now(), e.lines, read, e.bad)
	})
	stopFollowing()
	p.clear()
	if err := e.host.Ready(); err != nil {
		fail(0, "not all extensions are well:\n%v", err)
	}
	if err := e.result(source, ended).print(stdout); err != nil {
		return fail(1, "printing the report: %v", err)
	}
	if o.http != "" && ended == nil {
		<-ctx.Done() // who wants to see the page has time to
	}
	switch {
	case errors.Is(ended, errInterrupted):
		return fail(130, "interrupted, the report covers what was read so far")
	case ended != nil:
		return fail(1, "%v", ended)
	case e.bad > 0 && (o.strict || e.understood == 0):
		return fail(1, "%d of %d lines are bad", e.bad, e.lines)
	}
	return 0
}

// startProfile begins a profile in a file, and does nothing if that has no name.
func startProfile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
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
	flags.StringVar(&o.config, "config", "", "`file` of the placement, instead of the one that is built in")
	flags.StringVar(&o.http, "http", "", "`address` of a page that shows who answers and why, such as localhost:8080, until interrupted")
	flags.StringVar(&o.profile, "cpuprofile", "", "`file` for a profile of the run, from which go build -pgo makes a faster engine")
	flags.Var(&o.describe, "extensions", "describe the extensions and extension points, as text or =markdown or =json, and do nothing else")
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
