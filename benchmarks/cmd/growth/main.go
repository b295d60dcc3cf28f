// Command growth measures how time and memory grow, and draws the curves.

// Growth measures what operations of the library cost against how much there is:
// scopes, capabilities, providers and watchers. Beside each stands what one would
// write by hand, where that exists. It writes tables, plots and the figures
// themselves into a directory:
//
//	GOWORK=off go run ./cmd/growth [-short] [-o directory] [-figures file] [-redraw]
//
// At each point it makes everything twice. The two twins and all operations take
// turns in short slices, and the least time of each counts, because noise only
// ever adds. The ratio of the second twin to the first is the control: it says
// how much of a curve to believe.
//
// With -redraw it measures nothing and writes tables and plots of the figures of
// an earlier run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	err := run(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// run does what args say. It tells log how far it is.
func run(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	flags.SetOutput(log)
	short := flags.Bool("short", false, "measure a few small points, to see that all works")
	dir := flags.String("o", home(), "the `directory` to write to")
	file := flags.String("figures", "", "the `file` of the figures (default figures.json in the directory)")
	redraw := flags.Bool("redraw", false, "measure nothing, draw the figures of the file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: there are only flags", flags.Arg(0))
	case *redraw && *short:
		return errors.New("the flags -redraw and -short exclude each other: what is redrawn is not measured")
	}
	if *file == "" {
		*file = filepath.Join(*dir, "figures.json")
	}
	if *redraw {
		f, err := load(*file)
		if err != nil {
			return err
		}
		return draw(f, *dir)
	}
	// What cannot be written is known before the measuring, which takes minutes.
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	f, err := measure(long.or(*short, brief), log)
	if err != nil {
		return err
	}
	f.Command = strings.Join(append([]string{"GOWORK=off go run ./cmd/growth"}, args...), " ")
	if err := f.save(*file); err != nil {
		return err
	}
	return draw(f, *dir)
}

// draw writes tables and plots.
func draw(f *figures, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range f.Charts {
		for _, p := range c.plots() {
			if err := os.WriteFile(filepath.Join(dir, p.file), p.svg(), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), f.markdown(), 0o644)
}

// home returns the directory growth of the module of the benchmarks, if the
// program runs in that module or in the root of the repository.
func home() string {
	const module = "module github.com/typedcap/capability/benchmarks\n"
	up := "."
	for range 4 {
		for _, dir := range []string{up, filepath.Join(up, "benchmarks")} {
			if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), module) {
				return filepath.Join(dir, "growth")
			}
		}
		up = filepath.Join(up, "..")
	}
	return filepath.Join("benchmarks", "growth")
}
