// Derived values: when builds run, what they may ask and what becomes of what
// they made.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

var (
	berths = capability.New[int]("berth", "says how many ships a quay takes")
	tides  = capability.New[string]("tide", "says how deep the water is")
	cranes = capability.New[string]("crane", "unloads ships; has to be switched off promptly", capability.OnlyLeased())
)

// A harbour is two registries and a scope of both.
type harbour struct {
	coast, port *capability.Registry
	scope       *capability.Scope
}

// newHarbour returns a harbour of two berths at high tide.
func newHarbour(t *testing.T) *harbour {
	t.Helper()
	h := &harbour{coast: capability.NewRegistry(capability.Engine, "coast"), port: capability.NewRegistry(capability.Pipeline, "port")}
	must(h.coast.Apply(berths.Bind("north", 2), tides.Bind("today", "high")))
	scope, err := capability.Compose(h.coast, h.port)
	must(err)
	h.scope = scope
	t.Cleanup(func() {
		must(h.scope.Close())
		for _, r := range []*capability.Registry{h.coast, h.port} {
			must(r.Close(context.Background())) // the context of t has ended
		}
	})
	return h
}

// A tally counts what builds made and what of it was retired.
type tally struct {
	mu            sync.Mutex
	made, retired []int
}

// make returns the number of what is made and has r retire it.
func (l *tally) make(r *capability.Resolver) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.made) + 1
	l.made = append(l.made, n)
	r.OnRetire(func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.retired = append(l.retired, n)
		return nil
	})
	return n
}

// berths is a query whose values l counts.
func (l *tally) berths() capability.Query[int] {
	return capability.Derive(func(r *capability.Resolver) (int, error) {
		l.make(r)
		return berths.In(r)
	})
}

// built returns how much was made.
func (l *tally) built() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.made)
}

// gone returns what was retired, sorted.
func (l *tally) gone() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(slices.Values(l.retired))
}

func TestDeriveNilBuild(t *testing.T) {
	h := newHarbour(t)
	none := capability.Derive[int](nil)
	var into capability.Handle[int]
	outer := capability.Derive(func(r *capability.Resolver) (int, error) { return none.In(r) })
	zero := capability.Derive(func(r *capability.Resolver) (int, error) { return capability.Query[int]{}.In(r) })
	for name, err := range map[string]error{
		"Handle":          second(none.Handle(h.scope)),
		"Leased":          second(none.Leased(h.scope)),
		"Check":           h.scope.Check(none.Into(&into)),
		"Resolve":         h.scope.Resolve(none.Into(&into)),
		"In":              second(outer.Handle(h.scope)),
		"In of no query":  second(zero.Handle(h.scope)),
		"Into of nil":     h.scope.Resolve(outer.Into(nil)),
		"IntoLeased, nil": h.scope.Resolve(outer.IntoLeased(nil)),
	} {
		if !errors.Is(err, capability.ErrInvalid) || errors.Is(err, capability.ErrPanic) {
			t.Errorf("%s: %v, want %v", name, err, capability.ErrInvalid)
		}
	}
}

func TestCheckCallsNoBuildsAndNoMakers(t *testing.T) {
	h := newHarbour(t)
	calls := 0
	never := func(r *capability.Resolver) (string, error) { calls++; return "", errors.New("called") }
	must(h.coast.Apply(tides.BindPerScope("tomorrow", never)))
	query := capability.Derive(never)
	var d, m capability.Handle[string]
	var l capability.Leased[string]
	var c capability.ChainHandle[string]
	if err := h.scope.Check(query.Into(&d), query.IntoLeased(&l), tides.Named("tomorrow").Into(&m), tides.All().Into(&c)); err != nil {
		t.Errorf("check: %v", err)
	}
	if calls != 0 {
		t.Errorf("check made %d calls", calls)
	}
	if err := h.scope.Resolve(query.Into(&d)); err == nil || calls != 1 {
		t.Errorf("resolve: %v after %d calls", err, calls)
	}
}

func TestOnlyLeasedHoldsThroughWhatIsMade(t *testing.T) {
	h := newHarbour(t)
	must(h.coast.Apply(cranes.Bind("gantry", "gantry")))
	direct := capability.Derive(func(r *capability.Resolver) (string, error) { return cranes.In(r) })
	chain := capability.Derive(func(r *capability.Resolver) (int, error) {
		c, err := cranes.All().In(r)
		return c.Len(), err
	})
	again := capability.Derive(func(r *capability.Resolver) (string, error) { return direct.In(r) })
	crews := capability.New[string]("crew", "works a crane")
	must(h.coast.Apply(
		crews.BindPerScope("early", func(r *capability.Resolver) (string, error) { return cranes.In(r) }),
		crews.BindPerScope("late", func(r *capability.Resolver) (string, error) { return again.In(r) }).Priority(-1),
	))
	ofMaker := capability.Derive(func(r *capability.Resolver) (string, error) { return crews.In(r) })
	for name, err := range map[string]error{
		"derived":                   second(direct.Handle(h.scope)),
		"derived of a chain":        second(chain.Handle(h.scope)),
		"derived of derived":        second(again.Handle(h.scope)),
		"instance":                  second(crews.Handle(h.scope)),
		"instance made of derived":  second(crews.Named("late").Handle(h.scope)),
		"chain with instances":      second(crews.All().Handle(h.scope)),
		"derived of an instance":    second(ofMaker.Handle(h.scope)),
		"the capability itself":     second(cranes.Handle(h.scope)),
		"its chain":                 second(cranes.All().Handle(h.scope)),
		"plain, of several in turn": h.scope.Resolve(again.IntoLeased(new(capability.Leased[string])), again.Into(new(capability.Handle[string]))),
	} {
		if !errors.Is(err, capability.ErrInvalid) {
			t.Errorf("plain handle, %s: %v, want %v", name, err, capability.ErrInvalid)
		}
	}
	for name, err := range map[string]error{
		"derived":                  second(direct.Leased(h.scope)),
		"derived of a chain":       second(chain.Leased(h.scope)),
		"derived of derived":       second(again.Leased(h.scope)),
		"instance":                 second(crews.Leased(h.scope)),
		"instance made of derived": second(crews.Named("late").Leased(h.scope)),
		"chain with instances":     second(crews.All().Leased(h.scope)),
		"derived of an instance":   second(ofMaker.Leased(h.scope)),
	} {
		if err != nil {
			t.Errorf("leased handle, %s: %v", name, err)
		}
	}
	if _, err := again.Handle(h.scope); !errors.Is(err, capability.ErrInvalid) {
		t.Errorf("plain handle beside a leased one: %v", err)
	}
}

