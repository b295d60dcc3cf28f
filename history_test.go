// What registries and scopes answer depends on what they hold, and not on how
// they came to hold it.

package capability

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func composed(t *testing.T, registries ...*Registry) *Scope {
	t.Helper()
	s, err := Compose(registries...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Clearing a list that is not there leaves nothing behind, not even a claim.
func TestClearingNothing(t *testing.T) {
	r := NewRegistry(Pipeline, "orders")
	noError(t, r.Apply(Mask("gauge"), Select("guage")))
	noError(t, r.Apply(gauges.Bind("a", 1)))
	noError(t, composed(t, r).Close())
}

// What Rebind and Mask take for granted is kept once until a scope can tell.
func TestClaimsDoNotPileUp(t *testing.T) {
	engine, orders := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders")
	for i := range 1000 {
		noError(t, orders.Apply(gauges.Rebind("a", gauge(i)), gauges.Mask("b", fmt.Sprint("c", i))))
	}
	if n := len(orders.unchecked); n > 100 {
		t.Errorf("%d claims are kept", n)
	}
	_, err := Compose(engine, orders)
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) || len(all.Unwrap()) != 3 {
		t.Errorf("want three unknown names, got %v", err)
	}
}

// A rebinding that was bound anew takes its name for granted like the first one.
func TestReboundTwiceIsClaimed(t *testing.T) {
	engine, orders := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders")
	noError(t, orders.Apply(gauges.Rebind("a", 1)))
	noError(t, orders.Apply(gauges.Rebind("a", 2)))
	if _, err := Compose(engine, orders); !errors.Is(err, ErrUnknown) {
		t.Errorf("nobody binds what is rebound, got %v", err)
	}
}

// Claims are looked through when they have doubled, and not in each commit.
func TestClaimsAreLookedThroughRarely(t *testing.T) {
	orders := NewRegistry(Pipeline, "orders")
	looks := 0
	for i := range 1000 {
		before := orders.kept
		noError(t, orders.Apply(gauges.Rebind(fmt.Sprint("a", i), 1)))
		if orders.kept != before {
			looks++
		}
	}
	if looks > 10 || orders.kept < 300 {
		t.Errorf("1000 claims were looked through %d times, and %d of them found standing", looks, orders.kept)
	}
}

// Withdrawn providers leave gaps, which are closed when they are most of the list: a
// registry does not grow for ever, and to withdraw many takes no time for each that stays.
func TestGapsAreClosed(t *testing.T) {
	r := NewRegistry(Engine, "engine")
	for i := range 100 {
		noError(t, r.Apply(gauges.Bind(fmt.Sprint("a", i), 1)))
	}
	all, err := gauges.All().Handle(composed(t, r))
	noError(t, err)
	want := all.Get().Names()[60:]
	for i := range 60 {
		if n := len(r.layers["gauge"].providers); i <= 40 && n != 100 {
			t.Fatalf("%d gaps among 100 places, %d places are left", i, n)
		}
		noError(t, r.Apply(gauges.Unbind(fmt.Sprint("a", i))))
	}
	if n := len(r.layers["gauge"].providers); n > 60 {
		t.Errorf("40 providers have %d places", n)
	}
	for _, name := range want {
		noError(t, r.Apply(gauges.Rebind(name, 2)))
	}
	if got := all.Get().Names(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Registries part when the scope that connected them is closed, also if each is
// in another scope still.
func TestBridgesPart(t *testing.T) {
	east, west := NewRegistry(Engine, "east"), NewRegistry(Engine, "west")
	orders, returns := NewRegistry(Pipeline, "orders"), NewRegistry(Pipeline, "returns")
	composed(t, orders, east)
	composed(t, returns, west)
	bridge := composed(t, orders, west)
	if orders.root() != returns.root() || orders.root() != east.root() {
		t.Error("connected registries have several locks")
	}
	noError(t, bridge.Close())
	if orders.root() == west.root() {
		t.Error("parted registries share a lock")
	}
	if orders.root() != east.root() || returns.root() != west.root() {
		t.Error("closing the bridge parted what other scopes connect")
	}
}

// A layer of which only lists by name are left fits any capability of that name.
func TestListsByNameForgetTheKey(t *testing.T) {
	other := New[string]("gauge", "has the name of another")
	east, west, orders := NewRegistry(Engine, "east"), NewRegistry(Engine, "west"), NewRegistry(Pipeline, "orders")
	noError(t, Commit(east.Stage(gauges.Bind("a", 1)), west.Stage(other.Bind("a", ""))))
	first := composed(t, east, orders)
	noError(t, orders.Apply(gauges.Bind("b", 1)))
	noError(t, orders.Apply(Mask("gauge", "a")))
	noError(t, orders.Apply(gauges.Unbind("b")))
	noError(t, first.Close())
	noError(t, composed(t, west, orders).Close())
}

// What once had Before and After, or never came to have them, does not trouble those who
// look for cycles.
func TestOrderedNoMore(t *testing.T) {
	engine, orders := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders")
	noError(t, engine.Apply(gauges.Bind("a", 1)))
	noError(t, orders.Apply(gauges.Bind("b", 1).Before("a"), Mask("gauge", "a")))
	noError(t, orders.Apply(gauges.Unbind("b")))
	if err := engine.Apply(New[int]("other", "is never bound").Bind("a", 1).Before("b"), nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a nil change: %v", err)
	}
	noError(t, composed(t, engine, orders).Close())
	noError(t, composed(t, orders).Close())
}

// A refused transaction takes the key away again that it gave to lists by name.
func TestRefusedTransactionForgetsTheKey(t *testing.T) {
	other := New[string]("gauge", "has the name of another")
	r := NewRegistry(Pipeline, "orders")
	noError(t, r.Apply(Mask("gauge", "a")))
	if err := r.Apply(gauges.Bind("b", 1), nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a nil change: %v", err)
	}
	noError(t, r.Apply(other.Bind("b", "")))
}

// An error names the registry that bound what is not seen, wherever a selection
// or a rebinding moved it.
func TestUnseenProvidersAreAtHome(t *testing.T) {
	engine, eu, orders := NewRegistry(Engine, "engine"), NewRegistry(Group, "eu"), NewRegistry(Pipeline, "orders")
	noError(t, Commit(engine.Stage(gauges.Bind("a", 1), gauges.Bind("b", 2)), eu.Stage(gauges.Select("a"))))
	s := composed(t, engine, eu, orders)
	noError(t, orders.Apply(gauges.Mask("a")))
	_, err := gauges.Named("a").Handle(s)
	if want := `"a" of registry "engine" (engine) is masked by registry "orders" (pipeline)`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("want %s in: %v", want, err)
	}
}

// Whoever comes first may also close first: no domain, place, slot or claim is
// left when the last scope is closed.
func TestNothingIsLeft(t *testing.T) {
	engine := NewRegistry(Engine, "engine")
	noError(t, engine.Apply(gauges.Bind("a", 1).Before("b"), gauges.Bind("b", 2)))
	var scopes []*Scope
	for i := range 20 {
		orders := NewRegistry(Pipeline, fmt.Sprint("orders", i))
		s := composed(t, engine, orders)
		_, err := gauges.Named("a").Handle(s)
		noError(t, err)
		_, err = gauges.All().Handle(s)
		noError(t, err)
		noError(t, orders.Apply(gauges.Bind("own", 3).After("a")))
		scopes = append(scopes, s)
	}
	root := engine.start
	for i := range scopes {
		noError(t, scopes[i*7%len(scopes)].Close())
	}
	if len(engine.places) != 0 || engine.start != nil {
		t.Errorf("the engine keeps %d places", len(engine.places))
	}
	if len(root.slots) != 0 || len(root.resolved) != 0 || len(root.below) != 0 || len(root.scopes) != 0 {
		t.Errorf("the root place keeps %d slots, %d names, %d places, %d scopes", len(root.slots), len(root.resolved), len(root.below), len(root.scopes))
	}
}

// A registry that has withdrawn all, or is closed, keeps nothing of it alive.
func TestEmptyRegistriesHoldNothing(t *testing.T) {
	for name, empty := range map[string]func(r *Registry) error{
		"withdrawn": func(r *Registry) error { return r.Apply(gauges.Unbind("a"), gauges.Unbind("b")) },
		"closed": func(r *Registry) error {
			noError(t, r.Apply(gauges.Mask("c")))
			return r.Close(t.Context())
		},
	} {
		r := NewRegistry(Engine, "engine")
		noError(t, r.Apply(gauges.Bind("a", 1).Before("b"), gauges.Bind("b", 2)))
		noError(t, empty(r))
		if len(r.layers) != 0 || len(r.ordered) != 0 || len(r.unchecked) != 0 {
			t.Errorf("%s: %d layers, %d of them ordered, and %d claims are left", name, len(r.layers), len(r.ordered), len(r.unchecked))
		}
	}
}

// What a registry says of a capability that nobody below it has resolved leaves no slot
// there.
func TestSlotsAreWhereReadersAre(t *testing.T) {
	engine, orders, returns := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders"), NewRegistry(Pipeline, "returns")
	_, err := gauges.All().Handle(composed(t, engine, orders))
	noError(t, err)
	unread := composed(t, engine, returns)
	noError(t, returns.Apply(gauges.Bind("a", 1)))
	if n := len(unread.place.slots); n != 0 {
		t.Errorf("%d slots where nobody reads", n)
	}
}

// A list drops what is gone before it has grown to three times what is left, and looks
// through what is left rarely.
func TestRollDropsWhatIsGone(t *testing.T) {
	var l roll[leaf]
	looks := 0
	for i := range 1000 {
		l.add(leaf{i%100 != 0, &looks})
		if n := len(l.list); n > 2*(i/100+1)+17 {
			t.Fatalf("%d of %d are kept, and %d are left", n, i+1, i/100+1)
		}
	}
	l, looks = roll[leaf]{}, 0
	for range 1000 {
		l.add(leaf{false, &looks})
	}
	if looks > 2000 {
		t.Errorf("%d looks at 1000 that are left", looks)
	}
}

type leaf struct {
	fell  bool
	looks *int
}

func (l leaf) gone() bool { *l.looks++; return l.fell }

// What is retired is pending no more and lets go of what it was made of.
func TestRetiredIsForgotten(t *testing.T) {
	r := NewRegistry(Engine, "engine")
	for i := range 10 {
		noError(t, r.Apply(gauges.Rebind("a", gauge(i)).OnRetire(func() error { return nil })))
	}
	noError(t, r.Apply(gauges.Rebind("a", 1)))
	noError(t, r.Drain(t.Context()))
	if n := len(r.retiring.pending); n > 0 {
		t.Errorf("%d are pending", n)
	}
	made := newResource(resourceName{}, nil, []*resource{newResource(resourceName{}, nil, nil)})
	made.leave()
	if !made.gone() || made.needs != nil {
		t.Errorf("gone %v, and keeps %d of what it was made of", made.gone(), len(made.needs))
	}
}

// A lease of what has nothing to retire counts nobody.
func TestLeaseOfNothingToRetire(t *testing.T) {
	r := NewRegistry(Engine, "engine")
	noError(t, r.Apply(gauges.Bind("a", 1)))
	derived := Derive(func(r *Resolver) (gauge, error) { return gauges.In(r) })
	for name, q := range map[string]Query[gauge]{"provider": gauges.Named("a"), "derived": derived} {
		l, err := q.Leased(composed(t, r))
		noError(t, err)
		if l.from.now.Load().lease != nil {
			t.Errorf("%s: a use of it is counted", name)
		}
	}
}

// A handle that outlives its scope does not keep it, and the scope does not keep what was
// made for it.
func TestClosedScopeIsNotKept(t *testing.T) {
	r := NewRegistry(Engine, "engine")
	noError(t, r.Apply(gauges.BindPerScope("a", func(r *Resolver) (gauge, error) {
		r.OnRetire(func() error { return nil })
		return 1, nil
	})))
	s := composed(t, r)
	h, err := gauges.Handle(s)
	noError(t, err)
	if len(s.keeps.list) != 1 {
		t.Errorf("%d things were made for the scope, want 1", len(s.keeps.list))
	}
	noError(t, s.Close())
	if len(s.keeps.list) != 0 || len(s.nodes) != 0 || len(s.instances) != 0 {
		t.Errorf("the scope keeps %d things, %d derived values, %d instances", len(s.keeps.list), len(s.nodes), len(s.instances))
	}
	if h.cell.core.scope != nil {
		t.Error("the handle keeps its scope")
	}
	noError(t, r.Close(t.Context()))
}
