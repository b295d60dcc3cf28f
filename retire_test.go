// Retirement, one situation at a time: what goes wrong in OnRetire, what Drain
// and Close say, which bindings are accepted, and who holds what for how long.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// composedOf composes registries in a test.
func composedOf(t *testing.T, registries ...*capability.Registry) *capability.Scope {
	t.Helper()
	scope, err := capability.Compose(registries...)
	accepted(t, err)
	return scope
}

// endedContext returns a context that has ended.
func endedContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// expectShut waits until nothing runs any more and compares which of the stores
// are closed.
func expectShut(t *testing.T, when string, want []*blobStore, of ...*blobStore) {
	t.Helper()
	synctest.Wait()
	wanted, got := []string{}, []string{}
	for _, s := range of {
		if slices.Contains(want, s) {
			wanted = append(wanted, s.name)
		}
		if s.closed() {
			got = append(got, s.name)
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("closed stores %s (-want +got):\n%s", when, diff)
	}
}

// errorLines returns the parts of a joined error, each as provider and code,
// sorted.
func errorLines(err error) []string {
	lines := []string{}
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		var e *capability.Error
		if errors.As(err, &e) {
			lines = append(lines, strings.TrimSpace(e.Provider+" "+string(e.Code)))
		}
	}
	if err != nil {
		walk(err)
	}
	slices.Sort(lines)
	return lines
}

func TestPromise12RetirementsThatMisbehave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		hang := make(chan struct{})
		good := &blobStore{name: "good"}
		exit := func() error { runtime.Goexit(); return nil }
		accepted(t, engine.Apply(
			blobs.Bind("fails", &blobStore{}).OnRetire(func() error { return errors.New("disk full") }),
			blobs.Bind("panics", &blobStore{}).OnRetire(func() error { panic("on fire") }),
			blobs.Bind("panics-nil", &blobStore{}).OnRetire(func() error { panic(nil) }),
			blobs.Bind("panics-late", &blobStore{}).OnRetire(func() error { defer panic("on fire"); runtime.Goexit(); return nil }),
			blobs.Bind("exits", &blobStore{}).OnRetire(exit),
			blobs.Bind("hangs", &blobStore{}).OnRetire(func() error { <-hang; return errors.New("late") }),
			blobs.Bind("good", good).OnRetire(good.close),
		))
		scope := composedOf(t, engine)
		accepted(t, scope.Close())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := engine.Close(ctx)
		panicked := string(capability.ErrPanic)
		want := []string{"exits " + panicked, "fails", "hangs " + string(capability.ErrInUse), "panics " + panicked, "panics-late " + panicked, "panics-nil " + panicked}
		if diff := cmp.Diff(want, errorLines(err)); diff != "" {
			t.Errorf("Close (-want +got):\n%s\n%v", diff, err)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "OnRetire has not returned") {
			t.Errorf("Close does not say that an OnRetire hangs: %v", err)
		}
		expectShut(t, "while one hangs", []*blobStore{good}, good)
		if diff := cmp.Diff([]string{"hangs " + string(capability.ErrInUse)}, errorLines(engine.Drain(endedContext()))); diff != "" {
			t.Errorf("a second Drain (-want +got):\n%s", diff)
		}
		close(hang)
		if diff := cmp.Diff([]string{"hangs"}, errorLines(engine.Close(t.Context()))); diff != "" {
			t.Errorf("Close once nothing hangs (-want +got):\n%s", diff)
		}
		accepted(t, engine.Drain(t.Context()))
	})
}

func TestOnRetireFuncsRunNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		var calls []string
		step := func(name string, end func()) func() error {
			return func() error {
				calls = append(calls, name)
				end()
				return errors.New(name)
			}
		}
		made := func(r *capability.Resolver) (int, error) {
			r.OnRetire(step("made first", func() {}))
			r.OnRetire(step("made second", runtime.Goexit))
			r.OnRetire(step("made third", func() { panic("on fire") }))
			return 1, nil
		}
		accepted(t, engine.Apply(
			limits.BindPerScope("low", made),
			blobs.Bind("disk", &blobStore{}).
				OnRetire(step("first", func() {})).
				OnRetire(step("second", func() { panic("on fire") })).
				OnRetire(step("third", runtime.Goexit)).
				OnRetire(step("fourth", func() {}))))
		err := engine.Close(t.Context())
		if diff := cmp.Diff([]string{"fourth", "third", "second", "first"}, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		panicked := "disk " + string(capability.ErrPanic)
		if diff := cmp.Diff([]string{"disk", "disk", panicked, panicked}, errorLines(err)); diff != "" {
			t.Errorf("errors (-want +got):\n%s\n%v", diff, err)
		}

		calls = nil
		group := capability.NewRegistry(capability.Group, "group")
		accepted(t, group.Apply(limits.BindPerScope("low", made)))
		scope := composedOf(t, group)
		_, err = limits.Handle(scope)
		accepted(t, err)
		accepted(t, scope.Close())
		err = group.Close(t.Context())
		if diff := cmp.Diff([]string{"made third", "made second", "made first"}, calls); diff != "" {
			t.Errorf("calls of an instance (-want +got):\n%s", diff)
		}
		if got := len(errorLines(err)); got != 3 {
			t.Errorf("%d errors of an instance, want 3: %v", got, err)
		}
	})
}

func TestCloseAndDrainFromOwnOnRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		other := capability.NewRegistry(capability.Engine, "other")
		var own, elsewhere []error
		meddle := func() error {
			own = append(own, engine.Drain(context.Background()), engine.Close(context.Background()))
			elsewhere = append(elsewhere, other.Drain(context.Background()), other.Apply(limits.Rebind("low", 2)), engine.Apply(limits.Bind("high", 9)))
			return nil
		}
		accepted(t, other.Apply(limits.Bind("low", 1)))
		accepted(t, engine.Apply(blobs.Bind("disk", &blobStore{}).OnRetire(meddle), blobs.Bind("made", &blobStore{})))
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		accepted(t, engine.Drain(t.Context()))
		scope := composedOf(t, engine)
		_, err := capability.Derive(func(r *capability.Resolver) (int, error) { r.OnRetire(meddle); return 0, nil }).Handle(scope)
		accepted(t, err)
		accepted(t, engine.Apply(limits.Unbind("high")))
		accepted(t, scope.Close())
		synctest.Wait()
		accepted(t, engine.Close(t.Context()))
		if len(own) != 4 || len(elsewhere) != 6 {
			t.Fatalf("%d and %d answers, want 4 and 6", len(own), len(elsewhere))
		}
		for i, err := range own {
			if !errors.Is(err, capability.ErrInvalid) {
				t.Errorf("answer %d from the own OnRetire: %v", i, err)
			}
		}
		for i, err := range elsewhere {
			if err != nil {
				t.Errorf("answer %d of what OnRetire may do: %v", i, err)
			}
		}
	})
}

func TestDrainsAtOnceReturnEachErrorOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		accepted(t, engine.Drain(endedContext())) // nothing is pending
		const n = 20
		open := make(chan struct{})
		var changes, gone capability.Changes
		for i := range n {
			name := fmt.Sprint("disk", i)
			changes = append(changes, blobs.Bind(name, &blobStore{}).OnRetire(func() error { <-open; return errors.New(name) }))
			gone = append(gone, blobs.Unbind(name))
		}
		accepted(t, engine.Apply(changes))
		accepted(t, engine.Apply(gone))
		err := engine.Drain(endedContext())
		if got := len(errorLines(err)); got != 9 || !strings.Contains(err.Error(), "12 more") {
			t.Errorf("%d lines for %d that hang: %v", got, n, err)
		}
		results := make(chan error, 4)
		for range cap(results) {
			go func() { results <- engine.Drain(context.Background()) }()
		}
		synctest.Wait()
		close(open)
		total := 0
		for range cap(results) {
			total += len(errorLines(<-results))
		}
		if total != n {
			t.Errorf("%d errors came out of all Drains, want %d", total, n)
		}
		accepted(t, engine.Drain(endedContext()))
	})
}

func TestDrainWaitsOnlyForWhatLeftBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		first, second := make(chan struct{}), make(chan struct{})
		accepted(t, engine.Apply(limits.Bind("low", 1).OnRetire(func() error { <-first; return nil }), limits.Bind("high", 9).OnRetire(func() error { <-second; return nil })))
		accepted(t, engine.Apply(limits.Unbind("low")))
		done := false
		go func() {
			accepted(t, engine.Drain(context.Background()))
			done = true
		}()
		synctest.Wait()
		accepted(t, engine.Apply(limits.Unbind("high")))
		close(first)
		synctest.Wait()
		if !done {
			t.Error("Drain waits for what left after it was called")
		}
		close(second)
	})
}

func TestBindingsWithOnRetireAreAcceptedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		group := capability.NewRegistry(capability.Group, "group")
		store := &blobStore{name: "store"}
		b := blobs.Bind("disk", store).OnRetire(store.close)
		refused(t, engine.Apply(b, blobs.Unbind("nobody")), capability.ErrUnknown)
		refused(t, capability.Commit(engine.Stage(b), group.Stage(b)), capability.ErrInvalid)
		refused(t, engine.Apply(b, blobs.Unbind("disk"), b), capability.ErrInvalid)
		expectShut(t, "after refused commits", nil, store)
		accepted(t, engine.Apply(b))
		refused(t, group.Apply(b), capability.ErrInvalid)
		refused(t, group.Apply(b.OnRetire(func() error { return nil })), capability.ErrInvalid)
		refused(t, group.Apply(b.Grace(time.Hour).Priority(7)), capability.ErrInvalid)
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		expectShut(t, "after the unbind", []*blobStore{store}, store)
		refused(t, engine.Apply(b), capability.ErrInvalid)
		accepted(t, engine.Close(t.Context()))

		// Bound and withdrawn in one transaction is accepted and gone.
		brief := &blobStore{name: "brief"}
		accepted(t, group.Apply(blobs.Bind("disk", brief).OnRetire(brief.close), blobs.Unbind("disk")))
		expectShut(t, "after bind and unbind at once", []*blobStore{brief}, brief)
		accepted(t, group.Apply(blobs.Bind("disk", &blobStore{})))
		one, two := &blobStore{name: "one"}, &blobStore{name: "two"}
		accepted(t, group.Apply(blobs.Rebind("disk", one).OnRetire(one.close), blobs.Rebind("disk", two).OnRetire(two.close)))
		expectShut(t, "after two rebinds at once", []*blobStore{one}, one, two)
		accepted(t, group.Close(t.Context()))
		expectShut(t, "after Close", []*blobStore{one, two}, one, two)
	})
}

func TestBindingsThatCannotBeRetired(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	shut := func() error { t.Error("a refused binding was retired"); return nil }
	made := func(*capability.Resolver) (*blobStore, error) { return &blobStore{}, nil }
	refused(t, engine.Apply(blobs.Bind("disk", &blobStore{}).OnRetire(nil)), capability.ErrInvalid)
	refused(t, engine.Apply(blobs.Bind("disk", &blobStore{}).OnRetire(shut).OnRetire(nil)), capability.ErrInvalid)
	refused(t, engine.Apply(blobs.Bind("disk", &blobStore{}).OnRetire(shut).Grace(-1)), capability.ErrInvalid)
	refused(t, engine.Apply(blobs.BindPerScope("disk", made).OnRetire(shut)), capability.ErrInvalid)
	accepted(t, engine.Apply(blobs.BindPerScope("disk", made).Grace(time.Minute)))
	scope := composedOf(t, engine)
	q := capability.Derive(func(r *capability.Resolver) (int, error) { r.OnRetire(nil); return 1, nil })
	_, err := q.Handle(scope)
	refused(t, err, capability.ErrInvalid)
	var kept *capability.Resolver
	_, err = capability.Derive(func(r *capability.Resolver) (int, error) { kept = r; return 1, nil }).Handle(scope)
	accepted(t, err)
	panicsWith(t, capability.ErrInvalid, func() { kept.OnRetire(shut) })
	accepted(t, scope.Close())
	accepted(t, engine.Close(t.Context()))
}

func TestRefusedCommitsRetireOnlyWhatTheirBuildsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		now, next := &blobStore{name: "now"}, &blobStore{name: "next"}
		accepted(t, engine.Apply(blobs.Bind("disk", now).OnRetire(now.close)))
		scope := composedOf(t, engine)
		var built []*blobStore
		q := capability.Derive(func(r *capability.Resolver) (*blobStore, error) {
			s := &blobStore{name: fmt.Sprint("built", len(built))}
			built = append(built, s)
			r.OnRetire(s.close)
			below, err := blobs.In(r)
			if below == next {
				return nil, errors.New("it does not like the next one")
			}
			return s, err
		})
		h, err := q.Handle(scope)
		accepted(t, err)
		binding := blobs.Rebind("disk", next).OnRetire(next.close)
		for range 2 {
			if err := engine.Apply(binding); err == nil {
				t.Fatal("accepted")
			}
			expectShut(t, "after a refused commit", built[1:], append(built, now, next)...)
		}
		if h.Get() != built[0] {
			t.Errorf("the handle shows %q", h.Get().name)
		}
		accepted(t, engine.Drain(endedContext()))
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
		expectShut(t, "at the end", append(built, now), append(built, now, next)...)
	})
}

func TestGraceZeroEndsThePlainHoldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		zero, minute := &blobStore{name: "zero"}, &blobStore{name: "minute"}
		accepted(t, engine.Apply(
			blobs.Bind("zero", zero).OnRetire(zero.close).Grace(0),
			blobs.Bind("minute", minute).OnRetire(minute.close).Grace(time.Minute).Grace(time.Hour).Grace(time.Minute)))
		scope := composedOf(t, engine)
		_, err := blobs.All().Handle(scope)
		accepted(t, err)
		leased, err := blobs.Named("minute").Leased(scope)
		accepted(t, err)
		accepted(t, engine.Apply(blobs.Mask(), blobs.Unbind("zero")))
		expectShut(t, "after a grace of nothing", []*blobStore{zero}, zero, minute)
		accepted(t, leased.Use(func(*blobStore) error {
			must(engine.Apply(blobs.Rebind("minute", &blobStore{})))
			pass(2 * time.Minute)
			expectShut(t, "after the grace, in a lease", []*blobStore{zero}, zero, minute)
			return nil
		}))
		expectShut(t, "after the lease", []*blobStore{zero, minute}, zero, minute)
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
	})
}

func TestScopeClosedWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		store := &blobStore{name: "store"}
		accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close).Grace(time.Hour)))
		scope := composedOf(t, engine)
		_, err := blobs.All().Handle(scope)
		accepted(t, err)
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		expectShut(t, "in its grace", nil, store)
		accepted(t, scope.Close())
		expectShut(t, "after the scope was closed", []*blobStore{store}, store)
		pass(2 * time.Hour)
		accepted(t, engine.Close(t.Context()))
	})
}

func TestMaskedProviderIsHeldByWhoSawIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		returns := capability.NewRegistry(capability.Pipeline, "returns")
		store := &blobStore{name: "store"}
		accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
		saw, late := composedOf(t, engine, orders), composedOf(t, engine, returns)
		_, err := blobs.All().Handle(saw)
		accepted(t, err)
		accepted(t, capability.Commit(orders.Stage(blobs.Mask("disk")), returns.Stage(blobs.Mask("disk"))))
		_, err = blobs.All().Handle(late) // never saw it
		accepted(t, err)
		expectShut(t, "masked", nil, store)
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		expectShut(t, "unbound while who saw it is open", nil, store)
		accepted(t, saw.Close())
		expectShut(t, "after that was closed", []*blobStore{store}, store)
		accepted(t, late.Close())
		accepted(t, engine.Close(t.Context()))
	})
}

func TestPlainHandleResolvedAfterTheMaskHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		store := &blobStore{name: "store"}
		accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
		scope := composedOf(t, engine, orders)
		_, err := blobs.All().Leased(scope) // shows it, to nobody
		accepted(t, err)
		accepted(t, orders.Apply(blobs.Mask("disk")))
		_, err = blobs.All().Handle(scope)
		accepted(t, err)
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		expectShut(t, "unbound", []*blobStore{store}, store)
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
	})
}

// Two scopes share what they see. Only the one that had a plain handle before the
// mask can have handed the store out.
func TestPlainHandleResolvedAfterTheMaskHoldsNothingBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		group := capability.NewRegistry(capability.Group, "group")
		store := &blobStore{name: "store"}
		accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
		var scopes []*capability.Scope
		for _, name := range []string{"orders", "returns"} {
			scopes = append(scopes, composedOf(t, engine, group, capability.NewRegistry(capability.Pipeline, name)))
		}
		_, err := blobs.All().Handle(scopes[0])
		accepted(t, err)
		accepted(t, group.Apply(blobs.Mask("disk")))
		_, err = blobs.All().Handle(scopes[1])
		accepted(t, err)
		accepted(t, engine.Apply(blobs.Unbind("disk")))
		expectShut(t, "while who saw it is open", nil, store)
		accepted(t, scopes[0].Close())
		expectShut(t, "while only who never saw it is open", []*blobStore{store}, store)
		accepted(t, scopes[1].Close())
		accepted(t, engine.Close(t.Context()))
	})
}

