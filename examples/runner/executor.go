// The executor: what the program does, by means of what it is given.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/typedcap/capability"
)

// A Config is what the program shall do.
type Config struct {
	Database string
	Access   access
	Engines  []string      // container engines, the preferred first
	Patience time.Duration // how long an engine, or another program with the database, may take
	Ask      []string      // the runners to ask, in this order; nil is all
	Format   string        // of lists
}

// Dependencies are with whom it does it.
type Dependencies struct {
	Storage capability.Handle[Store]
	Runners capability.ChainHandle[Runner]
	Formats capability.ChainHandle[Formatter]
}

// resolve returns the dependencies that the scope provides.
func resolve(scope *capability.Scope) (d Dependencies, err error) {
	err = scope.Resolve(
		Storage.Into(&d.Storage),
		Runners.All().Into(&d.Runners),
		Formats.All().Into(&d.Formats),
	)
	return d, err
}

// An Executor keeps plug-ins and runs them.
type Executor struct {
	Config
	Dependencies
}

// Add registers a plug-in.
func (e *Executor) Add(ctx context.Context, p Plugin) error {
	store := e.Storage.Get()
	err := store.Add(ctx, p)
	if !errors.Is(err, errTaken) {
		return err
	}
	as := "" // if it can be had
	if old, err := store.Get(ctx, p.Name); err == nil {
		as = ", as " + commandLine(old.Command)
	}
	return fmt.Errorf("plug-in %q is registered already%s: remove it first, or choose another name", p.Name, as)
}

// List writes all plug-ins in the format of the configuration.
func (e *Executor) List(ctx context.Context, w io.Writer) error {
	write, err := formatter(e.Formats.Get(), e.Format)
	if err != nil {
		return err
	}
	plugins, err := e.Storage.Get().List(ctx)
	if err != nil {
		return err
	}
	return write(w, plugins)
}

// Remove takes a plug-in off the list.
func (e *Executor) Remove(ctx context.Context, name string) error {
	store := e.Storage.Get()
	return absent(ctx, store, name, store.Remove(ctx, name))
}

// errTimeLimit is the cause of the end of what ran too long.
var errTimeLimit = errors.New("the time limit is over")

// Run runs a plug-in with more arguments. A limit above 0 takes the place of its
// own; it begins when a runner was chosen. asked is told who that is.
func (e *Executor) Run(ctx context.Context, name string, args []string, limit time.Duration, s Streams, asked func(Choice)) (exit int, err error) {
	store := e.Storage.Get()
	p, err := store.Get(ctx, name)
	if err != nil {
		return 0, absent(ctx, store, name, err)
	}
	p.Command = slices.Concat(p.Command, args)
	if limit > 0 {
		p.TimeLimit = limit
	}
	choice, err := choose(ctx, e.Runners.Get(), p)
	if err != nil {
		return 0, fmt.Errorf("plug-in %q: %w", name, err)
	}
	asked(choice)
	ctx, cancel := context.WithTimeoutCause(ctx, p.TimeLimit, errTimeLimit)
	defer cancel()
	exit, err = choice.task(ctx, s)
	if errors.Is(err, errTimeLimit) {
		err = fmt.Errorf("it was killed because it ran longer than %v, its time limit: give it more with -time-limit behind run", p.TimeLimit)
	}
	if err != nil {
		return 0, fmt.Errorf("plug-in %q, run by %s: %w", name, choice.Runner, err)
	}
	return exit, nil
}

// absent turns an errAbsent into an error that says what there is.
func absent(ctx context.Context, c Catalog, name string, err error) error {
	if !errors.Is(err, errAbsent) {
		return err
	}
	plugins, err := c.List(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("no plug-in is named %q", name), err)
	}
	names := make([]string, len(plugins))
	for i, p := range plugins {
		names[i] = p.Name
	}
	return fmt.Errorf("no plug-in is named %q%s: list shows those that there are, and add registers one", name, suggestion(name, names))
}
