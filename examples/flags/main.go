// Flags are feature flags by patterns of names, resolved as CouchDB does: for each
// flag the longest pattern that matches the name of a database says whether it is on.
// The rules are in a file, which is followed; a pipeline overrides some. Read rule.go
// and verdict.go next, then view.go.

package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// rules are the file of a run without arguments.
//
//go:embed rules.ini
var rules string

const usage = `usage: flags [flags] [FILE DATABASE...]

Flags prints which feature flags the databases have, by which pattern, and of
which source. FILE holds rules:

  [feature_flags]
  ; The longest pattern that matches the name wins, for each flag.
  compression||* = true
  new-index, audit||orders* = true
  new-index||orders-archive* = false

Without FILE flags shows itself on rules of its own: it changes them, breaks
them, and has a pipeline override some.

exit status:
  0  the rules were understood; with -watch, it was interrupted
  1  a file was not understood, or the output failed
  2  wrong use

flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	file      string
	databases []string
	override  string
	watch     bool
	every     time.Duration
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case o.file == "":
		err = show(ctx, stdout)
	default:
		err = read(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "flags: %v\n", err)
		return 1
	}
	return 0
}

// parse returns what the command line says. It has told stderr about an error.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("flags", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.override, "override", "", "`file` of rules that go before those of FILE with the same pattern")
	flags.BoolVar(&o.watch, "watch", false, "go on, and print changes until interrupted")
	flags.DurationVar(&o.every, "every", time.Second, "look for changes so often")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var wrong error
	switch {
	case flags.NArg() == 1:
		wrong = errors.New("no database is given: name some behind the file")
	case flags.NArg() == 0 && (o.watch || o.override != ""):
		wrong = errors.New("no file is given: name one, and databases behind it")
	case o.every <= 0:
		wrong = fmt.Errorf("-every is %v: give it a time above 0", o.every)
	case flags.NArg() > 1:
		o.file, o.databases = flags.Arg(0), flags.Args()[1:]
	}
	if wrong != nil {
		fmt.Fprintf(stderr, "flags: %v\n", wrong)
	}
	return o, wrong
}

// read prints what the rules of files say of the databases, and perhaps follows them.
func read(ctx context.Context, o options, stdout, stderr io.Writer) error {
	engine := capability.NewRegistry(capability.Engine, "engine")
	pipeline := capability.NewRegistry(capability.Pipeline, "pipeline")
	err := engine.Apply(Flags.Bind("file", data.File(o.file, o.every, decode)))
	if o.override != "" {
		err = errors.Join(err, pipeline.Apply(Flags.Bind("override", data.File(o.override, o.every, decode))))
	}
	if err != nil {
		return err
	}
	v, err := open(ctx, o.databases, o.every, pipeline, engine)
	if err != nil {
		return err
	}
	if faulty := v.tell(stderr); o.watch {
		err = v.watch(ctx, o.every, stdout, stderr)
	} else if err = v.print(stdout, v.feed.Table().Get()); err == nil && faulty {
		err = errors.New("rules are missing that were not understood")
	}
	return errors.Join(err, v.close())
}

// watch prints the flags and their changes until ctx ends, and tells what is wrong.
func (v *view) watch(ctx context.Context, every time.Duration, stdout, stderr io.Writer) error {
	var telling sync.WaitGroup
	defer telling.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	telling.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				v.tell(stderr)
			case <-ctx.Done():
				return
			}
		}
	})
	for old, now := range v.feed.Table().Watch(ctx) {
		print := v.changes
		if old == nil {
			print = func(w io.Writer, _, now *Table) error { return v.print(w, now) }
		}
		if err := print(stdout, old, now); err != nil {
			return err
		}
	}
	return nil
}

// show shows what flags are, on a copy of the rules that are part of the program.
func show(ctx context.Context, stdout io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "flags-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "rules.ini")
	if err := replace(file, rules); err != nil {
		return err
	}

	const every = 10 * time.Millisecond
	engine := capability.NewRegistry(capability.Engine, "engine")
	trial := capability.NewRegistry(capability.Pipeline, "trial")
	if err := engine.Apply(Flags.Bind("file", data.File(file, every, decode))); err != nil {
		return err
	}
	databases := []string{"letters", "orders", "orders-archive-2025"}
	everybody, err := open(ctx, databases, every, engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, everybody.close()) }()
	pipeline, err := open(ctx, databases, every, trial, engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pipeline.close()) }()

	s := &steps{ctx: ctx, w: stdout}
	all := everybody.feed.Table().Get()
	s.title("everybody, by the rules of the file")
	s.do(everybody.print(stdout, all))

	s.title("a trial overrides some")
	tried := pipeline.feed.Table().Get()
	s.do(trial.Apply(Flags.Bind("trial", data.Static(map[string]bool{"new-index||letters": true, "new-index||orders*": false}))))
	tried = s.change(pipeline, tried)

	s.title("the file changes, says everybody")
	changed := strings.NewReplacer("compression||* = true", "compression||orders-a* = true", "new-index, audit", "audit").Replace(rules)
	s.do(replace(file, changed))
	s.change(everybody, all)
	s.title("and says the trial")
	s.change(pipeline, tried)

	s.title("the file breaks")
	s.do(replace(file, rules+"audit||*-archive = true\n"))
	if broken := everybody.feed.Reload(ctx); s.err == nil && broken == nil {
		s.do(errors.New("rules that are broken were read"))
	} else if s.err == nil {
		fmt.Fprintf(stdout, "  %s\n", strings.ReplaceAll(cause(broken), dir+string(filepath.Separator), ""))
	}
	s.title("and everybody keeps what there was")
	s.do(everybody.print(stdout, everybody.feed.Table().Get()))
	return s.err
}

// steps are what is done and printed until one fails.
type steps struct {
	ctx context.Context
	w   io.Writer
	err error // the first
}

func (s *steps) do(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *steps) title(text string) {
	if s.err == nil {
		_, s.err = fmt.Fprintln(s.w, text)
	}
}

// change prints what changes next in a view, and returns the table after that.
func (s *steps) change(v *view, last *Table) *Table {
	if s.err != nil {
		return last
	}
	now, err := v.next(s.ctx, last)
	if err == nil {
		err = v.changes(s.w, last, now)
	}
	s.do(err)
	return now
}

// replace puts a file with that text in the place of another, whole.
func replace(file, text string) error {
	fresh := file + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o666); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}
