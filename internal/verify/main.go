// The command line, the runs and the table of what they reached.

// Verify runs the checks behind docs/reliability.md, reads from their outputs how much
// each has done, and compares that with what is asked of it:
//
//	go run ./internal/verify             # the figures of each CI run
//	go run ./internal/verify -release    # those before a release, written to the page
//	go run ./internal/verify -scale 0.01 # a hundredth of them, to try it
//	go run ./internal/verify -only soak  # the checks whose names match
//
// The exit status is 1 when a figure is missed, a command fails or an output has no
// figure; what the command said of it is printed. Outputs are kept in .bin/verify.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, checks, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// page is where outcomes are written.
const page = "docs/reliability.md"

// run returns the exit status: 1 if a check is not met, 2 if the command line is wrong.
func run(ctx context.Context, checks []check, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	release := flags.Bool("release", false, "ask for the figures before a release, and write the outcome to the page")
	scale := flags.Float64("scale", 1, "multiply all that can be less, up to 1")
	only := flags.String("only", "", "run the checks whose names match the `pattern`")
	root := flags.String("root", ".", "the `directory` of the repository")
	doc := flags.String("page", "", "write the outcome to this `file`, "+page+" by default and at full scale only")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	pattern, err := regexp.Compile(*only)
	if err != nil || flags.NArg() > 0 || !(*scale > 0 && *scale <= 1) {
		fmt.Fprintln(stderr, "verify: -only takes a pattern, -scale a number above 0 and up to 1, and there are no arguments")
		return 2
	}
	dir, err := filepath.Abs(*root)
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return 2
	}
	if *doc == "" && *scale == 1 {
		*doc = filepath.Join(dir, page)
	}
	p := plan{release: *release, scale: *scale, root: dir, scratch: filepath.Join(dir, ".bin", "verify")}
	if err := os.MkdirAll(p.scratch, 0o755); err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return 2
	}

	chosen := slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !pattern.MatchString(c.name) })
	if len(chosen) == 0 {
		fmt.Fprintf(stderr, "verify: no check has a name that matches %q\n", *only)
		return 2
	}
	var unwritten error
	outcomes := p.tryAll(ctx, chosen, func(c check) {
		fmt.Fprintf(stderr, "%s: %s\n", c.name, c.command(p))
	}, func(o outcome) {
		fmt.Fprintf(stderr, "%s: %s after %v\n", o.name, o.verdict(), o.took.Round(time.Second))
		if !o.met() {
			excerpt(stderr, o.log)
		}
		if *release && *doc != "" { // at once, because the next one may take hours
			unwritten = errors.Join(unwritten, record(*doc, o, strings.Join(append([]string{"go run ./internal/verify"}, args...), " "), time.Now()))
		}
	})
	if unwritten != nil {
		fmt.Fprintln(stderr, "verify:", unwritten)
		return 2
	}
	if *release && *doc == "" {
		fmt.Fprintf(stderr, "verify: nothing is written to %s, because the scale is not 1\n", page)
	}
	missed := table(stdout, outcomes)
	fmt.Fprintf(stdout, "\n%d of %d checks met, %s, %s\n", len(outcomes)-missed, len(chosen), machine(), time.Now().Format(time.DateOnly))
	if missed > 0 || ctx.Err() != nil {
		return 1
	}
	return 0
}

