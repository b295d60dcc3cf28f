// Instances of BindPerScope: how often makers run, what they see and what becomes
// of what they made, on random worlds and in the cases that random ones miss.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
)

// A mill is what a maker made for a scope, or what is bound for all.
type mill struct {
	of    string // who made or bound it
	grain string // what its maker saw
	shut  atomic.Int32
}

func (m *mill) retire() error { m.shut.Add(1); return nil }

var (
	mills  = capability.New[*mill]("mill", "grinds grain")
	grains = capability.New[*mill]("grain", "is ground")
	waters = capability.New[*mill]("water", "drives mills")
)

// millMaker makes mills and keeps them in made.
func millMaker(of string, made *[]*mill) func(*capability.Resolver) (*mill, error) {
	return func(r *capability.Resolver) (*mill, error) {
		m := &mill{of: of}
		*made = append(*made, m)
		r.OnRetire(m.retire)
		return m, nil
	}
}

// opened returns a scope that is closed with the test.
func opened(t *testing.T, registries ...*capability.Registry) *capability.Scope {
	t.Helper()
	s, err := capability.Compose(registries...)
	must(err)
	t.Cleanup(func() { must(s.Close()) })
	return s
}

// shutMills returns how often each was retired.
func shutMills(made []*mill) []int32 {
	var counts []int32
	for _, m := range made {
		counts = append(counts, m.shut.Load())
	}
	return counts
}

