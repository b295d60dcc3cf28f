// The engine: what it resolves at start-up, what it does with a line, and how it ends.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// An engine has the parsers and the pipelines. Its handles were resolved at
// start-up; what it does for a line is to read them.
type engine struct {
	meter
	registry  *capability.Registry
	scope     *capability.Scope
	parsers   capability.ChainHandle[Parser]
	sinks     capability.ChainHandle[Sink] // for the report
	rows      capability.Handle[int]
	pipelines []*pipeline
	byKind    map[string]*pipeline
	rest      *pipeline
	quiet     quiet
	quietAt   int // the line after which quiet replaces everything; 0 is never

	registries *registries
	host       *extension.Host
	plan       *plan // what of the placement runs
	closing    sync.Once
	closed     error // of closing it, once it is done
}

// A pipeline is what becomes of the events of its kinds.
type pipeline struct {
	name      string
	scope     *capability.Scope
	enrichers capability.ChainHandle[Enricher]
	filters   capability.ChainHandle[Filter]
	sinks     capability.ChainHandle[Sink]
	rows      capability.Handle[int]
	registry  *capability.Registry
	step      Step
	events    int64 // that came
	kept      int64 // that reached the sinks
}

// newEngine starts the extensions of the placement, composes the registries, resolves
// what the hot path reads, and adds the nodes. What is missing is found here, not while
// lines flow. Who gets an engine closes it.
func newEngine(ctx context.Context, o options, from source, stdout, stderr io.Writer) (*engine, error) {
	all := register(o, stdout)
	if all.err != nil {
		return nil, all.err
	}
	plan, err := newPlan(from, &all)
	if err != nil {
		return nil, &refusal{err}
	}
	for _, warning := range plan.warnings {
		fmt.Fprintf(stderr, "engine: warning: %v\n", warning)
	}
	e := &engine{registry: all.engine, byKind: make(map[string]*pipeline), quietAt: o.quiet, registries: &all, plan: plan}
	e.host = extension.NewHost(extension.Options{
		Limits:    extension.Limits{Start: patience, Drain: patience, Stop: patience},
		Consumers: patience,
		Log:       slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// A refusal is the error that a placement is wrong.
type refusal struct{ error }

// patience is how long one extension may take to start, to be let go of, and to stop.
const patience = 5 * time.Second

func (e *engine) start(ctx context.Context) error {
	var instances []extension.Instance
	for _, is := range e.plan.instances {
		instances = append(instances, is.Instance)
	}
	if err := e.host.Start(ctx, instances...); err != nil {
		return e.plan.located(err)
	}
	var err error
	if e.scope, err = capability.Compose(e.registries.engine, e.registries.builtin); err != nil {
		return err
	}
	if err := e.scope.Resolve(Parsers.All().Into(&e.parsers), Sinks.All().Into(&e.sinks), Rows.Into(&e.rows)); err != nil {
		return err
	}
	for _, r := range e.registries.pipelines {
		p, err := newPipeline(e.scope, r)
		if p != nil {
			e.pipelines = append(e.pipelines, p)
		}
		if err != nil {
			return err
		}
		for _, kind := range r.kinds {
			e.byKind[kind] = p
		}
		if r.kinds == nil {
			e.rest = p
		}
		for _, n := range e.plan.nodes {
			if n.pipeline != p.name {
				continue
			}
			if err := nodeTypes[n.typ].bind(wiring{n, p.scope, p.registry}); err != nil {
				return fmt.Errorf("%s: node %q of type %q: %w", e.plan.where(n.at), n.name, n.typ, err)
			}
		}
	}
	return nil
}

// newPipeline composes the registries of the pipeline with those of the engine. A
// pipeline that it returns with an error has a scope that has to be closed.
func newPipeline(engine *capability.Scope, r registration) (*pipeline, error) {
	narrower := []*capability.Registry{r.pipeline}
	if r.group != nil {
		narrower = append(narrower, r.group)
	}
	p := &pipeline{name: r.pipeline.Name(), registry: r.pipeline}
	var err error
	if p.scope, err = engine.With(narrower...); err != nil {
		return nil, err
	}
	var around capability.ChainHandle[capability.Middleware[Step]]
	err = p.scope.Resolve(
		Enrichers.All().Into(&p.enrichers),
		Filters.All().Into(&p.filters),
		Sinks.All().Into(&p.sinks),
		Around.All().Into(&around),
		Rows.Into(&p.rows),
	)
	if err != nil {
		return p, err
	}
	p.step = capability.Wrap(around.Get(), p.process) // once, not for each event
	return p, nil
}

// close stops all: those who use extensions before the extensions. It returns what did
// not stop in time, and may be called twice.
func (e *engine) close() error {
	e.closing.Do(func() {
		var errs []error
		for _, p := range e.pipelines {
			errs = append(errs, p.scope.Close())
		}
		if e.scope != nil { // it has started
			errs = append(errs, e.scope.Close())
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		errs = append(errs, e.host.Stop(ctx), e.registries.close(ctx))
		e.closed = errors.Join(errs...)
	})
	return e.closed
}

// errSink marks the errors after which the run cannot go on.
var errSink = errors.New("a sink failed")

// line is what the engine does with a line. It returns an error only if the run
// cannot go on. fault is why the line could not be read as a whole.
func (e *engine) line(number int, line []byte, fault error) error {
	if number == e.quietAt+1 && number > 1 {
		if err := e.hush(); err != nil {
			return err
		}
	}
	text, ok := e.text(number, line, fault)
	if !ok {
		return nil
	}
	d, err := capability.Decide(e.parsers.Get(), func(parse Parser) (capability.Decision[*Event], error) {
		return parse(text)
	})
	if err != nil {
		e.refuse(number, err)
		return nil
	}
	event, ok := d.Get()
	if !ok {
		e.refuse(number, errors.New("no parser knows the line"))
		return nil
	}
	e.by[d.By()]++
	p := e.byKind[event.Kind]
	if p == nil {
		p = e.rest
	}
	p.events++
	event.Line = number
	if err := p.step(event); errors.Is(err, errSink) {
		return fmt.Errorf("line %d: %w", number, err)
	} else if err != nil {
		e.refuse(number, err)
		return nil
	}
	e.understood++
	return nil
}

// process is the innermost step. Each verb reads its handle once, so that one
// event is seen by one chain of each, whatever is committed meanwhile.
func (p *pipeline) process(event *Event) error {
	event, err := capability.Pipe(p.enrichers.Get(), event, func(enrich Enricher, event *Event) (*Event, error) {
		return enrich(event)
	})
	if err != nil {
		return err
	}
	keep, err := capability.Every(p.filters.Get(), func(keep Filter) (bool, error) {
		return keep(event), nil
	})
	if err != nil || !keep {
		return err
	}
	p.kept++
	err = capability.Each(p.sinks.Get(), func(s Sink) error {
		return s.Take(event)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errSink, err)
	}
	return nil
}

// hush puts the filter that leaves out routine events in the place of the one
// that does not. The commit changes what the next event meets in each pipeline
// that sees the filter of the engine; those that mask or rebind it go on as
// before. Any goroutine may do this at any time.
func (e *engine) hush() error {
	return e.registry.Apply(Filters.Rebind("chatter", e.quiet.keep))
}