func machine() string {
	return fmt.Sprintf("%s %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// A plan says how much is asked for.
type plan struct {
	release bool
	scale   float64
	root    string // of the repository
	scratch string // a directory for outputs and what commands need
}

// pick returns the one that is asked for.
func pick[T any](p plan, ci, release T) T {
	if p.release {
		return release
	}
	return ci
}

// number is a scaled count, at least 1.
func (p plan) number(ci, release int) int {
	return max(1, int(float64(pick(p, ci, release))*p.scale))
}

// time is a scaled duration, at least a second, because go test tells no less of a
// fuzz target.
func (p plan) time(ci, release time.Duration) time.Duration {
	return max(time.Second, time.Duration(float64(pick(p, ci, release))*p.scale))
}

// A command is what a check runs.
type command struct {
	dir  string // in the repository
	env  []string
	args []string
}

// String returns the command as one types it at the root of the repository.
func (c command) String() string {
	words := append([]string(nil), c.env...)
	for _, a := range c.args {
		if strings.ContainsAny(a, "|^$*() ") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	text := strings.Join(words, " ")
	if c.dir != "" {
		text = "cd " + c.dir + " && " + text
	}
	return text
}

// A reached is what a check has reached of one measure.
type reached struct {
	measure
	asked, got float64
	found      bool // the output has the figure
}

func (r reached) met() bool {
	if r.most {
		return r.found && r.got <= r.asked
	}
	return r.found && r.got >= r.asked
}

func (r reached) String() string {
	if !r.found {
		return "no figure of " + r.what
	}
	return grouped(r.got) + " " + r.what
}

// An outcome is what became of a check.
type outcome struct {
	check
	err     error // of the command
	reached []reached
	took    time.Duration
	log     string
}

func (o outcome) met() bool {
	for _, r := range o.reached {
		if !r.met() {
			return false
		}
	}
	return o.err == nil && len(o.reached) > 0
}

func (o outcome) verdict() string {
	switch {
	case o.met():
		return "met"
	case o.err != nil:
		return "failed"
	}
	return "missed"
}

// tryAll runs the checks and returns their outcomes in the same order, but for those that
// had not begun when ctx ended. Those that need one processor come first, as many at a time
// as there are processors, and then the others, each alone. The funcs are called one at a
// time.
func (p plan) tryAll(ctx context.Context, chosen []check, begins func(check), ended func(outcome)) []outcome {
	outcomes := make([]outcome, len(chosen))
	var telling sync.Mutex
	try := func(i int) {
		telling.Lock()
		begins(chosen[i])
		telling.Unlock()
		o := p.try(ctx, chosen[i])
		telling.Lock()
		defer telling.Unlock()
		ended(o)
		outcomes[i] = o
	}
	var beside sync.WaitGroup
	processors := make(chan struct{}, runtime.NumCPU())
	for i, c := range chosen {
		if c.alone {
			continue
		}
		if processors <- struct{}{}; ctx.Err() != nil {
			break
		}
		beside.Go(func() {
			try(i)
			<-processors
		})
	}
	beside.Wait()
	for i, c := range chosen {
		if c.alone && ctx.Err() == nil {
			try(i)
		}
	}
	return slices.DeleteFunc(outcomes, func(o outcome) bool { return o.name == "" })
}

// try runs the check.
func (p plan) try(ctx context.Context, c check) outcome {
	o := outcome{check: c, log: filepath.Join(p.scratch, c.name+".log")}
	began := time.Now()
	o.err = p.execute(ctx, c, o.log)
	o.took = time.Since(began)
	for _, m := range c.measures {
		if m.whole && p.scale < 1 {
			continue
		}
		r := reached{measure: m, asked: m.asked(p)}
		if file, err := os.Open(o.log); err == nil {
			r.got, r.found = m.find(lines(file))
			_ = file.Close()
		}
		o.reached = append(o.reached, r)
	}
	return o
}

// execute runs the command and keeps what it prints in the file.
func (p plan) execute(ctx context.Context, c check, file string) error {
	log, err := os.Create(file)
	if err != nil {
		return err
	}
	if c.prepare != nil {
		err = c.prepare(p)
	}
	if err == nil {
		what := c.command(p)
		cmd := exec.CommandContext(ctx, what.args[0], what.args[1:]...)
		cmd.Dir = filepath.Join(p.root, what.dir)
		cmd.Env = append(os.Environ(), what.env...)
		cmd.Stdout, cmd.Stderr = log, log
		// What the command has started ends with it, if it is asked to.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		err = cmd.Run()
	}
	return errors.Join(err, log.Close())
}

// lines yields the lines of r without their ends, from the first one each time.
func lines(r io.ReadSeeker) iter.Seq[string] {
	return func(yield func(string) bool) {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return
		}
		for b := bufio.NewReader(r); ; {
			text, err := b.ReadString('\n')
			if text != "" && !yield(strings.TrimRight(text, "\r\n")) || err != nil {
				return
			}
		}
	}
}

// failing is in a line that tells of a failure.
var failing = regexp.MustCompile(`--- FAIL|^panic: |^fatal error: |WARNING: DATA RACE`)

// excerpt prints some lines of an output before and after its first failure, or its end.
func excerpt(w io.Writer, log string) {
	const some = 30
	file, err := os.Open(log)
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	defer file.Close()
	var said []string
	after := -1 // the first failure
	for text := range lines(file) {
		var event struct{ Output string } // of go test -json
		if json.Unmarshal([]byte(text), &event) == nil {
			if text = strings.TrimRight(event.Output, "\n"); text == "" {
				continue
			}
		}
		said = append(said, text)
		if after >= 0 || failing.MatchString(text) {
			after++
		}
		if after == some {
			break
		}
		if after < 0 && len(said) > some {
			said = said[1:]
		}
	}
	for _, text := range said {
		fmt.Fprintln(w, "\t"+text)
	}
}

// table prints the outcomes and returns how many are not met.
func table(w io.Writer, outcomes []outcome) (missed int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "check\tfigure\tasked\treached\t\ttime")
	for _, o := range outcomes {
		name, took := o.name, o.took.Round(time.Second).String()
		for _, r := range o.reached {
			verdict, got := "met", grouped(r.got)
			switch {
			case !r.found:
				verdict, got = "NO FIGURE", "-"
			case !r.met():
				verdict = "MISSED"
			}
			fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\n", name, r.what, sign(r.most), grouped(r.asked), got, verdict, took)
			name, took = "", ""
		}
		if o.err != nil {
			fmt.Fprintf(t, "%s\tthe command\tsucceeds\t%v\tFAILED\t\n", name, o.err)
		}
		if !o.met() {
			missed++
			fmt.Fprintf(t, "\tsee %s\t\t\t\t\n", o.log)
		}
	}
	_ = t.Flush()
	return missed
}

func sign(most bool) string {
	if most {
		return "≤"
	}
	return "≥"
}

// grouped writes a number with its digits in threes, and parts of one to a tenth.
func grouped(n float64) string {
	text := fmt.Sprintf("%.1f", n)
	whole, part, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + " " + whole[i:]
	}
	if part != "0" {
		whole += "." + part
	}
	return whole
}
