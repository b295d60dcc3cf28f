// What the library answers to builds, makers, leases and retirements that
// misbehave, and to values of theirs that make no sense.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// misdeeds are the ways of code that users give to fail, by name, and the codes
// that come of them.
var misdeeds = map[string]struct {
	code capability.Code
	fail func() error
}{
	"error":       {"", func() error { return errors.New("out of paper") }},
	"code":        {Retry, func() error { return fmt.Errorf("locked: %w", Retry) }},
	"nil-pointer": {"", func() error { return (*capability.Error)(nil) }},
	"rude":        {"", func() error { return rude{} }},
	"panic-error": {capability.ErrPanic, func() error { panic(errors.New("on fire")) }},
	"panic-rude":  {capability.ErrPanic, func() error { panic(rude{}) }},
	"panic-text":  {capability.ErrPanic, func() error { panic("on fire") }},
	"panic-nil":   {capability.ErrPanic, func() error { panic(nil) }},
	"exit":        {capability.ErrPanic, func() error { runtime.Goexit(); return nil }},
	"nil-map":     {capability.ErrPanic, func() error { pages := map[string]map[string]int{}; pages["tray"]["page"] = 1; return nil }},
	"several":     {capability.ErrPanic, func() error { return errors.Join(context.Canceled, capability.ErrPanic) }},
}

// failed checks that err is an Error with that code, and has a text.
func failed(t *testing.T, err error, code capability.Code) {
	t.Helper()
	e, ok := errors.AsType[*capability.Error](err)
	if !ok {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	if diff := cmp.Diff(code, e.Code); diff != "" {
		t.Errorf("code (-want +got):\n%s\nof %v", diff, err)
	}
	if e.Error() == "" {
		t.Error("the error has no text")
	}
}

// unchanged runs f and fails if it left a trace in the office.
func (o *office) unchanged(t *testing.T, f func()) {
	t.Helper()
	before := o.state(t)
	f()
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("it left a trace (-want +got):\n%s", diff)
	}
}

// TestFaultsOfBuilds lets a build fail in every way, when it is resolved first
// and in a commit, by itself and read by another build.
func TestFaultsOfBuilds(t *testing.T) {
	for name, fault := range misdeeds {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			build := func(r *capability.Resolver) (int, error) {
				p, err := o.printers.Named("plotter").In(r)
				if err == nil && p != o.plotter {
					err = fault.fail()
				}
				return 1, err
			}
			inner := capability.Derive(build)
			outer := capability.Derive(func(r *capability.Resolver) (int, error) { return inner.In(r) })
			both := capability.Derive(func(r *capability.Resolver) (int, error) {
				a, err := inner.In(r)
				b, other := outer.In(r)
				return a + b, errors.Join(err, other)
			})
			handle := must1(both.Handle(o.scope))
			o.unchanged(t, func() {
				failed(t, o.city.Apply(o.printers.Rebind("plotter", new(inkjet))), fault.code)
			})
			if handle.Get() != 2 {
				t.Errorf("the handle shows %d", handle.Get())
			}
			accepted(t, o.scope.Close())
			accepted(t, o.city.Apply(o.printers.Rebind("plotter", new(inkjet))))
			scope := must1(capability.Compose(o.city, o.spare))
			for range 2 {
				failed(t, second(outer.Handle(scope)), fault.code)
				failed(t, second(inner.Leased(scope)), fault.code)
			}
			accepted(t, o.city.Apply(o.printers.Rebind("plotter", o.plotter)))
			accepted(t, second(outer.Handle(scope)))
		})
	}
}

