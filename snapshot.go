// Snapshots: the cold view of a scope, for people and tools.

package capability

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Snapshot is what a scope saw at one moment: who answers for each capability
// and why, and who does not and why not. It is plain data that never changes.
type Snapshot struct {
	Scope        string
	Registries   []RegistryState   // the narrowest first
	Capabilities []CapabilityState // those bound or resolved, by name
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

// Snapshot returns what the scope sees. Of a closed scope it shows the
// registries only. It takes the lock of the scope and time in proportion to
// what its registries say.
func (s *Scope) Snapshot() *Snapshot {
	snap := &Snapshot{Scope: s.String()}
	if s == nil || s.registries == nil {
		return snap
	}
	h, err := enter("Snapshot", caller(1), s.registries...)
	if err != nil {
		return snap
	}
	defer h.unlock()
	for _, r := range s.registries {
		snap.Registries = append(snap.Registries, RegistryState{r.name, r.level, r.commits})
	}
	if s.closed.Load() {
		return snap
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
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		snap.Capabilities = append(snap.Capabilities, s.describe(keys[name]))
	}
	return snap
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
		a.sockets.each(func(socket socket) {
			for _, at := range socket.resolvedAt() {
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