func TestCommitThatMakesAPlainHandleStrictIsRefused(t *testing.T) {
	for name, plain := range map[string]bool{"plain": true, "leased": false} {
		t.Run(name, func(t *testing.T) {
			h := newHarbour(t)
			inner := capability.Derive(func(r *capability.Resolver) (string, error) {
				if c, err := cranes.In(r); err == nil {
					return c, nil
				}
				return "by hand", nil
			})
			outer := capability.Derive(func(r *capability.Resolver) (string, error) { return inner.In(r) })
			crews := capability.New[string]("crew", "works a crane")
			must(h.coast.Apply(crews.Bind("all", "everybody")))
			var o, c capability.Handle[string]
			var lo, lc capability.Leased[string]
			needs := []capability.Need{outer.IntoLeased(&lo), crews.IntoLeased(&lc)}
			if plain {
				needs = append(needs, outer.Into(&o), crews.Into(&c))
			}
			must(h.scope.Resolve(needs...))
			derived := h.port.Apply(cranes.Bind("gantry", "gantry"), tides.Bind("own", "low"))
			_, missing := cranes.Leased(h.scope)
			must(h.coast.Apply(berths.Rebind("north", 3)))
			made := capability.Commit(
				h.coast.Stage(cranes.Bind("jib", "jib")),
				h.port.Stage(crews.BindPerScope("all", func(r *capability.Resolver) (string, error) { return cranes.Named("jib").In(r) })))
			for _, err := range []error{derived, made} {
				if plain != errors.Is(err, capability.ErrInvalid) || !plain && err != nil {
					t.Errorf("commit: %v", err)
				}
			}
			if plain != errors.Is(missing, capability.ErrNotProvided) {
				t.Errorf("the crane after the commit: %v", missing)
			}
			want := []string{"gantry", "jib"}
			if plain {
				want = []string{"by hand", "everybody"}
				if diff := cmp.Diff(want, []string{o.Get(), c.Get()}); diff != "" {
					t.Errorf("plain handles (-want +got):\n%s", diff)
				}
			}
			var got []string
			for _, l := range []capability.Leased[string]{lo, lc} {
				must(l.Use(func(v string) error { got = append(got, v); return nil }))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("leased handles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuildThatLosesItsProviderIsInUse(t *testing.T) {
	h := newHarbour(t)
	errDry := errors.New("the harbour is dry")
	inner := capability.Derive(func(r *capability.Resolver) (string, error) {
		tide, err := tides.In(r)
		if err != nil {
			return "", fmt.Errorf("%w: %w", errDry, err)
		}
		return tide, nil
	})
	outer := capability.Derive(func(r *capability.Resolver) (string, error) { return inner.In(r) })
	got, err := outer.Handle(h.scope)
	must(err)
	err = h.coast.Apply(tides.Unbind("today"), berths.Bind("south", 1))
	for _, target := range []error{capability.ErrInUse, capability.ErrNotProvided, errDry} {
		if !errors.Is(err, target) {
			t.Errorf("the loss of a provider is not %v: %v", target, err)
		}
	}
	err = h.coast.Apply(tides.Bind("tonight", "low"))
	for _, target := range []error{capability.ErrInUse, capability.ErrAmbiguous, errDry} {
		if !errors.Is(err, target) {
			t.Errorf("the loss of the one provider is not %v: %v", target, err)
		}
	}
	must(h.coast.Apply(berths.Bind("south", 1)))
	if got.Get() != "high" {
		t.Errorf("the tide is %q", got.Get())
	}
}

func TestBuildWhoseProviderFailsIsNotInUse(t *testing.T) {
	h := newHarbour(t)
	query := capability.Derive(func(r *capability.Resolver) (string, error) { return tides.In(r) })
	_, err := query.Handle(h.scope)
	must(err)
	errFog := errors.New("nothing can be seen for fog")
	err = h.coast.Apply(tides.Unbind("today"), tides.BindPerScope("today", func(*capability.Resolver) (string, error) { return "", errFog }))
	if !errors.Is(err, errFog) || errors.Is(err, capability.ErrInUse) {
		t.Errorf("the commit takes nothing away, its maker fails: %v", err)
	}
}

func TestResolverAfterItsBuild(t *testing.T) {
	h := newHarbour(t)
	var kept *capability.Resolver
	query := capability.Derive(func(r *capability.Resolver) (int, error) { kept = r; return berths.In(r) })
	_, err := query.Handle(h.scope)
	must(err)
	check := func(where string, r *capability.Resolver) {
		t.Helper()
		for name, err := range map[string]error{
			"a provider":      second(berths.In(r)),
			"a named one":     second(berths.Named("north").In(r)),
			"a chain":         second(berths.All().In(r)),
			"a derived value": second(query.In(r)),
		} {
			if !errors.Is(err, capability.ErrClosed) {
				t.Errorf("%s, In of %s: %v, want %v", where, name, err, capability.ErrClosed)
			}
		}
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, capability.ErrInvalid) {
					t.Errorf("%s, OnRetire panics with %v, want %v", where, err, capability.ErrInvalid)
				}
			}()
			r.OnRetire(func() error { return nil })
		}()
	}
	check("after the build", kept)
	check("nil Resolver", nil)
	check("zero Resolver", &capability.Resolver{})
	done := make(chan struct{})
	go func() { defer close(done); check("in another goroutine", kept) }()
	<-done
}

func TestNilOnRetireOfAResolverRefusesTheBuild(t *testing.T) {
	h := newHarbour(t)
	var l tally
	query := capability.Derive(func(r *capability.Resolver) (int, error) {
		l.make(r)
		r.OnRetire(nil)
		return 1, nil
	})
	if _, err := query.Handle(h.scope); !errors.Is(err, capability.ErrInvalid) {
		t.Errorf("resolve: %v, want %v", err, capability.ErrInvalid)
	}
	must(h.coast.Drain(t.Context()))
	if diff := cmp.Diff([]int{1}, l.gone()); diff != "" {
		t.Errorf("retired (-want +got):\n%s", diff)
	}
}

// meddlings are what a build must not do to the registries that it hangs on.
func meddlings(t *testing.T, h *harbour) map[string]func() error {
	return map[string]func() error{
		"Apply":          func() error { return h.coast.Apply(berths.Bind("south", 1)) },
		"Apply narrower": func() error { return h.port.Apply(berths.Bind("south", 1)) },
		"Apply nothing":  func() error { return h.coast.Apply() },
		"Commit":         func() error { return capability.Commit(h.coast.Stage(), h.port.Stage()) },
		"Commit with another": func() error {
			return capability.Commit(capability.NewRegistry(capability.Engine, "far").Stage(), h.port.Stage())
		},
		"Compose":     func() error { return second(capability.Compose(h.coast)) },
		"With":        func() error { return second(h.scope.With(capability.NewRegistry(capability.Node, "pier"))) },
		"Handle":      func() error { return second(berths.Handle(h.scope)) },
		"Leased":      func() error { return second(berths.Leased(h.scope)) },
		"Resolve":     func() error { return h.scope.Resolve() },
		"Check":       func() error { return h.scope.Check() },
		"Drain":       func() error { return h.coast.Drain(t.Context()) },
		"close scope": func() error { return h.scope.Close() },
		"close":       func() error { return h.coast.Close(t.Context()) },
	}
}

func TestBuildsAndMakersThatMeddle(t *testing.T) {
	for name := range meddlings(t, nil) {
		t.Run(name, func(t *testing.T) {
			h := newHarbour(t)
			meddle := func() error { return meddlings(t, h)[name]() }
			query := capability.Derive(func(r *capability.Resolver) (int, error) {
				n, err := berths.Named("north").In(r)
				return n, errors.Join(err, meddle())
			})
			query2 := capability.Derive(func(r *capability.Resolver) (int, error) {
				n, err := berths.Named("north").In(r)
				if n > 2 {
					err = errors.Join(err, meddle())
				}
				return n, err
			})
			bad := tides.BindPerScope("moon", func(*capability.Resolver) (string, error) { return "", meddle() })
			must(h.port.Apply(bad))
			kept, err := query2.Handle(h.scope)
			must(err)
			all, err := capability.New[string]("empty", "is bound by nobody").All().Handle(h.scope)
			must(err)
			for what, err := range map[string]error{
				"build in Handle":    second(query.Handle(h.scope)),
				"maker in Handle":    second(tides.Named("moon").Handle(h.scope)),
				"maker in a chain":   second(tides.All().Leased(h.scope)),
				"build in Apply":     h.coast.Apply(berths.Rebind("north", 3)),
				"build in a Commit":  capability.Commit(h.port.Stage(), h.coast.Stage(berths.Rebind("north", 4))),
				"a second in Handle": second(query.Handle(h.scope)),
			} {
				if !errors.Is(err, capability.ErrInvalid) {
					t.Errorf("%s: %v, want %v", what, err, capability.ErrInvalid)
				}
			}
			if kept.Get() != 2 || all.Get().Len() != 0 {
				t.Errorf("refused changes show: %d and %v", kept.Get(), all.Get().Names())
			}
			must(h.coast.Apply(berths.Rebind("north", 1)))
			must(h.port.Apply(tides.Unbind("moon")))
			if kept.Get() != 1 {
				t.Errorf("the world is not usable any more: %d", kept.Get())
			}
		})
	}
}

func TestSnapshotInABuildShowsTheRegistries(t *testing.T) {
	h := newHarbour(t)
	var seen *capability.Snapshot
	_, err := capability.Derive(func(*capability.Resolver) (int, error) {
		seen = h.scope.Snapshot()
		return 0, nil
	}).Handle(h.scope)
	must(err)
	var names []string
	for _, r := range seen.Registries {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"port", "coast"}, names); diff != "" || len(seen.Capabilities) != 0 {
		t.Errorf("the snapshot shows %d capabilities and registries (-want +got):\n%s", len(seen.Capabilities), diff)
	}
}

func TestBuildsMayChangeAnUnrelatedWorld(t *testing.T) {
	h := newHarbour(t)
	n := 0
	work := func(r *capability.Resolver) (string, error) {
		n++
		far := newHarbour(t)
		var got capability.Handle[int]
		must(far.port.Apply(berths.Rebind("north", 7)))
		must(far.scope.Check(berths.Into(&got)))
		must(far.scope.Resolve(berths.Into(&got)))
		tide, err := tides.Named("today").In(r)
		must(far.scope.Close())
		must(far.port.Drain(t.Context()))
		return fmt.Sprint(tide, got.Get(), len(far.scope.Snapshot().Registries)), err
	}
	got, err := capability.Derive(work).Handle(h.scope)
	must(err)
	must(h.port.Apply(tides.BindPerScope("moon", work)))
	moon, err := tides.Named("moon").Handle(h.scope)
	must(err)
	must(h.coast.Apply(tides.Rebind("today", "low")))
	if got.Get() != "low7 2" || moon.Get() != "high7 2" || n != 3 {
		t.Errorf("%d calls; built %q, made %q", n, got.Get(), moon.Get())
	}
}

func TestTwoKeysOfOneNameInBuilds(t *testing.T) {
	wide := capability.New[string]("berth", "has the name of another capability")
	narrow := func(r *capability.Resolver) (int, error) {
		c, err := berths.All().In(r)
		return c.Len(), err
	}
	wider := func(r *capability.Resolver) (int, error) {
		c, err := wide.All().In(r)
		return c.Len(), err
	}
	first, second := capability.Derive(narrow), capability.Derive(wider)
	both := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := narrow(r)
		if err != nil {
			return 0, err
		}
		m, err := wider(r)
		return n + m, err
	})
	ofBoth := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := first.In(r)
		if err != nil {
			return 0, err
		}
		m, err := second.In(r)
		return n + m, err
	})
	var a, b capability.Handle[int]
	var c capability.ChainHandle[string]
	for name, resolve := range map[string]func(*capability.Scope) error{
		"one build":               func(s *capability.Scope) error { return s.Resolve(both.Into(&a)) },
		"two builds":              func(s *capability.Scope) error { return s.Resolve(first.Into(&a), second.Into(&b)) },
		"two builds, other order": func(s *capability.Scope) error { return s.Resolve(second.Into(&b), first.Into(&a)) },
		"builds of a build":       func(s *capability.Scope) error { return s.Resolve(ofBoth.Into(&a)) },
		"one after the other": func(s *capability.Scope) error {
			must(s.Resolve(first.Into(&a)))
			return s.Resolve(second.Into(&b))
		},
		"a build and a handle": func(s *capability.Scope) error { return s.Resolve(first.Into(&a), wide.All().Into(&c)) },
		"a handle after a build": func(s *capability.Scope) error {
			must(s.Resolve(first.Into(&a)))
			return s.Resolve(wide.All().Into(&c))
		},
		"a handle before a build": func(s *capability.Scope) error {
			must(s.Resolve(wide.All().Into(&c)))
			return s.Resolve(first.Into(&a))
		},
	} {
		t.Run(name, func(t *testing.T) {
			coast := capability.NewRegistry(capability.Engine, "coast")
			scope, err := capability.Compose(coast)
			must(err)
			if err := resolve(scope); !errors.Is(err, capability.ErrConflict) {
				t.Errorf("resolve: %v, want %v", err, capability.ErrConflict)
			}
			must(scope.Close())
		})
	}
	t.Run("a binding after a build", func(t *testing.T) {
		coast := capability.NewRegistry(capability.Engine, "coast")
		scope, err := capability.Compose(coast)
		must(err)
		must(scope.Resolve(first.Into(&a)))
		if err := coast.Apply(wide.Bind("north", "2")); !errors.Is(err, capability.ErrConflict) {
			t.Errorf("bind: %v, want %v", err, capability.ErrConflict)
		}
		must(coast.Apply(berths.Bind("north", 2)))
		if a.Get() != 1 {
			t.Errorf("the chain that was built of has %d", a.Get())
		}
		must(scope.Close())
	})
}

