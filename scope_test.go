// Scopes: lists by name, many names, and the snapshot.

package capability_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A Mask or Select by name, of a registry that says nothing else, reaches the
// handles of every capability of that name.
func TestListsByNameReachHandles(t *testing.T) {
	namesake := capability.New[string]("gauge", "has the name of another, in another engine")
	east, west := capability.NewRegistry(capability.Engine, "east"), capability.NewRegistry(capability.Engine, "west")
	shared := capability.NewRegistry(capability.Pipeline, "shared")
	must(east.Apply(Gauges.Bind("a", 1), Gauges.Bind("b", 2)))
	must(west.Apply(namesake.Bind("a", "one"), namesake.Bind("b", "two")))
	inEast, err := capability.Compose(shared, east)
	must(err)
	inWest, err := capability.Compose(shared, west)
	must(err)
	eastern, err := Gauges.All().Handle(inEast)
	must(err)
	western, err := namesake.All().Handle(inWest)
	must(err)
	for _, step := range []struct {
		change capability.Change
		want   []string
	}{
		{capability.Mask("gauge", "a"), []string{"b"}},
		{capability.Select("gauge", "b", "a"), []string{"b"}}, // a is masked still
		{capability.Mask("gauge"), []string{"b", "a"}},
		{capability.Select("gauge"), []string{"a", "b"}},
	} {
		must(shared.Apply(step.change))
		for _, got := range [][]string{eastern.Get().Names(), western.Get().Names()} {
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("after %v (-want +got):\n%s", step.want, diff)
			}
		}
	}
	must(inEast.Close())
	must(inWest.Close())
}

// A Mask by name is in force also where nobody broader has bound the capability yet.
func TestListsByNameWaitForProviders(t *testing.T) {
	east, west := capability.NewRegistry(capability.Engine, "east"), capability.NewRegistry(capability.Engine, "west")
	shared := capability.NewRegistry(capability.Pipeline, "shared")
	must(west.Apply(Gauges.Bind("a", 1)))
	inEast, inWest := must1(capability.Compose(shared, east)), must1(capability.Compose(shared, west))
	eastern := must1(Gauges.All().Handle(inEast))
	must(shared.Apply(capability.Mask("gauge", "a")))
	must(east.Apply(Gauges.Bind("a", 2), Gauges.Bind("b", 3)))
	if diff := cmp.Diff([]string{"b"}, eastern.Get().Names()); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	must(inEast.Close())
	must(inWest.Close())
}

// What the selected declare of each other counts for nothing; what others declare does.
func TestSelectedStandAsSelected(t *testing.T) {
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Gauges.Bind("a", 1).After("b").Priority(-1), Gauges.Bind("b", 2).Before("a").After("own"), Gauges.Bind("c", 3).Before("a")))
	must(orders.Apply(Gauges.Select("a", "b", "c")))
	scope, err := capability.Compose(orders, engine)
	must(err)
	defer scope.Close()
	all, err := Gauges.All().Handle(scope)
	must(err)
	for _, step := range []struct {
		over capability.Change
		want []string
	}{
		{capability.Changes{}, []string{"a", "b", "c"}},
		{Gauges.Bind("own", 4).After("b"), []string{"a", "b", "own", "c"}},
	} {
		narrow := capability.NewRegistry(capability.Node, "narrow")
		must(narrow.Apply(step.over))
		scope, err := capability.Compose(narrow, orders, engine)
		must(err)
		here, err := Gauges.All().Handle(scope)
		must(err)
		if diff := cmp.Diff(step.want, here.Get().Names()); diff != "" {
			t.Errorf("below a registry of its own (-want +got):\n%s", diff)
		}
		must(scope.Close())
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, all.Get().Names()); diff != "" {
		t.Errorf("as selected (-want +got):\n%s", diff)
	}
}

// A Select that leaves all where they are decides which is the one.
func TestSelectDecidesTheOne(t *testing.T) {
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Gauges.Bind("a", 1), Gauges.Bind("b", 2)))
	scope, err := capability.Compose(orders, engine)
	must(err)
	defer scope.Close()
	must(second(Gauges.All().Handle(scope)))
	if err := second(Gauges.Handle(scope)); !errors.Is(err, capability.ErrAmbiguous) {
		t.Errorf("one of two: %v", err)
	}
	must(orders.Apply(Gauges.Select("a", "b")))
	if one, err := Gauges.Handle(scope); err != nil || one.Get() != 1 {
		t.Fatalf("the first of those selected: %v", err)
	}
	if err := orders.Apply(Gauges.Select()); !errors.Is(err, capability.ErrInUse) {
		t.Errorf("without the Select: %v", err)
	}
}