func TestMakerRunsOncePerScopeHoweverAsked(t *testing.T) {
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	var made []*mill
	must(engine.Apply(mills.BindPerScope("wind", millMaker("wind", &made))))
	a, b := opened(t, engine), opened(t, engine, orders)
	if len(made) != 0 {
		t.Errorf("%d made before anybody asked", len(made))
	}
	var one, named capability.Handle[*mill]
	var all capability.ChainHandle[*mill]
	var leased capability.Leased[*mill]
	must(a.Resolve(mills.Into(&one), mills.Named("wind").Into(&named), mills.All().Into(&all), mills.IntoLeased(&leased)))
	first, _ := all.Get().First()
	must(leased.Use(func(m *mill) error {
		if m != one.Get() || m != named.Get() || m != first || len(made) != 1 {
			t.Errorf("%d made for one scope", len(made))
		}
		return nil
	}))
	derived, err := capability.Derive(func(r *capability.Resolver) (*mill, error) { return mills.In(r) }).Handle(b)
	must(err)
	chain, err := mills.All().Handle(b)
	must(err)
	other := derived.Get()
	if got, _ := chain.Get().First(); len(made) != 2 || got != other || other == first {
		t.Errorf("%d made for two scopes", len(made))
	}
	steps := []struct {
		change capability.Change
		want   []string
	}{
		{capability.Changes{mills.Bind("own", &mill{of: "own"}), mills.Mask("wind")}, []string{"own"}},
		{mills.Mask(), []string{"own", "wind"}},
		{mills.Select("wind"), []string{"wind"}},
		{capability.Changes{mills.Select(), mills.Rebind("wind", &mill{of: "new"})}, []string{"own", "new"}},
		{mills.Unbind("wind"), []string{"own", "wind"}},
	}
	for _, s := range steps {
		must(orders.Apply(s.change))
		var got []string
		for _, m := range chain.Get().Values() {
			got = append(got, m.of)
			if m.of == "wind" && m != other {
				t.Error("the instance is another one")
			}
		}
		if diff := cmp.Diff(s.want, got); diff != "" || len(made) != 2 {
			t.Errorf("%d made; the chain (-want +got):\n%s", len(made), diff)
		}
	}
	if diff := cmp.Diff([]int32{0, 0}, shutMills(made)); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

func TestInstanceIsRetiredWithItsScopeOrItsBinding(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var made []*mill
	must(engine.Apply(mills.BindPerScope("wind", millMaker("wind", &made)), mills.Bind("spare", &mill{of: "spare"}).Priority(-1)))
	a, b := opened(t, engine), opened(t, engine)
	la, err := mills.Leased(a)
	must(err)
	lb, err := mills.All().Leased(b)
	must(err)
	must(la.Use(func(m *mill) error {
		must(a.Close())
		if m.shut.Load() != 0 {
			t.Error("retired in use")
		}
		return nil
	}))
	must(engine.Drain(t.Context()))
	if diff := cmp.Diff([]int32{1, 0}, shutMills(made)); diff != "" {
		t.Errorf("after the close of a scope (-want +got):\n%s", diff)
	}
	must(lb.Use(func(c capability.Chain[*mill]) error {
		must(engine.Apply(mills.Unbind("wind")))
		if first, _ := c.First(); first.shut.Load() != 0 {
			t.Error("retired in use")
		}
		return nil
	}))
	must(engine.Drain(t.Context()))
	if diff := cmp.Diff([]int32{1, 1}, shutMills(made)); diff != "" {
		t.Errorf("after the end of the binding (-want +got):\n%s", diff)
	}
}

// A Binding may be kept: bound in two registries, it is two bindings.
func TestOneBindingInTwoRegistries(t *testing.T) {
	east, west := capability.NewRegistry(capability.Engine, "east"), capability.NewRegistry(capability.Engine, "west")
	var made []*mill
	bind := mills.BindPerScope("wind", millMaker("wind", &made))
	must(east.Apply(bind))
	must(west.Apply(bind))
	_, err := mills.Leased(opened(t, east))
	must(err)
	kept, err := mills.Leased(opened(t, west))
	must(err)
	if err := east.Apply(mills.Unbind("wind")); !errors.Is(err, capability.ErrInUse) {
		t.Errorf("unbind: %v, want %v", err, capability.ErrInUse)
	}
	must(east.Apply(mills.Rebind("wind", &mill{of: "other"})))
	must(east.Drain(t.Context()))
	must(west.Drain(t.Context()))
	must(kept.Use(func(m *mill) error {
		if m.shut.Load() != 0 {
			t.Error("the instance of a scope was retired with the binding of a registry that the scope does not have")
		}
		return nil
	}))
	if diff := cmp.Diff([]int32{1, 0}, shutMills(made)); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

func TestOneBindingAtTwoLevels(t *testing.T) {
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	var made []*mill
	bind := mills.BindPerScope("wind", func(r *capability.Resolver) (*mill, error) {
		m := &mill{of: "wind"}
		made = append(made, m)
		r.OnRetire(m.retire)
		inner, err := mills.All().In(r)
		m.grain = fmt.Sprint("on ", inner.Len())
		return m, err
	})
	must(engine.Apply(bind))
	must(orders.Apply(bind))
	s := opened(t, engine, orders)
	l, err := mills.Leased(s)
	must(err)
	must(l.Use(func(m *mill) error {
		if m.grain != "on 1" || len(made) != 2 {
			t.Errorf("the narrower is made %s of the broader, %d made", m.grain, len(made))
		}
		return nil
	}))
	must(engine.Apply(mills.Unbind("wind")))
	must(orders.Apply(mills.Rebind("wind", &mill{of: "new"})))
	must(engine.Drain(t.Context()))
	if diff := cmp.Diff([]int32{1, 1}, shutMills(made)); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

func TestBindingBoundAnewInOneCommit(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var made []*mill
	bind := mills.BindPerScope("wind", millMaker("wind", &made))
	must(engine.Apply(bind))
	l, err := mills.Leased(opened(t, engine))
	must(err)
	must(engine.Apply(mills.Unbind("wind"), bind))
	must(engine.Drain(t.Context()))
	must(l.Use(func(m *mill) error {
		if len(made) != 2 || m != made[1] {
			t.Errorf("%d made, the first is shown: %v", len(made), m == made[0])
		}
		return nil
	}))
	if diff := cmp.Diff([]int32{1, 0}, shutMills(made)); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

// What only builds read shows nothing once its maker has failed, neither to
// later builds nor to later handles.
func TestMakerFailsWhereABuildDoesWithout(t *testing.T) {
	for name, first := range map[string]func(made *[]*mill) capability.Change{
		"in the place of an instance": func(made *[]*mill) capability.Change { return mills.BindPerScope("wind", millMaker("wind", made)) },
		"in the place of a value":     func(*[]*mill) capability.Change { return mills.Bind("wind", &mill{of: "wind"}) },
	} {
		t.Run(name, func(t *testing.T) {
			engine := capability.NewRegistry(capability.Engine, "engine")
			var made []*mill
			must(engine.Apply(first(&made), grains.Bind("rye", &mill{of: "rye"})))
			s := opened(t, engine)
			query := capability.Derive(func(r *capability.Resolver) (string, error) {
				grain, err := grains.In(r)
				if err != nil {
					return "", err
				}
				m, err := mills.In(r)
				c, errAll := mills.All().In(r)
				if err != nil || errAll != nil {
					return grain.of + " by hand", nil
				}
				return fmt.Sprint(grain.of, " by ", m.of, c.Names()), nil
			})
			got, err := query.Handle(s)
			must(err)
			broken := true
			must(engine.Apply(mills.Unbind("wind"), mills.BindPerScope("water", func(*capability.Resolver) (*mill, error) {
				if broken {
					return nil, errors.New("the brook is dry")
				}
				return &mill{of: "water"}, nil
			})))
			values := []string{got.Get()}
			must(engine.Apply(grains.Rebind("rye", &mill{of: "oats"})))
			values = append(values, got.Get())
			if diff := cmp.Diff([]string{"rye by hand", "oats by hand"}, values); diff != "" {
				t.Errorf("derived (-want +got):\n%s", diff)
			}
			broken = false
			var one capability.Handle[*mill]
			var leased capability.Leased[*mill]
			var all capability.ChainHandle[*mill]
			must(s.Resolve(mills.Into(&one), mills.IntoLeased(&leased), mills.All().Into(&all)))
			must(leased.Use(func(m *mill) error {
				if first, _ := all.Get().First(); m != one.Get() || m != first || m.of != "water" {
					t.Errorf("leased %s, the one %s, the first %s, want water", m.of, one.Get().of, first.of)
				}
				return nil
			}))
		})
	}
}

func TestDecoratorsOverThreeLevels(t *testing.T) {
	engine, eu, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Group, "eu"), capability.NewRegistry(capability.Pipeline, "orders")
	level := capability.Derive(func(r *capability.Resolver) (string, error) {
		w, err := waters.In(r)
		if err != nil {
			return "", err
		}
		return w.of, nil
	})
	made := 0
	around := func(name string) capability.Change {
		return mills.BindPerScope("stone", func(r *capability.Resolver) (*mill, error) {
			made++
			inner, err := mills.In(r)
			if err != nil {
				return nil, err
			}
			own, err := mills.All().In(r)
			if err != nil {
				return nil, err
			}
			if got := own.Len(); got != 1 {
				return nil, fmt.Errorf("%s sees %d mills of broader registries", name, got)
			}
			grain, err := grains.All().In(r)
			if err != nil {
				return nil, err
			}
			w, err := level.In(r)
			return &mill{of: fmt.Sprintf("%s(%s) %d %s", name, inner.of, grain.Len(), w)}, err
		})
	}
	must(engine.Apply(mills.Bind("stone", &mill{of: "stone"}), grains.Bind("rye", &mill{}), waters.Bind("brook", &mill{of: "brook"})))
	must(eu.Apply(around("eu")))
	must(orders.Apply(around("orders"), grains.Bind("oats", &mill{}), waters.Bind("river", &mill{of: "river"})))
	want := []string{"stone", "eu(stone) 1 brook", "orders(eu(stone) 2 river) 2 river", "orders(stone) 2 river"}
	var got []string
	for _, s := range []*capability.Scope{
		opened(t, engine), opened(t, eu, engine), opened(t, orders, eu, engine), opened(t, orders, engine),
	} {
		h, err := mills.Handle(s)
		must(err)
		got = append(got, h.Get().of)
	}
	if diff := cmp.Diff(want, got); diff != "" || made != 4 {
		t.Errorf("%d made (-want +got):\n%s", made, diff)
	}
	must(engine.Apply(grains.Bind("maize", &mill{}), waters.Rebind("brook", &mill{of: "flood"})))
	if made != 4 {
		t.Errorf("%d made, 4 before a change of what they read", made)
	}
}

// cycleOf returns a registry and n capabilities, of which the maker of each reads
// the next one, through a derived query if derived is true.
func cycleOf(n int, derived bool, name string) (*capability.Registry, []capability.Capability[int]) {
	r := capability.NewRegistry(capability.Engine, name+"-registry")
	keys := make([]capability.Capability[int], n)
	for i := range keys {
		keys[i] = capability.New[int](fmt.Sprint(name, "-", i), "is part of a cycle")
	}
	for i, key := range keys {
		next := keys[(i+1)%n].Named("")
		if derived {
			inner := next
			next = capability.Derive(func(r *capability.Resolver) (int, error) { return inner.In(r) })
		}
		must(r.Apply(key.BindPerScope(name+"-provider", func(r *capability.Resolver) (int, error) { return next.In(r) })))
	}
	return r, keys
}

func TestCyclesOfMakersAreRefused(t *testing.T) {
	for _, n := range []int{1, 2, 3, 300} {
		for _, derived := range []bool{false, true} {
			for what, name := range map[string]string{"short names": "gear", "long names": strings.Repeat("g", 180)} {
				if n == 1 && !derived {
					continue // it sees only broader registries, so it is no cycle
				}
				t.Run(fmt.Sprintf("%d, derived %v, %s", n, derived, what), func(t *testing.T) {
					r, keys := cycleOf(n, derived, name)
					s := opened(t, r, capability.NewRegistry(capability.Group, name+"-group"), capability.NewRegistry(capability.Pipeline, name+"-pipeline"))
					_, err := keys[0].Handle(s)
					if !errors.Is(err, capability.ErrCycle) {
						t.Fatalf("handle: %v, want %v", err, capability.ErrCycle)
					}
					text := err.Error()
					if len(text) > 600 || strings.Contains(text, "\n") {
						t.Errorf("the text has %d bytes:\n%s", len(text), text)
					}
					if n == 2 && what == "short names" {
						for _, member := range []string{"of gear-0 at", "of gear-1 at"} {
							if !strings.Contains(text, member) {
								t.Errorf("%q is not in the text: %s", member, text)
							}
						}
						if derived != strings.Contains(text, "Derive at") {
							t.Errorf("derived queries in the text: %s", text)
						}
					}
					must(r.Apply(keys[0].Rebind(name+"-provider", 7)))
					h, err := keys[n-1].Handle(s)
					must(err)
					if h.Get() != 7 {
						t.Errorf("after the cut it is %d", h.Get())
					}
				})
			}
		}
	}
}

func TestMisbehavingMakers(t *testing.T) {
	errDry := errors.New("the brook is dry")
	var none *mill
	for name, c := range map[string]struct {
		make func() (*mill, error)
		want error
	}{
		"error":                      {func() (*mill, error) { return &mill{}, errDry }, errDry},
		"panic":                      {func() (*mill, error) { panic("on fire") }, capability.ErrPanic},
		"panic with an error":        {func() (*mill, error) { panic(errDry) }, errDry},
		"goexit":                     {func() (*mill, error) { runtime.Goexit(); return nil, nil }, capability.ErrPanic},
		"nil and no error":           {func() (*mill, error) { return nil, nil }, capability.ErrInvalid},
		"typed nil and no error":     {func() (*mill, error) { return none, nil }, capability.ErrInvalid},
		"an error with a code":       {func() (*mill, error) { return nil, fmt.Errorf("dry: %w", capability.Code("dry")) }, capability.Code("dry")},
		"an error with nil receiver": {func() (*mill, error) { return nil, (*capability.Error)(nil) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
			must(engine.Apply(mills.Bind("spare", &mill{of: "spare"})))
			s := opened(t, engine, orders)
			var made []*mill
			bad := func(r *capability.Resolver) (*mill, error) {
				if _, err := millMaker("bad", &made)(r); err != nil {
					return nil, err
				}
				return c.make()
			}
			chain, err := mills.All().Leased(s)
			must(err)
			inCommit := orders.Apply(mills.BindPerScope("bad", bad).Priority(1), grains.Bind("rye", &mill{}))
			must(engine.Apply(waters.BindPerScope("bad", bad)))
			_, inHandle := waters.Handle(s)
			_, inLeased := waters.All().Leased(s)
			_, inBuild := capability.Derive(func(r *capability.Resolver) (*mill, error) { return waters.In(r) }).Handle(s)
			_, notThere := grains.Handle(s)
			for what, err := range map[string]error{"commit": inCommit, "handle": inHandle, "leased": inLeased, "build": inBuild} {
				if err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
				if _, several := err.(interface{ Unwrap() []error }); several || strings.Count(fmt.Sprint(err), `provider "bad"`) != 1 {
					t.Errorf("%s: %v, want one error that names the provider bad", what, err)
				}
			}
			if !errors.Is(notThere, capability.ErrNotProvided) {
				t.Errorf("a refused commit bound something: %v", notThere)
			}
			must(chain.Use(func(c capability.Chain[*mill]) error {
				if diff := cmp.Diff([]string{"spare"}, c.Names()); diff != "" {
					t.Errorf("the chain (-want +got):\n%s", diff)
				}
				return nil
			}))
			must(engine.Drain(t.Context()))
			if diff := cmp.Diff([]int32{1, 1, 1, 1}, shutMills(made)); diff != "" {
				t.Errorf("retired (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNilMakerIsRefused(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var made []*mill
	for name, change := range map[string]capability.Change{
		"nil maker":         mills.BindPerScope("wind", nil),
		"OnRetire":          mills.BindPerScope("wind", millMaker("wind", &made)).OnRetire(func() error { return nil }),
		"no name":           mills.BindPerScope("", millMaker("wind", &made)),
		"zero capability":   capability.Capability[*mill]{}.BindPerScope("wind", millMaker("wind", &made)),
		"grace less than 0": mills.BindPerScope("wind", millMaker("wind", &made)).Grace(-1),
	} {
		if err := engine.Apply(change); !errors.Is(err, capability.ErrInvalid) {
			t.Errorf("%s: %v, want %v", name, err, capability.ErrInvalid)
		}
	}
}

// Makers that fail are told apart, and each is told once, of the scope that is first by
// name.
func TestMakersThatFailAreToldApart(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	for _, name := range []string{"b", "a", "c"} {
		scope := opened(t, engine, capability.NewRegistry(capability.Pipeline, name))
		must(second(mills.All().Handle(scope)))
		must(second(grains.All().Handle(scope)))
	}
	fails := func(*capability.Resolver) (*mill, error) { return nil, errors.New("the brook is dry") }
	err := engine.Apply(mills.BindPerScope("water", fails), grains.BindPerScope("rye", fails))
	var got []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *capability.Error
		errors.As(err, &e)
		got = append(got, fmt.Sprint(e.Provider, " in ", e.Scope, ", ", strings.Contains(err.Error(), "2 more scopes")))
	}
	if diff := cmp.Diff([]string{"rye in a over engine, true", "water in a over engine, true"}, got); diff != "" {
		t.Errorf("provider, scope and whether it tells of the others (-want +got):\n%s", diff)
	}
}

func TestMakerThatFailsForOneScopeOfAHundred(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(mills.Bind("spare", &mill{of: "spare"})))
	var chains []capability.ChainHandle[*mill]
	for i := range 100 {
		own := capability.NewRegistry(capability.Pipeline, fmt.Sprint("pipeline-", i))
		c, err := mills.All().Handle(opened(t, engine, own))
		must(err)
		chains = append(chains, c)
	}
	errDry := errors.New("the brook is dry")
	var made []*mill
	failing := 57
	bind := mills.BindPerScope("water", func(r *capability.Resolver) (*mill, error) {
		m, err := millMaker("water", &made)(r)
		if len(made) == failing {
			return nil, errDry
		}
		return m, err
	})
	if err := engine.Apply(bind, grains.Bind("rye", &mill{})); !errors.Is(err, errDry) {
		t.Errorf("apply: %v, want %v", err, errDry)
	}
	must(engine.Drain(t.Context()))
	for i, c := range chains {
		if diff := cmp.Diff([]string{"spare"}, c.Get().Names()); diff != "" {
			t.Fatalf("scope %d after a refused commit (-want +got):\n%s", i, diff)
		}
	}
	refused := len(made)
	if refused < 57 {
		t.Errorf("%d makers ran", refused)
	}
	failing = 0
	must(engine.Apply(bind, grains.Bind("rye", &mill{})))
	if got := len(made) - refused; got != 100 {
		t.Errorf("%d made for 100 scopes", got)
	}
	must(engine.Drain(t.Context()))
	for i, n := range shutMills(made) {
		if want := int32(1); i < refused && n != want || i >= refused && n != 0 {
			t.Fatalf("instance %d, %d of which were made in vain, is retired %d times", i, refused, n)
		}
	}
	seen := make(map[*mill]bool)
	for i, c := range chains {
		m, ok := c.Get().Find("water")
		if !ok || seen[m] {
			t.Fatalf("scope %d has no instance of its own", i)
		}
		seen[m] = true
	}
}

// A scope keeps count of what its plain handles may have handed out. What they
// show all the time is not counted anew in each commit.
func TestInstanceIsNotCountedAnewInEachCommit(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var made []*mill
	must(engine.Apply(mills.BindPerScope("wind", millMaker("wind", &made))))
	s, err := capability.Compose(engine)
	must(err)
	_, err = mills.All().Handle(s)
	must(err)
	change := func() {
		must(engine.Apply(mills.Bind("spare", &mill{}).Priority(-1)))
		must(engine.Apply(mills.Unbind("spare")))
	}
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 100 {
		change()
	}
	before := used()
	const commits = 4000
	for range commits {
		change()
	}
	if after := used(); after > before+8*commits {
		t.Errorf("%d bytes more are in use after %d commits that left nothing", after-before, 2*commits)
	}
	must(s.Close())
	must(engine.Close(context.Background()))
	if diff := cmp.Diff([]int32{1}, shutMills(made)); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

// The random worlds of instances: registries of three levels bind makers and
// values of three capabilities. A maker of mills reads all mills of broader
// registries, all grains, and the water through a derived query; a maker of
// grains reads all grains of broader registries; water has no makers.

// A millBinding is what a registry says of a name.
type millBinding struct {
	id    string
	maker bool
}

// A millLayer is what a registry says of a capability.
type millLayer struct {
	binds map[string]*millBinding
	order []string
	mask  []string
}

func (l millLayer) clone() millLayer {
	return millLayer{maps.Clone(l.binds), slices.Clone(l.order), slices.Clone(l.mask)}
}

// A millScope is an open scope, what it resolved and what it has made.
type millScope struct {
	*capability.Scope
	id     int
	layers []string // registries, the narrowest first
	made   map[string]*mill
	held   map[string]func() []*mill // by query
}

// A valley is a random world of mills.
type valley struct {
	registries map[string]*capability.Registry
	layers     map[string]map[string]millLayer // by registry and capability
	scopes     []*millScope
	version    int
	made       []*mill
	inStep     map[string]int // how often each maker ran for each scope in this step
	latest     map[string]*mill
	fails      map[string]string // by id of the binding
}

var (
	valleyKeys = map[string]capability.Capability[*mill]{"mill": mills, "grain": grains, "water": waters}
	valleySite = capability.New[string]("valley", "says which registry is the narrowest")
	waterLevel = capability.Derive(func(r *capability.Resolver) (string, error) {
		c, err := waters.All().In(r)
		return millNames(c.Values()), err
	})
)

// millNames returns who made or bound the mills.
func millNames(list []*mill) string {
	var names []string
	for _, m := range list {
		names = append(names, m.of)
	}
	return strings.Join(names, "+")
}

// entries returns the bindings that the registries show of a capability, in
// order: the narrowest first, each name once.
func (v *valley) entries(registries []string, key string) []*millBinding {
	var list []*millBinding
	hidden := make(map[string]bool)
	for _, r := range registries {
		l := v.layers[r][key]
		for _, name := range l.order {
			if !hidden[name] {
				list = append(list, l.binds[name])
			}
		}
		for _, name := range slices.Concat(l.order, l.mask) {
			hidden[name] = true
		}
	}
	return list
}

// names returns what the chain of the registries should show for a scope.
func (v *valley) names(s *millScope, registries []string, key string) string {
	var names []string
	for _, b := range v.entries(registries, key) {
		name := b.id
		if b.maker {
			name += "@" + fmt.Sprint(s.id)
		}
		names = append(names, name)
	}
	return strings.Join(names, "+")
}

// needed adds to set what the scope has to have made if it shows the chain, and
// reports whether a maker fails on the way.
func (v *valley) needed(s *millScope, registries []string, key string, only string, set map[string]bool) (fails bool) {
	for _, b := range v.entries(registries, key) {
		if only != "" && b.id != only || !b.maker || s.made[b.id] != nil || set[b.id] {
			continue
		}
		set[b.id] = true
		fails = v.needed(s, v.broader(s, b), key, "", set) || fails
		if key == "mill" {
			fails = v.needed(s, s.layers, "grain", "", set) || fails
		}
		fails = fails || v.fails[b.id] != ""
	}
	return fails
}

// broader returns the registries of s that are broader than that of the binding.
func (v *valley) broader(s *millScope, b *millBinding) []string {
	for i, r := range s.layers {
		for _, key := range []string{"mill", "grain"} {
			for _, other := range v.layers[r][key].binds {
				if other == b {
					return s.layers[i+1:]
				}
			}
		}
	}
	panic("a binding of no registry")
}

// maker returns the maker of a binding.
func (v *valley) maker(t *rapid.T, key string, b *millBinding) func(*capability.Resolver) (*mill, error) {
	return func(r *capability.Resolver) (*mill, error) {
		here, err := valleySite.Named("here").In(r)
		if err != nil {
			return nil, err
		}
		s := v.scopes[slices.IndexFunc(v.scopes, func(s *millScope) bool { return s.layers[0] == here })]
		at := fmt.Sprint(b.id, "@", s.id)
		v.inStep[at]++
		m := &mill{of: at}
		v.made = append(v.made, m)
		r.OnRetire(m.retire)
		own, err := valleyKeys[key].All().In(r)
		if err != nil {
			return nil, err
		}
		m.grain = millNames(own.Values())
		if key == "mill" {
			c, err := grains.All().In(r)
			if err != nil {
				return nil, err
			}
			level, err := waterLevel.In(r)
			if err != nil {
				return nil, err
			}
			m.grain += " of " + millNames(c.Values()) + " by " + level
		}
		switch v.fails[b.id] {
		case "error":
			return nil, errors.New("the maker fails")
		case "panic":
			panic("the maker panics")
		case "exit":
			runtime.Goexit()
		}
		v.latest[at] = m
		return m, nil
	}
}

// step works out what the scopes need, does the step and compares.
func (v *valley) step(t *rapid.T, what string, wanted map[*millScope][]string, do func() error) bool {
	fails := false
	want := make(map[*millScope]map[string]bool)
	grain := make(map[string]string)
	for _, s := range v.scopes {
		want[s] = make(map[string]bool)
		for _, q := range slices.Concat(slices.Collect(maps.Keys(s.held)), wanted[s]) {
			key, name, _ := strings.Cut(q, "/")
			only := ""
			if name != "" {
				for _, r := range v.entries(s.layers, key) {
					if strings.HasPrefix(r.id, name+"#") {
						only = r.id
					}
				}
			}
			fails = v.needed(s, s.layers, key, only, want[s]) || fails
		}
		for id := range want[s] {
			for _, key := range []string{"mill", "grain"} {
				for _, b := range v.entries(s.layers, key) {
					if b.id == id {
						grain[id+"@"+fmt.Sprint(s.id)] = v.names(s, v.broader(s, b), key)
						if key == "mill" {
							grain[id+"@"+fmt.Sprint(s.id)] += " of " + v.names(s, s.layers, "grain") + " by " + v.names(s, s.layers, "water")
						}
					}
				}
			}
		}
	}
	clear(v.inStep)
	clear(v.latest)
	err := do()
	if (err != nil) != fails {
		t.Fatalf("%s: %v; a maker fails: %v", what, err, fails)
	}
	for at, n := range v.inStep {
		if n != 1 {
			t.Fatalf("%s ran the maker of %s %d times", what, at, n)
		}
	}
	if err != nil {
		return false
	}
	wantRuns := make(map[string]int)
	for s, ids := range want {
		for id := range ids {
			at := id + "@" + fmt.Sprint(s.id)
			wantRuns[at] = 1
			m := v.latest[at]
			if m == nil {
				t.Fatalf("%s did not make %s", what, at)
			}
			s.made[id] = m
			if w, ok := grain[at]; ok && w != m.grain {
				t.Fatalf("%s: the maker of %s saw %q, want %q", what, at, m.grain, w)
			}
		}
	}
	if diff := cmp.Diff(wantRuns, v.inStep); diff != "" {
		t.Fatalf("the makers that %s ran (-want +got):\n%s", what, diff)
	}
	return true
}

// verify compares what the handles show.
func (v *valley) verify(t *rapid.T) {
	for _, s := range v.scopes {
		bound := make(map[string]bool)
		for _, key := range []string{"mill", "grain"} {
			for _, r := range s.layers {
				for _, b := range v.layers[r][key].binds {
					bound[b.id] = true
				}
			}
		}
		maps.DeleteFunc(s.made, func(id string, _ *mill) bool { return !bound[id] })
		for id, m := range s.made {
			if n := m.shut.Load(); n != 0 {
				t.Fatalf("%s of scope %d is retired while binding and scope live", id, s.id)
			}
		}
		for q, read := range s.held {
			key, name, one := strings.Cut(q, "/")
			var want []string
			for _, b := range v.entries(s.layers, key) {
				if one && !strings.HasPrefix(b.id, name+"#") {
					continue
				}
				of := b.id
				if b.maker {
					of += "@" + fmt.Sprint(s.id)
				}
				want = append(want, of)
			}
			got := read()
			if diff := cmp.Diff(strings.Join(want, "+"), millNames(got)); diff != "" {
				t.Fatalf("scope %d shows for %s (-want +got):\n%s", s.id, q, diff)
			}
			for _, m := range got {
				if id, _, is := strings.Cut(m.of, "@"); is && s.made[id] != m {
					t.Fatalf("scope %d shows another instance of %s than was made for it", s.id, id)
				}
			}
		}
	}
	for _, m := range v.made {
		if n := m.shut.Load(); n > 1 {
			t.Fatalf("%s is retired %d times", m.of, n)
		}
	}
}

// TestInstancesEqualTheOracle runs random commits over registries with makers.
// A maker runs once for each scope that needs its instance and never again while
// binding and scope live; it sees its own capability from broader registries only;
// a step in which one fails changes nothing and retires what the others made; and
// in the end all is retired once.
func TestInstancesEqualTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &valley{
			registries: make(map[string]*capability.Registry), layers: make(map[string]map[string]millLayer),
			inStep: make(map[string]int), latest: make(map[string]*mill), fails: make(map[string]string),
		}
		names := []string{"engine", "eu", "orders", "returns"}
		for i, level := range []capability.Level{capability.Engine, capability.Group, capability.Pipeline, capability.Pipeline} {
			v.registries[names[i]] = capability.NewRegistry(level, names[i])
			v.layers[names[i]] = map[string]millLayer{"mill": {binds: map[string]*millBinding{}}, "grain": {binds: map[string]*millBinding{}}, "water": {binds: map[string]*millBinding{}}}
			must(v.registries[names[i]].Apply(valleySite.Bind("here", names[i])))
		}
		for i, layers := range [][]string{{"engine"}, {"eu", "engine"}, {"orders", "eu", "engine"}, {"returns", "engine"}} {
			var list []*capability.Registry
			for _, name := range layers {
				list = append(list, v.registries[name])
			}
			s, err := capability.Compose(list...)
			must(err)
			v.scopes = append(v.scopes, &millScope{Scope: s, id: i, layers: layers, made: make(map[string]*mill), held: make(map[string]func() []*mill)})
		}
		kinds := []string{"a", "b", "c"}
		commit := func(t *rapid.T) {
			before := make(map[string]map[string]millLayer)
			for r, layers := range v.layers {
				before[r] = make(map[string]millLayer)
				for key, l := range layers {
					before[r][key] = l.clone()
				}
			}
			var refused capability.Code
			masks := make(map[string]func() bool) // whether a mask names what nobody binds, by registry and capability
			edits := make(map[string][]capability.Change)
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				r := rapid.SampledFrom(names).Draw(t, "registry")
				key := rapid.SampledFrom([]string{"mill", "mill", "grain", "water"}).Draw(t, "capability")
				name := rapid.SampledFrom(kinds).Draw(t, "provider")
				l, k := v.layers[r][key], valleyKeys[key]
				put := func(b *millBinding) capability.Change {
					v.version++
					b.id = fmt.Sprint(name, "#", v.version)
					l.binds[name] = b
					if !b.maker {
						return k.Bind(name, &mill{of: b.id})
					}
					v.fails[b.id] = rapid.SampledFrom([]string{"", "", "", "", "", "", "error", "panic", "exit"}).Draw(t, "fails")
					return k.BindPerScope(name, v.maker(t, key, b))
				}
				switch bound := l.binds[name] != nil; {
				case rapid.IntRange(0, 5).Draw(t, "what") == 0:
					var masked []string
					for _, other := range kinds {
						if slices.ContainsFunc(v.broadOf(r), func(broad string) bool { return v.layers[broad][key].binds[other] != nil }) && rapid.Bool().Draw(t, "mask") {
							masked = append(masked, other)
						}
					}
					l.mask = masked
					masks[r+"/"+key] = func() bool {
						return slices.ContainsFunc(masked, func(name string) bool {
							return !slices.ContainsFunc(v.broadOf(r), func(broad string) bool { return v.layers[broad][key].binds[name] != nil })
						})
					}
					edits[r] = append(edits[r], k.Mask(masked...))
				case bound:
					delete(l.binds, name)
					l.order = slices.DeleteFunc(slices.Clone(l.order), func(n string) bool { return n == name })
					edits[r] = append(edits[r], k.Unbind(name))
					if rapid.Bool().Draw(t, "anew") {
						l.order = append(l.order, name)
						edits[r] = append(edits[r], put(&millBinding{maker: key != "water" && rapid.Bool().Draw(t, "maker")}))
					}
				default:
					l.order = append(slices.Clone(l.order), name)
					edits[r] = append(edits[r], put(&millBinding{maker: key != "water" && !chance(t, "value", 3)}))
				}
				v.layers[r][key] = l
			}
			for _, s := range v.scopes {
				for q := range s.held {
					if key, name, one := strings.Cut(q, "/"); one && !slices.ContainsFunc(v.entries(s.layers, key), func(b *millBinding) bool { return strings.HasPrefix(b.id, name+"#") }) {
						refused = capability.ErrInUse
					}
				}
			}
			for _, unknown := range masks {
				if unknown() {
					refused = capability.ErrUnknown
				}
			}
			var staged []capability.Edit
			for _, r := range names {
				staged = append(staged, v.registries[r].Stage(edits[r]...))
			}
			if refused != "" {
				clear(v.inStep)
				if err := capability.Commit(staged...); !errors.Is(err, refused) || len(v.inStep) > 0 {
					t.Fatalf("a commit ran the makers %v and came to %v, want %v", v.inStep, err, refused)
				}
				v.layers = before
			} else if !v.step(t, "a commit", nil, func() error { return capability.Commit(staged...) }) {
				v.layers = before
			}
		}
		resolve := func(t *rapid.T) {
			s := rapid.SampledFrom(v.scopes).Draw(t, "scope")
			key := rapid.SampledFrom([]string{"mill", "mill", "grain", "water"}).Draw(t, "capability")
			k, q := valleyKeys[key], key
			var need capability.Need
			var read func() []*mill
			leased := rapid.Bool().Draw(t, "leased")
			entries := v.entries(s.layers, key)
			if len(entries) == 0 || rapid.Bool().Draw(t, "all") {
				h, l := new(capability.ChainHandle[*mill]), new(capability.Leased[capability.Chain[*mill]])
				need, read = k.All().Into(h), func() []*mill { return h.Get().Values() }
				if leased {
					need, read = k.All().IntoLeased(l), func() (list []*mill) {
						must(l.Use(func(c capability.Chain[*mill]) error { list = c.Values(); return nil }))
						return list
					}
				}
			} else {
				name, _, _ := strings.Cut(rapid.SampledFrom(entries).Draw(t, "provider").id, "#")
				q += "/" + name
				h, l := new(capability.Handle[*mill]), new(capability.Leased[*mill])
				need, read = k.Named(name).Into(h), func() []*mill { return []*mill{h.Get()} }
				if leased {
					need, read = k.Named(name).IntoLeased(l), func() (list []*mill) {
						must(l.Use(func(m *mill) error { list = []*mill{m}; return nil }))
						return list
					}
				}
			}
			if v.step(t, "resolving "+q, map[*millScope][]string{s: {q}}, func() error { return s.Resolve(need) }) {
				s.held[q] = read
			}
		}
		t.Repeat(map[string]func(*rapid.T){"": v.verify, "commit": commit, "resolve": resolve, "resolve more": resolve})
		for _, s := range v.scopes {
			must(s.Close())
		}
		for _, name := range names {
			must(v.registries[name].Close(context.Background()))
		}
		for _, m := range v.made {
			if n := m.shut.Load(); n != 1 {
				t.Fatalf("%s is retired %d times in the end", m.of, n)
			}
		}
	})
}

// broadOf returns the registries that are broader than r wherever r is composed.
func (v *valley) broadOf(r string) []string {
	return map[string][]string{"eu": {"engine"}, "orders": {"eu", "engine"}, "returns": {"engine"}}[r]
}