// A chain that a build reads is of the part of the scope that makes it, like those that
// handles show, and its errors say so.
func TestChainsInBuildsSayWhoMadeThem(t *testing.T) {
	h := newHarbour(t)
	pier := must1(h.scope.With(capability.NewRegistry(capability.Node, "pier")))
	defer pier.Close()
	shown := must1(berths.All().Handle(pier))
	chain := capability.Derive(func(r *capability.Resolver) (capability.Chain[int], error) { return berths.All().In(r) })
	read := must1(chain.Handle(h.scope))
	for _, c := range []capability.Chain[int]{shown.Get(), read.Get()} {
		var e *capability.Error
		err := capability.Each(c, func(int) error { return errors.New("it is foggy") })
		if !errors.As(err, &e) || e.Scope != "coast" {
			t.Errorf("want the scope coast, got %v", err)
		}
	}
}

func TestPlainAndLeasedShareADerivedValue(t *testing.T) {
	h := newHarbour(t)
	var l tally
	query := capability.Derive(func(r *capability.Resolver) (*int, error) {
		l.make(r)
		n, err := berths.In(r)
		return &n, err
	})
	var plain, more capability.Handle[*int]
	var leased capability.Leased[*int]
	must(h.scope.Resolve(query.Into(&plain), query.IntoLeased(&leased)))
	must(h.scope.Resolve(query.Into(&more)))
	for range 2 {
		must(leased.Use(func(n *int) error {
			if n != plain.Get() || n != more.Get() {
				t.Errorf("leased %p, plain %p and %p", n, plain.Get(), more.Get())
			}
			return nil
		}))
		must(h.coast.Apply(berths.Rebind("north", 5)))
	}
	if l.built() != 3 || *plain.Get() != 5 {
		t.Errorf("%d builds for 2 changes, %d", l.built(), *plain.Get())
	}
}

