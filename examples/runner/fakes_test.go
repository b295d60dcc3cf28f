// Fakes: a store in memory and runners that take notes, bound as providers are.

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// A shelf is a Store in memory.
type shelf struct {
	plugins map[string]Plugin
	broken  error // what every method returns, if it is not nil
}

func shelfOf(plugins ...Plugin) *shelf {
	s := &shelf{plugins: make(map[string]Plugin)}
	for _, p := range plugins {
		s.plugins[p.Name] = p
	}
	return s
}

func (s *shelf) Get(_ context.Context, name string) (Plugin, error) {
	p, ok := s.plugins[name]
	if !ok && s.broken == nil {
		return p, errAbsent
	}
	return p, s.broken
}

func (s *shelf) List(context.Context) ([]Plugin, error) {
	var all []Plugin
	for _, name := range slices.Sorted(maps.Keys(s.plugins)) {
		all = append(all, s.plugins[name])
	}
	return all, s.broken
}

func (s *shelf) Add(_ context.Context, p Plugin) error {
	if _, ok := s.plugins[p.Name]; ok && s.broken == nil {
		return errTaken
	}
	if s.broken == nil {
		s.plugins[p.Name] = p
	}
	return s.broken
}

func (s *shelf) Remove(_ context.Context, name string) error {
	if _, ok := s.plugins[name]; !ok && s.broken == nil {
		return errAbsent
	}
	delete(s.plugins, name)
	return s.broken
}

// A candidate is a Runner that notes what it is asked. It declines if it has a
// reason, and otherwise exits with a code or fails.
type candidate struct {
	name   string
	notes  *[]string
	reason string
	exit   int
	fails  error
	asked  func() // called by Offer, unless it is nil
}

func (c candidate) Offer(_ context.Context, p Plugin) (none capability.Decision[Task], why string) {
	*c.notes = append(*c.notes, c.name+" is asked")
	if c.asked != nil {
		c.asked()
	}
	if c.reason != "" {
		return none, c.reason
	}
	return capability.Decided[Task](func(ctx context.Context, _ Streams) (int, error) {
		deadline, _ := ctx.Deadline()
		*c.notes = append(*c.notes, fmt.Sprintf("%s runs %s, at most %v", c.name, commandLine(p.Command), time.Until(deadline).Round(time.Hour)))
		return c.exit, c.fails
	}), ""
}

// executorWith returns an executor that has the store, and what the changes bind.
func executorWith(t *testing.T, store Store, changes ...capability.Change) *Executor {
	t.Helper()
	fakes := capability.NewRegistry(capability.Engine, "fakes")
	if err := fakes.Apply(Storage.Bind("shelf", store), capability.Changes(changes)); err != nil {
		t.Fatal(err)
	}
	scope, err := capability.Compose(fakes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(scope.Close(), fakes.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	d, err := resolve(scope)
	if err != nil {
		t.Fatal(err)
	}
	return &Executor{Config{}, d}
}
