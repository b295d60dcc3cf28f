// Explanations against the reference model: who is seen, who is the one, and why,
// for all small worlds and for random ones.

package capability_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/model"
)

// A reasoner says why each statement of a world is seen or not, by following each
// by itself through the narrower layers. names are those of the layers.
type reasoner struct {
	model.World
	names []string
}

// binds reports whether the layer binds a provider of its own.
func binds(l model.Layer) bool {
	return slices.ContainsFunc(l.Statements, func(st model.Statement) bool { return !st.Rebind })
}

// says returns what the layer says of the name: "bind", "rebind" or nothing.
func says(l model.Layer, name string) string {
	for _, st := range l.Statements {
		switch {
		case st.Name == name && st.Rebind:
			return "rebind"
		case st.Name == name:
			return "bind"
		}
	}
	return ""
}

// dropped reports whether the layer selects, but not the name.
func dropped(l model.Layer, name string) bool {
	return len(l.Select) > 0 && !slices.Contains(l.Select, name)
}

// offered reports whether the layers from there on offer the name, that layer
// without its selection.
func (o reasoner) offered(layer int, name string) bool {
	layers := slices.Clone(o.Layers[layer:])
	if len(layers) > 0 {
		layers[0].Select = nil
	}
	_, ok := model.World{Rules: o.Rules, Layers: layers}.Find(name)
	return ok
}

// inherited reports whether the layers broader than that one offer the name.
func (o reasoner) inherited(layer int, name string) bool {
	_, ok := model.World{Rules: o.Rules, Layers: o.Layers[layer+1:]}.Find(name)
	return ok
}

// fate returns why a statement of the layer is not seen, and which layer decided
// it, or nothing. If it is only of its place that the question is, being replaced
// does no harm.
func (o reasoner) fate(layer int, st model.Statement, ofPlace bool) (string, int) {
	own := o.Layers[layer]
	if st.Rebind && (!o.inherited(layer, st.Name) || o.Shadow && binds(own)) {
		return "unmatched", layer
	}
	if dropped(own, st.Name) {
		return "not selected", layer
	}
	for by := layer - 1; by >= 0; by-- {
		l := o.Layers[by]
		switch said := says(l, st.Name); {
		case slices.Contains(l.Mask, st.Name):
			return "masked", by
		case o.Shadow && binds(l):
			return "shadowed", by
		case said == "bind":
			return "hidden", by
		case said == "rebind" && !ofPlace:
			return "replaced", by
		case dropped(l, st.Name):
			return "not selected", by
		}
	}
	return "", 0
}