func TestDerivedValueOfEachScope(t *testing.T) {
	h := newHarbour(t)
	var l tally
	query := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := berths.In(r)
		return 10*n + l.make(r), err
	})
	wide, err := capability.Compose(h.coast)
	must(err)
	defer wide.Close()
	a, err := query.Handle(h.scope)
	must(err)
	b, err := query.Handle(wide)
	must(err)
	check := func(what string, wantA, wantB int) {
		t.Helper()
		if diff := cmp.Diff([]int{wantA, wantB}, []int{a.Get(), b.Get()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("to begin with", 21, 22)
	must(h.port.Apply(berths.Rebind("north", 3)))
	check("after a change that one scope sees", 33, 22)
	must(h.coast.Apply(berths.Rebind("north", 4)))
	check("after a change that the other scope sees", 33, 44)
	must(h.port.Apply(tides.Bind("own", "low")))
	check("after a change that nobody read", 33, 44)
	must(h.port.Apply(berths.Unbind("north")))
	check("after the return of the broader provider", 45, 44)
}

func TestDerivedValueThatNobodyAsksForIsDropped(t *testing.T) {
	h := newHarbour(t)
	var l tally
	inner := l.berths()
	outer := capability.Derive(func(r *capability.Resolver) (int, error) {
		if tide, err := tides.In(r); err != nil || tide != "high" {
			return 0, err
		}
		return inner.In(r)
	})
	got, err := outer.Leased(h.scope)
	must(err)
	check := func(what string, want, builds int, gone ...int) {
		t.Helper()
		must(h.coast.Drain(t.Context()))
		must(got.Use(func(v int) error {
			if v != want || l.built() != builds {
				t.Errorf("%s: %d after %d builds, want %d after %d", what, v, l.built(), want, builds)
			}
			return nil
		}))
		if diff := cmp.Diff(gone, l.gone()); diff != "" {
			t.Errorf("%s: retired (-want +got):\n%s", what, diff)
		}
	}
	check("high tide", 2, 1)
	must(h.coast.Apply(tides.Rebind("today", "low")))
	check("low tide", 0, 1, 1)
	must(h.coast.Apply(berths.Rebind("north", 3)))
	check("a change that nobody reads any more", 0, 1, 1)
	must(h.coast.Apply(tides.Rebind("today", "high")))
	check("high tide again", 3, 2, 1)
	must(h.coast.Apply(berths.Rebind("north", 4)))
	check("a change of what is read again", 4, 3, 1, 2)
}

// A derived value is dropped by the very commit that changes what it had read.
// It may be built once more, but nothing of that may stay.
func TestDerivedValueIsDroppedWhileItChanges(t *testing.T) {
	for _, order := range []string{"condition first", "value first"} {
		t.Run(order, func(t *testing.T) {
			h := newHarbour(t)
			var l tally
			inner := l.berths()
			outer := capability.Derive(func(r *capability.Resolver) (int, error) {
				if tide, err := tides.In(r); err != nil || tide != "high" {
					return 0, err
				}
				return inner.In(r)
			})
			got, err := outer.Leased(h.scope)
			must(err)
			check := func(want int) {
				t.Helper()
				must(got.Use(func(v int) error {
					if v != want {
						t.Errorf("derived %d, want %d", v, want)
					}
					return nil
				}))
			}
			changes := []capability.Change{tides.Rebind("today", "low"), berths.Rebind("north", 3)}
			if order == "value first" {
				slices.Reverse(changes)
			}
			must(h.coast.Apply(changes...))
			check(0)
			must(h.coast.Drain(t.Context()))
			built := l.built()
			if gone := l.gone(); len(gone) != built {
				t.Errorf("%d of %d are retired", len(gone), built)
			}
			must(h.coast.Apply(berths.Rebind("north", 4)))
			if l.built() != built {
				t.Error("what nobody reads was built")
			}
			must(h.coast.Apply(tides.Rebind("today", "high")))
			check(4)
			must(h.coast.Apply(berths.Rebind("north", 5)))
			check(5)
		})
	}
}

func TestRefusedCommitRetiresWhatItsBuildsMade(t *testing.T) {
	h := newHarbour(t)
	var good, bad tally
	first := capability.Derive(func(r *capability.Resolver) (int, error) {
		good.make(r)
		return berths.In(r)
	})
	second := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := first.In(r)
		switch bad.make(r); n {
		case 3:
			err = errors.New("three ships do not fit")
		case 4:
			panic("four ships do not fit")
		case 5:
			runtime.Goexit()
		}
		return n, err
	})
	var a, b capability.Leased[int]
	must(h.scope.Resolve(second.IntoLeased(&b), first.IntoLeased(&a)))
	for i, n := range []int{3, 4, 5} {
		err := h.coast.Apply(berths.Rebind("north", n))
		if err == nil || (n > 3) != errors.Is(err, capability.ErrPanic) {
			t.Errorf("%d ships: %v", n, err)
		}
		must(h.coast.Drain(t.Context()))
		want := []int{2, 3, 4}[:i+1]
		if diff := cmp.Diff([][]int{want, want}, [][]int{good.gone(), bad.gone()}); diff != "" {
			t.Errorf("retired after %d refused commits (-want +got):\n%s", i+1, diff)
		}
		must(a.Use(func(v int) error {
			return b.Use(func(w int) error {
				if v != 2 || w != 2 {
					t.Errorf("after a refused commit %d and %d are shown", v, w)
				}
				return nil
			})
		}))
	}
	must(h.coast.Apply(berths.Rebind("north", 6)))
	must(h.coast.Drain(t.Context()))
	want := []int{1, 2, 3, 4}
	if diff := cmp.Diff([][]int{want, want}, [][]int{good.gone(), bad.gone()}); diff != "" {
		t.Errorf("retired after an accepted commit (-want +got):\n%s", diff)
	}
}

