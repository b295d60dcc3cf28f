// The command line: what was typed, and what is wrong with it.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A call is what was typed.
type call struct {
	Config
	command command
	plugin  Plugin
	limit   time.Duration // for this run; 0 is that of the plug-in
	verbose bool
	typed   []string // behind the command
}

// A usageError is a mistake of whoever typed the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// parse returns what the arguments say, and flag.ErrHelp if they ask for the usage.
func parse(args []string) (*call, error) {
	c := &call{
		Config: Config{Database: "runner.db", Engines: []string{"docker", "podman"}, Patience: 5 * time.Second},
		plugin: Plugin{TimeLimit: time.Minute},
	}
	flags := c.flagSet("runner")
	if err := parseFlags(flags, args); err != nil {
		return nil, err
	}
	names := []string{"help"}
	for _, command := range commands() {
		names = append(names, command.name)
	}
	name := flags.Arg(0)
	at := slices.Index(names, name)
	switch {
	case name == "":
		return nil, usagef("no command is given: give one of %s", strings.Join(names, ", "))
	case at < 0:
		return nil, usagef("unknown command %q%s: the commands are %s", name, suggestion(name, names), strings.Join(names, ", "))
	case at == 0:
		return nil, flag.ErrHelp
	}
	c.command = commands()[at-1]
	c.Access = c.command.access
	own := c.flagSet(name)
	if c.command.flags != nil {
		c.command.flags(c, own)
	}
	c.typed = flags.Args()[1:]
	if err := parseFlags(own, c.typed); err != nil {
		return nil, err
	}
	if err := c.command.words(c, own); err != nil {
		return nil, withName(name, err)
	}
	if c.Database == "" {
		return nil, usagef("%s: -db names no file: give one", name)
	}
	return c, nil
}

// withName returns err as a usageError that begins with the name of the command.
func withName(name string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usagef("%s: %w", name, err)
}

// flagSet returns flags that say nothing by themselves. All of them have -db.
func (c *call) flagSet(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.Database, "db", c.Database, "the `file` that keeps the commands")
	return flags
}

func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return withName(flags.Name(), err)
	}
	return nil
}

// addWords reads the words of add. Flags may follow the name.
func addWords(c *call, flags *flag.FlagSet) error {
	if err := takeName(c, flags); err != nil {
		return err
	}
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return err
	}
	c.plugin.Command = flags.Args()
	if program := flags.Arg(0); c.plugin.Image == "" && strings.ContainsRune(filepath.ToSlash(program), '/') {
		path, err := filepath.Abs(program) // it may be run in another directory
		if err != nil {
			return err
		}
		c.plugin.Command = slices.Concat([]string{path}, flags.Args()[1:])
	}
	return c.plugin.check()
}

// runWords reads the words of run: what follows the name is for the plug-in.
func runWords(c *call, flags *flag.FlagSet) error {
	if err := takeName(c, flags); err != nil {
		return err
	}
	c.plugin.Command = flags.Args()[1:]
	if len(c.plugin.Command) > 0 && c.plugin.Command[0] == "--" {
		c.plugin.Command = c.plugin.Command[1:]
	}
	return checkName(c.plugin.Name)
}

// removeWords reads the words of remove. Flags may follow the name.
func removeWords(c *call, flags *flag.FlagSet) error {
	if err := takeName(c, flags); err != nil {
		return err
	}
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return err
	}
	return errors.Join(checkName(c.plugin.Name), noWords(c, flags))
}

// noWords refuses words.
func noWords(_ *call, flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many: leave it out", flags.Arg(0))
	}
	return nil
}

// takeName takes the first word for the name of the plug-in. Words behind -- are
// those of a command, whose name is missing then.
func takeName(c *call, flags *flag.FlagSet) error {
	before := c.typed[:len(c.typed)-flags.NArg()]
	if flags.NArg() == 0 || len(before) > 0 && before[len(before)-1] == "--" {
		return errors.New("the name of the plug-in is missing: give one, such as hello")
	}
	c.plugin.Name = flags.Arg(0)
	return nil
}
