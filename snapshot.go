// Snapshots: the cold view of a scope, for people and tools.

package capability

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Snapshot is what a scope saw at one moment: who answers for each capability
// and why, and who does not and why not. It is plain data that never changes.
type Snapshot struct {
	Scope        string
	Registries   []RegistryState   // the narrowest first
	Capabilities []CapabilityState // those bound or resolved, by name
	Pending      []PendingState    // what left the registries and is not retired yet, by name
}

// PendingState is something that has to be retired, in a [Snapshot].
type PendingState struct {
	Capability, Provider string    // empty for what Derive made
	Scope                string    // that it was made for, if it was for one
	Site                 string    // file:line of the binding or of Derive
	Since                time.Time // it left its registry, or its scope was closed
	Running              bool      // OnRetire has been called and has not returned
	HeldBy               []string  // who may use it still, sorted
}

// RegistryState is a registry in a [Snapshot].
type RegistryState struct {
	Name    string
	Level   Level
	Commits uint64 // how many transactions changed it
}

// CapabilityState is a capability in a [Snapshot].
type CapabilityState struct {
	Name, Doc, Type string
	Site            string          // file:line of its declaration
	Providers       []ProviderState // in chain order
	Unseen          []ProviderState // those that the scope does not see, and names without a target
	Resolved        []string        // file:line of each place that resolved it in this scope
}

// ProviderState is a provider in a [Snapshot].
type ProviderState struct {
	Name          string
	Registry      string // that bound it
	Level         Level
	Site          string // file:line of the binding
	Rebound       bool   // it has the place of another
	Priority      int
	Before, After []string
	Meta          Meta
	Fate          string // why it is not seen: hidden, masked, shadowed, not selected, replaced or unmatched
	By            string // the registry that decided so
}

// Snapshot returns what the scope sees. Of a closed scope, and to a build or maker
// that hangs on the scope, it shows the registries only. It takes the lock of the
// scope and time in proportion to what its registries say.
func (s *Scope) Snapshot() *Snapshot {
	snap := &Snapshot{Scope: s.String()}
	if s == nil || s.registries == nil {
		return snap
	}
	h, building := enter("Snapshot", caller(1), s.registries...)
	defer h.unlock()
	for _, r := range s.registries {
		snap.Registries = append(snap.Registries, RegistryState{r.name, r.level, r.commits})
	}
	if building != nil || s.closed.Load() {
		return snap // to a build, which runs under the lock, layers and cells do not agree
	}
	keys := make(map[string]*key)
	for _, r := range s.registries {
		for name, l := range r.layers {
			if l.key != nil {
				keys[name] = l.key
			}
		}
	}
	for name, a := range s.asks {
		keys[name] = a.key
	}
	snap.Pending = pending(s.registries)
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		snap.Capabilities = append(snap.Capabilities, s.describe(keys[name]))
	}
	return snap
}

// pending returns what the registries have yet to see retired.
func pending(registries []*Registry) []PendingState {
	var list []*resource
	for _, r := range registries {
		list = append(list, r.retiring.list()...)
	}
	slices.SortFunc(list, byName)
	var states []PendingState
	seen := make(map[*resource]bool) // what is made for a scope waits in each registry
	for _, p := range list {
		now := p.state.Load()
		if now.phase == phaseRetired || seen[p] {
			continue
		}
		seen[p] = true
		state := PendingState{
			Capability: p.name.capability, Provider: p.name.provider, Scope: p.name.scopeName(), Site: p.name.site.String(),
			Since: now.since, Running: now.phase == phaseRunning,
		}
		if !state.Running {
			state.HeldBy = p.holders()
		}
		states = append(states, state)
	}
	return states
}

// describe returns what the scope sees of k.
func (s *Scope) describe(k *key) CapabilityState {
	c := CapabilityState{Name: k.name, Doc: k.doc, Type: k.typ.String(), Site: k.site.String()}
	layers, registry := s.place.layers(k), s.place.registryOf(k)
	state := func(p, at *provider, l *layer) ProviderState {
		r := registry(l)
		s := ProviderState{
			Name: p.name, Registry: r.name, Level: r.level, Site: p.site.String(), Rebound: p.rebind,
			Priority: at.priority, Before: slices.Clone(at.before), After: slices.Clone(at.after),
		}
		if p.meta != nil {
			s.Meta = *p.meta
		}
		return s
	}
	seats := visible(k.rules, layers, func(p *provider, by *layer, f fate) {
		at := by
		if f != fateUnmatched {
			at = home(layers, p)
		}
		u := state(p, p, at)
		u.Fate, u.By = string(f), registry(by).name
		c.Unseen = append(c.Unseen, u)
	})
	for _, s := range arrange(k.rules, seats).seats {
		c.Providers = append(c.Providers, state(s.provider, s.at, home(layers, s.provider)))
	}
	if a := s.asks[k.name]; a != nil {
		a.cells.each(func(read *core) {
			for _, at := range read.resolvedAt() {
				c.Resolved = append(c.Resolved, at.String())
			}
		})
		slices.Sort(c.Resolved)
		c.Resolved = slices.Compact(c.Resolved)
	}
	return c
}

// String returns the snapshot as a text of several lines.
func (s *Snapshot) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scope %q\n", s.Scope)
	for _, c := range s.Capabilities {
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Doc)
		for i, p := range c.Providers {
			fmt.Fprintf(&b, "  %d. %s\n", i+1, p)
		}
		for _, p := range c.Unseen {
			fmt.Fprintf(&b, "  -  %s, %s by %s\n", p, p.Fate, p.By)
		}
	}
	for _, p := range s.Pending {
		fmt.Fprintf(&b, "to be retired: %s\n", p)
	}
	return b.String()
}

// String returns what is pending, and why, in a few words.
func (p PendingState) String() string {
	var b strings.Builder
	b.WriteString("what Derive made")
	if p.Provider != "" {
		b.Reset()
		fmt.Fprintf(&b, "%s of %s", p.Provider, p.Capability)
	}
	if p.Scope != "" {
		fmt.Fprintf(&b, " for %s", p.Scope)
	}
	fmt.Fprintf(&b, " (%s), since %s", p.Site, p.Since.UTC().Format(time.RFC3339))
	if p.Running {
		b.WriteString(", its OnRetire has not returned")
	}
	for _, by := range p.HeldBy {
		fmt.Fprintf(&b, "\n    held by %s", by)
	}
	return b.String()
}

// String returns the provider in a few words.
func (p ProviderState) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s (%v)", p.Name, p.Registry, p.Level)
	if p.Rebound {
		b.WriteString(", rebound")
	}
	if p.Priority != 0 {
		fmt.Fprintf(&b, ", priority %d", p.Priority)
	}
	if len(p.Before) > 0 {
		fmt.Fprintf(&b, ", before %s", strings.Join(p.Before, " "))
	}
	if len(p.After) > 0 {
		fmt.Fprintf(&b, ", after %s", strings.Join(p.After, " "))
	}
	return b.String()
}