// The errors of a Resolve get hints, however many a former one got.
func TestHintsDoNotRunOut(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Gauges.Bind("pressure", 1)))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	must(second(Gauges.All().Handle(scope)))
	for range 30 {
		if _, err := Gauges.Named("presure").Handle(scope); err == nil || !strings.Contains(err.Error(), "did you mean") {
			t.Fatalf("got %v", err)
		}
	}
}

// Who asks for one of many gets that one, before and after it is replaced.
func TestNamedAmongMany(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var handles [40]capability.Handle[Gauge]
	var needs []capability.Need
	var rebinds capability.Changes
	for i := range handles {
		name := fmt.Sprint("g", i)
		must(engine.Apply(Gauges.Bind(name, Gauge(i))))
		needs = append(needs, Gauges.Named(name).Into(&handles[i]))
		rebinds = append(rebinds, Gauges.Rebind(name, Gauge(100+i)))
	}
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	must(scope.Resolve(needs...))
	must(engine.Apply(rebinds))
	for i, h := range handles {
		if h.Get() != Gauge(100+i) {
			t.Errorf("g%d is %d, want %d", i, h.Get(), 100+i)
		}
	}
	if _, err := Gauges.Named("g40").Handle(scope); !errors.Is(err, capability.ErrNotProvided) {
		t.Errorf("asking for g40: %v", err)
	}
	if err := engine.Apply(Gauges.Unbind("g7")); !errors.Is(err, capability.ErrInUse) {
		t.Errorf("unbinding g7: %v", err)
	}
}

// A snapshot says who is seen and who is not, and why.
func TestSnapshotSaysWhy(t *testing.T) {
	alone := capability.New[Gauge]("alone", "is shadowed", capability.Shadow())
	engine, eu, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(250, "eu"), capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(
		Gauges.Bind("hidden", 1), Gauges.Bind("masked", 2), Gauges.Bind("left", 3), Gauges.Bind("kept", 4).Priority(2).Before("left"),
		Gauges.Bind("gone", 5), Gauges.Bind("moved", 6).Meta(capability.Meta{Version: "1"}), alone.Bind("broad", 1),
	))
	must(eu.Apply(Gauges.Mask("masked"), Gauges.Bind("hidden", 7), alone.Bind("near", 2)))
	scope, err := capability.Compose(engine, eu, orders)
	must(err)
	must(orders.Apply(
		Gauges.Rebind("moved", 8).Meta(capability.Meta{Version: "2"}), Gauges.Rebind("gone", 9),
		Gauges.Select("moved", "kept", "hidden"), Gauges.Bind("own", 10).After("moved"),
	))
	must(engine.Apply(Gauges.Unbind("gone")))
	var h capability.ChainHandle[Gauge]
	must(scope.Resolve(Gauges.All().Into(&h)))

	want := `scope "orders over eu over engine"
alone: is shadowed
  1. near from eu (level 250)
  -  broad from engine (engine), shadowed by eu
gauge: shows which version is bound
  1. moved from orders (pipeline), rebound
  2. kept from engine (engine), priority 2, before left
  3. hidden from eu (level 250)
  -  masked from engine (engine), masked by eu
  -  hidden from engine (engine), hidden by eu
  -  moved from engine (engine), replaced by orders
  -  gone from orders (pipeline), rebound, unmatched by orders
  -  own from orders (pipeline), after moved, not selected by orders
  -  left from engine (engine), not selected by orders
`
	snap := scope.Snapshot()
	if diff := cmp.Diff(want, snap.String()); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	gauge := snap.Capabilities[1]
	if gauge.Providers[0].Meta.Version != "2" || len(gauge.Resolved) != 1 || !strings.Contains(gauge.Resolved[0].Site, "scope_test.go:") || !strings.Contains(gauge.Site, "promise_test.go:") {
		t.Errorf("meta %v, resolved at %v, declared at %v", gauge.Providers[0].Meta, gauge.Resolved, gauge.Site)
	}
	must(scope.Close())
	if closed := scope.Snapshot(); closed.Capabilities != nil || len(closed.Registries) != 3 {
		t.Errorf("the snapshot of a closed scope: %+v", closed)
	}
	if got := orders.Level(); got != capability.Pipeline {
		t.Errorf("level %v", got)
	}
	if text := alone.String(); !strings.HasPrefix(text, "alone (Capability[capability_test.Gauge], ") {
		t.Errorf("a key prints as %s", text)
	}
}