func TestWhatABuildReadIsHeldAsLongAsWhatItMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarbour(t)
		closed := false
		must(h.port.Apply(tides.Bind("own", "low").OnRetire(func() error { closed = true; return nil }).Grace(0)))
		query := capability.Derive(func(r *capability.Resolver) (string, error) { return tides.Named("own").In(r) })
		outer := capability.Derive(func(r *capability.Resolver) (string, error) { return query.In(r) })
		got, err := outer.Leased(h.scope)
		must(err)
		must(got.Use(func(string) error {
			must(h.port.Apply(tides.Rebind("own", "high")))
			synctest.Wait()
			if closed {
				t.Error("closed while what was made of it is leased")
			}
			return nil
		}))
		synctest.Wait()
		if !closed {
			t.Error("what nobody uses any more is not retired")
		}
	})
}

func TestMiddlewareIsFoldedOncePerChange(t *testing.T) {
	type handler func(ship string) string
	h := newHarbour(t)
	around := capability.New[capability.Middleware[handler]]("around", "is done around each arrival")
	tag := func(name string) capability.Middleware[handler] {
		return func(next handler) handler {
			return func(ship string) string { return name + "(" + next(ship) + ")" }
		}
	}
	folds := 0
	stack := capability.Derive(func(r *capability.Resolver) (handler, error) {
		folds++
		c, err := around.All().In(r)
		return capability.Wrap(c, func(ship string) string { return ship }), err
	})
	must(h.coast.Apply(around.Bind("log", tag("log")), around.Bind("toll", tag("toll"))))
	got, err := stack.Handle(h.scope)
	must(err)
	more, err := stack.Handle(h.scope)
	must(err)
	check := func(want string, wantFolds int) {
		t.Helper()
		for range 3 {
			if one, other := got.Get()("Anna"), more.Get()("Anna"); one != want || other != want || folds != wantFolds {
				t.Errorf("%s and %s after %d folds, want %s after %d", one, other, folds, want, wantFolds)
			}
		}
	}
	check("log(toll(Anna))", 1)
	must(h.port.Apply(around.Bind("pilot", tag("pilot")), around.Mask("log")))
	check("pilot(toll(Anna))", 2)
	must(h.port.Apply(berths.Rebind("north", 3)))
	check("pilot(toll(Anna))", 2)
	must(h.coast.Apply(around.Rebind("log", tag("audit"))))
	check("pilot(toll(Anna))", 2)
	must(h.port.Apply(around.Select("toll", "pilot")))
	check("toll(pilot(Anna))", 3)
}

func TestNewValueIsNoDependency(t *testing.T) {
	h := newHarbour(t)
	gauges := capability.New[capability.Handle[int]]("gauge", "shows the water level")
	level, set := capability.NewValue(1)
	must(h.coast.Apply(gauges.Bind("pier", level)))
	builds := 0
	query := capability.Derive(func(r *capability.Resolver) (int, error) {
		builds++
		g, err := gauges.In(r)
		if err != nil {
			return 0, err
		}
		return g.Get(), nil
	})
	got, err := query.Handle(h.scope)
	must(err)
	set(2)
	must(h.coast.Apply(berths.Rebind("north", 3)))
	if builds != 1 || got.Get() != 1 {
		t.Errorf("%d builds, %d: a write to published state counts as a change of the provider", builds, got.Get())
	}
	must(h.coast.Apply(gauges.Rebind("pier", level)))
	if builds != 2 || got.Get() != 2 {
		t.Errorf("%d builds, %d: a rebinding does not count as a change of the provider", builds, got.Get())
	}
}

func TestPromise12BuildsThatMisbehave(t *testing.T) {
	errRotten := errors.New("the mooring is rotten")
	bad := map[string]func(){
		"error":            func() {},
		"panic":            func() { panic("on fire") },
		"panic with error": func() { panic(errRotten) },
		"panic with nil":   func() { panic(nil) },
		"goexit":           runtime.Goexit,
		"nil map":          func() { fleets := map[string]map[string]int{}; fleets["north"]["ship"]++ },
	}
	for name, misbehave := range bad {
		t.Run(name, func(t *testing.T) {
			h := newHarbour(t)
			var l tally
			inner := capability.Derive(func(r *capability.Resolver) (int, error) {
				l.make(r)
				n, err := berths.In(r)
				if n > 2 {
					misbehave()
					err = errRotten
				}
				return n, err
			})
			outer := capability.Derive(func(r *capability.Resolver) (int, error) { return inner.In(r) })
			careful := capability.Derive(func(r *capability.Resolver) (int, error) {
				if n, err := berths.In(r); n > 2 {
					return -n, err
				}
				return inner.In(r)
			})
			var a, b capability.Leased[int]
			must(h.scope.Resolve(outer.IntoLeased(&a), careful.IntoLeased(&b)))
			check := func(want int) {
				t.Helper()
				must(a.Use(func(v int) error {
					return b.Use(func(w int) error {
						if v != want || w != want {
							t.Errorf("%d and %d are shown, want %d", v, w, want)
						}
						return nil
					})
				}))
			}
			err := h.coast.Apply(berths.Rebind("north", 3))
			if wanted := name == "error" || name == "panic with error"; wanted != errors.Is(err, errRotten) {
				t.Errorf("apply: %v", err)
			}
			if name != "error" && !errors.Is(err, capability.ErrPanic) {
				t.Errorf("apply: %v, want %v", err, capability.ErrPanic)
			}
			check(2)
			must(h.coast.Drain(t.Context()))
			if diff := cmp.Diff([]int{2}, l.gone()); diff != "" {
				t.Errorf("retired (-want +got):\n%s", diff)
			}
			must(h.coast.Apply(berths.Rebind("north", 1)))
			check(1)
		})
	}
}

