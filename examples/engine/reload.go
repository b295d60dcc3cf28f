// Reloading: a configuration that has changed takes effect while lines flow.

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"

	"github.com/typedcap/capability/extension"
)

// builtin is the placement of a run without -config.
//
//go:embed engine.json
var builtin []byte

// A source is the text of a placement and the name of the file.
type source struct {
	name string
	text []byte
}

// readSource returns the placement in the file, or the builtin one.
func readSource(file string) (source, error) {
	if file == "" {
		return source{"engine.json", builtin}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return source{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	return source{file, text}, err
}

// follow reads the file again with each signal, until stop is called. stop waits until
// nothing is changed any more.
func (e *engine) follow(ctx context.Context, hup <-chan os.Signal, file string, stderr io.Writer) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
			}
			if err := e.reload(ctx, file, stderr); err != nil {
				fmt.Fprintf(stderr, "engine: %s is not followed, what runs goes on:\n%v\n", file, err)
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}

// reload replaces the instances whose configurations have changed, and says so. If
// anything else has changed it changes nothing.
func (e *engine) reload(ctx context.Context, file string, stderr io.Writer) error {
	from, err := readSource(file)
	if err != nil {
		return err
	}
	next, err := newPlan(from, e.registries)
	if err != nil {
		return err
	}
	changed, err := e.plan.changes(next)
	if err != nil {
		return err
	}
	var errs []error
	for _, is := range changed {
		err := e.host.Replace(ctx, is.Instance)
		if err != nil {
			errs = append(errs, next.located(err))
		}
		if err == nil || errors.Is(err, extension.ErrNotStopped) {
			*e.plan.named[is.Name()] = *is
			fmt.Fprintf(stderr, "engine: instance %q was replaced\n", is.Name())
		}
	}
	if len(changed) == 0 {
		fmt.Fprintf(stderr, "engine: %s says nothing new\n", file)
	}
	return errors.Join(errs...)
}

// changes returns the instances of next whose configurations differ from those of p. The
// error says what else is different.
func (p *plan) changes(next *plan) (changed []*instance, err error) {
	const remedy = "only configurations of instances change in a running engine: start it again"
	var errs []error
	differs := func(d *plan, at int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", d.where(at), fmt.Sprintf(format, args...), remedy))
	}
	for _, is := range next.instances {
		switch was := p.named[is.Name()]; {
		case was == nil:
			differs(next, is.at, "instance %q is new", is.Name())
		case was.of.Name != is.of.Name:
			differs(next, is.at, "instance %q is of %q and was of %q", is.Name(), is.of.Name, was.of.Name)
		case was.spot.name != is.spot.name:
			differs(next, is.at, "instance %q is placed at %s and was at %s", is.Name(), is.spot.name, was.spot.name)
		case was.config != is.config:
			changed = append(changed, is)
		}
	}
	for _, was := range p.instances {
		if next.named[was.Name()] == nil {
			differs(next, 0, "instance %q is missing", was.Name())
		}
	}
	for _, n := range next.nodes {
		if was := p.find(n); was == nil {
			differs(next, n.at, "node %q of %s is new", n.name, n.spot.name)
		} else if !was.same(n) {
			differs(next, n.at, "node %q of %s is another", n.name, n.spot.name)
		}
	}
	for _, was := range p.nodes {
		if next.find(was) == nil {
			differs(next, 0, "node %q of %s is missing", was.name, was.spot.name)
		}
	}
	return changed, errors.Join(errs...)
}

// find returns the node of that name in the same pipeline, nil if there is none.
func (p *plan) find(like *node) *node {
	for _, n := range p.nodes {
		if n.name == like.name && n.pipeline == like.pipeline {
			return n
		}
	}
	return nil
}

// same reports whether two nodes of one name are the same otherwise.
func (n *node) same(as *node) bool {
	return n.typ == as.typ && maps.Equal(n.from, as.from) && n.written == as.written
}

// A locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