// TestFaultsOfMakers does the same with makers.
func TestFaultsOfMakers(t *testing.T) {
	for name, fault := range misdeeds {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			works := false
			photo := func() capability.Change {
				return o.printers.BindPerScope("photo", func(*capability.Resolver) (printer, error) {
					if works {
						return o.laser, nil
					}
					return o.laser, fault.fail()
				}).Priority(-5)
			}
			o.unchanged(t, func() { failed(t, o.city.Apply(photo()), fault.code) })
			// A scope that has not resolved it does not mind.
			accepted(t, o.spare.Apply(photo()))
			scope := must1(capability.Compose(o.spare))
			for range 2 {
				failed(t, second(o.printers.All().Handle(scope)), fault.code)
				failed(t, second(o.printers.Named("photo").Leased(scope)), fault.code)
			}
			accepted(t, second(o.printers.Named("receipt").Handle(scope)))
			works = true
			accepted(t, second(o.printers.All().Handle(scope)))
			accepted(t, o.city.Apply(photo()))
			accepted(t, scope.Close())
		})
	}
}

// TestFaultsOfRetirements lets one of several OnRetire fail in every way: the
// others are called all the same, and Drain tells.
func TestFaultsOfRetirements(t *testing.T) {
	for name, fault := range misdeeds {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			var called []string
			note := func(name string) func() error { return func() error { called = append(called, name); return nil } }
			accepted(t, o.spare.Apply(
				o.printers.Bind("photo", o.laser).OnRetire(note("first")).OnRetire(fault.fail).OnRetire(note("last")),
				o.printers.Unbind("photo")))
			failed(t, o.spare.Drain(t.Context()), fault.code)
			if diff := cmp.Diff([]string{"last", "first"}, called); diff != "" {
				t.Errorf("called (-want +got):\n%s", diff)
			}
			accepted(t, o.spare.Drain(t.Context()))
			accepted(t, o.spare.Apply(o.printers.Bind("photo", o.laser)))
			accepted(t, o.spare.Close(t.Context()))
		})
	}
}

// TestFaultsOfUse ends a Use in every way: the lease ends with it.
func TestFaultsOfUse(t *testing.T) {
	for name, fault := range misdeeds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				retired := false
				accepted(t, o.spare.Apply(o.photo(func() error { retired = true; return nil })))
				scope := must1(capability.Compose(o.spare))
				leased := must1(o.printers.Named("photo").Leased(scope))
				go func() {
					defer func() { recover() }()
					_ = leased.Use(func(printer) error { return fault.fail() })
				}()
				synctest.Wait()
				accepted(t, o.spare.Apply(o.printers.Rebind("photo", o.laser)))
				accepted(t, o.spare.Drain(t.Context()))
				if !retired {
					t.Error("the lease has not ended")
				}
				accepted(t, leased.Use(func(printer) error { return nil }))
				accepted(t, scope.Close())
			})
		})
	}
}

// TestLiveBindingsRefused commits bindings that make no sense.
func TestLiveBindingsRefused(t *testing.T) {
	var none *inkjet
	var noFunc printFunc
	nothing := func() error { return nil }
	made := func(p printer) func(*capability.Resolver) (printer, error) {
		return func(*capability.Resolver) (printer, error) { return p, nil }
	}
	twice := func(o *office) capability.Change {
		b := o.printers.Bind("photo", o.laser).OnRetire(nothing)
		return capability.Changes{b.Priority(-5), o.printers.Unbind("photo"), b.Priority(-6)}
	}
	for name, change := range map[string]func(o *office) capability.Change{
		"nil-maker":            func(o *office) capability.Change { return o.printers.BindPerScope("photo", nil) },
		"maker-of-nil":         func(o *office) capability.Change { return o.printers.BindPerScope("photo", made(nil)).Priority(-5) },
		"maker-of-nil-pointer": func(o *office) capability.Change { return o.printers.BindPerScope("photo", made(none)).Priority(-5) },
		"maker-of-nil-func":    func(o *office) capability.Change { return o.printers.BindPerScope("photo", made(noFunc)).Priority(-5) },
		"maker-with-zero-key": func(o *office) capability.Change {
			return capability.Capability[printer]{}.BindPerScope("photo", made(o.laser))
		},
		"maker-with-bad-name": func(o *office) capability.Change { return o.printers.BindPerScope("pho to", made(o.laser)) },
		"maker-with-on-retire": func(o *office) capability.Change {
			return o.printers.BindPerScope("photo", made(o.laser)).OnRetire(nothing)
		},
		"nil-on-retire": func(o *office) capability.Change { return o.printers.Bind("photo", o.laser).OnRetire(nil) },
		"nil-among-on-retires": func(o *office) capability.Change {
			return o.printers.Rebind("laser", o.laser).OnRetire(nothing).OnRetire(nil)
		},
		"negative-grace":         func(o *office) capability.Change { return o.printers.Bind("photo", o.laser).Grace(-1) },
		"least-grace":            func(o *office) capability.Change { return o.printers.Rebind("laser", o.laser).Grace(math.MinInt64) },
		"zero-binding-on-retire": func(*office) capability.Change { return capability.Binding{}.OnRetire(nothing).Grace(1) },
		"on-retire-twice-in-one": twice,
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.unchanged(t, func() {
				refused(t, unpanicked(t, func() error { return o.city.Apply(change(o)) }), capability.ErrInvalid)
			})
		})
	}
}