// A pipeline begins to say something of a capability after handles of its scope
// and of others were resolved: what they have seen before and after is held.
func TestCellsThatMoveKeepWhatTheyShowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		returns := capability.NewRegistry(capability.Pipeline, "returns")
		stores := make([]*blobStore, 5)
		for i := range stores {
			stores[i] = &blobStore{name: fmt.Sprint("store", i)}
		}
		of := func(i int) capability.Change { return blobs.Rebind("disk", stores[i]).OnRetire(stores[i].close) }
		accepted(t, engine.Apply(blobs.Bind("disk", stores[0]).OnRetire(stores[0].close)))
		moving, staying := composedOf(t, engine, orders), composedOf(t, engine, returns)
		_, err := blobs.Named("disk").Handle(moving)
		accepted(t, err)
		accepted(t, engine.Apply(of(1)))
		_, err = blobs.Named("disk").Handle(staying) // saw all but the first
		accepted(t, err)
		accepted(t, orders.Apply(of(2)))
		accepted(t, engine.Apply(of(3)))
		accepted(t, orders.Apply(blobs.Unbind("disk")))
		accepted(t, engine.Apply(of(4)))
		expectShut(t, "while both scopes are open", nil, stores...)
		accepted(t, staying.Close())
		expectShut(t, "after who stayed was closed", nil, stores...)
		accepted(t, moving.Close())
		expectShut(t, "after both were closed", stores[:4], stores...)
		accepted(t, engine.Close(t.Context()))
		accepted(t, orders.Close(t.Context()))
		expectShut(t, "at the end", stores, stores...)
	})
}

func TestScopesOfWithInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := capability.NewRegistry(capability.Engine, "engine")
				group := capability.NewRegistry(capability.Group, "group")
				orders := capability.NewRegistry(capability.Pipeline, "orders")
				store := &blobStore{name: "store"}
				accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
				scopes := []*capability.Scope{composedOf(t, engine), nil, nil}
				var err error
				scopes[1], err = scopes[0].With(group)
				accepted(t, err)
				scopes[2], err = scopes[1].With(orders)
				accepted(t, err)
				for _, s := range scopes {
					_, err := blobs.All().Handle(s)
					accepted(t, err)
				}
				accepted(t, engine.Apply(blobs.Unbind("disk")))
				for _, i := range order {
					expectShut(t, "before the last scope was closed", nil, store)
					accepted(t, scopes[i].Close())
				}
				expectShut(t, "after the last scope was closed", []*blobStore{store}, store)
				accepted(t, engine.Close(t.Context()))
			})
		})
	}
}

func TestDerivedValueHoldsWhatItReadBeyondItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		store, next := &blobStore{name: "store"}, &blobStore{name: "next"}
		accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close).Grace(time.Second)))
		scope := composedOf(t, engine)
		view := &blobStore{name: "view"}
		q := capability.Derive(func(r *capability.Resolver) (*blobStore, error) {
			below, err := blobs.In(r)
			if below == store {
				r.OnRetire(view.close)
			}
			return below, err
		})
		through := capability.Derive(func(r *capability.Resolver) (*blobStore, error) { return q.In(r) })
		l, err := through.Leased(scope)
		accepted(t, err)
		accepted(t, l.Use(func(*blobStore) error {
			must(engine.Apply(blobs.Rebind("disk", next).OnRetire(next.close)))
			pass(time.Hour)
			expectShut(t, "long after the grace, in a lease of what was made of it", nil, store, view)
			err := engine.Drain(endedContext())
			if diff := cmp.Diff([]string{"disk " + string(capability.ErrInUse), string(capability.ErrInUse)}, errorLines(err)); diff != "" {
				t.Errorf("Drain (-want +got):\n%s\n%v", diff, err)
			}
			return nil
		}))
		expectShut(t, "after the lease", []*blobStore{store, view}, store, view, next)
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
		expectShut(t, "at the end", []*blobStore{store, view, next}, store, view, next)
	})
}

func TestInstanceHoldsWhatItsMakerRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		below, own := &blobStore{name: "below"}, &blobStore{name: "own"}
		accepted(t, engine.Apply(strict.Bind("disk", below).OnRetire(below.close)))
		accepted(t, orders.Apply(strict.BindPerScope("cached", func(r *capability.Resolver) (*blobStore, error) {
			r.OnRetire(own.close)
			_, err := strict.In(r)
			return own, err
		})))
		scope := composedOf(t, engine, orders)
		_, err := strict.Leased(scope)
		accepted(t, err)
		accepted(t, engine.Apply(strict.Unbind("disk")))
		expectShut(t, "while the instance is there", nil, below, own)
		accepted(t, orders.Apply(strict.Rebind("cached", &blobStore{name: "plain"})))
		expectShut(t, "after the binding was replaced", []*blobStore{below, own}, below, own)
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
		accepted(t, orders.Close(t.Context()))
	})
}

// What a commit made for a scope was shown by its plain handles, like what was
// there when they were resolved.
func TestPlainHandleKeepsEachInstanceItShowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		var made []*blobStore
		bind := func(name string) capability.Change {
			return blobs.BindPerScope("disk", func(r *capability.Resolver) (*blobStore, error) {
				b := &blobStore{name: name}
				made = append(made, b)
				r.OnRetire(b.close)
				return b, nil
			})
		}
		accepted(t, engine.Apply(bind("first")))
		scope := composedOf(t, engine)
		_, err := blobs.Handle(scope)
		accepted(t, err)
		accepted(t, engine.Apply(blobs.Unbind("disk"), bind("second")))
		accepted(t, engine.Apply(blobs.Unbind("disk"), bind("third")))
		expectShut(t, "while the scope is open", nil, made...)
		accepted(t, scope.Close())
		if len(made) != 3 {
			t.Errorf("%d made", len(made))
		}
		expectShut(t, "after its close", made, made...)
		accepted(t, engine.Close(t.Context()))
	})
}

// Of two builds one stops to read a third in the commit in which the other
// begins to.
func TestBuildsThatTakeOverWhatAnotherRead(t *testing.T) {
	for _, first := range []int{1, 2} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("first=%d,together=%v", first, together), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { takeOver(t, first, together) })
			})
		}
	}
}

func takeOver(t *testing.T, first int, together bool) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	accepted(t, engine.Apply(limits.Bind("turn", 1), limits.Bind("low", 10)))
	scope := composedOf(t, engine)
	made := 0
	var retired atomic.Int64
	third := capability.Derive(func(r *capability.Resolver) (int, error) {
		made++
		r.OnRetire(func() error { retired.Add(1); return nil })
		return limits.Named("low").In(r)
	})
	reader := func(mine int) capability.Query[int] {
		return capability.Derive(func(r *capability.Resolver) (int, error) {
			if turn, err := limits.Named("turn").In(r); turn != mine {
				return 0, err
			}
			return third.In(r)
		})
	}
	handles := make(map[int]capability.Handle[int])
	for _, turn := range []int{first, 3 - first} {
		h, err := reader(turn).Handle(scope)
		accepted(t, err)
		handles[turn] = h
	}
	changes := capability.Changes{limits.Rebind("turn", 2)}
	low := 10
	if together {
		low = 11
		changes = append(changes, limits.Rebind("low", low))
	}
	accepted(t, engine.Apply(changes))
	if got := [2]int{handles[1].Get(), handles[2].Get()}; got != [2]int{0, low} {
		t.Errorf("the handles show %v, want [0 %d]", got, low)
	}
	accepted(t, engine.Apply(limits.Rebind("low", 12)))
	if got := handles[2].Get(); got != 12 {
		t.Errorf("the handle shows %d after a commit of 12", got)
	}
	accepted(t, engine.Apply(limits.Rebind("turn", 1)))
	if got := [2]int{handles[1].Get(), handles[2].Get()}; got != [2]int{12, 0} {
		t.Errorf("the handles show %v, want [12 0]", got)
	}
	accepted(t, scope.Close())
	accepted(t, engine.Close(t.Context()))
	if got := int(retired.Load()); made != got || made < 2 {
		t.Errorf("%d made, %d retired", made, got)
	}
}

