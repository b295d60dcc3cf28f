package capability_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A private registry is narrower than another one of its level, and may bind what only
// other levels may.
func TestPrivateRegistry(t *testing.T) {
	lamps := capability.New[int]("lamps", "shine", capability.OnlyAt(capability.Engine))
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	own := inside.Private(int(capability.Pipeline), "own").(*capability.Registry)
	must(engine.Apply(lamps.Bind("ceiling", 1)))
	must(own.Apply(lamps.Bind("desk", 2)))
	for _, registries := range [][]*capability.Registry{{own, orders, engine}, {engine, orders, own}, {orders, own, engine}} {
		scope, err := capability.Compose(registries...)
		if err != nil {
			t.Fatal(err)
		}
		if got := scope.String(); got != "own over orders over engine" {
			t.Errorf("got %s", got)
		}
		if lamp, err := lamps.Handle(scope); err != nil || lamp.Get() != 2 {
			t.Errorf("%v is on: %v", lamp, err)
		}
		must(scope.Close())
	}
	other := inside.Private(int(capability.Pipeline), "other").(*capability.Registry)
	if _, err := capability.Compose(own, other); err == nil || !strings.Contains(err.Error(), "neither is narrower") {
		t.Errorf("two private registries of one level: %v", err)
	}
	if err := orders.Apply(lamps.Bind("floor", 3)); err == nil {
		t.Error("a registry of the wrong level binds")
	}
}

// The scope of an error names a private registry only where it is the narrowest.
func TestPrivateRegistryInErrors(t *testing.T) {
	lamps := capability.New[int]("lamps", "shine")
	engine, node := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Node, "node")
	own := inside.Private(int(capability.Pipeline), "own").(*capability.Registry)
	must(engine.Apply(lamps.Bind("ceiling", 1)))
	must(own.Apply(lamps.Bind("desk", 2)))
	scope := must1(capability.Compose(engine, own, node))
	defer scope.Close()
	all := must1(lamps.All().Handle(scope))
	for _, want := range []string{"own over engine", "node over engine"} {
		var e *capability.Error
		err := capability.Each(all.Get(), func(int) error { return fmt.Errorf("it is dark") })
		if !errors.As(err, &e) || e.Scope != want {
			t.Errorf("want the scope %s, got %v", want, err)
		}
		must(node.Apply(lamps.Bind("pocket", 3)))
		node = capability.NewRegistry(capability.Node, "another")
	}
}

// Users are the scopes that have resolved what a registry binds, in whatever way, if
// that is what they see.
func TestUsers(t *testing.T) {
	lamps := capability.New[int]("lamps", "shine")
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(lamps.Bind("ceiling", 1), lamps.Bind("desk", 2)))
	var scopes []*capability.Scope
	scope := func(name string, changes ...capability.Change) *capability.Scope {
		r := capability.NewRegistry(capability.Pipeline, name)
		s, err := capability.Compose(r, engine)
		must(err)
		must(r.Apply(changes...))
		scopes = append(scopes, s)
		return s
	}
	all, named, another, derives := scope("all"), scope("named"), scope("another"), scope("derives")
	masks, rebinds := scope("masks", lamps.Mask("ceiling")), scope("rebinds", lamps.Rebind("ceiling", 3))
	own := inside.Private(int(capability.Pipeline), "own").(*capability.Registry)
	mine, err := named.With(own)
	must(err)
	for _, s := range []*capability.Scope{all, masks, rebinds, mine} {
		must1(lamps.All().Handle(s))
	}
	must1(lamps.Named("ceiling").Leased(named))
	must1(lamps.Named("desk").Handle(another))
	must1(capability.Derive(func(r *capability.Resolver) (int, error) { return lamps.Named("ceiling").In(r) }).Handle(derives))
	users := func() (names []string) {
		for _, u := range inside.Users(engine, "lamps", "ceiling", func(r any) bool { return r == any(own) }) {
			u, _, _ = strings.Cut(u, ", which resolved it at ")
			names = append(names, u)
		}
		return names
	}
	if diff := cmp.Diff([]string{`a build for scope "derives over engine"`, `scope "all over engine"`, `scope "named over engine"`}, users()); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	left := inside.Left(engine)
	for _, s := range append(scopes, mine) {
		select {
		case <-left:
			t.Error("a scope is said to be closed before it is")
		default:
		}
		must(s.Close())
		<-left
		left = inside.Left(engine)
	}
	if got := users(); len(got) != 0 {
		t.Errorf("all scopes are closed, and users are %v", got)
	}
}

