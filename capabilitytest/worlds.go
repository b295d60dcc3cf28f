// Worlds: what registries could say about a capability, and what must come of it.

package capabilitytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
	"github.com/typedcap/capability/internal/model"
)

// A World is what registries of different levels say about one capability. It is plain
// data: a test may write it down, draw it with [Worlds], or change what was drawn.
//
// Open makes real registries of it and a scope. Chain and One say what such a scope must
// show, by the reference model, which the library itself is tested against: a program
// that orders, merges or dispatches by itself can be compared with it. They are for worlds
// that Open accepts, but for constraints that contradict each other: what they say of a
// world made by hand with another mistake means nothing.
type World []Layer // of different levels, in any order

// A Layer is what one registry says about a capability.
type Layer struct {
	Level    capability.Level
	Bindings []capability.Binding // in the order in which they are bound, also those of Rebind
	Mask     []string
	Select   []string
}

// An Entry is a provider that a world shows.
type Entry struct {
	Name  string
	Level capability.Level // of the registry whose value it is
}

// Worlds draws worlds of engine, group and pipeline registries, and those of the levels
// that OnlyAt names, from bindings of one capability: each is bound at some of the levels
// that it may be bound at, or at none, in any order, with its own constraints and
// priority; narrower registries may rebind it, mask it and select it. Two bindings of one
// name are never bound in one registry. Every name that is masked, selected or
// rebound exists, so that Open fails only if constraints contradict each other.
//
//	rapid.Check(t, func(t *rapid.T) {
//		scope := capabilitytest.Worlds(filters()...).Draw(t, "world").Open(t)
//		chain, err := Filters.All().Handle(scope)
//		…
//		// whatever is bound where, masked and selected, "audit" comes last
//	})
//
// It panics if the bindings are none, or of more than one capability.
func Worlds(bindings ...capability.Binding) *rapid.Generator[World] {
	key := keyOf(bindings)
	levels := []capability.Level{capability.Pipeline, capability.Group, capability.Engine}
	for _, l := range key.OnlyAt {
		levels = append(levels, capability.Level(l))
	}
	slices.SortFunc(levels, func(a, b capability.Level) int { return cmp.Compare(b, a) })
	levels = slices.Compact(levels)
	return rapid.Custom(func(t *rapid.T) World {
		var w World // the broadest first
		for _, level := range slices.Backward(levels) {
			w = append(w, Layers(level, w.names(), bindings...).Draw(t, level.String()))
		}
		slices.Reverse(w)
		return w
	})
}

// Layers draws what a registry of that level may say: which of the bindings it binds, and
// in which order, and what it rebinds, masks and selects of these and of what it inherits,
// which are the names that broader registries bind. It is for worlds of which the broader
// registries are given, such as an overlay on a scope of production:
//
//	tenant := capabilitytest.Layers(capability.Group, []string{"auth", "audit"}).Draw(t, "tenant")
//	scope := capabilitytest.Overlay(t, production, tenant.Changes("filters")...)
//
// Only what is among the bindings is rebound. A name that is inherited twice counts once.
func Layers(level capability.Level, inherited []string, bindings ...capability.Binding) *rapid.Generator[Layer] {
	mayBind := true
	if len(bindings) > 0 {
		only := keyOf(bindings).OnlyAt
		mayBind = only == nil || slices.Contains(only, int(level))
	}
	inherited = slices.Compact(slices.Sorted(slices.Values(inherited)))
	return rapid.Custom(func(t *rapid.T) Layer {
		l := Layer{Level: level}
		if mayBind && len(bindings) > 0 {
			taken := make(map[string]bool)
			for _, b := range rapid.Permutation(bindings).Draw(t, "order") {
				name := nameOfBinding(b)
				uses := []string{"leave out", "bind"}
				if slices.Contains(inherited, name) {
					uses = append(uses, "rebind")
				}
				use := rapid.SampledFrom(uses).Draw(t, name)
				if use == "leave out" || taken[name] {
					continue
				}
				if use == "rebind" {
					b = inside.Rebound(b).(capability.Binding)
				}
				taken[name] = true
				l.Bindings = append(l.Bindings, b)
			}
		}
		l.Mask = some(t, "mask", without(inherited, l.rebinds))
		if rapid.Bool().Draw(t, "selects") {
			l.Select = some(t, "select", slices.Compact(slices.Sorted(slices.Values(slices.Concat(inherited, l.binds())))))
		}
		return l
	})
}

