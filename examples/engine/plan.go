// Plans: what a placement says, checked against what there is.

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A plan is a placement in which nothing is wrong that can be known before it runs.
type plan struct {
	*document
	instances []*instance
	named     map[string]*instance
	nodes     []*node
	warnings  []error
}

// A spot is where something is placed.
type spot struct {
	name       string                 // as people call it
	registries []*capability.Registry // what is seen from there, the narrowest first
}

// An instance is one of the placement.
type instance struct {
	extension.Instance
	at     int // of its name
	of     extension.Description
	spot   spot
	config string // in one form for all ways of writing it
}

// A node is one of the placement.
type node struct {
	name     string
	at       int // of its name
	pipeline string
	spot     spot
	typ      string
	from     map[string]string // the instance for each capability
	config   any               // a pointer to the configuration of its type
	written  string            // the configuration in one form for all ways of writing it
}

// newPlan returns the plan of a placement. The error has all that is wrong with it.
func newPlan(from source, all *registries) (*plan, error) {
	p := &plan{document: &document{name: from.name, text: from.text}, named: make(map[string]*instance)}
	whole, ok := p.parse()
	if !ok {
		return nil, p.err()
	}
	var file placement
	if p.is(whole, '{') {
		p.into(whole, &file)
	}
	engine := spot{"the engine", []*capability.Registry{all.engine, all.builtin}}
	p.place(engine, file.Extensions)
	nodes := p.pipelines(engine, file.Pipelines, all)
	for _, g := range file.Groups {
		at := spot{fmt.Sprintf("group %q", g.name), engine.registries}
		registry := all.groups()[g.name]
		if registry == nil {
			p.errorf(g.at, "there is no %s: %s", at.name, didYouMean(g.name, slices.Collect(maps.Keys(all.groups()))))
			registry = capability.NewRegistry(capability.Group, "unknown") // to look at the rest
		}
		at.registries = append([]*capability.Registry{registry}, at.registries...)
		p.place(at, g.value.Extensions)
		nodes = append(nodes, p.pipelines(at, g.value.Pipelines, all)...)
	}
	for _, check := range nodes {
		check() // now that all instances are known
	}
	p.validate()
	if err := p.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// pipelines places what the pipelines of a group have, or those that are in none. It
// returns what is to be called when all instances are known.
func (p *plan) pipelines(in spot, list members[pipelineText], all *registries) (later []func()) {
	for _, m := range list {
		at := spot{name: fmt.Sprintf("pipeline %q", m.name)}
		r, ok := all.pipeline(m.name)
		switch {
		case !ok:
			p.errorf(m.at, "there is no %s: %s", at.name, didYouMean(m.name, all.names()))
			r.pipeline = capability.NewRegistry(capability.Pipeline, "unknown") // to look at the rest
		case r.group == nil && len(in.registries) > 2:
			p.errorf(m.at, "%s is in no group: place it beside the groups", at.name)
		case r.group != nil && !slices.Contains(in.registries, r.group):
			p.errorf(m.at, "%s is in group %q: place it there", at.name, r.group.Name())
		}
		at.registries = append([]*capability.Registry{r.pipeline}, in.registries...)
		p.place(at, m.value.Extensions)
		for _, n := range m.value.Nodes {
			later = append(later, func() { p.node(at, m.name, n, r.taken) })
		}
	}
	return later
}

// place places instances.
func (p *plan) place(at spot, list members[instanceText]) {
	for _, m := range list {
		if other := p.named[m.name]; other != nil {
			p.errorf(m.at, "an instance at %s is called %q too: give each a name of its own", p.where(other.at), m.name)
			continue
		}
		is := &instance{at: m.at, spot: at}
		p.instances, p.named[m.name] = append(p.instances, is), is
		var names []string
		for _, e := range extensions {
			names = append(names, e.Describe().Name)
		}
		i := slices.Index(names, m.value.Extension.string)
		switch {
		case m.value.Extension.bad:
		case m.value.Extension.at == 0:
			p.errorf(m.at, "instance %q does not say of what: give it an \"extension\": %s", m.name, didYouMean("", names))
		case i < 0:
			p.errorf(m.value.Extension.at, "there is no extension %q: %s", m.value.Extension.string, didYouMean(m.value.Extension.string, names))
		}
		if i < 0 {
			is.Instance = nameless.Instance(m.name, struct{}{})
			continue
		}
		is.of, is.config = extensions[i].Describe(), p.plain(m.value.Config)
		is.Instance = extensions[i].Decode(m.name, func(config any) error {
			return p.decode(m.value.Config, config)
		}).At(at.registries...).From(p.where(m.at))
	}
}

// nameless is the extension of an instance that does not say of what it is, or not
// rightly. It is never started.
var nameless extension.Background[struct{}]

// errNoted says that mistakes were noted, each at its place.
var errNoted = errors.New("it has mistakes")

// decode reads a configuration.
func (p *plan) decode(v value, config any) error {
	before := len(p.wrong)
	if !v.missing() {
		p.into(v, config)
	}
	if len(p.wrong) > before {
		return errNoted
	}
	return nil
}

// validate notes what Validate of the extensions finds, at the instances.
func (p *plan) validate() {
	var list []extension.Instance
	for _, is := range p.instances {
		if is.of.Name != "" {
			list = append(list, is.Instance)
		}
	}
	var uses []extension.Key
	for _, is := range nodeTypes {
		uses = append(uses, is.needs...)
	}
	report := extension.Validate(list, uses...)
	for _, err := range report.Errors {
		at, text := p.about(err)
		if !errors.Is(err, errNoted) {
			p.errorf(at, "%v", text)
		}
	}
	for _, err := range report.Warnings {
		at, text := p.about(err)
		p.warnings = append(p.warnings, fmt.Errorf("%s: %w", p.where(at), text))
	}
	for _, is := range p.instances {
		if len(is.of.Exports) > 0 && !p.uses(is) {
			p.warnings = append(p.warnings, fmt.Errorf("%s: instance %q of %q is used by no node: name it in one, or drop it", p.where(is.at), is.Name(), is.of.Name))
		}
	}
}

// uses reports whether a node or another extension uses what the instance exports.
func (p *plan) uses(is *instance) bool {
	named := func(n *node) bool { return slices.Contains(slices.Collect(maps.Values(n.from)), is.Name()) }
	requires := func(other *instance) bool {
		return slices.ContainsFunc(other.of.Requires, func(k extension.KeyDescription) bool { return is.exports(k.Name) })
	}
	return slices.ContainsFunc(p.nodes, named) || slices.ContainsFunc(p.instances, requires)
}

// located returns an error of the host with the places of the instances that it is about.
func (p *plan) located(err error) error {
	all := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		all = several.Unwrap()
	}
	var errs []error
	for _, err := range all {
		at, text := p.about(err)
		errs = append(errs, fmt.Errorf("%s: %w", p.where(at), text))
	}
	return errors.Join(errs...)
}

// about returns the place of the instance that an error of the host is about, and the
// error without the place in this program.
func (p *plan) about(err error) (at int, text error) {
	e, ok := errors.AsType[*capability.Error](err)
	if !ok || p.named[e.Provider] == nil {
		return 0, err
	}
	is := p.named[e.Provider]
	if inner := errors.Unwrap(e.Err); inner != nil {
		err = inner
	}
	return is.at, fmt.Errorf("instance %q of %q: %w", e.Provider, is.of.Name, err)
}
