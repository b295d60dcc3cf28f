// Stats is the catalogue of what a server measures, put together from directories of
// description files: those of the engine, and those of a group, which override
// them. It prints the catalogue and follows the files. Read metric.go and
// catalogue.go next, then directory.go.

package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// descriptions are the files of a run without arguments.
//
//go:embed descriptions
var descriptions embed.FS

const usage = `usage: stats [flags] [DIRECTORY [GROUP-DIRECTORY]]

Stats prints the metrics that the files of DIRECTORY describe, by key and by
source. A file NAME.json is the source NAME and holds

  {"metric.name": {"type": "counter", "desc": "what it counts"}, …}

where the type is counter, gauge or histogram. A file of GROUP-DIRECTORY takes
the place of that of DIRECTORY with the same name; any other answers before
them. Without DIRECTORY stats shows itself on descriptions of its own.

exit status:
  0  all files were understood; with -watch, it was interrupted
  1  a directory or a file was not understood, or the output failed
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
	directories []string
	watch       bool
	every       time.Duration
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	c, err := newCatalogue()
	if err == nil {
		do := c.show
		if len(o.directories) > 0 {
			do = func(ctx context.Context, stdout io.Writer) error { return c.read(ctx, o, stdout, stderr) }
		}
		err = errors.Join(do(ctx, stdout), c.close())
	}
	if err != nil {
		fmt.Fprintf(stderr, "stats: %v\n", err)
		return 1
	}
	return 0
}

// parse returns what the command line says. It has told stderr about an error.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("stats", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.watch, "watch", false, "go on, and print changes until interrupted")
	flags.DurationVar(&o.every, "every", time.Second, "look for changes so often")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.directories = flags.Args()
	var wrong error
	switch {
	case len(o.directories) > 2:
		wrong = fmt.Errorf("%d directories are given: give one, and perhaps that of a group", len(o.directories))
	case o.watch && len(o.directories) == 0:
		wrong = errors.New("there is nothing to watch: give a directory, or leave out -watch")
	case o.every <= 0:
		wrong = fmt.Errorf("-every is %v: give it a time above 0", o.every)
	}
	if wrong != nil {
		fmt.Fprintf(stderr, "stats: %v\n", wrong)
	}
	return o, wrong
}

// read prints the catalogue of directories, and perhaps follows it.
func (c *catalogue) read(ctx context.Context, o options, stdout, stderr io.Writer) error {
	c.follow(o.directories, o.every)
	wrong := c.look()
	for _, path := range o.directories {
		if text, ok := wrong["directory "+path]; ok {
			return errors.New(text)
		}
	}
	if err := c.open(ctx, o.every); err != nil {
		return err
	}
	for _, d := range c.directories {
		if len(d.bound.names) == 0 {
			fmt.Fprintf(stderr, "stats: %s holds no description file, which would be called NAME.json\n", d.path)
		}
	}
	t := &teller{w: stderr}
	wrong = c.look()
	t.tell(wrong)
	if o.watch {
		return c.watch(ctx, o.every, t, stdout)
	}
	if err := c.print(stdout, c.feed.Table().Get()); err != nil {
		return fmt.Errorf("printing the catalogue: %w", err)
	}
	if len(wrong) > 0 {
		return errors.New("the catalogue lacks what was not understood")
	}
	return nil
}

// watch prints the catalogue and its changes until ctx ends, and tells what is wrong.
func (c *catalogue) watch(ctx context.Context, every time.Duration, t *teller, stdout io.Writer) error {
	var looking sync.WaitGroup
	defer looking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looking.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.tell(c.look())
			case <-ctx.Done():
				return
			}
		}
	})
	for old, now := range c.feed.Table().Watch(ctx) {
		p := printer{w: stdout}
		if old == nil {
			p.err = c.print(stdout, now)
		} else {
			p.changes(old, now)
		}
		if p.err != nil {
			return fmt.Errorf("printing the changes: %w", p.err)
		}
	}
	return nil
}

// show shows what a catalogue is, on descriptions that are part of the program: it
// binds and unbinds sources of the group and prints what that changes.
func (c *catalogue) show(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	file := func(path string) Source { return data.FS(descriptions, "descriptions/"+path+".json", decode) }
	if err := c.engine.Apply(
		Metrics.Bind("http", file("engine/http")),
		Metrics.Bind("store", file("engine/store")),
	); err != nil {
		return err
	}
	if err := c.open(ctx, time.Second); err != nil {
		return err
	}
	now := c.feed.Table().Get()
	if err := c.print(stdout, now); err != nil {
		return err
	}
	for _, step := range []struct {
		title  string
		change capability.Change
	}{
		{"the group describes its limits", Metrics.Bind("limits", file("group/limits"))},
		{"the group describes its own store", Metrics.Bind("store", file("group/store"))},
		{"the group has the store of all again", Metrics.Unbind("store")},
	} {
		if err := c.group.Apply(step.change); err != nil {
			return err
		}
		old := now
		var err error
		if now, err = c.next(ctx, old); err != nil {
			return err
		}
		fmt.Fprintln(stdout, step.title)
		p := printer{w: stdout}
		if p.changes(old, now); p.err != nil {
			return p.err
		}
	}
	return c.print(stdout, now)
}