// A build goes on without a chain whose maker fails. What the chain was before
// is gone, and no later build may read it.
func TestBuildNeverReadsWhatAFailedMakerReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		store := &blobStore{name: "store"}
		accepted(t, engine.Apply(limits.Bind("turn", 1), blobs.BindPerScope("good", func(r *capability.Resolver) (*blobStore, error) {
			r.OnRetire(store.close)
			return store, nil
		})))
		scope := composedOf(t, engine)
		q := capability.Derive(func(r *capability.Resolver) (string, error) {
			turn, err := limits.Named("turn").In(r)
			if err != nil {
				return "", err
			}
			chain, _ := blobs.All().In(r)
			for _, s := range chain.Values() {
				if s.closed() {
					t.Errorf("turn %d reads a store that was closed", turn)
				}
			}
			return fmt.Sprintf("turn %d, stores %v", turn, chain.Names()), nil
		})
		l, err := q.Leased(scope)
		accepted(t, err)
		expect := func(want string) {
			t.Helper()
			accepted(t, l.Use(func(got string) error {
				if got != want {
					t.Errorf("the derived value is %q, want %q", got, want)
				}
				return nil
			}))
		}
		expect("turn 1, stores [good]")
		accepted(t, engine.Apply(blobs.Unbind("good"), blobs.BindPerScope("bad", func(*capability.Resolver) (*blobStore, error) {
			return nil, errors.New("no disk")
		})))
		expectShut(t, "after its binding was withdrawn", []*blobStore{store}, store)
		expect("turn 1, stores []")
		for turn := range 3 {
			accepted(t, engine.Apply(limits.Rebind("turn", turn)))
			synctest.Wait()
			expect(fmt.Sprintf("turn %d, stores []", turn))
		}
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
	})
}

// Who waits for many is told of the first by name, and how many more there are, whatever the
// order in which they left.
func TestDrainOfManyTellsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		scope := composedOf(t, engine)
		must1(blobs.All().Handle(scope))
		want := []string{string(capability.ErrInUse)}
		for i := range 30 {
			s := &blobStore{name: fmt.Sprint("store", i+10)}
			accepted(t, engine.Apply(blobs.Bind(s.name, s).OnRetire(s.close)))
			accepted(t, engine.Apply(blobs.Unbind(s.name)))
			if i < 8 {
				want = append(want, s.name+" "+want[0])
			}
		}
		if diff := cmp.Diff(want, errorLines(engine.Drain(endedContext()))); diff != "" {
			t.Errorf("Drain (-want +got):\n%s", diff)
		}
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
	})
}

// Who holds a provider is named up to three, and then counted.
func TestHoldersAreNamedUpToThree(t *testing.T) {
	for holders, more := range map[int]string{3: "", 4: ", 1 more;", 5: ", 2 more;"} {
		synctest.Test(t, func(t *testing.T) {
			engine := capability.NewRegistry(capability.Engine, "engine")
			store := &blobStore{name: "store"}
			accepted(t, engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
			var scopes []*capability.Scope
			for i := range holders {
				s := composedOf(t, capability.NewRegistry(capability.Pipeline, fmt.Sprint("orders", i)), engine)
				must1(blobs.Handle(s))
				scopes = append(scopes, s)
			}
			accepted(t, engine.Apply(blobs.Rebind("disk", &blobStore{})))
			text := engine.Drain(endedContext()).Error()
			if strings.Count(text, "a plain handle of scope") != 3 || !strings.Contains(text, more) || more == "" && strings.Contains(text, " more") {
				t.Errorf("%d holders: %s", holders, text)
			}
			for _, s := range scopes {
				accepted(t, s.Close())
			}
			accepted(t, engine.Close(t.Context()))
		})
	}
}

// With a Grace of nothing no plain handle holds what has left, not even for a moment.
func TestGraceOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		hang := make(chan struct{})
		accepted(t, engine.Apply(blobs.Bind("disk", &blobStore{}).Grace(0).OnRetire(func() error { <-hang; return nil })))
		scope := composedOf(t, engine)
		must1(blobs.Handle(scope))
		accepted(t, engine.Apply(blobs.Rebind("disk", &blobStore{})))
		if err := engine.Drain(endedContext()); err == nil || strings.Contains(err.Error(), "plain handle") {
			t.Errorf("want an OnRetire that has not returned, got %v", err)
		}
		close(hang)
		accepted(t, scope.Close())
		accepted(t, engine.Close(t.Context()))
	})
}