// unseen returns all that is not seen, each as a line, sorted.
func (o reasoner) unseen() []string {
	lines := []string{}
	add := func(name string, layer int, how, fate string, by int) {
		lines = append(lines, fmt.Sprintf("%s %s in %s: %s by %s", name, how, o.names[layer], fate, o.names[by]))
	}
	for layer, l := range o.Layers {
		for _, name := range l.Mask {
			if !o.inherited(layer, name) {
				add(name, layer, "bind", "unmatched", layer)
			}
		}
		for _, name := range l.Select {
			if !o.offered(layer, name) {
				add(name, layer, "bind", "unmatched", layer)
			}
		}
		for _, st := range l.Statements {
			if fate, by := o.fate(layer, st, false); fate != "" {
				add(st.Name, layer, says(l, st.Name), fate, by)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// A standing is where a visible provider stands before Before and After.
type standing struct {
	layer    int  // that gives it its place
	selected bool // by that layer
	priority int
	index    int // in the order of binding or of the selection
}

// standing returns that of the visible provider of the name: the binding of which
// the place is left, moved by the narrowest selection.
func (o reasoner) standing(name string) standing {
	for layer, l := range o.Layers {
		i := slices.IndexFunc(l.Statements, func(st model.Statement) bool { return st.Name == name && !st.Rebind })
		if i < 0 {
			continue
		}
		if fate, _ := o.fate(layer, l.Statements[i], true); fate != "" {
			continue
		}
		for by := range layer + 1 {
			if place := slices.Index(o.Layers[by].Select, name); place >= 0 {
				return standing{layer: by, selected: true, index: place}
			}
		}
		return standing{layer: layer, priority: l.Statements[i].Priority, index: i}
	}
	panic("nobody gives " + name + " a place")
}

// because returns why a comes before b, its next in the chain.
func (o reasoner) because(a, b string) string {
	x, y := o.standing(a), o.standing(b)
	ahead, reason := x.index < y.index, "bound earlier"
	switch {
	case x.layer != y.layer && o.BroadFirst:
		ahead, reason = x.layer > y.layer, "broader"
	case x.layer != y.layer:
		ahead, reason = x.layer < y.layer, "narrower"
	case x.selected:
		reason = "selected"
	case x.priority != y.priority:
		ahead, reason = x.priority > y.priority, "priority"
	}
	if !ahead {
		return "constraint"
	}
	return reason
}

// reasons are how Explain says them.
var reasons = map[string]string{
	"narrower": "its place is in a narrower registry", "broader": "its place is in a broader registry, and the key says BroadFirst",
	"priority": "its priority is greater", "bound earlier": "it was bound earlier", "selected": "Select names it earlier",
	"constraint": "Before or After says so",
}

// seen returns the providers as lines, in order.
func (o reasoner) seen() []string {
	lines := []string{}
	chain, _ := o.Chain()
	for i, e := range chain {
		how, at := says(o.Layers[e.Layer], e.Name), o.standing(e.Name)
		because := ""
		if i+1 < len(chain) {
			because = o.because(e.Name, chain[i+1].Name)
		}
		unmatched := []string{}
		priority := 0
		for _, l := range o.Layers {
			for _, st := range l.Statements {
				if st.Name != e.Name || st.Rebind {
					continue
				}
				if fate, _ := o.fate(slices.IndexFunc(o.Layers, func(m model.Layer) bool { return m.Level == l.Level }), st, true); fate != "" {
					continue
				}
				priority = st.Priority
				for _, peer := range slices.Concat(st.Before, st.After) {
					if !slices.ContainsFunc(chain, func(e model.Entry) bool { return e.Name == peer }) && !at.selected && !slices.Contains(unmatched, peer) {
						unmatched = append(unmatched, peer)
					}
				}
			}
		}
		lines = append(lines, seenLine(e.Name, how, o.names[e.Layer], priority, because, unmatched))
	}
	return lines
}

func seenLine(name, how, registry string, priority int, because string, unmatched []string) string {
	return fmt.Sprintf("%s %s in %s, priority %d, because %q, unmatched %q", name, how, registry, priority, because, unmatched)
}

// judge compares a snapshot of a capability with the reasoner, and counts what
// came up.
func (o reasoner) judge(s *capability.Snapshot, name string, met map[string]int) error {
	i := slices.IndexFunc(s.Capabilities, func(c capability.CapabilityState) bool { return c.Name == name })
	var c capability.CapabilityState
	if i >= 0 {
		c = s.Capabilities[i]
	}
	how := func(p capability.ProviderState) string {
		if p.Rebound {
			return "rebind"
		}
		return "bind"
	}
	seen, unseen := []string{}, []string{}
	for _, p := range c.Providers {
		met[p.Because]++
		seen = append(seen, seenLine(p.Name, how(p), p.Registry, p.Priority, p.Because, append([]string{}, p.Unmatched...)))
	}
	for _, p := range c.Unseen {
		met[p.Fate]++
		unseen = append(unseen, fmt.Sprintf("%s %s in %s: %s by %s", p.Name, how(p), p.Registry, p.Fate, p.By))
	}
	slices.Sort(unseen)
	if diff := cmp.Diff(o.seen(), seen); diff != "" {
		return fmt.Errorf("providers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(o.unseen(), unseen); diff != "" {
		return fmt.Errorf("those not seen (-want +got):\n%s", diff)
	}
	entry, answer := o.One()
	met[answer.String()]++
	one, ambiguous := "", []string{}
	text := s.Explain(name)
	line := "nobody provides it\n"
	switch answer {
	case model.Clear:
		one = entry.Name
		line = fmt.Sprintf("  the one provider is %q", one)
	case model.Ambiguous:
		ambiguous = o.Candidates()
		line = "only the order of binding says which of "
	}
	got := append([]string{}, c.Ambiguous...)
	if !slices.IsSortedFunc(got, func(a, b string) int {
		at := func(name string) int {
			return slices.IndexFunc(c.Providers, func(p capability.ProviderState) bool { return p.Name == name })
		}
		return at(a) - at(b)
	}) {
		return fmt.Errorf("the candidates %q are not in chain order", got)
	}
	slices.Sort(got)
	if diff := cmp.Diff(ambiguous, got); diff != "" || c.One != one {
		return fmt.Errorf("the one is %q, want %q; candidates (-want +got):\n%s", c.One, one, diff)
	}
	if i < 0 {
		line = fmt.Sprintf("knows no capability %q", name)
	}
	if !strings.Contains(text, line) {
		return fmt.Errorf("%q is not in the explanation:\n%s", line, text)
	}
	// The reason of the winner, and of everybody else.
	for i, p := range c.Providers {
		begin, end := fmt.Sprintf("\n  %d. %q, ", i+1, p.Name), "\n"
		if i+1 < len(c.Providers) {
			end = fmt.Sprintf("; ahead of %q: %s\n", c.Providers[i+1].Name, reasons[o.because(p.Name, c.Providers[i+1].Name)])
		}
		_, rest, ok := strings.Cut(text, begin)
		said, _, _ := strings.Cut(rest, "\n")
		if !ok || !strings.HasSuffix(said+"\n", end) {
			return fmt.Errorf("the explanation has no line that begins with %q and ends with %q:\n%s", begin, end, text)
		}
	}
	if o.BroadFirst && answer == model.Clear && len(c.Providers) > 1 && !strings.Contains(text, "the first if narrower registries come first") {
		return fmt.Errorf("the explanation does not say why %q is the one:\n%s", one, text)
	}
	return nil
}

// wantMet fails unless everything that can be explained came up.
func wantMet(t *testing.T, met map[string]int) {
	t.Helper()
	for _, what := range []string{
		"narrower", "broader", "priority", "bound earlier", "selected", "constraint",
		"hidden", "masked", "shadowed", "not selected", "replaced", "unmatched", "clear", "none", "ambiguous",
	} {
		if met[what] == 0 {
			t.Errorf("nothing was %s in any of the worlds", what)
		}
	}
	t.Logf("met %v", met)
}

// TestSnapshotOfSmallWorlds makes small worlds of registries and compares what a
// snapshot of their scope says with the model. In every second world the scope and
// a handle are there before the commit. To have unmatched names, every third
// unbinds in the end what the broadest layer bound.
func TestSnapshotOfSmallWorlds(t *testing.T) {
	share := 29 // one in so many, prime to all the counts that make a world
	if testing.Short() {
		share = 307
	}
	met := make(map[string]int)
	worlds, n := 0, 0
	for layers := range model.SmallWorlds(3) {
		small := 0
		for _, l := range layers {
			small += len(l.Statements) + len(l.Mask) + len(l.Select)
		}
		for _, key := range []capability.Capability[string]{modelAuth, modelStore, modelFilter, modelCodec} {
			if n++; n%share != 0 && small > 2 {
				continue
			}
			worlds++
			registries, edits := smallStage(key, layers)
			if worlds%2 == 0 {
				must(capability.Commit(edits...))
			}
			scope := must1(capability.Compose(registries...))
			if worlds%2 == 1 {
				must1(key.All().Handle(scope))
				must(capability.Commit(edits...))
			}
			w := model.World{Rules: modelRules[key.Name()], Layers: slices.Clone(layers)}
			if broadest := &w.Layers[len(layers)-1]; worlds%3 == 0 && len(broadest.Statements) > 0 {
				must(registries[len(layers)-1].Apply(key.Unbind(broadest.Statements[0].Name)))
				broadest.Statements = broadest.Statements[1:]
			}
			var names []string
			for _, l := range layers {
				names = append(names, capability.Level(l.Level).String())
			}
			if err := (reasoner{w, names}).judge(scope.Snapshot(), key.Name(), met); err != nil {
				t.Fatalf("%+v: %v", w, err)
			}
			must(scope.Close())
		}
	}
	wantMet(t, met)
	t.Logf("compared %d worlds of %d", worlds, n)
}

// TestSnapshotOfRandomWorlds compares the snapshots of scopes of two to five
// registries with the model, before and after the broadest has withdrawn all
// that it bound.
func TestSnapshotOfRandomWorlds(t *testing.T) {
	met := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(modelRules))).Draw(t, "capability")
		w := newTwin()
		w.add("defaults", 1)
		names := []string{"defaults"}
		var edits, none []model.Edit
		for _, provider := range providerNames {
			st := model.Statement{Name: provider, Value: "defaults/" + provider}
			edits = append(edits, model.Edit{Registry: "defaults", Changes: []model.Change{{Op: model.Bind, Capability: name, Statement: st}}})
			none = append(none, model.Edit{Registry: "defaults", Changes: []model.Change{{Op: model.Unbind, Capability: name, Statement: st}}})
		}
		for _, level := range modelLevels[:rapid.IntRange(1, len(modelLevels)).Draw(t, "registries")] {
			w.add(level.String(), level)
			names = append(names, level.String())
			edits = append(edits, model.Edit{Registry: level.String(), Changes: w.drawLayer(t, level.String(), name)})
		}
		byName := make([]bool, 100)
		w.commit(t, edits, byName)
		w.compose(t, 0, names...)
		if len(w.scopes) == 0 {
			return
		}
		judge := func() {
			o := reasoner{w.state.World(1, name), w.state.Registries(1)}
			if err := o.judge(w.scopes[1].Snapshot(), name, met); err != nil {
				t.Fatalf("%+v: %v", o.World, err)
			}
		}
		judge()
		w.commit(t, none, byName)
		judge()
	})
	t.Logf("met %v", met)
}
