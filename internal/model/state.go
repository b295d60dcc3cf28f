// The model of registries, scopes and transactions.

package model

import (
	"cmp"
	"maps"
	"slices"
)

// A Fault is why a change is refused.
type Fault string

// The faults.
const (
	Invalid     Fault = "invalid"
	Conflict    Fault = "conflict"
	Unknown     Fault = "unknown"
	NotProvided Fault = "not provided"
	Undecided   Fault = "ambiguous"
	Contradicts Fault = "cycle"
	InUse       Fault = "in use"
	Closed      Fault = "closed"
)

// An Op is what a change does.
type Op int

// The ops.
const (
	Bind Op = iota
	Rebind
	Unbind
	Mask
	Select
)

// A Change is one step of a transaction.
type Change struct {
	Op         Op
	Capability string
	Statement  Statement // for Bind and Rebind; Unbind needs its Name
	Names      []string  // for Mask and Select
}

// An Edit is what one registry contributes to a transaction.
type Edit struct {
	Registry string
	Changes  []Change
}

// A Query is what a scope is asked for: all providers, or the one of that name,
// or the one provider if the name is empty.
type Query struct {
	Capability string
	All        bool
	Name       string
}

// A State is any number of registries and the open scopes that compose them.
type State struct {
	rules      map[string]Rules
	registries map[string]registry
	scopes     map[int]scope
}

type registry struct {
	level  int
	closed bool
	layers map[string]Layer
	claims []claim // not yet checked
}

// A claim is a name that must be bound somewhere.
type claim struct {
	capability string
	op         Op // Mask, Select or Rebind
	name       string
}

type scope struct {
	registries []string // narrowest first
	held       []Query
}

// NewState returns a state of no registries, with these capabilities.
func NewState(rules map[string]Rules) *State {
	return &State{rules: rules, registries: make(map[string]registry), scopes: make(map[int]scope)}
}

// clone returns a copy that shares nothing that is ever changed.
func (s *State) clone() *State {
	c := NewState(s.rules)
	for name, r := range s.registries {
		layers := make(map[string]Layer)
		for capability, l := range r.layers {
			l.Statements = slices.Clone(l.Statements)
			layers[capability] = l
		}
		r.layers, r.claims = layers, slices.Clone(r.claims)
		c.registries[name] = r
	}
	for id, sc := range s.scopes {
		sc.held = slices.Clone(sc.held)
		c.scopes[id] = sc
	}
	return c
}

// Add makes an empty registry.
func (s *State) Add(name string, level int) {
	s.registries[name] = registry{level: level, layers: make(map[string]Layer)}
}

// World returns what the open scope sees of the capability.
func (s *State) World(id int, capability string) World {
	return s.world(s.scopes[id].registries, capability)
}

func (s *State) world(registries []string, capability string) World {
	w := World{Rules: s.rules[capability]}
	for _, name := range registries {
		l := s.registries[name].layers[capability]
		l.Level = s.registries[name].level
		w.Layers = append(w.Layers, l)
	}
	return w
}

// Layer returns what the registry says about the capability.
func (s *State) Layer(name, capability string) Layer {
	return s.world([]string{name}, capability).Layers[0]
}

// Commit makes the edits, all or none. The faults are those of the first kind
// of check that finds any: each edit by itself, then a Mask against a Rebind,
// then names that nobody binds, then what the open scopes would see.
func (s *State) Commit(edits ...Edit) []Fault {
	next := s.clone()
	var faults []Fault
	failed := make(map[[2]string]bool) // bindings with a fault, which nobody else is blamed for
	for _, e := range edits {
		r := next.registries[e.Registry]
		if r.closed {
			faults = append(faults, Closed)
			continue
		}
		for _, c := range e.Changes {
			if fault := r.apply(c); fault != "" {
				faults = append(faults, fault)
				if c.Op == Bind || c.Op == Rebind {
					failed[[2]string{c.Capability, c.Statement.Name}] = true
				}
			}
		}
		next.registries[e.Registry] = r
	}
	faults = append(faults, next.rebound()...)
	faults = append(faults, next.unknown(failed)...)
	if len(faults) == 0 {
		faults = next.broken()
	}
	if len(faults) > 0 {
		return distinct(faults)
	}
	next.settle()
	*s = *next
	return nil
}

// apply makes one change and returns what is wrong with it.
func (r *registry) apply(c Change) Fault {
	l := r.layers[c.Capability]
	forget := func(op Op, name string) {
		r.claims = slices.DeleteFunc(r.claims, func(is claim) bool {
			return is.capability == c.Capability && is.op == op && (op != Rebind || is.name == name)
		})
	}
	st := c.Statement
	own := slices.IndexFunc(l.Statements, func(is Statement) bool { return is.Name == st.Name })
	switch c.Op {
	case Bind:
		switch {
		case slices.Contains(st.Before, st.Name) || slices.Contains(st.After, st.Name):
			return Invalid
		case own >= 0:
			return Conflict
		}
		l.Statements = append(l.Statements, st)
	case Rebind:
		if st.Priority != 0 || len(st.Before) > 0 || len(st.After) > 0 {
			return Invalid
		}
		if own >= 0 {
			l.Statements[own].Value = st.Value
		} else {
			st.Rebind, own = true, len(l.Statements)
			l.Statements = append(l.Statements, st)
		}
		if l.Statements[own].Rebind {
			forget(Rebind, st.Name)
			r.claims = append(r.claims, claim{c.Capability, Rebind, st.Name})
		}
	case Unbind:
		if own < 0 {
			return Unknown
		}
		l.Statements = slices.Delete(l.Statements, own, own+1)
		forget(Rebind, st.Name)
	case Mask, Select:
		if c.Op == Mask {
			l.Mask = c.Names
		} else {
			l.Select = c.Names
		}
		forget(c.Op, "")
		for _, name := range c.Names {
			r.claims = append(r.claims, claim{c.Capability, c.Op, name})
		}
	}
	r.layers[c.Capability] = l
	return ""
}