func TestAllFailingBuildsAreReported(t *testing.T) {
	h := newHarbour(t)
	failures := []error{errors.New("no rope"), errors.New("no crew"), errors.New("no light")}
	var queries []capability.Query[int]
	for _, failure := range failures {
		queries = append(queries, capability.Derive(func(r *capability.Resolver) (int, error) {
			n, err := berths.In(r)
			if n > 2 {
				err = failure
			}
			return n, err
		}))
	}
	check := func(what string, err error) {
		t.Helper()
		for _, failure := range failures {
			if !errors.Is(err, failure) {
				t.Errorf("%s: the error lacks %q: %v", what, failure, err)
			}
		}
		if strings.Contains(fmt.Sprint(err), "more scope") {
			t.Errorf("%s: the error speaks of more scopes than one: %v", what, err)
		}
	}
	var a, b, c capability.Handle[int]
	must(h.scope.Resolve(queries[0].Into(&a), queries[1].Into(&b), queries[2].Into(&c)))
	check("commit", h.coast.Apply(berths.Rebind("north", 3)))
	must(h.scope.Close())
	must(h.coast.Apply(berths.Rebind("north", 3)))
	scope, err := capability.Compose(h.coast)
	must(err)
	defer scope.Close()
	check("resolve", scope.Resolve(queries[0].Into(&a), queries[1].Into(&b), queries[2].Into(&c)))
}

// The failure of a build that others read is told once, and not by each of them.
func TestFailureOfAnInnerBuildIsToldOnce(t *testing.T) {
	inner := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := berths.In(r)
		if n == 0 {
			err = errors.Join(err, errors.New("the quay is closed"))
		}
		return n, err
	})
	outer := capability.Derive(func(r *capability.Resolver) (int, error) { return inner.In(r) })
	wrapping := capability.Derive(func(r *capability.Resolver) (n int, err error) {
		if n, err = outer.In(r); err != nil {
			err = fmt.Errorf("no plan: %w", err)
		}
		return n, err
	})
	for _, q := range []struct {
		query  capability.Query[int]
		builds int
	}{{outer, 1}, {wrapping, 2}} {
		h := newHarbour(t)
		_, err := q.query.Handle(h.scope)
		must(err)
		err = h.coast.Apply(berths.Rebind("north", 0))
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Fatalf("got %v, want one error", err)
		}
		if n := strings.Count(err.Error(), "the build of Derive at"); n != q.builds {
			t.Errorf("%d builds are named, want %d: %v", n, q.builds, err)
		}
	}
}

// A build that ends its goroutine ends those that read it, too. The error names it, and not
// them as the ones that did so.
func TestExitOfAnInnerBuildIsItsOwn(t *testing.T) {
	h := newHarbour(t)
	must(h.port.Apply(cranes.BindPerScope("big", func(*capability.Resolver) (string, error) {
		runtime.Goexit()
		return "", nil
	})))
	inner := capability.Derive(func(r *capability.Resolver) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
	spare := capability.Derive(func(r *capability.Resolver) (int, error) { return berths.In(r) })
	var meanwhile error
	outer := capability.Derive(func(r *capability.Resolver) (int, error) {
		defer func() { _, meanwhile = spare.In(r) }()
		return inner.In(r)
	})
	_, err := inner.Handle(h.scope)
	_, around := outer.Handle(h.scope)
	if meanwhile != nil {
		t.Errorf("what is read meanwhile fails: %v", meanwhile)
	}
	if diff := cmp.Diff(err.Error(), around.Error()); diff != "" {
		t.Errorf("an outer build tells it otherwise (-inner +outer):\n%s", diff)
	}

	_, err = cranes.Leased(h.scope)
	_, around = capability.Derive(func(r *capability.Resolver) (string, error) { return cranes.In(r) }).Leased(h.scope)
	if !strings.HasSuffix(around.Error(), " failed: "+err.Error()) || strings.Count(around.Error(), "runtime.Goexit") != 1 {
		t.Errorf("got %v, want at its end %v", around, err)
	}

	// The next one that does so is named itself, whatever it read.
	failing := capability.Derive(func(r *capability.Resolver) (int, error) { panic("no crew") })
	next := capability.Derive(func(r *capability.Resolver) (int, error) {
		if _, err := failing.In(r); err == nil {
			return 1, nil
		}
		runtime.Goexit()
		return 0, nil
	})
	_, err = next.Handle(h.scope)
	var one, two capability.Handle[int]
	both := h.scope.Resolve(outer.Into(&one), next.Into(&two))
	if want := fmt.Sprint(second(inner.Handle(h.scope)), "\n", err); both.Error() != want || strings.Contains(want, "no crew") {
		t.Errorf("got\n%v, want\n%s", both, want)
	}
}

// A reader that loads a derived value while commits change two registries at
// once sees what one of the commits published, never parts of two.
func TestPromise3DerivedValuesOfOneGenerationWhileCommitsRun(t *testing.T) {
	h := newHarbour(t)
	must(h.port.Apply(tides.Bind("count", "0")))
	must(h.coast.Apply(berths.Rebind("north", 0)))
	type pair struct {
		ships int
		tide  string
	}
	one := capability.Derive(func(r *capability.Resolver) (pair, error) {
		n, err := berths.In(r)
		if err != nil {
			return pair{}, err
		}
		tide, err := tides.Named("count").In(r)
		return pair{n, tide}, err
	})
	two := capability.Derive(func(r *capability.Resolver) ([2]pair, error) {
		p, err := one.In(r)
		if err != nil {
			return [2]pair{}, err
		}
		tide, err := tides.Named("count").In(r)
		if err != nil {
			return [2]pair{}, err
		}
		n, err := berths.Named("north").In(r)
		return [2]pair{p, {n, tide}}, err
	})
	got, err := two.Handle(h.scope)
	must(err)
	leased, err := two.Leased(h.scope)
	must(err)
	var stop atomic.Bool
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			last := 0
			check := func(v [2]pair) error {
				if v[0] != v[1] || v[0].tide != fmt.Sprint(v[0].ships) || v[0].ships < last {
					t.Errorf("a derived value of several generations: %v after %d", v, last)
					stop.Store(true)
				}
				last = v[0].ships
				return nil
			}
			for !stop.Load() {
				if i%2 == 0 {
					must(check(got.Get()))
				} else {
					must(leased.Use(check))
				}
			}
		})
	}
	for n := 1; n <= 3000 && !stop.Load(); n++ {
		must(capability.Commit(h.coast.Stage(berths.Rebind("north", n)), h.port.Stage(tides.Rebind("count", fmt.Sprint(n)))))
	}
	stop.Store(true)
	readers.Wait()
	if v := got.Get(); v[0] != (pair{3000, "3000"}) {
		t.Errorf("after the last commit the handle shows %v", v)
	}
}

// A build that reads a provider twice may be dropped all the same.
func TestDerivedValueThatReadsTwiceIsDropped(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("turn", 1), limits.Bind("low", 10)))
	scope, err := capability.Compose(engine)
	must(err)
	twice := capability.Derive(func(r *capability.Resolver) (int, error) {
		first, err := limits.Named("low").In(r)
		if err != nil {
			return 0, err
		}
		second, err := limits.Named("low").In(r)
		return first + second, err
	})
	h, err := capability.Derive(func(r *capability.Resolver) (int, error) {
		if turn, err := limits.Named("turn").In(r); turn != 1 {
			return 0, err
		}
		return twice.In(r)
	}).Handle(scope)
	must(err)
	for _, want := range []struct{ turn, value int }{{1, 20}, {2, 0}, {1, 20}} {
		must(engine.Apply(limits.Rebind("turn", want.turn)))
		if got := h.Get(); got != want.value {
			t.Errorf("turn %d shows %d, want %d", want.turn, got, want.value)
		}
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
}

