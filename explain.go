// Explanations: what a snapshot says, in words, as a picture, and against another one.

package capability

import (
	"fmt"
	"slices"
	"strings"
)

// Explain says in plain words who answers for the capability of that name and why, who
// does not and why not, and who has asked.
func (s *Snapshot) Explain(capability string) string {
	c, ok := s.find(capability)
	if !ok {
		var known []string
		for _, c := range s.Capabilities {
			known = append(known, quote(c.Name))
		}
		list := "none"
		if len(known) > 0 {
			list = strings.Join(known, ", ")
		}
		return fmt.Sprintf("scope %s knows no capability %s, as nobody binds or resolves one of that name there; known are: %s\n", quote(s.Scope), quote(capability), list)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, which %s, in scope %s at generation %d\n", quote(c.Name), strings.TrimRight(c.Doc, ". "), quote(s.Scope), s.Generation)
	fmt.Fprintf(&b, "  declared at %s as a Capability[%s]", c.Site, c.Type)
	if len(c.Rules) > 0 {
		fmt.Fprintf(&b, " with %s", strings.Join(c.Rules, ", "))
	}
	b.WriteString("\n")
	switch {
	case c.One != "":
		fmt.Fprintf(&b, "  the one provider is %s\n", quote(c.One))
	case len(c.Ambiguous) > 0:
		fmt.Fprintf(&b, "  no one provider is clear: only the order of binding puts %s first of %s; give them priorities or Select one\n", quote(c.Ambiguous[0]), quoteAll(c.Ambiguous))
	default:
		b.WriteString("  nobody provides it\n")
	}
	for i, p := range c.Providers {
		fmt.Fprintf(&b, "  %d. %s", i+1, p.words())
		if p.Because != "" {
			fmt.Fprintf(&b, "; ahead of %s: %s", quote(c.Providers[i+1].Name), becauses[p.Because])
		}
		b.WriteString("\n")
		if len(p.Unmatched) > 0 {
			fmt.Fprintf(&b, "     its Before or After names %s, whom the scope does not see\n", quoteAll(p.Unmatched))
		}
	}
	for _, p := range c.Unseen {
		fmt.Fprintf(&b, "  not %s; %s\n", p.words(), p.why())
	}
	for _, r := range c.Resolved {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	for _, p := range s.Pending {
		if p.Capability == c.Name {
			fmt.Fprintf(&b, "  to be retired: %s\n", strings.ReplaceAll(p.String(), "\n", "\n  "))
		}
	}
	return b.String()
}

// becauses says what [ProviderState.Because] means.
var becauses = map[string]string{
	"narrower":      "its registry is narrower",
	"broader":       "its registry is broader, and the key says BroadFirst",
	"priority":      "its priority is greater",
	"bound earlier": "it was bound earlier",
	"selected":      "Select names it earlier",
	"constraint":    "Before or After says so",
}

// find returns the capability of that name.
func (s *Snapshot) find(name string) (CapabilityState, bool) {
	i := slices.IndexFunc(s.Capabilities, func(c CapabilityState) bool { return c.Name == name })
	if i < 0 {
		return CapabilityState{}, false
	}
	return s.Capabilities[i], true
}

// words returns who the provider is and where it comes from.
func (p ProviderState) words() string {
	var b strings.Builder
	how := "bound"
	switch {
	case p.Fate == string(fateUnmatched) && !p.Rebound:
		how = "named"
	case p.Rebound && p.PerScope:
		how = "rebound for each scope"
	case p.Rebound:
		how = "rebound"
	case p.PerScope:
		how = "bound for each scope"
	}
	fmt.Fprintf(&b, "%s, %s in %s (%v) at %s", quote(p.Name), how, quote(p.Registry), p.Level, p.Site)
	if p.Priority != 0 {
		fmt.Fprintf(&b, ", priority %d", p.Priority)
	}
	if len(p.Before) > 0 {
		fmt.Fprintf(&b, ", before %s", quoteAll(p.Before))
	}
	if len(p.After) > 0 {
		fmt.Fprintf(&b, ", after %s", quoteAll(p.After))
	}
	if p.Meta.Version != "" {
		fmt.Fprintf(&b, ", version %s", quote(p.Meta.Version))
	}
	return b.String()
}

// why returns why the provider is not seen.
func (p ProviderState) why() string {
	switch fate(p.Fate) {
	case fateHidden:
		return fmt.Sprintf("hidden: %s binds that name at %s", quote(p.By), p.BySite)
	case fateMasked:
		return fmt.Sprintf("masked by %s at %s", quote(p.By), p.BySite)
	case fateShadowed:
		return fmt.Sprintf("shadowed: %s binds a provider at %s, and the key says Shadow", quote(p.By), p.BySite)
	case fateNotSelected:
		return fmt.Sprintf("not selected by %s at %s", quote(p.By), p.BySite)
	case fateReplaced:
		return fmt.Sprintf("replaced: %s rebinds it at %s", quote(p.By), p.BySite)
	}
	return "unmatched: no provider of that name is there for it"
}

// String returns who resolved it, and how.
func (r ResolvedState) String() string {
	if r.Kind == "build" {
		return fmt.Sprintf("%s is read by what is built at %s", r.Query, r.Site)
	}
	return fmt.Sprintf("%s is resolved at %s since generation %d, %s", r.Query, r.Site, r.Generation, r.Kind)
}

// A Difference is what is otherwise in a newer [Snapshot].
type Difference struct {
	Capability string `json:"capability,omitempty"` // empty if it is about the scope
	Provider   string `json:"provider,omitempty"`   // empty if it is about the capability
	What       string `json:"what"`                 // capability, one, order, seen or pending
	Old        string `json:"old,omitempty"`        // empty if there was nothing
	New        string `json:"new,omitempty"`        // empty if there is nothing
}

// String returns the difference as old → new.
func (d Difference) String() string {
	or := func(text string) string {
		if text == "" {
			return "nothing"
		}
		return text
	}
	who := d.Capability
	if d.Provider != "" {
		who += " " + quote(d.Provider)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s → %s", who, d.What, or(d.Old), or(d.New)))
}

// Diff returns what is otherwise in a newer snapshot, by capability and provider: who
// came, went or was replaced, who is the one, and whose order changed.
func (s *Snapshot) Diff(newer *Snapshot) []Difference {
	var all []Difference
	note := func(d Difference) {
		if d.Old != d.New {
			all = append(all, d)
		}
	}
	for _, name := range union(s.Capabilities, newer.Capabilities, func(c CapabilityState) string { return c.Name }) {
		old, was := s.find(name)
		now, is := newer.find(name)
		sites := [2]string{}
		if was {
			sites[0] = old.Site
		}
		if is {
			sites[1] = now.Site
		}
		note(Difference{Capability: name, What: "capability", Old: sites[0], New: sites[1]})
		note(Difference{Capability: name, What: "one", Old: old.One, New: now.One})
		states := slices.Concat(old.Providers, old.Unseen, now.Providers, now.Unseen)
		for _, provider := range union(states, nil, func(p ProviderState) string { return p.Name }) {
			note(Difference{Capability: name, Provider: provider, What: "seen", Old: old.seen(provider), New: now.seen(provider)})
		}
		kept := func(c, other CapabilityState) string {
			var names []string
			for _, p := range c.Providers {
				if slices.ContainsFunc(other.Providers, func(o ProviderState) bool { return o.Name == p.Name }) {
					names = append(names, p.Name)
				}
			}
			return strings.Join(names, " ")
		}
		note(Difference{Capability: name, What: "order", Old: kept(old, now), New: kept(now, old)})
	}
	pending := func(p PendingState) string { return fmt.Sprintf("%s %s %s", p.Capability, p.Provider, p.Site) }
	for _, id := range union(s.Pending, newer.Pending, pending) {
		find := func(list []PendingState) (PendingState, string) {
			i := slices.IndexFunc(list, func(p PendingState) bool { return pending(p) == id })
			if i < 0 {
				return PendingState{}, ""
			}
			return list[i], list[i].Site
		}
		old, was := find(s.Pending)
		now, is := find(newer.Pending)
		if was == "" {
			old = now
		}
		note(Difference{Capability: old.Capability, Provider: old.Provider, What: "pending", Old: was, New: is})
	}
	return all
}

// seen returns how the provider of that name stands, "" if there is none.
func (c CapabilityState) seen(name string) string {
	for _, p := range c.Providers {
		if p.Name == name {
			return fmt.Sprintf("%s at %s", p.Registry, p.Site)
		}
	}
	for _, p := range c.Unseen {
		if p.Name == name {
			return fmt.Sprintf("%s at %s, %s by %s", p.Registry, p.Site, p.Fate, p.By)
		}
	}
	return ""
}

// union returns the names of two lists, sorted, each once.
func union[T any](a, b []T, name func(T) string) []string {
	var names []string
	for _, t := range slices.Concat(a, b) {
		names = append(names, name(t))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