// rebound finds registries that mask what they rebind.
func (s *State) rebound() []Fault {
	var faults []Fault
	for _, r := range s.registries {
		for _, l := range r.layers {
			for _, st := range l.Statements {
				if st.Rebind && slices.Contains(l.Mask, st.Name) {
					faults = append(faults, Conflict)
				}
			}
		}
	}
	return faults
}

// unknown finds claims that hold in none of the open scopes of the registry.
// Registries of no open scope keep theirs for later.
func (s *State) unknown(failed map[[2]string]bool) []Fault {
	var faults []Fault
	for name, r := range s.registries {
		for _, c := range r.claims {
			open, met := false, false
			for _, sc := range s.scopes {
				if slices.Contains(sc.registries, name) {
					open = true
					met = met || s.holds(c, name, sc.registries)
				}
			}
			if open && !met && !failed[[2]string{c.capability, c.name}] {
				faults = append(faults, Unknown)
			}
		}
	}
	return faults
}

// holds reports whether the claim of a registry holds in a scope: a registry
// broader than it, or for a Select also itself, binds the name.
func (s *State) holds(c claim, name string, registries []string) bool {
	from := slices.Index(registries, name)
	if c.op != Select {
		from++
	}
	for _, other := range registries[from:] {
		for _, st := range s.registries[other].layers[c.capability].Statements {
			if st.Name == c.name && !st.Rebind {
				return true
			}
		}
	}
	return false
}

// broken finds chains that have no order and queries that have no answer.
func (s *State) broken() []Fault {
	var faults []Fault
	for _, sc := range s.scopes {
		for capability := range s.rules {
			w := s.world(sc.registries, capability)
			if _, ok := w.Chain(); !ok {
				faults = append(faults, Contradicts)
				continue
			}
			for _, q := range sc.held {
				if q.Capability == capability && w.ask(q) != "" {
					faults = append(faults, InUse)
				}
			}
		}
	}
	return faults
}

// settle forgets the claims of the registries that are in an open scope.
func (s *State) settle() {
	for name, r := range s.registries {
		if s.composed(name) {
			r.claims = nil
			s.registries[name] = r
		}
	}
}

// composed reports whether an open scope composes the registry.
func (s *State) composed(name string) bool {
	for _, sc := range s.scopes {
		if slices.Contains(sc.registries, name) {
			return true
		}
	}
	return false
}

// ask returns why the world has no clear answer to the query.
func (w World) ask(q Query) Fault {
	if _, ok := w.Chain(); !ok {
		return Contradicts
	}
	if q.All {
		return ""
	}
	if q.Name != "" {
		if _, ok := w.Find(q.Name); !ok {
			return NotProvided
		}
		return ""
	}
	switch _, answer := w.One(); answer {
	case None:
		return NotProvided
	case Ambiguous:
		return Undecided
	}
	return ""
}

// Find returns the visible entry of that name.
func (w World) Find(name string) (Entry, bool) {
	for _, e := range w.Visible() {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Compose opens a scope of the registries under an id that no open scope has.
func (s *State) Compose(id int, registries ...string) []Fault {
	var faults []Fault
	levels := make(map[int]bool)
	for _, name := range registries {
		if levels[s.registries[name].level] {
			faults = append(faults, Invalid)
		}
		levels[s.registries[name].level] = true
	}
	if len(faults) > 0 || len(registries) == 0 {
		return []Fault{Invalid}
	}
	for _, name := range registries {
		if s.registries[name].closed {
			return []Fault{Closed}
		}
	}
	sorted := slices.Clone(registries)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Compare(s.registries[b].level, s.registries[a].level) })
	next := s.clone()
	next.scopes = map[int]scope{id: {registries: sorted}}
	if faults := append(next.unknown(nil), next.broken()...); len(faults) > 0 {
		return distinct(faults)
	}
	s.scopes[id] = scope{registries: sorted}
	s.settle()
	return nil
}

// Registries returns the registries of an open scope, narrowest first.
func (s *State) Registries(id int) []string { return s.scopes[id].registries }

// Resolve makes the scope hold the queries, all or none.
func (s *State) Resolve(id int, queries ...Query) []Fault {
	var faults []Fault
	for _, q := range queries {
		if fault := s.World(id, q.Capability).ask(q); fault != "" {
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 {
		return distinct(faults)
	}
	sc := s.scopes[id]
	sc.held = append(slices.Clone(sc.held), queries...)
	s.scopes[id] = sc
	return nil
}

// CloseScope closes an open scope.
func (s *State) CloseScope(id int) { delete(s.scopes, id) }

// CloseRegistry closes a registry that no open scope composes.
func (s *State) CloseRegistry(name string) []Fault {
	if s.composed(name) {
		return []Fault{InUse}
	}
	s.registries[name] = registry{level: s.registries[name].level, closed: true, layers: make(map[string]Layer)}
	return nil
}

// distinct returns each fault once, sorted.
func distinct(faults []Fault) []Fault {
	set := make(map[Fault]bool)
	for _, f := range faults {
		set[f] = true
	}
	return slices.Sorted(maps.Keys(set))
}