// A maker may take the place of a value, and of another maker.
func TestReboundMaker(t *testing.T) {
	lamps := capability.New[string]("lamps", "shine")
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(lamps.Bind("ceiling", "value"), lamps.Bind("desk", "desk")))
	scope := must1(capability.Compose(engine))
	lamp := must1(lamps.Named("ceiling").Handle(scope))
	made := 0
	maker := lamps.BindPerScope("ceiling", func(*capability.Resolver) (string, error) {
		made++
		return fmt.Sprint("made ", made), nil
	})
	for _, want := range []string{"made 1", "made 2"} {
		must(engine.Apply(inside.Rebound(maker).(capability.Change)))
		if got := lamp.Get(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	must(engine.Apply(lamps.Rebind("ceiling", "value")))
	if got := lamp.Get(); got != "value" || made != 2 {
		t.Errorf("got %s, %d were made", got, made)
	}
	if names := must1(lamps.All().Handle(scope)).Get().Names(); names[0] != "ceiling" {
		t.Errorf("the order is %v", names)
	}
}

// Who uses what was lent holds what is bound in its place: it is retired when the last use
// has returned, and is not pending before it is given up itself. A commit that is refused
// leaves nothing behind.
func TestLoan(t *testing.T) {
	lamps := capability.New[int]("lamps", "shine")
	engine := capability.NewRegistry(capability.Engine, "engine")
	own := inside.Private(int(capability.Engine), "own").(*capability.Registry)
	retired := make(chan struct{})
	ceiling := lamps.Bind("ceiling", 1).OnRetire(func() error { close(retired); return nil })
	scope, err := capability.Compose(own, engine)
	must(err)
	must(own.Apply(inside.Lent(ceiling).(capability.Binding)))
	lamp, err := lamps.Leased(scope)
	must(err)

	unbind := own.Stage(inside.Unbind(ceiling).(capability.Change))
	err = capability.Commit(engine.Stage(ceiling, lamps.Rebind("floor", 2)), unbind)
	if err == nil || inside.Binds(engine, "lamps", "ceiling") {
		t.Fatalf("a commit that should be refused: %v", err)
	}
	must(lamp.Use(func(int) error {
		must(capability.Commit(engine.Stage(ceiling), unbind))
		if p := scope.Snapshot().Pending; len(p) > 0 {
			t.Errorf("what was lent is pending: %v", p)
		}
		must(engine.Apply(lamps.Rebind("ceiling", 3)))
		want := []string{fmt.Sprintf("a lease of scope %q resolved at %s", "own over engine", scope.Snapshot().Capabilities[0].Resolved[0].Site)}
		if diff := cmp.Diff(want, inside.Holding(engine, "ceiling")); diff != "" {
			t.Errorf("the ceiling is held by (-want +got):\n%s", diff)
		}
		select {
		case <-retired:
			t.Error("it is retired under a lease")
		default:
		}
		return nil
	}))
	<-retired
	must(engine.Drain(t.Context()))
	if got := inside.Holding(engine, "ceiling"); got != nil {
		t.Errorf("after it was retired the ceiling is held by %q", got)
	}
	must(scope.Close())
	must(own.Close(t.Context()))
	must(engine.Close(t.Context()))
}

// A binding is accepted once, also by registries of no common scope, and an OnRetire that
// was accepted is not told again.
func TestAcceptedOnce(t *testing.T) {
	lamps := capability.New[int]("lamps", "shine")
	one, other := capability.NewRegistry(capability.Engine, "one"), capability.NewRegistry(capability.Engine, "other")
	b := lamps.Bind("ceiling", 1).OnRetire(func() error { return nil })
	if is, _ := inside.BindingOf(b); len(is.Retire) != 1 || !is.Retires {
		t.Errorf("before it is bound there is %+v to retire", is)
	}
	must(one.Apply(b))
	if err := other.Apply(b); err == nil || inside.Binds(other, "lamps", "ceiling") {
		t.Errorf("it is accepted twice: %v", err)
	}
	if is, _ := inside.BindingOf(b); len(is.Retire) != 0 || !is.Retires {
		t.Errorf("after it was bound there is %+v to retire", is)
	}
	must(one.Close(t.Context()))
	must(other.Close(t.Context()))
}

// Who looks sees what is opened until it is closed.
func TestOpenedUntilClosed(t *testing.T) {
	since, stop := inside.Look()
	defer stop()
	open := func() (names []string) {
		for _, o := range inside.StillOpen(since) {
			if strings.Contains(o.Name, "looked_at") {
				names = append(names, o.Name)
				if !strings.Contains(o.Site, "inside_test.go:") {
					t.Errorf("%s was opened at %s", o.Name, o.Site)
				}
			}
		}
		return names
	}
	r := capability.NewRegistry(capability.Engine, "looked_at")
	scope := must1(capability.Compose(r))
	registry, both := `registry "looked_at" (engine)`, []string{`registry "looked_at" (engine)`, `scope "looked_at"`}
	if diff := cmp.Diff(both, open()); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	must(scope.Close())
	if diff := cmp.Diff([]string{registry}, open()); diff != "" {
		t.Errorf("without the scope (-want +got):\n%s", diff)
	}
	must(r.Close(t.Context()))
	if got := open(); got != nil {
		t.Errorf("all is closed, and %q are open", got)
	}
}
