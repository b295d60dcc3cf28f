// The registries of the engine and what it binds in them itself. What a placement adds
// is in extensions.go and nodes.go.

package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

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
		{kinds: []string{KindTest}, group: ci, pipeline: add(capability.Pipeline, "tests",
			Sinks.Bind("outcomes", newOutcomes()),
			Sinks.Bind("slowest", &slowest{}),
		)},
		{kinds: []string{KindRequest}, group: ops, pipeline: add(capability.Pipeline, "requests",
			Enrichers.Rebind("clock", clock(layoutAccess, true)),
			Enrichers.Rebind("severity", byStatus), // narrower than that of ops
			Filters.Mask("chatter"),                // no request is routine
			Sinks.Bind("statuses", statuses()),
			Sinks.Bind("paths", newTally("paths", func(e *Event) string { return e.Subject })),
			Sinks.Bind("bytes", newBytes("bytes by path", func(e *Event) string { return e.Subject })),
		)},
		{kinds: []string{KindPackage}, group: ops, pipeline: add(capability.Pipeline, "packages",
			Enrichers.Rebind("clock", clock(layoutDpkg, true)),
			Sinks.Bind("actions", actions()),
			Sinks.Bind("packages", packages()),
		)},
		{pipeline: add(capability.Pipeline, "anything",
			Around.Bind("unrepeated", unrepeated),
			Sinks.Bind("fields", fields()),
			Sinks.Bind("messages", messages()),
		)},
	}
	for i, r := range all.pipelines {
		var err error
		all.pipelines[i].taken, err = r.providers(&all)
		all.err = errors.Join(all.err, err)
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
	taken    []string // names of its providers, wherever they are bound
}

// over returns the registries that are seen from the pipeline, the narrowest first.
func (r registration) over(all *registries) []*capability.Registry {
	list := []*capability.Registry{r.pipeline, r.group, all.engine, all.builtin}
	return slices.DeleteFunc(list, func(r *capability.Registry) bool { return r == nil })
}

// providers returns the names of the providers of the pipeline.
func (r registration) providers(all *registries) (names []string, err error) {
	scope, err := capability.Compose(r.over(all)...)
	if err != nil {
		return nil, err
	}
	for _, c := range scope.Snapshot().Capabilities {
		for _, p := range c.Providers {
			names = append(names, p.Name)
		}
	}
	return names, scope.Close()
}

// pipeline returns the pipeline of that name.
func (all *registries) pipeline(name string) (r registration, ok bool) {
	i := slices.IndexFunc(all.pipelines, func(r registration) bool { return r.pipeline.Name() == name })
	if i < 0 {
		return r, false
	}
	return all.pipelines[i], true
}

// names returns the names of the pipelines.
func (all *registries) names() (names []string) {
	for _, r := range all.pipelines {
		names = append(names, r.pipeline.Name())
	}
	return names
}

// groups returns the groups by name.
func (all *registries) groups() map[string]*capability.Registry {
	groups := make(map[string]*capability.Registry)
	for _, r := range all.pipelines {
		if r.group != nil {
			groups[r.group.Name()] = r.group
		}
	}
	return groups
}

// close closes the registries, the narrowest first, and waits until all is retired that
// was bound in them.
func (all *registries) close(ctx context.Context) error {
	var errs []error
	for _, r := range all.pipelines {
		errs = append(errs, r.pipeline.Close(ctx))
	}
	for _, r := range all.groups() {
		errs = append(errs, r.Close(ctx))
	}
	return errors.Join(append(errs, all.engine.Close(ctx), all.builtin.Close(ctx))...)
}

// optional returns the change, or no change.
func optional(wanted bool, c capability.Change) capability.Change {
	if !wanted {
		return capability.Changes(nil)
	}
	return c
}