// TestRefusedBindingStaysTheCallers applies a binding with OnRetire again after a
// refusal: it was not taken over, and nothing was retired.
func TestRefusedBindingStaysTheCallers(t *testing.T) {
	o := newOffice(t)
	retired := 0
	b := o.printers.Bind("photo", o.laser).OnRetire(func() error { retired++; return nil })
	for range 3 {
		refused(t, o.spare.Apply(b, o.printers.Unbind("nobody")), capability.ErrUnknown)
		refused(t, capability.Commit(o.spare.Stage(b), o.floor.Stage(b)), capability.ErrInvalid)
	}
	accepted(t, o.spare.Drain(t.Context()))
	if retired != 0 {
		t.Errorf("retired %d times though refused", retired)
	}
	accepted(t, o.spare.Apply(b))
	refused(t, o.floor.Apply(b.Grace(time.Second)), capability.ErrInvalid)
	accepted(t, o.spare.Close(t.Context()))
	if retired != 1 {
		t.Errorf("retired %d times, want once", retired)
	}
}

// TestZeroLiveValues asks values that nobody made.
func TestZeroLiveValues(t *testing.T) {
	o := newOffice(t)
	fine := func(printer) error { return nil }
	leased, zero := must1(o.printers.Leased(o.scope)), capability.Leased[printer]{}
	o.unchanged(t, func() {
		for name, f := range map[string]func() error{
			"use-of-zero":       func() error { return zero.Use(fine) },
			"use-of-zero-chain": func() error { return capability.Leased[capability.Chain[printer]]{}.Use(nil) },
			"use-nil":           func() error { return leased.Use(nil) },
			"derive-nil":        func() error { return second(capability.Derive[printer](nil).Handle(o.scope)) },
			"derive-nil-leased": func() error { return second(capability.Derive[printer](nil).Leased(o.scope)) },
			"check-derive-nil":  func() error { return o.scope.Check(capability.Derive[int](nil).Into(new(capability.Handle[int]))) },
			"into-leased-nil":   func() error { return o.scope.Resolve(o.printers.All().IntoLeased(nil)) },
			"derived-into-nil":  func() error { return o.scope.Resolve(capability.Derive(o.printers.In).Into(nil)) },
			"zero-query-leased": func() error { return second(capability.Query[printer]{}.Leased(o.scope)) },
			"zero-key-leased":   func() error { return second(capability.Capability[printer]{}.Leased(o.scope)) },
			"leased-nil-scope":  func() error { return second(o.printers.Leased(nil)) },
			"derived-nil-scope": func() error { return second(capability.Derive(o.printers.In).Handle(nil)) },
			"zero-query-in":     func() error { return second(capability.Derive(capability.Query[printer]{}.In).Handle(o.scope)) },
			"zero-key-in":       func() error { return second(capability.Derive(capability.Capability[printer]{}.In).Handle(o.scope)) },
			"drain-nil":         func() error { return (*capability.Registry)(nil).Drain(t.Context()) },
			"drain-zero":        func() error { return new(capability.Registry).Drain(t.Context()) },
		} {
			t.Run(name, func(t *testing.T) { refused(t, unpanicked(t, f), capability.ErrInvalid) })
		}
		refused(t, second(o.printers.In(nil)), capability.ErrClosed)
		refused(t, second(o.printers.All().In(new(capability.Resolver))), capability.ErrClosed)
		panicsWith(t, capability.ErrInvalid, func() { (*capability.Resolver)(nil).OnRetire(func() error { return nil }) })
		panicsWith(t, capability.ErrInvalid, func() { new(capability.Resolver).OnRetire(nil) })
	})
	h, set := capability.NewValue[printer](nil)
	if h.Get() != nil {
		t.Error("a published nil is something else")
	}
	set(o.laser)
	if h.Get() != o.laser {
		t.Error("a published value is not there")
	}
}

