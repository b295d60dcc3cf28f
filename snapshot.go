// Snapshots: the cold view of a scope, for people and tools.

package capability

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Snapshot is what a scope saw at one moment: who answers for each capability
// and why, and who does not and why not. It is plain data that never changes, also as
// JSON, whose names are those of the fields and begin in lower case. Lists have the order
// that is said here, and are absent from JSON if they are empty.
type Snapshot struct {
	Scope        string            `json:"scope"`
	Generation   uint64            `json:"generation"`             // the sum of the commits of its registries
	Registries   []RegistryState   `json:"registries,omitempty"`   // the narrowest first
	Capabilities []CapabilityState `json:"capabilities,omitempty"` // those bound or resolved, by name
	Derived      []DerivedState    `json:"derived,omitempty"`      // what Derive made for the scope, by site
	Pending      []PendingState    `json:"pending,omitempty"`      // what left the registries and is not retired yet, by name
}

// PendingState is something that has to be retired, in a [Snapshot].
type PendingState struct {
	Capability string    `json:"capability,omitempty"` // empty for what Derive made
	Provider   string    `json:"provider,omitempty"`   // empty for what Derive made
	Scope      string    `json:"scope,omitempty"`      // that it was made for, if it was for one
	Site       string    `json:"site"`                 // file:line of the binding or of Derive
	Since      time.Time `json:"since"`                // it left its registry, or its scope was closed
	Running    bool      `json:"running,omitempty"`    // OnRetire has been called and has not returned
	HeldBy     []string  `json:"heldBy,omitempty"`     // who may use it still, sorted
}

// RegistryState is a registry in a [Snapshot].
type RegistryState struct {
	Name    string `json:"name"`
	Level   Level  `json:"level"`
	Commits uint64 `json:"commits"` // how many transactions changed it
}

// CapabilityState is a capability in a [Snapshot].
type CapabilityState struct {
	Name      string          `json:"name"`
	Doc       string          `json:"doc"`
	Type      string          `json:"type"`
	Site      string          `json:"site"`                // file:line of its declaration
	Rules     []string        `json:"rules,omitempty"`     // as they were given to New
	One       string          `json:"one,omitempty"`       // the one provider, if there is a clear one
	Ambiguous []string        `json:"ambiguous,omitempty"` // the candidates, if there is none; in chain order
	Providers []ProviderState `json:"providers,omitempty"` // in chain order
	Unseen    []ProviderState `json:"unseen,omitempty"`    // those that the scope does not see, and names without a target
	Resolved  []ResolvedState `json:"resolved,omitempty"`  // who asked for it in this scope, by site
}

// ProviderState is a provider in a [Snapshot].
type ProviderState struct {
	Name      string   `json:"name"`
	Registry  string   `json:"registry"` // that bound it
	Level     Level    `json:"level"`
	Site      string   `json:"site"`              // file:line of the binding
	Rebound   bool     `json:"rebound,omitempty"` // it has the place of another
	PerScope  bool     `json:"perScope,omitempty"`
	Priority  int      `json:"priority,omitempty"`
	Before    []string `json:"before,omitempty"`
	After     []string `json:"after,omitempty"`
	Unmatched []string `json:"unmatched,omitempty"` // names in Before and After that the scope does not see
	Meta      Meta     `json:"meta,omitzero"`
	Because   string   `json:"because,omitempty"` // why it is ahead of the next: narrower, broader, priority, bound earlier, selected, or constraint if nothing else would put it there
	Fate      string   `json:"fate,omitempty"`    // why it is not seen: hidden, masked, shadowed, not selected, replaced or unmatched
	By        string   `json:"by,omitempty"`      // the registry that decided so
	BySite    string   `json:"bySite,omitempty"`  // file:line of what it said
}

// ResolvedState is a handle that was resolved, or a build that reads, in a [Snapshot].
type ResolvedState struct {
	Query      string `json:"query"`                // "the one", "all", the name of a provider in quotes, or "the value" that was derived
	Kind       string `json:"kind"`                 // plain, leased or build
	Site       string `json:"site"`                 // file:line of Resolve, or of Derive or the binding of the maker
	Generation uint64 `json:"generation,omitempty"` // of the scope when that was; 0 for a build
}

