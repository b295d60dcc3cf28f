// The engine: its registries, its pipelines, what they resolve at start-up and
// what they do with a line.

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/typedcap/capability"
)

// Builtin is the level of what serves when nobody else does. It is broader than
// the engine, so that whatever the engine binds goes first.
const Builtin capability.Level = 50

// register makes the registries of the engine and binds their providers. This
// is the only place that knows who does what. A new parser is one more Bind in
// the engine; nothing else changes.
//
//	builtin                  text, 5 rows
//	engine                   test2json access dpkg object, clock severity, chatter, span problems, guard
//	ci          ops          severity
//	tests       requests  packages     anything
func register(o options, stdout io.Writer) (all registries) {
	add := func(level capability.Level, name string, changes ...capability.Change) *capability.Registry {
		r := capability.NewRegistry(level, name)
		all.err = errors.Join(all.err, r.Apply(changes...))
		return r
	}
	all.builtin = add(Builtin, "builtin",
		Parsers.Bind("text", parseText),
		Rows.Bind("rows", 5),
	)
	all.engine = add(capability.Engine, "engine",
		Parsers.Bind("test2json", parseTest),
		Parsers.Bind("access", parseAccess),
		Parsers.Bind("dpkg", parseDpkg),
		Parsers.Bind("object", parseObject).After("test2json"), // which takes some objects
		Enrichers.Bind("clock", clock(time.RFC3339, false)),
		Enrichers.Bind("severity", guess),
		Filters.Bind("chatter", everything), // for a while: see engine.hush
		Sinks.Bind("span", &span{}),
		Sinks.Bind("problems", &problems{}),
		Around.Bind("guard", guard),
		optional(o.top > 0, Rows.Bind("rows", o.top)),
		optional(o.only != "", Filters.Bind("only", holding(o.only)).Priority(1)),
		optional(o.problems, Sinks.Bind("echo", &echo{w: stdout})),
	)
	ci := add(capability.Group, "ci", Enrichers.Rebind("severity", byOutcome))
	ops := add(capability.Group, "ops", Enrichers.Rebind("severity", noGuess))

	all.pipelines = []registration{
		{[]string{KindTest}, ci, add(capability.Pipeline, "tests",
			Sinks.Bind("outcomes", newOutcomes()),
			Sinks.Bind("slowest", &slowest{}),
		)},
		{[]string{KindRequest}, ops, add(capability.Pipeline, "requests",
			Enrichers.Rebind("clock", clock(layoutAccess, true)),
			Enrichers.Rebind("severity", byStatus), // narrower than that of ops
			Filters.Mask("chatter"),                // no request is routine
			Sinks.Bind("statuses", statuses()),
			Sinks.Bind("paths", newTally("paths", func(e *Event) string { return e.Subject })),
			Sinks.Bind("bytes", newBytes("bytes by path", func(e *Event) string { return e.Subject })),
		)},
		{[]string{KindPackage}, ops, add(capability.Pipeline, "packages",
			Enrichers.Rebind("clock", clock(layoutDpkg, true)),
			Sinks.Bind("actions", actions()),
			Sinks.Bind("packages", packages()),
		)},
		{nil, nil, add(capability.Pipeline, "anything",
			Around.Bind("unrepeated", unrepeated),
			Sinks.Bind("fields", fields()),
			Sinks.Bind("messages", messages()),
		)},
	}
	return all
}

// registries is what register makes.
type registries struct {
	builtin, engine *capability.Registry
	pipelines       []registration
	err             error
}

// A registration is a pipeline before it is composed. The one without kinds
// takes the kinds that nobody else takes.
type registration struct {
	kinds    []string
	group    *capability.Registry // nil if it is in none
	pipeline *capability.Registry
}

// optional returns the change, or no change.
func optional(wanted bool, c capability.Change) capability.Change {
	if !wanted {
		return capability.Changes(nil)
	}
	return c
}

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
}

// A pipeline is what becomes of the events of its kinds.
type pipeline struct {
	name      string
	scope     *capability.Scope
	enrichers capability.ChainHandle[Enricher]
	filters   capability.ChainHandle[Filter]
	sinks     capability.ChainHandle[Sink]
	rows      capability.Handle[int]
	step      Step
	events    int64 // that came
	kept      int64 // that reached the sinks
}

// newEngine composes the registries and resolves what the hot path reads. A
// provider that is missing is found here, not while lines flow.
func newEngine(o options, stdout io.Writer) (*engine, error) {
	all := register(o, stdout)
	if all.err != nil {
		return nil, all.err
	}
	e := &engine{registry: all.engine, byKind: make(map[string]*pipeline), quietAt: o.quiet}
	var err error
	if e.scope, err = capability.Compose(all.engine, all.builtin); err != nil {
		return nil, err
	}
	if err := e.scope.Resolve(Parsers.All().Into(&e.parsers), Sinks.All().Into(&e.sinks), Rows.Into(&e.rows)); err != nil {
		return nil, err
	}
	for _, r := range all.pipelines {
		p, err := newPipeline(e.scope, r)
		if err != nil {
			return nil, err
		}
		e.pipelines = append(e.pipelines, p)
		for _, kind := range r.kinds {
			e.byKind[kind] = p
		}
		if r.kinds == nil {
			e.rest = p
		}
	}
	return e, nil
}

// newPipeline composes the registries of the pipeline with those of the engine.
func newPipeline(engine *capability.Scope, r registration) (*pipeline, error) {
	narrower := []*capability.Registry{r.pipeline}
	if r.group != nil {
		narrower = append(narrower, r.group)
	}
	p := &pipeline{name: r.pipeline.Name()}
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
		return nil, err
	}
	p.step = capability.Wrap(around.Get(), p.process) // once, not for each event
	return p, nil
}

// close closes the scopes.
func (e *engine) close() {
	for _, p := range e.pipelines {
		p.scope.Close()
	}
	e.scope.Close()
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

// A meter counts lines.
type meter struct {
	lines, blank, bad, understood int
	bytes                         int64
	by                            map[string]int // events by the parser that decided
	badLines                      []badLine      // the first few
}

// A badLine is a line that was left out.
type badLine struct {
	number int
	why    string
}

// maxBad is how many bad lines the report names. All are counted.
const maxBad = 10

var errEncoding = errors.New("the line is not UTF-8")

// text counts the line and returns its text, and false if there is nothing to
// parse.
func (m *meter) text(number int, line []byte, fault error) (string, bool) {
	m.lines++
	if number == 1 {
		m.by = make(map[string]int)
		line = []byte(strings.TrimPrefix(string(line), "\uFEFF"))
	}
	switch {
	case fault != nil:
		m.refuse(number, fault)
	case !utf8.Valid(line):
		m.refuse(number, errEncoding)
	case blank(line):
		m.blank++
	default:
		return string(line), true
	}
	return "", false
}

func blank(line []byte) bool {
	return !slices.ContainsFunc(line, func(c byte) bool { return c != ' ' && c != '\t' })
}

// refuse counts a bad line. Of an error out of a verb it keeps who said what.
func (m *meter) refuse(number int, err error) {
	m.bad++
	if len(m.badLines) == maxBad {
		return
	}
	why := err.Error()
	if by := (*capability.Error)(nil); errors.As(err, &by) {
		why = fmt.Sprintf("%s of %s: %v", by.Provider, by.Capability, by.Err)
	}
	m.badLines = append(m.badLines, badLine{number, strings.Clone(clip(why, 200))})
}