// TestResolverOfAnotherBuild hands a Resolver on.
func TestResolverOfAnotherBuild(t *testing.T) {
	o := newOffice(t)
	var kept *capability.Resolver
	accepted(t, second(capability.Derive(func(r *capability.Resolver) (int, error) { kept = r; return 1, nil }).Handle(o.scope)))
	late := capability.Derive(func(*capability.Resolver) (printer, error) { return o.printers.In(kept) })
	refused(t, second(late.Handle(o.scope)), capability.ErrClosed)
	retiring := capability.Derive(func(*capability.Resolver) (int, error) {
		kept.OnRetire(func() error { return nil })
		return 1, nil
	})
	refused(t, second(retiring.Handle(o.scope)), capability.ErrPanic)
}

// TestCyclesOfBuilds lets builds read each other in a ring. The first says so, in
// a short text; a ring that one member leaves is none.
func TestCyclesOfBuilds(t *testing.T) {
	for _, n := range []int{1, 2, 3, 100, 10_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			o := newOffice(t)
			rounds, builds := 1, 0
			ring := make([]capability.Query[int], n)
			for i := range ring {
				ring[i] = capability.Derive(func(r *capability.Resolver) (int, error) {
					if builds++; builds > 3*n {
						return 0, errors.New("built again and again")
					}
					if i == n-1 && rounds == 0 {
						return 0, nil
					}
					v, err := ring[(i+1)%n].In(r)
					return v + 1, err
				})
			}
			o.unchanged(t, func() {
				err := second(ring[0].Handle(o.scope))
				refused(t, err, capability.ErrCycle)
				if text := err.Error(); len(text) > 1200 {
					t.Errorf("the text has %d bytes: %s", len(text), text)
				}
			})
			rounds, builds = 0, 0
			h := must1(ring[0].Handle(o.scope))
			if h.Get() != n-1 || builds != n {
				t.Errorf("value %d after %d builds, want %d after %d", h.Get(), builds, n-1, n)
			}
			accepted(t, o.scope.Close())
		})
	}
}

