// Explanations: what a snapshot says, in words, as a picture, and against another one.

package capability

import (
	"fmt"
	"maps"
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
			known = append(known, c.Name)
		}
		return fmt.Sprintf("scope %s knows no capability %s, as nobody binds or resolves one of that name there: %s\n", quote(s.Scope), quote(capability), didYouMean(capability, known))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in scope %s at generation %d: %s\n", quote(c.Name), quote(s.Scope), s.Generation, c.Doc)
	fmt.Fprintf(&b, "  declared at %s as a Capability[%s]", c.Site, c.Type)
	if len(c.Rules) > 0 {
		fmt.Fprintf(&b, " with %s", strings.Join(c.Rules, ", "))
	}
	b.WriteString("\n")
	switch {
	case c.One != "" && slices.Contains(c.Rules, "BroadFirst") && len(c.Providers) > 1:
		fmt.Fprintf(&b, "  the one provider is %s, the first if narrower registries come first; BroadFirst is for the chain\n", quote(c.One))
	case c.One != "":
		fmt.Fprintf(&b, "  the one provider is %s\n", quote(c.One))
	case len(c.Ambiguous) > 0:
		fmt.Fprintf(&b, "  no one provider is clear: only the order of binding says which of %s comes first; give them priorities or Select one\n", quoteAll(c.Ambiguous))
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
	"narrower":      "its place is in a narrower registry",
	"broader":       "its place is in a broader registry, and the key says BroadFirst",
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
	olds, news := s.named(), newer.named()
	for _, name := range union(olds, news) {
		old, now := olds[name], news[name]
		note(Difference{Capability: name, What: "capability", Old: old.Site, New: now.Site})
		note(Difference{Capability: name, What: "one", Old: old.One, New: now.One})
		oldSeen, nowSeen := old.standings(), now.standings()
		for _, provider := range union(oldSeen, nowSeen) {
			note(Difference{Capability: name, Provider: provider, What: "seen", Old: oldSeen[provider], New: nowSeen[provider]})
		}
		note(Difference{Capability: name, What: "order", Old: old.kept(now), New: now.kept(old)})
	}
	before, after := s.waiting(), newer.waiting()
	for _, id := range union(before, after) {
		old, now := before[id], after[id]
		p := old
		if old.Site == "" {
			p = now
		}
		note(Difference{Capability: p.Capability, Provider: p.Provider, What: "pending", Old: old.Site, New: now.Site})
	}
	return all
}

// named returns the capabilities by name.
func (s *Snapshot) named() map[string]CapabilityState {
	all := make(map[string]CapabilityState, len(s.Capabilities))
	for _, c := range s.Capabilities {
		all[c.Name] = c
	}
	return all
}

// standings returns how the provider of each name stands.
func (c CapabilityState) standings() map[string]string {
	all := make(map[string]string, len(c.Providers))
	for _, p := range c.Providers {
		all[p.Name] = fmt.Sprintf("%s at %s", p.Registry, p.Site)
	}
	for _, p := range c.Unseen {
		if all[p.Name] == "" {
			all[p.Name] = fmt.Sprintf("%s at %s, %s by %s", p.Registry, p.Site, p.Fate, p.By)
		}
	}
	return all
}

// kept returns the names of those in the chain who are in the other one, too.
func (c CapabilityState) kept(other CapabilityState) string {
	there := make(map[string]bool, len(other.Providers))
	for _, p := range other.Providers {
		there[p.Name] = true
	}
	var names []string
	for _, p := range c.Providers {
		if there[p.Name] {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, " ")
}

// waiting returns what is pending by what tells it apart, and by number what nothing
// tells apart.
func (s *Snapshot) waiting() map[string]PendingState {
	all := make(map[string]PendingState, len(s.Pending))
	times := make(map[string]int, len(s.Pending))
	for _, p := range s.Pending {
		id := fmt.Sprintf("%s\n%s\n%s\n%s\n%d\n", p.Capability, p.Provider, p.Scope, p.Site, p.Since.UnixNano())
		times[id]++
		all[fmt.Sprint(id, times[id])] = p
	}
	return all
}

// union returns the names in two maps, sorted.
func union[T any](a, b map[string]T) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