// Builds that read other things than the last time, one in the place of another, get what
// they ask for, and are built anew when that changes.
func TestBuildThatReadsOtherThings(t *testing.T) {
	derived := func(q capability.Query[int]) capability.Query[int] {
		return capability.Derive(func(r *capability.Resolver) (int, error) { return q.In(r) })
	}
	north, south := derived(berths.Named("north")), derived(berths.Named("south"))
	asks := []struct {
		ask    func(*capability.Resolver) (any, error)
		was    any
		change capability.Change
		is     any
	}{
		{func(r *capability.Resolver) (any, error) { return berths.Named("north").In(r) }, 2, berths.Rebind("north", 20), 20},
		{func(r *capability.Resolver) (any, error) { return berths.Named("south").In(r) }, 3, berths.Rebind("south", 30), 30},
		{func(r *capability.Resolver) (any, error) { return tides.Named("north").In(r) }, "low", tides.Rebind("north", "ebb"), "ebb"},
		{func(r *capability.Resolver) (any, error) { return north.In(r) }, 2, berths.Rebind("north", 20), 20},
		{func(r *capability.Resolver) (any, error) { return south.In(r) }, 3, berths.Rebind("south", 30), 30},
	}
	for from := range asks {
		for to, want := range asks {
			h := newHarbour(t)
			must(h.coast.Apply(berths.Bind("south", 3), berths.Bind("turn", 1), tides.Bind("north", "low")))
			which := from
			got := must1(capability.Derive(func(r *capability.Resolver) (any, error) {
				v, err := asks[which].ask(r)
				return v, errors.Join(err, second(berths.Named("turn").In(r)))
			}).Handle(h.scope))
			which = to
			must(h.coast.Apply(berths.Rebind("turn", 2)))
			if got.Get() != want.was {
				t.Errorf("read %d and then %d: got %v, want %v", from, to, got.Get(), want.was)
			}
			must(h.coast.Apply(want.change))
			if got.Get() != want.is {
				t.Errorf("read %d and then %d, which changes: got %v, want %v", from, to, got.Get(), want.is)
			}
		}
	}
}

// A build loses what it read, also if it reads in another order now, and does not lose what
// was not there.
func TestWhatABuildLoses(t *testing.T) {
	h := newHarbour(t)
	must1(capability.Derive(func(r *capability.Resolver) (string, error) {
		if n, err := berths.In(r); n > 2 {
			_, _ = tides.Named("tomorrow").In(r)
		} else if err != nil {
			return "", err
		}
		return tides.Named("today").In(r)
	}).Handle(h.scope))
	if err := h.coast.Apply(berths.Rebind("north", 3), tides.Unbind("today")); !errors.Is(err, capability.ErrInUse) {
		t.Errorf("what was read is taken away: %v", err)
	}
	fogs := capability.New[string]("fog", "may come up")
	must1(capability.Derive(func(r *capability.Resolver) (string, error) {
		fog, err := fogs.In(r)
		if errors.Is(err, capability.ErrNotProvided) {
			return "none", nil
		}
		return fog, err
	}).Handle(h.scope))
	if err := h.coast.Apply(fogs.Bind("thin", ""), fogs.Bind("thick", "")); !errors.Is(err, capability.ErrAmbiguous) || errors.Is(err, capability.ErrInUse) {
		t.Errorf("of what was not there come several: %v", err)
	}
}

// What a build reads is what a handle shows: the same chain, and the same errors, however
// often they were told.
func TestBuildsReadWhatHandlesShow(t *testing.T) {
	h := newHarbour(t)
	all := must1(berths.All().Handle(h.scope))
	lone := must1(h.scope.With(capability.NewRegistry(capability.Node, "pier")))
	defer lone.Close()
	chains := capability.Derive(func(r *capability.Resolver) (capability.Chain[int], error) { return berths.All().In(r) })
	if got, want := must1(chains.Handle(lone)).Get().Scope(), all.Get().Scope(); got != want {
		t.Errorf("the chain is of %q, want %q", got, want)
	}
	for range 30 {
		_, err := capability.Derive(func(r *capability.Resolver) (int, error) { return berths.Named("nort").In(r) }).Handle(h.scope)
		if err == nil || !strings.Contains(err.Error(), "did you mean") {
			t.Fatalf("got %v", err)
		}
	}
}

// What only a maker read that failed is dropped at once, if the build that asked for the
// maker does without.
func TestDerivedValueThatAFailedMakerReadIsDropped(t *testing.T) {
	h := newHarbour(t)
	var l tally
	inner := l.berths()
	must(h.port.Apply(cranes.BindPerScope("big", func(r *capability.Resolver) (string, error) {
		return "", fmt.Errorf("rust at %d", must1(inner.In(r)))
	})))
	got := must1(capability.Derive(func(r *capability.Resolver) (error, error) {
		_, err := cranes.In(r)
		return err, nil
	}).Handle(h.scope))
	must(h.coast.Drain(t.Context()))
	if diff := cmp.Diff([]int{1}, l.gone()); got.Get() == nil || diff != "" {
		t.Errorf("the maker failed with %v, retired (-want +got):\n%s", got.Get(), diff)
	}
}

// What nobody reads any more is built no more, nor what it was built of, and uses nothing.
// It may be asked for again.
func TestDerivedValuesThatNobodyReadsAreDropped(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("turn", 1), limits.Bind("low", 10)))
	scope := composedOf(t, engine)
	builds := 0
	inner := capability.Derive(func(r *capability.Resolver) (int, error) {
		builds++
		return limits.Named("low").In(r)
	})
	middle := capability.Derive(func(r *capability.Resolver) (int, error) { return inner.In(r) })
	must1(capability.Derive(func(r *capability.Resolver) (int, error) {
		if turn, err := limits.Named("turn").In(r); turn != 1 {
			return 0, err
		}
		return middle.In(r)
	}).Handle(scope))
	must(engine.Apply(limits.Rebind("turn", 2)))
	must(engine.Apply(limits.Rebind("low", 11)))
	if builds != 1 {
		t.Errorf("%d builds, want 1: nobody reads the second", builds)
	}
	if users := inside.Users(engine, "limit", "low", func(any) bool { return false }); len(users) > 0 {
		t.Errorf("nobody reads it, and users are %q", users)
	}
	leased := must1(inner.Leased(scope))
	for _, want := range []int{11, 12} {
		must(engine.Apply(limits.Rebind("low", want)))
		must(leased.Use(func(got int) error {
			if got != want {
				t.Errorf("got %d, want %d", got, want)
			}
			return nil
		}))
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
}