// DerivedState is what Derive made for a scope, in a [Snapshot].
type DerivedState struct {
	Site     string          `json:"site"`               // file:line of Derive
	Resolved []ResolvedState `json:"resolved,omitempty"` // who asked for it in this scope, by site
	Reads    []string        `json:"reads,omitempty"`    // the capabilities that it was built of, by name
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
	snap.Generation = s.generation()
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
	snap.Derived = s.derived()
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
	var states []PendingState
	seen := make(map[*resource]bool) // what is made for a scope waits in each registry
	for _, p := range list {
		now := p.state.Load()
		if now.phase == phaseRetired || seen[p] || p.lent {
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
	slices.SortFunc(states, func(a, b PendingState) int {
		return cmp.Or(
			strings.Compare(a.Capability, b.Capability), strings.Compare(a.Provider, b.Provider), strings.Compare(a.Scope, b.Scope),
			bySite(a.Site, b.Site), a.Since.Compare(b.Since), slices.Compare(a.HeldBy, b.HeldBy))
	})
	return states
}

// describe returns what the scope sees of k.
func (s *Scope) describe(k *key) CapabilityState {
	c := CapabilityState{Name: k.name, Doc: k.doc, Type: k.typ.String(), Site: k.site.String(), Rules: k.rules.texts()}
	layers, registry := s.place.layers(k), s.place.registryOf(k)
	state := func(p, at *provider, l *layer) ProviderState {
		r := registry(l)
		s := ProviderState{
			Name: p.name, Registry: r.name, Level: r.level, Site: p.site.String(), Rebound: p.rebind, PerScope: p.maker != nil,
			Priority: at.priority, Before: slices.Clone(at.before), After: slices.Clone(at.after),
		}
		if p.meta != nil {
			s.Meta = *p.meta
		}
		return s
	}
	base := visible(k.rules, layers, func(p *provider, by *layer, f fate) {
		at := by
		if f != fateUnmatched {
			at = home(layers, p)
		}
		u := state(p, p, at)
		u.Fate, u.By, u.BySite = string(f), registry(by).name, by.decided(p, f).String()
		c.Unseen = append(c.Unseen, u)
	})
	places := make(map[*provider]int, len(base)) // before Before and After
	ordered := base
	if k.rules.broadFirst {
		ordered = broadFirst(base)
	}
	for i, s := range ordered {
		places[s.provider] = i
	}
	a := arrange(k.rules, base)
	seen := make(map[string]bool, len(a.seats))
	for _, s := range a.seats {
		seen[s.name] = true
	}
	for i, s := range a.seats {
		p := state(s.provider, s.at, home(layers, s.provider))
		if i+1 < len(a.seats) {
			p.Because = ahead(places, &s, &a.seats[i+1])
		}
		if !s.picked {
			for _, name := range slices.Concat(p.Before, p.After) {
				if !seen[name] && !slices.Contains(p.Unmatched, name) {
					p.Unmatched = append(p.Unmatched, name)
				}
			}
		}
		c.Providers = append(c.Providers, p)
	}
	for _, i := range a.firsts {
		c.Ambiguous = append(c.Ambiguous, a.seats[i].name)
	}
	if len(c.Ambiguous) == 1 {
		c.One, c.Ambiguous = c.Ambiguous[0], nil
	}
	if asked := s.asks[k.name]; asked != nil {
		asked.cells.each(func(read *core) {
			c.Resolved = append(c.Resolved, read.describe(read.in.ask.text(), s.generation())...)
		})
		sortResolved(c.Resolved)
	}
	return c
}

// ahead returns why a is ahead of b, which comes next, in a chain of whose base order
// the places are given.
func ahead(places map[*provider]int, a, b *seat) string {
	switch {
	case places[a.provider] > places[b.provider]:
		return "constraint"
	case a.depth < b.depth:
		return "narrower"
	case a.depth > b.depth:
		return "broader"
	case a.picked:
		return "selected"
	case a.priority != b.priority:
		return "priority"
	}
	return "bound earlier"
}

// decided returns where the layer said what made that the fate of p.
func (l *layer) decided(p *provider, f fate) site {
	switch f {
	case fateMasked:
		return l.mask.site
	case fateNotSelected:
		return l.pick.site
	case fateShadowed:
		for _, by := range l.providers {
			if by != nil && !by.rebind {
				return by.site
			}
		}
	case fateHidden, fateReplaced:
		return l.get(p.name).site
	}
	return p.site
}

// texts returns the rules as they were given to New.
func (r rules) texts() []string {
	var list []string
	if r.shadow {
		list = append(list, "Shadow")
	}
	if r.broadFirst {
		list = append(list, "BroadFirst")
	}
	if r.onlyAt != nil {
		list = append(list, "OnlyAt "+levels(r.onlyAt))
	}
	if r.onlyLeased {
		list = append(list, "OnlyLeased")
	}
	return list
}

// text returns what was asked for.
func (q question) text() string {
	switch q.pick {
	case theOne:
		return "the one"
	case everyone:
		return "all"
	}
	return quote(q.pick)
}

// describe returns who resolved or reads the cell, which answers the query. now is the
// generation of the scope.
func (c *core) describe(query string, now uint64) []ResolvedState {
	var list []ResolvedState
	for _, r := range c.resolutions() {
		kind := "plain"
		if r.era.leased() {
			kind = "leased"
		}
		list = append(list, ResolvedState{query, kind, r.site.String(), r.era.generation(now)})
	}
	if c.more != nil {
		for _, by := range c.more.taps {
			list = append(list, ResolvedState{Query: query, Kind: "build", Site: by.name.site.String()})
		}
	}
	return list
}

func sortResolved(list []ResolvedState) {
	slices.SortFunc(list, func(a, b ResolvedState) int {
		return cmp.Or(bySite(a.Site, b.Site), strings.Compare(a.Query, b.Query), strings.Compare(a.Kind, b.Kind))
	})
}

// bySite compares places: by file, and then by line as a number.
func bySite(a, b string) int {
	i, j := strings.LastIndexByte(a, ':')+1, strings.LastIndexByte(b, ':')+1
	return cmp.Or(strings.Compare(a[:i], b[:j]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// derived returns what Derive made for the scope.
func (s *Scope) derived() []DerivedState {
	var list []DerivedState
	for _, n := range s.nodes {
		d := DerivedState{Site: n.of.site.String(), Resolved: n.cell.describe("the value", s.generation())}
		sortResolved(d.Resolved)
		for _, r := range n.now.reads {
			if r.key != nil {
				d.Reads = append(d.Reads, r.key.name)
			}
		}
		slices.Sort(d.Reads)
		d.Reads = slices.Compact(d.Reads)
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b DerivedState) int {
		return cmp.Or(bySite(a.Site, b.Site), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	return list
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
	for _, d := range s.Derived {
		fmt.Fprintf(&b, "derived at %s of %s\n", d.Site, strings.Join(d.Reads, ", "))
		for _, r := range d.Resolved {
			fmt.Fprintf(&b, "  %s\n", r)
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
