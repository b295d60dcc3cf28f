// Tests of the locks from inside: who waits for whom.

package capability

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// SameLock reports whether two registries have one lock. It is here for tests from outside.
func SameLock(a, b *Registry) bool { return a.root() == b.root() }

type gauge int

var gauges = New[gauge]("gauge", "shows which version is bound")

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// Promise 10: unrelated registries never block each other. A lock held on one
// set of registries stands for a commit that takes for ever.
func TestPromise10UnrelatedRegistriesNeverBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, other := NewRegistry(Engine, "engine"), NewRegistry(Engine, "other")
		orders, returns := NewRegistry(Pipeline, "orders"), NewRegistry(Pipeline, "returns")
		scope, err := Compose(engine, orders)
		noError(t, err)
		unrelated, err := Compose(other, returns)
		noError(t, err)

		h := lock(engine)
		noError(t, other.Apply(gauges.Bind("a", 1)))
		noError(t, returns.Apply(gauges.Bind("b", 1)))
		_, err = gauges.All().Handle(unrelated)
		noError(t, err)
		noError(t, unrelated.Close())

		done := make(map[string]bool)
		var mu sync.Mutex
		start := func(name string, f func() error) {
			go func() {
				err := f()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				done[name] = true
			}()
		}
		start("a joined registry", func() error { return orders.Apply(gauges.Bind("c", 1)) })
		start("a resolve", func() error { _, err := gauges.All().Handle(scope); return err })
		start("a compose", func() error { _, err := Compose(engine, returns); return err })
		start("a commit over both", func() error {
			return Commit(other.Stage(gauges.Bind("d", 1)), engine.Stage(gauges.Bind("e", 1)))
		})
		synctest.Wait()
		mu.Lock()
		if len(done) > 0 {
			t.Errorf("did not wait for the lock of the engine: %v", done)
		}
		mu.Unlock()
		h.unlock()
		synctest.Wait()
		if len(done) != 4 {
			t.Errorf("still waiting after the unlock; done: %v", done)
		}
	})
}

// A registry that leaves its last scope is alone again.
func TestDomainsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, orders, returns := NewRegistry(Engine, "engine"), NewRegistry(Pipeline, "orders"), NewRegistry(Pipeline, "returns")
		one, err := Compose(engine, orders)
		noError(t, err)
		two, err := Compose(engine, returns)
		noError(t, err)
		if engine.root() != orders.root() || engine.root() != returns.root() {
			t.Fatal("composed registries have several locks")
		}
		noError(t, one.Close())
		if engine.root() == orders.root() || engine.root() != returns.root() {
			t.Fatal("the lock of a registry without scopes is still shared, or that of one with scopes is not")
		}
		h := lock(engine)
		noError(t, orders.Apply(gauges.Bind("a", 1)))
		h.unlock()
		noError(t, two.Close())
	})
}

// Commits over the same registries in opposite orders, composing and closing
// between them, come to an end.
func TestCrossedLocks(t *testing.T) {
	var registries []*Registry
	for i := range 4 {
		registries = append(registries, NewRegistry(Level(i), fmt.Sprint("r", i)))
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 300 {
				a, b := registries[(i+n)%4], registries[(i*3+n+1)%4]
				if a == b {
					continue
				}
				name := fmt.Sprint("p", i)
				noError(t, Commit(a.Stage(gauges.Bind(name, 1)), b.Stage(gauges.Bind(name, 2))))
				s, err := Compose(b, a)
				noError(t, err)
				_, err = gauges.All().Handle(s)
				noError(t, err)
				noError(t, Commit(b.Stage(gauges.Unbind(name)), a.Stage(gauges.Unbind(name))))
				noError(t, s.Close())
			}
		})
	}
	group.Wait()
	for _, r := range registries {
		if len(r.places) != 0 || len(r.layers) != 0 {
			t.Errorf("%v keeps %d places and %d layers", r, len(r.places), len(r.layers))
		}
	}
}

// When a scope is closed that was a root of its own, registries part that other scopes
// connect in two sets, and those stay together that other scopes connect in one.
func TestOnlyUnconnectedPart(t *testing.T) {
	registries := func() (east, west, orders, node *Registry) {
		return NewRegistry(Engine, "east"), NewRegistry(Engine, "west"), NewRegistry(Pipeline, "orders"), NewRegistry(Node, "node")
	}
	east, west, orders, node := registries()
	composed(t, east, orders)
	composed(t, west, node)
	noError(t, composed(t, orders, node).Close())
	if orders.root() == node.root() || orders.root() != east.root() || node.root() != west.root() {
		t.Error("two sets do not have a lock each")
	}
	east, _, orders, node = registries()
	composed(t, east, orders, node)
	noError(t, composed(t, orders, node).Close())
	if orders.root() != node.root() || orders.root() != east.root() {
		t.Error("what another scope connects has several locks")
	}
}

// Close goes once through the scopes that its registries are connected with, and not once
// for each of them.
func TestPartingWalksOnce(t *testing.T) {
	east, west, orders, node := NewRegistry(Engine, "east"), NewRegistry(Engine, "west"), NewRegistry(Pipeline, "orders"), NewRegistry(Node, "node")
	composed(t, east, orders)
	composed(t, west, node)
	const n = 300
	for i := range n {
		composed(t, east, NewRegistry(Pipeline, fmt.Sprint("returns", i)))
	}
	got := testing.AllocsPerRun(5, func() { noError(t, composed(t, orders, node).Close()) })
	if got > n {
		t.Errorf("%v allocations among %d scopes", got, n)
	}
}
