// The extension dataset: labels for names, out of files and of the configuration. It
// shows how a feed of package data lives in an extension.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

// A Lookup has labels for names.
type Lookup interface {
	// Label returns the label of the entry that says most about the name: one of that
	// very name, or the longest that ends in '*' and begins like it.
	Label(name string) (label string, ok bool)
}

var (
	// Lookups are asked for by name.
	Lookups = capability.New[Lookup]("lookup", "has labels for names", capability.OnlyLeased())

	// LabelSources are where a lookup has its labels from. Each dataset has a
	// registry of its own for them.
	LabelSources = capability.New[data.Source[string, string]]("label-sources", "say which names have which label")
)

// A DatasetConfig is the configuration of a dataset.
type DatasetConfig struct {
	Sources []SourceConfig `json:"sources" doc:"where labels come from; of those that have the same entry, the first counts"`
}

// A SourceConfig is a source of a dataset.
type SourceConfig struct {
	Name    string            `json:"name"`
	Entries map[string]string `json:"entries" doc:"labels by name, or by the beginning of names and '*'"`
	File    string            `json:"file" doc:"a JSON file of entries, instead of them"`
	Every   Duration          `json:"every" doc:"how often the file is read again; never if it is left out"`
}

// Validate returns what is wrong with the configuration.
func (c DatasetConfig) Validate() error {
	var errs []error
	if len(c.Sources) == 0 {
		errs = append(errs, errors.New("there are no sources: name one or more"))
	}
	names := make(map[string]bool)
	for _, s := range c.Sources {
		if names[s.Name] {
			errs = append(errs, fmt.Errorf("two sources are called %q: give each a name of its own", s.Name))
		}
		names[s.Name] = true
		switch {
		case !nameable(s.Name):
			errs = append(errs, fmt.Errorf("a source cannot be called %q: choose a short name without spaces", clip(s.Name, maxKey)))
		case (s.File == "") == (s.Entries == nil):
			errs = append(errs, fmt.Errorf("source %q needs either entries or a file", s.Name))
		case s.Every != 0 && s.File == "":
			errs = append(errs, fmt.Errorf("source %q has no file that could be read every %v: leave that out", s.Name, s.Every))
		case s.Every < 0 || 0 < s.Every && time.Duration(s.Every) < time.Millisecond:
			errs = append(errs, fmt.Errorf("every of source %q is %v: give it a millisecond or more", s.Name, s.Every))
		}
	}
	return errors.Join(errs...)
}

// registry returns a registry of the sources.
func (c DatasetConfig) registry(name string) (*capability.Registry, error) {
	r := capability.NewRegistry(capability.Engine, name)
	var changes capability.Changes
	for _, s := range c.Sources {
		source := data.Static(s.Entries)
		if s.File != "" {
			source = data.File(s.File, time.Duration(s.Every), data.JSON[string])
		}
		changes = append(changes, LabelSources.Bind(s.Name, source))
	}
	return r, r.Apply(changes)
}

// Dataset is the extension.
var Dataset = extension.Active[DatasetConfig]{
	Manifest: extension.Manifest{
		Name: "dataset", Version: "1.0.0", URL: documentation + "dataset.go",
		Doc: "has labels for names, and follows the files that they come from",
	},
	Exports: []extension.Key{Lookups},
	New: func(c DatasetConfig, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		table := new(atomic.Pointer[labels])
		return []capability.Binding{Lookups.Bind(d.Name, lookup{table})}, &feeding{c, d.Name, table, d.Report}, nil
	},
}

// labels is the table as the feed publishes it.
type labels = capability.Handle[*data.Table[string, string]]

// A lookup is what others have. The table is there before they have it.
type lookup struct{ table *atomic.Pointer[labels] }

func (l lookup) Label(name string) (string, bool) {
	label, _, ok := data.Match(l.table.Load().Get(), name)
	return label, ok
}

// A feeding is what runs.
type feeding struct {
	config DatasetConfig
	name   string // of the instance
	table  *atomic.Pointer[labels]
	report func(error)
}

// Run opens the feed. A source that fails at once keeps it from being ready: it is a
// mistake in the configuration. One that fails later keeps its last good entries.
func (f *feeding) Run(ctx context.Context, ready func()) (err error) {
	sources, err := f.config.registry(f.name)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, sources.Close(context.Background())) }()
	scope, err := capability.Compose(sources)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, scope.Close()) }()
	feed, err := data.Open(ctx, scope, LabelSources, data.Options{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, feed.Close()) }()
	if err := trouble(feed); err != nil {
		return err
	}
	table := feed.Table()
	f.table.Store(&table)
	ready()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.report(trouble(feed))
		case <-ctx.Done():
			return nil
		}
	}
}

// trouble returns why sources have failed, nil if all are well.
func trouble(feed *data.Feed[string, string]) error {
	var errs []error
	for _, s := range feed.Status() {
		errs = append(errs, s.Err)
	}
	return capability.Join(errs...)
}