// some draws some of the names, in any order.
func some(t *rapid.T, what string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	n := rapid.IntRange(0, len(names)).Draw(t, what)
	if n == 0 {
		return nil
	}
	return rapid.Permutation(names).Draw(t, what)[:n]
}

// Open makes registries that hold the world, and composes them. They are closed when the
// test ends. OnRetire of a binding is not called, as its value is the test's. If the
// world is refused, because constraints contradict each other or a world made by hand
// has a mistake, the test ends with the error.
func (w World) Open(t TB) *capability.Scope {
	t.Helper()
	if problem := w.mixed(); problem != "" {
		t.Fatalf("the world is refused: %s\n%v", problem, w)
	}
	var registries []*capability.Registry
	for _, l := range w {
		r := capability.NewRegistry(l.Level, strings.ReplaceAll(l.Level.String(), " ", "-"))
		t.Cleanup(func() {
			if err := r.Close(context.Background()); err != nil {
				t.Errorf("%v", err)
			}
		})
		if err := r.Apply(l.Changes(w.capability())...); err != nil {
			t.Fatalf("the world is refused: %v\n%v", err, w)
		}
		registries = append(registries, r)
	}
	scope, err := capability.Compose(registries...)
	if err != nil {
		t.Fatalf("the world is refused: %v\n%v", err, w)
	}
	t.Cleanup(func() {
		if err := scope.Close(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return scope
}

// Changes returns what makes a registry say what the layer says about the capability of
// that name.
func (l Layer) Changes(capabilityName string) []capability.Change {
	var changes []capability.Change
	for _, b := range l.Bindings {
		changes = append(changes, inside.Bare(b).(capability.Binding))
	}
	if len(l.Mask) > 0 {
		changes = append(changes, capability.Mask(capabilityName, l.Mask...))
	}
	if len(l.Select) > 0 {
		changes = append(changes, capability.Select(capabilityName, l.Select...))
	}
	return changes
}

// Chain returns the providers that the world shows, in the order of the chain, or an
// [capability.ErrCycle]. It panics if the world is of more than one capability.
func (w World) Chain() ([]Entry, error) {
	w.mustBeOfOne()
	m, narrowFirst := w.model()
	chain, ok := m.Chain()
	if !ok {
		return nil, w.error(capability.ErrCycle, "the constraints contradict each other")
	}
	entries := make([]Entry, len(chain))
	for i, e := range chain {
		entries[i] = Entry{e.Name, narrowFirst[e.Layer].Level}
	}
	return entries, nil
}

// One returns the one provider of the world, or an [capability.ErrNotProvided],
// [capability.ErrAmbiguous] or [capability.ErrCycle]. It tries all orders in which those
// of one level and priority could be bound: with ten of them that takes seconds. It
// panics if the world is of more than one capability.
func (w World) One() (Entry, error) {
	w.mustBeOfOne()
	m, narrowFirst := w.model()
	one, answer := m.One()
	switch answer {
	case model.None:
		return Entry{}, w.error(capability.ErrNotProvided, "nobody is bound")
	case model.Ambiguous:
		return Entry{}, w.error(capability.ErrAmbiguous, "only the order of binding would decide")
	case model.Cycle:
		return Entry{}, w.error(capability.ErrCycle, "the constraints contradict each other")
	}
	return Entry{one.Name, narrowFirst[one.Layer].Level}, nil
}

// mustBeOfOne panics if the world is of more than one capability.
func (w World) mustBeOfOne() {
	if problem := w.mixed(); problem != "" {
		panic("capabilitytest: " + problem)
	}
}

// mixed says which bindings are of different capabilities, "" if none are.
func (w World) mixed() string {
	var first *inside.Binding
	for _, l := range w {
		for _, b := range l.Bindings {
			is, ok := inside.BindingOf(b)
			switch {
			case !ok: // Open refuses it
			case first == nil:
				first = &is
			case is.Key.ID != first.Key.ID:
				return others(is, first.Key)
			}
		}
	}
	return ""
}

// others says that a binding is of another capability.
func others(is inside.Binding, than inside.Key) string {
	return fmt.Sprintf("%q is bound at %s and is another capability than %q: a world is of one", is.Key.Name, is.Site, than.Name)
}

func (w World) error(code capability.Code, text string) error {
	return &capability.Error{Code: code, Capability: w.capability(), Err: fmt.Errorf("in the world of\n%v\n%s", w, text)}
}

// model returns the world as the model has it, and the layers in its order.
func (w World) model() (model.World, []Layer) {
	layers := slices.Clone(w)
	slices.SortStableFunc(layers, func(a, b Layer) int { return cmp.Compare(b.Level, a.Level) })
	var m model.World
	for _, l := range layers {
		is := model.Layer{Level: int(l.Level), Mask: l.Mask, Select: l.Select}
		for _, b := range l.Bindings {
			of, _ := inside.BindingOf(b)
			m.Rules = model.Rules{Shadow: of.Key.Shadow, BroadFirst: of.Key.BroadFirst}
			is.Statements = append(is.Statements, model.Statement{
				Name: of.Name, Rebind: of.Rebind, Priority: of.Priority, Before: of.Before, After: of.After,
			})
		}
		m.Layers = append(m.Layers, is)
	}
	return m, layers
}

// String returns the world, the narrowest layer first, each in a line.
func (w World) String() string {
	_, layers := w.model()
	var lines []string
	for _, l := range layers {
		lines = append(lines, l.String())
	}
	return strings.Join(lines, "\n")
}

// GoString is String, for the reports of rapid.
func (w World) GoString() string { return w.String() }

// String returns the layer in a line.
func (l Layer) String() string {
	var parts []string
	for _, b := range l.Bindings {
		is, _ := inside.BindingOf(b)
		text := "binds "
		if is.Rebind {
			text = "rebinds "
		}
		text += is.Name
		if is.Priority != 0 {
			text += fmt.Sprintf(" with priority %d", is.Priority)
		}
		if len(is.Before) > 0 {
			text += " before " + strings.Join(is.Before, " and ")
		}
		if len(is.After) > 0 {
			text += " after " + strings.Join(is.After, " and ")
		}
		parts = append(parts, text)
	}
	if len(l.Mask) > 0 {
		parts = append(parts, "masks "+strings.Join(l.Mask, " and "))
	}
	if len(l.Select) > 0 {
		parts = append(parts, "selects "+strings.Join(l.Select, ", then "))
	}
	if len(parts) == 0 {
		parts = []string{"says nothing"}
	}
	return fmt.Sprintf("%v %s", l.Level, strings.Join(parts, ", "))
}

// GoString is String, for the reports of rapid.
func (l Layer) GoString() string { return l.String() }

// capability returns the name of the capability, "" if nothing is bound.
func (w World) capability() string {
	for _, l := range w {
		for _, b := range l.Bindings {
			is, _ := inside.BindingOf(b)
			return is.Key.Name
		}
	}
	return ""
}

// names returns what the world binds, each once and sorted.
func (w World) names() []string {
	var names []string
	for _, l := range w {
		names = append(names, l.binds()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// binds returns the names that the layer binds and not only rebinds.
func (l Layer) binds() []string {
	var names []string
	for _, b := range l.Bindings {
		if is, _ := inside.BindingOf(b); !is.Rebind {
			names = append(names, is.Name)
		}
	}
	return names
}

// rebinds reports whether the layer rebinds that name.
func (l Layer) rebinds(name string) bool {
	return slices.ContainsFunc(l.Bindings, func(b capability.Binding) bool {
		is, _ := inside.BindingOf(b)
		return is.Rebind && is.Name == name
	})
}

func nameOfBinding(b capability.Binding) string {
	is, _ := inside.BindingOf(b)
	return is.Name
}

// keyOf returns the capability of the bindings.
func keyOf(bindings []capability.Binding) inside.Key {
	var key inside.Key
	for i, b := range bindings {
		is, ok := inside.BindingOf(b)
		switch {
		case !ok:
			panic("capabilitytest: a zero Binding has no capability: give what Bind of a Capability returns")
		case is.Rebind:
			panic(fmt.Sprintf("capabilitytest: the binding at %s is a Rebind: give it as a Bind, it is rebound where that makes sense", is.Site))
		case i > 0 && is.Key.ID != key.ID:
			panic("capabilitytest: " + others(is, key))
		}
		key = is.Key
	}
	if len(bindings) == 0 {
		panic("capabilitytest: a world of no bindings: give those that a program may have")
	}
	return key
}

// without returns the names of which gone is not true.
func without(names []string, gone func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(names), gone)
}
