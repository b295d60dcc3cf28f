// Pre-flight: what a whole program will find when it starts, without starting it.

package capability

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Consumer is what a part of the program will resolve, and where.
type Consumer struct {
	Name  string // for the report
	Scope *Scope
	Needs []Need
}

// A Report is what is wrong with a program before it runs.
type Report struct {
	Errors   []error // that will come when it starts
	Warnings []error // of type *Error: what will do nothing, and may be a mistake
}

// Err returns the errors as one, nil if there are none.
func (r Report) Err() error { return Join(r.Errors...) }

// Add adds what is in others, so that one report holds all of a program.
func (r Report) Add(others ...Report) Report {
	for _, o := range others {
		r.Errors = append(slices.Clip(r.Errors), o.Errors...)
		r.Warnings = append(slices.Clip(r.Warnings), o.Warnings...)
	}
	return r
}

// String returns the report as lines, the errors first.
func (r Report) String() string {
	var b strings.Builder
	for _, err := range r.Errors {
		fmt.Fprintf(&b, "error: %v\n", err)
	}
	for _, err := range r.Warnings {
		fmt.Fprintf(&b, "warning: %v\n", err)
	}
	return b.String()
}

// Preflight checks the needs of all consumers, each as [Scope.Check] does, and
// resolves nothing. Its errors name the consumer, in the order given.
//
// Warnings are of what the scopes of the consumers hold and does nothing: a provider
// that no consumer will be answered with, a Before or After whose peer is never
// seen together with it, and a name in Mask, Select or Rebind that has no target. What
// derived values and makers read is known only once they have been built: while one of
// the consumers needs one that has not, nobody is said to be unused. Warnings are
// sorted.
//
// In a test it takes one line: if err := Preflight(consumers...).Err(); err != nil.
func Preflight(consumers ...Consumer) Report {
	at := caller(1)
	var r Report
	p := preflight{scopes: make(map[*Scope]*Snapshot), used: make(map[bound]bool)}
	for _, c := range consumers {
		if err := c.Scope.resolve("Preflight", c.Needs, at, false); err != nil {
			r.Errors = append(r.Errors, wrap(err, "consumer %s", quote(c.Name)))
		}
		if c.Scope == nil || c.Scope.registries == nil {
			continue
		}
		for _, n := range c.Needs {
			p.note(c.Scope, n)
		}
	}
	r.Warnings = p.warnings()
	return r
}

type preflight struct {
	scopes  map[*Scope]*Snapshot
	order   []*Scope
	used    map[bound]bool
	unknown bool // somebody reads what nobody can tell
}

// bound is a binding.
type bound struct{ capability, registry, provider, site string }

// snapshot returns the snapshot of a scope.
func (p *preflight) snapshot(s *Scope) *Snapshot {
	if p.scopes[s] == nil {
		p.scopes[s] = s.Snapshot()
		p.order = append(p.order, s)
	}
	return p.scopes[s]
}

// note notes with whom the need will be answered.
func (p *preflight) note(s *Scope, n Need) {
	is, ok := n.(*need)
	if !ok {
		return
	}
	if is.made != nil {
		p.noteDerived(s, is.made)
		return
	}
	if is.key == nil {
		return
	}
	state, _ := p.snapshot(s).find(is.key.name)
	for _, provider := range state.Providers {
		if is.pick == everyone || provider.Name == cmp.Or(is.pick, state.One) {
			p.used[bound{state.Name, provider.Registry, provider.Name, provider.Site}] = true
			p.unknown = p.unknown || provider.PerScope
		}
	}
}

// noteDerived notes what a derived value reads, if it has been built.
func (p *preflight) noteDerived(s *Scope, d *derivation) {
	site := d.site.String()
	snap := p.snapshot(s)
	i := slices.IndexFunc(snap.Derived, func(d DerivedState) bool { return d.Site == site })
	if i < 0 {
		p.unknown = true
		return
	}
	for _, c := range snap.Capabilities {
		if slices.Contains(snap.Derived[i].Reads, c.Name) {
			for _, provider := range c.Providers {
				p.used[bound{c.Name, provider.Registry, provider.Name, provider.Site}] = true
			}
		}
	}
}

// warnings returns what does nothing.
func (p *preflight) warnings() []error {
	// Of a provider peer is empty; of its Before or After it is the name given there.
	type about struct {
		bound
		peer string
	}
	idle, scopes := make(map[about]int), make(map[about]int) // in how many it does nothing, and in how many it could
	note := func(a about, does bool) {
		scopes[a]++
		if !does {
			idle[a]++
		}
	}
	for _, s := range p.order {
		for _, c := range p.scopes[s].Capabilities {
			for _, provider := range slices.Concat(c.Providers, c.Unseen) {
				is := bound{c.Name, provider.Registry, provider.Name, provider.Site}
				if fate(provider.Fate) == fateUnmatched {
					continue
				}
				note(about{is, ""}, p.unknown || p.used[is])
				for _, peer := range slices.Concat(provider.Before, provider.After) {
					note(about{is, peer}, provider.Fate == "" && !slices.Contains(provider.Unmatched, peer))
				}
			}
		}
	}
	var errs []error
	warn := func(b bound, format string, args ...any) {
		errs = append(errs, &Error{Capability: b.capability, Provider: b.provider, Scope: b.registry, Err: report(format, args...)})
	}
	for a, n := range idle {
		switch {
		case n < scopes[a]:
		case a.peer == "":
			warn(a.bound, "no consumer is answered with what is bound at %s: unbind it, or name its consumer", a.site)
		default:
			warn(a.bound, "what is bound at %s is never seen together with %s, which its Before or After names: correct the name, or leave it out", a.site, quote(a.peer))
		}
	}
	for _, b := range p.unmatched() {
		warn(b, "what is named at %s has no target in any scope: correct the name, or leave it out", b.site)
	}
	sortErrors(errs)
	return errs
}

// unmatched returns the names without a target that have none in any of the scopes that
// their registry is part of.
func (p *preflight) unmatched() []bound {
	idle := make(map[bound]int)
	parts := make(map[string]int)
	for _, s := range p.order {
		for _, r := range p.scopes[s].Registries {
			parts[r.Name]++
		}
		for _, c := range p.scopes[s].Capabilities {
			for _, u := range c.Unseen {
				if fate(u.Fate) == fateUnmatched {
					idle[bound{c.Name, u.Registry, u.Name, u.Site}]++
				}
			}
		}
	}
	var list []bound
	for b, n := range idle {
		if n == parts[b.registry] {
			list = append(list, b)
		}
	}
	return list
}