// TestResolveOfLiveIsAllOrNothing resolves needs of which one cannot be met: no
// handle is written, and what was built for the others is retired.
func TestResolveOfLiveIsAllOrNothing(t *testing.T) {
	o := newOffice(t)
	built, retired := 0, 0
	good := capability.Derive(func(r *capability.Resolver) (int, error) {
		built++
		r.OnRetire(func() error { retired++; return nil })
		return 1, nil
	})
	bad := capability.Derive(func(*capability.Resolver) (int, error) { return 0, errors.New("out of paper") })
	var h, other capability.Handle[int]
	var l capability.Leased[int]
	failed(t, o.scope.Resolve(good.Into(&h), good.IntoLeased(&l), bad.Into(&other)), "")
	accepted(t, o.city.Drain(t.Context()))
	if built != 1 || retired != 1 {
		t.Errorf("built %d times and retired %d times, want once each", built, retired)
	}
	panicsWith(t, capability.ErrInvalid, func() { h.Get() })
	refused(t, l.Use(func(int) error { return nil }), capability.ErrInvalid)
	accepted(t, o.scope.Check(good.Into(&h), bad.Into(&other)))
	accepted(t, o.scope.Resolve(good.Into(&h), good.IntoLeased(&l), good.Into(&other)))
	if built != 2 || h.Get() != 1 || other.Get() != 1 {
		t.Errorf("built %d times, want twice", built)
	}
	accepted(t, o.scope.Close())
	accepted(t, o.city.Drain(t.Context()))
	if retired != 2 {
		t.Errorf("retired %d times, want twice", retired)
	}
}

// TestRetirementThatMeddles lets an OnRetire do what a program does elsewhere, with
// its own registry and others.
func TestRetirementThatMeddles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		again := o.printers.Bind("photo", o.laser).Priority(-5).OnRetire(func() error {
			own := must1(capability.Compose(o.spare))
			return errors.Join(
				o.spare.Apply(o.printers.Bind("photo", o.plotter).Priority(-5), o.printers.Rebind("receipt", o.label)),
				o.city.Apply(o.printers.Rebind("laser", o.label)),
				second(o.printers.Named("photo").Handle(own)),
				o.city.Drain(t.Context()),
				own.Close(),
			)
		})
		accepted(t, o.spare.Apply(again))
		accepted(t, o.spare.Apply(o.printers.Unbind("photo")))
		accepted(t, o.spare.Drain(t.Context()))
		if o.one.Get() != printer(o.label) {
			t.Error("what the OnRetire committed is not there")
		}
		if got := must1(o.printers.All().Handle(must1(capability.Compose(o.spare)))).Get().Names(); !slices.Equal(got, []string{"receipt", "photo"}) {
			t.Errorf("the registry has %v", got)
		}
	})
}

// TestUseThatWaitsForItself drains in a Use what the Use holds: it is told so when
// ctx ends, and nothing is retired before.
func TestUseThatWaitsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		retired := false
		accepted(t, o.spare.Apply(o.photo(func() error { retired = true; return nil })))
		scope := must1(capability.Compose(o.spare))
		leased := must1(o.printers.Named("photo").Leased(scope))
		accepted(t, leased.Use(func(printer) error {
			return leased.Use(func(printer) error {
				accepted(t, o.spare.Apply(o.printers.Rebind("photo", o.plotter)))
				accepted(t, scope.Close())
				refused(t, leased.Use(func(printer) error { return nil }), capability.ErrClosed)
				err := drainFor(t, o.spare)
				refused(t, err, capability.ErrInUse)
				if !errors.Is(err, context.DeadlineExceeded) || retired {
					t.Errorf("retired %v; %v", retired, err)
				}
				return nil
			})
		}))
		accepted(t, o.spare.Drain(t.Context()))
		if !retired {
			t.Error("not retired after both uses")
		}
	})
}

// TestManyRetirements retires ten thousand providers that one plain handle held.
func TestManyRetirements(t *testing.T) {
	const many = 10_000
	o := newOffice(t)
	scope := must1(capability.Compose(o.spare))
	accepted(t, second(o.printers.Named("receipt").Handle(scope)))
	retired := make([]int, many)
	for i := range many {
		accepted(t, o.spare.Apply(o.printers.Rebind("receipt", new(inkjet)).OnRetire(func() error { retired[i]++; return nil })))
	}
	accepted(t, scope.Close())
	accepted(t, o.spare.Close(t.Context()))
	for i, n := range retired {
		if n != 1 {
			t.Fatalf("provider %d was retired %d times", i, n)
		}
	}
}
