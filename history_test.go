// What registries and scopes answer depends on what they hold, and not on how
// they came to hold it.

package capability

import (
	"errors"
	"fmt"
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
