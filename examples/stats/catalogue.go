// Catalogues: the registries that descriptions are bound in, and what they make.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// A Table is a catalogue at one moment.
type Table = data.Table[string, Metric]

// A catalogue is put together from the sources of the engine and of one group. A
// source of the group takes the place of that of the engine with the same name;
// any other goes before those of the engine, and answers for what both describe.
type catalogue struct {
	engine, group *capability.Registry
	scope         *capability.Scope
	feed          *data.Feed[string, Metric]
	directories   []*directory
}

func newCatalogue() (*catalogue, error) {
	c := &catalogue{
		engine: capability.NewRegistry(capability.Engine, "engine"),
		group:  capability.NewRegistry(capability.Group, "group"),
	}
	var err error
	c.scope, err = capability.Compose(c.group, c.engine)
	return c, err
}

// follow has the directories, of which the second is the group's, bind their files now
// and whenever look is called.
func (c *catalogue) follow(directories []string, every time.Duration) {
	registries := []*capability.Registry{c.engine, c.group}
	for i, path := range directories {
		c.directories = append(c.directories, &directory{path: path, every: every, registry: registries[i]})
	}
}

// open runs the sources. A source that fails is run again every so often.
func (c *catalogue) open(ctx context.Context, every time.Duration) (err error) {
	c.feed, err = data.Open(ctx, c.scope, Metrics, data.Options{Backoff: func(int) time.Duration { return every }})
	return err
}

// close stops the sources and closes what they were bound in.
func (c *catalogue) close() error {
	var err error
	if c.feed != nil {
		err = c.feed.Close()
	}
	nothing := context.Background() // is retired, so nothing is waited for
	return errors.Join(err, c.scope.Close(), c.group.Close(nothing), c.engine.Close(nothing))
}

// look binds and unbinds what came and went in the directories, and returns what is
// wrong with them and with the sources.
func (c *catalogue) look() faults {
	wrong := make(faults)
	now := make([]listing, len(c.directories))
	var edits []capability.Edit
	for i, d := range c.directories {
		now[i] = d.list(wrong)
		if changes := d.changes(now[i]); changes != nil {
			edits = append(edits, d.registry.Stage(changes))
		}
	}
	// In one transaction, so that a file that moves from one to the other directory is
	// never missed.
	if err := capability.Commit(edits...); err != nil {
		wrong.note("directories", "", err)
		return wrong
	}
	for i, d := range c.directories {
		d.bound = now[i]
	}
	if c.feed == nil {
		return wrong
	}
	for _, s := range c.feed.Status() {
		if !c.unbound(s.Err) {
			wrong.source(s)
		}
	}
	return wrong
}

// unbound reports whether the error is that a file has gone which is not bound any
// more: that is no fault, and its source will be stopped soon.
func (c *catalogue) unbound(err error) bool {
	gone := (*fs.PathError)(nil)
	return errors.As(err, &gone) && errors.Is(gone, fs.ErrNotExist) &&
		!slices.ContainsFunc(c.directories, func(d *directory) bool { return d.bound.sources[gone.Path] != nil })
}

// next returns the first table in which something is different than in last.
func (c *catalogue) next(ctx context.Context, last *Table) (*Table, error) {
	for _, now := range c.feed.Table().Watch(ctx) {
		for range data.Diff(last, now) {
			return now, nil
		}
	}
	return nil, fmt.Errorf("no change came: %w", context.Cause(ctx))
}

// print prints the table by key and by source.
func (c *catalogue) print(w io.Writer, t *Table) error {
	p := printer{w: w}
	p.byKey(t)
	p.bySource(t, c.registries())
	return p.err
}

// registries returns the names of the registries that sources are bound in.
func (c *catalogue) registries() map[string]string {
	names := make(map[string]string)
	for _, s := range c.scope.Snapshot().Capabilities {
		for _, p := range s.Providers {
			names[p.Name] = p.Registry
		}
	}
	return names
}
