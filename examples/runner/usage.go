// The usage: the commands, their flags, and the text that explains them.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

const usageHead = `usage: runner [-db FILE] COMMAND

Runner registers commands under names and runs them. A command that is added with
an image runs in a container of it, if a container engine answers; all others are
processes of this machine. FILE keeps them; it is runner.db if nothing is said.

`

const usageTail = `
A time limit begins when the command does. When it is over, or runner is
interrupted, all processes of the group of the command are killed; what a command
leaves behind in its group ends with it. Commands read standard input unless that
is a terminal.

exit status:
  0    done
  1    failed, or killed by the time limit
  2    wrong use
  130  interrupted
  run ends with the exit status of the command, and with 128 and the number of the
  signal if a signal ended it

`

// A command is one thing that the program does.
type command struct {
	name, args, doc string
	access          access
	flags           func(*call, *flag.FlagSet) // nil if there are none
	words           func(*call, *flag.FlagSet) error
	do              func(context.Context, *call, *Executor, Streams) (int, error)
}

// commands are all there are, in the order of the usage.
func commands() []command {
	return []command{
		{"add", "[flags] NAME [--] PROGRAM [ARG]...", "register a command", filling, addFlags, addWords, doAdd},
		{"list", "[flags]", "show what is registered", reading, listFlags, noWords, doList},
		{"remove", "NAME", "take a command off the list", editing, nil, removeWords, doRemove},
		{"run", "[flags] NAME [--] [ARG]...", "run a command, with more arguments", reading, runFlags, runWords, doRun},
	}
}

// usage returns the text.
func usage() string {
	var b strings.Builder
	b.WriteString(usageHead)
	for _, command := range commands() {
		fmt.Fprintf(&b, "%s %s\n    %s\n", command.name, command.args, command.doc)
		c := new(call)
		flags := flag.NewFlagSet(command.name, flag.ContinueOnError)
		flags.SetOutput(&b)
		if command.flags != nil {
			command.flags(c, flags)
		}
		flags.PrintDefaults()
	}
	b.WriteString(usageTail)
	return b.String()
}

// limitFlag defines -time-limit.
func limitFlag(flags *flag.FlagSet, limit *time.Duration, doc string) {
	flags.Func("time-limit", doc, func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return errors.New("it is no time: write it as 30s, 5m or 1h30m")
		case d <= 0:
			return errors.New("nothing can be done in it: give a time above 0, such as 30s")
		}
		*limit = d
		return nil
	})
}

func addFlags(c *call, flags *flag.FlagSet) {
	limitFlag(flags, &c.plugin.TimeLimit, "how `long` it may run; 1m if nothing is said")
	flags.StringVar(&c.plugin.Image, "image", "", "the container `image` to run it in")
	flags.Func("env", "a variable for it, as `NAME=VALUE`; may be given more than once", func(pair string) error {
		c.plugin.Environment = append(c.plugin.Environment, pair)
		return checkPair(pair)
	})
}

func listFlags(c *call, flags *flag.FlagSet) {
	flags.StringVar(&c.Format, "format", "table", "the output `format`: table or json")
}

func runFlags(c *call, flags *flag.FlagSet) {
	limitFlag(flags, &c.limit, "how `long` it may run this time")
	flags.BoolVar(&c.verbose, "v", false, "say on standard error who was asked to run it, and who does")
	flags.Func("runners", "who may run it, in this order: a `list` such as container,process", func(list string) error {
		if list == "" {
			return errors.New("it names nobody: leave it out to ask everybody")
		}
		c.Ask = strings.Split(list, ",")
		return nil
	})
}
