// Places and slots from inside: what they keep, and what is not looked at again.

package capability

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// kept returns how much a list keeps alive behind its end.
func kept[T comparable](list []T) (n int) {
	var none T
	for _, v := range list[len(list):cap(list)] {
		if v != none {
			n++
		}
	}
	return n
}

// What is closed is not kept alive by what stays open.
func TestClosedIsLetGo(t *testing.T) {
	engine, west := NewRegistry(Engine, "engine"), NewRegistry(Engine, "west")
	orders, returns := NewRegistry(Pipeline, "orders"), NewRegistry(Pipeline, "returns")
	noError(t, Commit(orders.Stage(gauges.Bind("a", 1)), returns.Stage(gauges.Bind("a", 2))))
	open := composed(t, engine)
	closing := []*Scope{composed(t, engine), composed(t, engine, orders), composed(t, west, orders), composed(t, engine, returns)}
	for _, s := range append(closing, open) {
		_, err := gauges.All().Handle(s)
		noError(t, err)
	}
	root := open.place.slots[gauges.key]
	for _, s := range closing {
		noError(t, s.Close())
		if s.place != nil || s.asks != nil {
			t.Errorf("the closed scope %v keeps what it has seen", s)
		}
	}
	if n := kept(open.place.scopes) + kept(orders.places) + kept(root.below); n != 0 || len(root.below) != 0 {
		t.Errorf("%d closed scopes, places and slots are kept, and %d slots are open", n, len(root.below))
	}
}

// What a build reads no more leaves nothing behind, and no name either.
func TestForgottenReads(t *testing.T) {
	switches, extra := New[bool]("switch", "says whether extra is read"), New[int]("extra", "is read at first")
	engine := NewRegistry(Engine, "engine")
	noError(t, engine.Apply(switches.Bind("s", true)))
	d := Derive(func(r *Resolver) (int, error) {
		if on, err := switches.In(r); err != nil || !on {
			return 0, err
		}
		all, err := extra.All().In(r)
		return all.Len(), err
	})
	s := composed(t, engine)
	_, err := d.Handle(s)
	noError(t, err)
	count := func() [3]int { return [3]int{len(s.asks), len(s.place.slots), len(s.place.resolved)} }
	if got := count(); got != [3]int{2, 2, 2} {
		t.Errorf("%v capabilities are read", got)
	}
	noError(t, engine.Apply(switches.Rebind("s", false)))
	if got := count(); got != [3]int{1, 1, 1} {
		t.Errorf("one capability is read, not %v", got)
	}
	noError(t, engine.Apply(New[string]("extra", "has the name of another").Bind("a", "")))
}

// A slot moves below one that comes between, and leaves nothing above.
func TestSlotsMove(t *testing.T) {
	engine, eu, orders := NewRegistry(Engine, "engine"), NewRegistry(Group, "eu"), NewRegistry(Pipeline, "orders")
	noError(t, Commit(engine.Stage(gauges.Bind("a", 1)), orders.Stage(gauges.Bind("b", 2))))
	open, s := composed(t, engine), composed(t, engine, eu, orders)
	h, err := gauges.All().Handle(s)
	noError(t, err)
	noError(t, eu.Apply(gauges.Bind("c", 3)))
	root := open.place.slots[gauges.key]
	if len(root.below) != 1 || root.below[0].place.reg != eu || len(root.below[0].below) != 1 {
		t.Errorf("%d slots are below the root", len(root.below))
	}
	noError(t, engine.Apply(gauges.Rebind("a", 4)))
	if a, _ := h.Get().Find("a"); a != 4 || !slices.Equal(h.Get().Names(), []string{"b", "c", "a"}) {
		t.Errorf("a is %d in %v", a, h.Get())
	}
	noError(t, s.Close())
	if len(open.place.slots) != 0 {
		t.Error("a slot is left that nobody reads")
	}
}

// Namesakes in scopes apart are known at their common root until nobody reads them.
func TestNamesakesAtTheRoot(t *testing.T) {
	engine := NewRegistry(Engine, "engine")
	others := []Capability[string]{New[string]("gauge", "has the name of another"), New[string]("gauge", "and so has this")}
	open := composed(t, engine)
	s := composed(t, engine, NewRegistry(Pipeline, "orders"))
	_, err := gauges.All().Handle(s)
	noError(t, err)
	for i, other := range others {
		apart := composed(t, engine, NewRegistry(Pipeline, fmt.Sprint("returns", i)))
		_, err = other.All().Handle(apart)
		noError(t, err)
		noError(t, apart.Close())
	}
	if got := open.place.resolved["gauge"]; !slices.Equal(got, []*key{gauges.key}) {
		t.Errorf("%v are resolved", got)
	}
}

// An index of names is made where there are many, and once.
func TestIndexOfNames(t *testing.T) {
	for n, want := range map[int]int{2: 0, 100: 100} {
		engine := NewRegistry(Engine, "engine")
		for i := range n {
			noError(t, engine.Apply(gauges.Bind(fmt.Sprint("a", i), 1)))
		}
		m, err := composed(t, engine).place.look(gauges.key)
		noError(t, err)
		find := func() {
			if i, err := m.find("a1"); err != nil || m.seats[i].name != "a1" {
				t.Errorf("a1 is found at %d: %v", i, err)
			}
		}
		find()
		if len(m.index) != want {
			t.Errorf("the index of %d names has %d", n, len(m.index))
		}
		if got := testing.AllocsPerRun(10, find); got != 0 {
			t.Errorf("to find one of %d names again allocates %v times", n, got)
		}
	}
}

// Compose looks at what the new places say, and at nothing that they inherit. A nil
// layer is a trap: whoever looks at it panics.
func TestComposeLooksAtWhatIsNew(t *testing.T) {
	engine, eu, orders := NewRegistry(Engine, "engine"), NewRegistry(Group, "eu"), NewRegistry(Pipeline, "orders")
	noError(t, Commit(engine.Stage(gauges.Bind("a", 1)), eu.Stage(gauges.Bind("b", 1)), orders.Stage(gauges.Bind("c", 1))))
	engine.layers["trap"] = nil // nothing is broader
	composed(t, engine, eu)
	eu.layers["trap"] = nil
	composed(t, engine, eu, orders)

	allocations := func(inherited int) float64 {
		engine, orders := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders")
		for i := range inherited {
			noError(t, engine.Apply(New[int](fmt.Sprint("key", i), "is ordered").Bind("a", 1).Before("b")))
		}
		composed(t, engine)
		return testing.AllocsPerRun(10, func() { noError(t, composed(t, orders, engine).Close()) })
	}
	if few, many := allocations(1), allocations(100); many > few+5 {
		t.Errorf("%v allocations if a hundred capabilities are inherited, %v if one is", many, few)
	}
}

// Who binds a capability for the first time looks for its namesakes, and not at all
// else that is bound and asked for.
func TestNamesakesAreLookedUp(t *testing.T) {
	engine, orders := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders")
	s := composed(t, engine, orders)
	_, err := gauges.All().Handle(s)
	noError(t, err)
	orders.layers["trap"], orders.layers["another"] = nil, nil
	s.asks["trap"] = nil
	if err := engine.Apply(New[string]("gauge", "has the name of another").Bind("a", "")); !errors.Is(err, ErrConflict) {
		t.Errorf("want a conflict, got %v", err)
	}
}