// A build that failed, and without which nothing was made, is built again for the build that
// reads it next. What a maker made of it before is not made again, and minds nothing.
func TestFailedBuildIsBuiltAgain(t *testing.T) {
	h := newHarbour(t)
	var trouble error
	shift := capability.Derive(func(r *capability.Resolver) (int, error) { return must1(berths.In(r)), trouble })
	roster := capability.Derive(func(r *capability.Resolver) (int, error) { return shift.In(r) })
	must(h.port.Apply(cranes.BindPerScope("big", func(r *capability.Resolver) (string, error) {
		n, err := roster.In(r)
		return fmt.Sprint("for ", n), err
	})))
	must1(cranes.Leased(h.scope))
	trouble = errors.New("no crew")
	must(h.coast.Apply(berths.Rebind("north", 3)))
	trouble = nil
	plan := capability.Derive(func(r *capability.Resolver) (int, error) { return shift.In(r) })
	if got := must1(plan.Handle(h.scope)).Get(); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}

// As long as a value stays that was made without a build, builds that read it later do
// without it, too.
func TestFailureLastsAsLongAsWhatWasMadeWithoutIt(t *testing.T) {
	h := newHarbour(t)
	trouble := errors.New("no crew")
	shift := capability.Derive(func(r *capability.Resolver) (int, error) { return must1(berths.In(r)), trouble })
	reading := func(more func(*capability.Resolver) string) capability.Handle[string] {
		t.Helper()
		return must1(capability.Derive(func(r *capability.Resolver) (string, error) {
			n, err := shift.In(r)
			return fmt.Sprint(n, " ", err, " ", more(r)), nil
		}).Handle(h.scope))
	}
	plan := reading(func(r *capability.Resolver) string { return must1(tides.In(r)) })
	must(h.coast.Apply(tides.Rebind("today", "low")))
	trouble = nil
	must(h.coast.Apply(tides.Rebind("today", "high")))
	if got, want := plan.Get(), "2 <nil> high"; got != want {
		t.Errorf("made again, the plan is %q, want %q", got, want)
	}

	trouble = errors.New("no crew")
	must(h.coast.Apply(berths.Rebind("north", 3)))
	trouble = nil
	later := reading(func(*capability.Resolver) string { return "high" })
	if plan.Get() != later.Get() {
		t.Errorf("%q was made beside %q", later.Get(), plan.Get())
	}
	must(h.coast.Apply(tides.Rebind("today", "low")))
	if got, want := plan.Get(), strings.Replace(later.Get(), "high", "low", 1); got != want {
		t.Errorf("%q was made beside %q", got, later.Get())
	}

	// Who asks for it in person has it built, and all that was made without it.
	must1(shift.Handle(h.scope))
	if plan.Get() != "3 <nil> low" || later.Get() != "3 <nil> high" {
		t.Errorf("the plans are %q and %q", plan.Get(), later.Get())
	}
}

// A round of builds that read each other names those, and not what they read besides.
func TestRoundOfBuildsNamesNoOthers(t *testing.T) {
	h := newHarbour(t)
	var one, other capability.Query[int]
	aside := capability.Derive(func(*capability.Resolver) (int, error) { return 1, nil })
	one = capability.Derive(func(r *capability.Resolver) (int, error) {
		must1(aside.In(r))
		return other.In(r)
	})
	other = capability.Derive(func(r *capability.Resolver) (int, error) { return one.In(r) })
	_, err := one.Handle(h.scope)
	if !errors.Is(err, capability.ErrCycle) || strings.Count(err.Error(), "Derive at") != 2 {
		t.Errorf("want a round of two, got %v", err)
	}
}

// A build that first has something to retire when it is built anew gets it retired, though
// all else that it holds is the same.
func TestOnRetireOfALaterBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		store, retired := &blobStore{name: "store"}, 0
		must(engine.Apply(blobs.Bind("disk", store).OnRetire(store.close), limits.Bind("turn", 1)))
		scope := composedOf(t, engine)
		must1(capability.Derive(func(r *capability.Resolver) (int, error) {
			turn, err := limits.In(r)
			if turn == 2 {
				r.OnRetire(func() error { retired++; return nil })
			}
			return turn, errors.Join(err, second(blobs.In(r)))
		}).Handle(scope))
		must(engine.Apply(limits.Rebind("turn", 2)))
		must(scope.Close())
		must(engine.Close(t.Context()))
		if retired != 1 || !store.closed() {
			t.Errorf("retired %d times, want once; the store is closed %v", retired, store.closed())
		}
	})
}

// What a refused commit had built is not what later builds read, and is not kept.
func TestRefusedBuildsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarbour(t)
		var l tally
		var made weak.Pointer[blobStore]
		inner := capability.Derive(func(r *capability.Resolver) (*blobStore, error) {
			s := &blobStore{name: fmt.Sprint(l.make(r))}
			made = weak.Make(s)
			_, err := berths.In(r)
			return s, err
		})
		bad := capability.Derive(func(r *capability.Resolver) (int, error) {
			n, err := berths.In(r)
			if n == 9 {
				err = errors.New("too many")
			}
			return n, err
		})
		must(h.scope.Resolve(inner.IntoLeased(new(capability.Leased[*blobStore])), bad.IntoLeased(new(capability.Leased[int]))))
		if err := h.coast.Apply(berths.Rebind("north", 9)); err == nil {
			t.Fatal("the commit is not refused")
		}
		synctest.Wait()
		if runtime.GC(); l.built() != 2 || made.Value() != nil {
			t.Errorf("%d were built, want 2, and what was refused is kept: %v", l.built(), made.Value())
		}
		outer := must1(capability.Derive(func(r *capability.Resolver) (string, error) {
			s, err := inner.In(r)
			return s.name, err
		}).Leased(h.scope))
		must(outer.Use(func(name string) error {
			must(h.coast.Apply(berths.Rebind("north", 3)))
			synctest.Wait()
			if diff := cmp.Diff([]int{2}, l.gone()); name != "1" || diff != "" {
				t.Errorf("in use of %s, retired (-want +got):\n%s", name, diff)
			}
			return nil
		}))
		synctest.Wait()
		if diff := cmp.Diff([]int{1, 2}, l.gone()); diff != "" {
			t.Errorf("after it, retired (-want +got):\n%s", diff)
		}
	})
}

// A build that panics may read another one on its way out, which does not stop the panic.
func TestBuildReadWhileAnotherPanics(t *testing.T) {
	h := newHarbour(t)
	inner := capability.Derive(func(r *capability.Resolver) (int, error) { return berths.In(r) })
	_, err := capability.Derive(func(r *capability.Resolver) (int, error) {
		defer func() {
			if n, err := inner.In(r); n != 2 || err != nil {
				t.Errorf("the inner build: %d, %v", n, err)
			}
		}()
		panic("on fire")
	}).Handle(h.scope)
	if !errors.Is(err, capability.ErrPanic) {
		t.Errorf("got %v, want %v", err, capability.ErrPanic)
	}
}
