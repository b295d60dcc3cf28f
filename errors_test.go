// Every error text of the package: each is provoked, compared with its golden
// line, and looked for in the source.

package capability_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/internal/golden"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/errors.txt")

// goldenErrors is the file of the golden lines.
var goldenErrors = filepath.Join("testdata", "errors.txt")

// recovered returns the error that f panics with.
func recovered(f func()) (err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	f()
	return nil
}

// second returns the second of two results.
func second[T any](_ T, err error) error { return err }

// decoded returns the error of reading an Error.
func decoded(text string) error {
	var e capability.Error
	return e.UnmarshalJSON([]byte(text))
}

// rude is an error whose Error method panics.
type rude struct{}

func (rude) Error() string { panic("no text") }

// badges is a capability whose providers can only be leased.
var badges = capability.New[printer]("badge", "prints badges", capability.OnlyLeased())

// photo binds a printer that has to be retired.
func (o *office) photo(retire func() error) capability.Change {
	return o.printers.Bind("photo", o.laser).Priority(-5).OnRetire(retire)
}

// pages asks for what cannot be built with another plotter.
func (o *office) pages() capability.Query[int] {
	return capability.Derive(func(r *capability.Resolver) (int, error) {
		if p, _ := o.printers.Named("plotter").In(r); p != o.plotter {
			return 0, errors.New("the plotter has another size")
		}
		return 1, nil
	})
}

// An observerFunc is an observer.
type observerFunc func(observed.Event)

func (f observerFunc) Observe(e observed.Event) { f(e) }

// A silentContext is done and does not say why.
type silentContext struct{ context.Context }

func (silentContext) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// jammed is an OnRetire that fails.
func jammed() error { return errors.New("the drawer is jammed") }

// drainFor drains the registry for a minute.
func drainFor(t *testing.T, r *capability.Registry) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return r.Drain(ctx)
}

// retiring runs a case where time stands still but for those who wait, so that
// the times in its text are always the same.
func retiring(f func(t *testing.T, o *office) error) func(*testing.T, *office) error {
	return func(t *testing.T, _ *office) (err error) {
		synctest.Test(t, func(t *testing.T) { err = f(t, newOffice(t)) })
		return err
	}
}

// lastOf returns the last of several errors.
func lastOf(t *testing.T, err error) error {
	t.Helper()
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("want several errors, got %v", err)
	}
	return several.Unwrap()[len(several.Unwrap())-1]
}

// provoked are the ways to see each text, by the name of its golden line. Each
// begins with an office of its own.
var provoked = map[string]func(t *testing.T, o *office) error{
	"preflight-unused": func(_ *testing.T, o *office) error {
		r := capability.Preflight(capability.Consumer{Name: "clerk", Scope: o.scope, Needs: []capability.Need{o.printers.Named("laser").Into(new(capability.Handle[printer]))}})
		return r.Warnings[0]
	},
	"preflight-never-together": func(_ *testing.T, o *office) error {
		must(o.city.Apply(o.printers.Bind("photo", o.laser).Priority(-2).Before("foto")))
		r := capability.Preflight(capability.Consumer{Name: "clerk", Scope: o.scope, Needs: []capability.Need{o.printers.All().Into(new(capability.ChainHandle[printer]))}})
		return r.Warnings[0]
	},
	"preflight-no-target": func(_ *testing.T, o *office) error {
		must(o.desk.Apply(o.printers.Mask("plotter")))
		must(o.city.Apply(o.printers.Unbind("plotter")))
		r := capability.Preflight(capability.Consumer{Name: "clerk", Scope: o.scope, Needs: []capability.Need{o.printers.All().Into(new(capability.ChainHandle[printer]))}})
		return r.Warnings[0]
	},
	"preflight-consumer": func(_ *testing.T, o *office) error {
		return capability.Preflight(capability.Consumer{Name: "clerk", Scope: o.scope, Needs: []capability.Need{o.printers.Named("lazer").Into(new(capability.Handle[printer]))}}).Err()
	},
	"concurrent-limit": func(_ *testing.T, o *office) error {
		return concurrent.Each(context.Background(), o.all.Get(), 0, func(context.Context, printer) error { return nil })
	},
	"concurrent-nil-context": func(_ *testing.T, o *office) error {
		var none context.Context
		return concurrent.Each(none, o.all.Get(), 1, func(context.Context, printer) error { return nil })
	},
	"concurrent-silent-context": func(_ *testing.T, o *office) error {
		return fanout.Each(silentContext{context.Background()}, o.all.Get(), 1, func(context.Context, printer) error { return nil })
	},
	"keepgoing-panics-with-a-map": func(_ *testing.T, o *office) error {
		return keepgoing.Each(o.all.Get(), func(printer) error { panic(map[string]int{"a": 1}) })
	},
	"concurrent-not-started": func(_ *testing.T, o *office) error {
		return concurrent.Each(endedContext(), o.all.Get(), 1, func(context.Context, printer) error { return nil })
	},
	"fanout-exits": func(_ *testing.T, o *office) error {
		return fanout.Each(context.Background(), o.all.Get(), 1, func(context.Context, printer) error { runtime.Goexit(); return nil })
	},
	"keepgoing-panics": func(_ *testing.T, o *office) error {
		return keepgoing.Each(o.all.Get(), func(printer) error { panic("no paper") })
	},
	"observed-not-returned": func(t *testing.T, o *office) (seen error) {
		accepted(t, o.desk.Apply(observed.Observers.Bind("clerk", observerFunc(func(e observed.Event) { seen = e.Err }))))
		observers, err := observed.Observers.All().Handle(o.scope)
		accepted(t, err)
		recovered(func() {
			_ = observed.Each(observers.Get(), o.all.Get(), func(printer) error { panic(errors.New("no paper")) })
		})
		return seen
	},
	"new-empty-name": func(*testing.T, *office) error { return recovered(func() { capability.New[printer]("", "prints") }) },
	"new-long-name": func(*testing.T, *office) error {
		return recovered(func() { capability.New[printer](strings.Repeat("n", 201), "prints") })
	},
	"new-garbled-name": func(*testing.T, *office) error {
		return recovered(func() { capability.New[printer]("las\xffer", "prints") })
	},
	"new-unprintable-name": func(*testing.T, *office) error {
		return recovered(func() { capability.New[printer]("la ser", "prints") })
	},
	"new-no-doc": func(*testing.T, *office) error { return recovered(func() { capability.New[printer]("printer", "") }) },
	"new-zero-rule": func(*testing.T, *office) error {
		return recovered(func() { capability.New[printer]("printer", "prints", capability.Shadow(), capability.Rule{}) })
	},
	"new-only-at-nothing": func(*testing.T, *office) error {
		return recovered(func() { capability.New[printer]("printer", "prints", capability.OnlyAt()) })
	},
	"get-zero-handle": func(*testing.T, *office) error { return recovered(func() { capability.Handle[printer]{}.Get() }) },

	"bind-empty-name": func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Bind("", o.laser)) },
	"bind-nil":        func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Bind("photo", nil)) },
	"bind-wrong-level": func(_ *testing.T, o *office) error {
		badges := capability.New[printer]("badge", "prints badges", capability.OnlyAt(capability.Pipeline, 350, capability.Node, capability.Group))
		return o.city.Apply(badges.Bind("photo", o.laser))
	},
	"bind-before-bad-name": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).Before("a b"))
	},
	"bind-after-itself": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).After("photo"))
	},
	"bind-twice": func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Bind("label", o.laser)) },
	"bind-zero-key": func(_ *testing.T, o *office) error {
		return o.floor.Apply(capability.Capability[printer]{}.Bind("photo", o.laser))
	},
	"bind-two-keys-in-registry": func(_ *testing.T, o *office) error {
		return o.floor.Apply(capability.New[int]("printer", "another one").Bind("photo", 1))
	},
	"bind-two-keys-in-scope": func(_ *testing.T, o *office) error {
		return o.desk.Apply(capability.New[int]("printer", "another one").Bind("photo", 1))
	},
	"rebind-nil": func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Rebind("laser", nil)) },
	"rebind-with-order": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Rebind("laser", o.laser).Priority(1))
	},
	"rebind-unknown":      func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Rebind("lazer", o.laser)) },
	"unbind-unknown":      func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Unbind("labl")) },
	"unbind-nothing-like": func(_ *testing.T, o *office) error { return o.city.Apply(o.printers.Unbind("telescope")) },
	"unbind-from-empty":   func(_ *testing.T, o *office) error { return o.desk.Apply(o.printers.Unbind("laser")) },
	"unbind-empty-name":   func(_ *testing.T, o *office) error { return o.city.Apply(o.printers.Unbind("")) },
	"unbind-one-of-many": func(t *testing.T, o *office) error {
		for i := range 9 {
			accepted(t, o.spare.Apply(o.printers.Bind(fmt.Sprint("telescope", i), o.laser)))
		}
		return o.spare.Apply(o.printers.Unbind("microscope-of-the-lab"))
	},
	"unbind-zero-key": func(_ *testing.T, o *office) error {
		return o.floor.Apply(capability.Capability[printer]{}.Unbind("photo"))
	},

	"mask-zero-key": func(_ *testing.T, o *office) error {
		return o.floor.Apply(capability.Capability[printer]{}.Mask("laser"))
	},
	"mask-bad-name": func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Mask("la\u200bser")) },
	"mask-twice":    func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Mask("laser", "laser")) },
	"mask-unknown":  func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Mask("lazer")) },
	"mask-own":      func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Mask("label")) },
	"mask-rebound": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Rebind("laser", o.laser), o.printers.Mask("laser"))
	},
	"mask-no-capability":  func(_ *testing.T, o *office) error { return o.floor.Apply(capability.Mask("", "laser")) },
	"mask-bad-capability": func(_ *testing.T, o *office) error { return o.floor.Apply(capability.Mask("prin ter", "laser")) },
	"mask-one-of-many-unknown": func(t *testing.T, o *office) error {
		names := make([]string, 25)
		for i := range names {
			names[i] = fmt.Sprint("lazer", i)
		}
		several, ok := o.floor.Apply(o.printers.Mask(names...)).(interface{ Unwrap() []error })
		if !ok || len(several.Unwrap()) != len(names) {
			t.Fatalf("want %d errors", len(names))
		}
		return several.Unwrap()[len(names)-1]
	},
	"mask-unknown-capability": func(_ *testing.T, o *office) error {
		return o.floor.Apply(capability.Mask("prnter", "laser"))
	},
	"clear-unknown-capability": func(_ *testing.T, o *office) error { return o.floor.Apply(capability.Select("scanner")) },
	"select-zero-key":          func(_ *testing.T, o *office) error { return o.floor.Apply(capability.Capability[printer]{}.Select()) },
	"select-unknown":           func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Select("laser", "lazer")) },
	"select-unknown-in-compose": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.printers.Select("lazer")))
		return second(o.scope.With(o.spare))
	},

	"apply-nil-change": func(_ *testing.T, o *office) error { return o.floor.Apply(o.printers.Mask(), nil) },
	"apply-nested-too-deep": func(_ *testing.T, o *office) error {
		c := capability.Changes{o.printers.Mask()}
		for range 150 {
			c = capability.Changes{c}
		}
		return o.floor.Apply(c)
	},
	"apply-embedded": func(_ *testing.T, o *office) error {
		return o.floor.Apply(struct{ capability.Change }{o.printers.Mask()})
	},
	"apply-zero-binding": func(_ *testing.T, o *office) error { return o.floor.Apply(capability.Binding{}) },
	"apply-cycle-in-scopes": func(t *testing.T, o *office) error {
		for i := range 3 {
			seat := capability.NewRegistry(capability.Node, fmt.Sprint("seat", i))
			accepted(t, seat.Apply(o.printers.Bind("own", o.laser).Before("ring")))
			accepted(t, second(capability.Compose(o.city, seat)))
		}
		return o.city.Apply(o.printers.Bind("ring", o.laser).Before("own").Priority(-5))
	},
	"compose-zero-registry": func(*testing.T, *office) error { return second(capability.Compose(new(capability.Registry))) },
	"apply-nil-registry":    func(_ *testing.T, o *office) error { return (*capability.Registry)(nil).Apply(o.printers.Mask()) },
	"apply-zero-registry":   func(_ *testing.T, o *office) error { return new(capability.Registry).Apply(o.printers.Mask()) },
	"apply-bad-registry": func(_ *testing.T, o *office) error {
		return capability.NewRegistry(capability.Node, "a b").Apply(o.printers.Mask())
	},
	"apply-closed": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Close(t.Context()))
		return o.spare.Apply(o.printers.Mask())
	},
	"commit-zero-edit": func(_ *testing.T, o *office) error { return capability.Commit(o.floor.Stage(), capability.Edit{}) },
	"close-nil":        func(t *testing.T, _ *office) error { return (*capability.Registry)(nil).Close(t.Context()) },
	"close-in-use":     func(t *testing.T, o *office) error { return o.floor.Close(t.Context()) },
	"close-in-much-use": func(t *testing.T, o *office) error {
		for i := range 9 {
			accepted(t, second(capability.Compose(o.city, capability.NewRegistry(capability.Node, fmt.Sprint("seat", i)))))
		}
		return o.city.Close(t.Context())
	},

	"compose-none":  func(*testing.T, *office) error { return second(capability.Compose()) },
	"compose-nil":   func(_ *testing.T, o *office) error { return second(capability.Compose(o.city, nil)) },
	"compose-twice": func(_ *testing.T, o *office) error { return second(capability.Compose(o.city, o.city)) },
	"compose-one-level": func(_ *testing.T, o *office) error {
		return second(capability.Compose(o.city, capability.NewRegistry(capability.Engine, "town")))
	},
	"compose-own-level": func(*testing.T, *office) error {
		return second(capability.Compose(capability.NewRegistry(-3, "cellar"), capability.NewRegistry(-3, "garage")))
	},
	"compose-closed": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Close(t.Context()))
		return second(capability.Compose(o.spare, o.city))
	},
	"compose-two-keys": func(t *testing.T, o *office) error {
		r := capability.NewRegistry(50, "other")
		accepted(t, r.Apply(capability.New[int]("printer", "another one").Bind("photo", 1)))
		return second(capability.Compose(o.spare, r))
	},
	"compose-cycle": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.printers.Bind("a", o.laser).After("b"), o.printers.Bind("b", o.laser).After("a")))
		return second(capability.Compose(o.spare))
	},
	"cycle-of-many": func(_ *testing.T, o *office) error {
		return o.city.Apply(ring(9, func(i int) string { return fmt.Sprint("p", i) }, func(name string) capability.Binding { return o.printers.Bind(name, o.laser) }, waits["before"]))
	},
	"cycle-around-selection": func(_ *testing.T, o *office) error {
		return capability.Commit(
			o.floor.Stage(o.printers.Select("plotter", "laser")),
			o.desk.Stage(o.printers.Bind("a", o.laser).Before("plotter").After("laser")))
	},

	"resolve-zero-query": func(_ *testing.T, o *office) error {
		return o.scope.Resolve(capability.Query[printer]{}.Into(new(capability.Handle[printer])))
	},
	"resolve-zero-key": func(_ *testing.T, o *office) error { return second(capability.Capability[printer]{}.Handle(o.scope)) },
	"resolve-nil-need": func(_ *testing.T, o *office) error { return o.scope.Resolve(nil) },
	"resolve-into-nil": func(_ *testing.T, o *office) error { return o.scope.Resolve(o.printers.Into(nil)) },
	"resolve-bad-name": func(_ *testing.T, o *office) error { return second(o.printers.Named("a\tb").Handle(o.scope)) },
	"resolve-two-keys": func(_ *testing.T, o *office) error {
		return second(capability.New[int]("printer", "another one").Handle(o.scope))
	},
	"resolve-nil-scope": func(_ *testing.T, o *office) error { return second(o.printers.Handle(nil)) },
	"with-nil-scope":    func(_ *testing.T, o *office) error { return second((*capability.Scope)(nil).With(o.spare)) },
	"close-nil-scope":   func(*testing.T, *office) error { return (*capability.Scope)(nil).Close() },
	"resolve-closed": func(t *testing.T, o *office) error {
		accepted(t, o.scope.Close())
		return second(o.printers.Handle(o.scope))
	},
	"with-closed": func(t *testing.T, o *office) error {
		accepted(t, o.scope.Close())
		return second(o.scope.With(o.spare))
	},
	"resolve-not-provided": func(_ *testing.T, o *office) error {
		return second(capability.New[printer]("copier", "copies pages").Handle(o.scope))
	},
	"resolve-all-masked": func(t *testing.T, o *office) error {
		accepted(t, o.scope.Close())
		accepted(t, o.spare.Apply(o.printers.Mask("laser", "plotter", "label"), o.printers.Unbind("receipt")))
		return second(o.printers.Handle(must1(capability.Compose(o.city, o.floor, o.spare))))
	},
	"resolve-not-provided-name": func(_ *testing.T, o *office) error { return second(o.printers.Named("lazer").Handle(o.scope)) },
	"resolve-masked": func(t *testing.T, o *office) error {
		accepted(t, o.desk.Apply(o.printers.Mask("plotter")))
		return second(o.printers.Named("plotter").Handle(o.scope))
	},
	"resolve-not-selected": func(t *testing.T, o *office) error {
		accepted(t, o.desk.Apply(o.printers.Select("laser")))
		return second(o.printers.Named("plotter").Handle(o.scope))
	},
	"resolve-shadowed": func(t *testing.T, o *office) error {
		copiers := capability.New[printer]("copier", "copies pages", capability.Shadow())
		accepted(t, capability.Commit(o.city.Stage(copiers.Bind("old", o.laser)), o.floor.Stage(copiers.Bind("new", o.laser))))
		return second(copiers.Named("old").Handle(o.scope))
	},
	"resolve-rebinding-without-target": func(t *testing.T, o *office) error {
		accepted(t, o.desk.Apply(o.printers.Rebind("plotter", o.laser)))
		accepted(t, o.city.Apply(o.printers.Unbind("plotter")))
		return second(o.printers.Named("plotter").Handle(o.scope))
	},
	"resolve-ambiguous": func(t *testing.T, o *office) error {
		copiers := capability.New[printer]("copier", "copies pages")
		accepted(t, o.city.Apply(copiers.Bind("old", o.laser), copiers.Bind("new", o.laser)))
		return second(copiers.Handle(o.scope))
	},
	"resolve-very-ambiguous": func(t *testing.T, o *office) error {
		copiers := capability.New[printer]("copier", "copies pages")
		for i := range 9 {
			accepted(t, o.city.Apply(copiers.Bind(fmt.Sprint("c", i), o.laser)))
		}
		return second(copiers.Handle(o.scope))
	},
	"in-use": func(t *testing.T, o *office) error {
		accepted(t, second(o.printers.Named("plotter").Handle(o.scope)))
		return o.city.Apply(o.printers.Unbind("plotter"))
	},
	"in-use-by-many": func(t *testing.T, o *office) error {
		for i := range 9 {
			accepted(t, second(o.printers.Named("plotter").Handle(must1(capability.Compose(o.city, capability.NewRegistry(capability.Node, fmt.Sprint("seat", i)))))))
		}
		return o.city.Apply(o.printers.Unbind("plotter"))
	},
	"in-use-would-be-ambiguous": func(_ *testing.T, o *office) error {
		return o.desk.Apply(o.printers.Bind("photo", o.laser), o.printers.Bind("badge", o.laser))
	},

	"watch-zero-handle": func(t *testing.T, _ *office) error {
		return recovered(func() { capability.Handle[printer]{}.Watch(t.Context()) })
	},
	"build-panics-spitefully": func(t *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) { panic(spiteful{}) }).Handle(o.scope))
	},
	"watch-nil-context": func(t *testing.T, o *office) error {
		pages, _ := capability.NewValue(0)
		var none context.Context
		return recovered(func() { pages.Watch(none) })
	},
	"drain-nil-context": func(t *testing.T, o *office) error {
		var none context.Context
		return o.spare.Drain(none)
	},
	"use-zero-leased": func(*testing.T, *office) error {
		return capability.Leased[printer]{}.Use(func(printer) error { return nil })
	},
	"use-nil-func": func(t *testing.T, o *office) error {
		return must1(o.printers.Leased(o.scope)).Use(nil)
	},
	"use-closed": func(t *testing.T, o *office) error {
		l := must1(o.printers.Leased(o.scope))
		accepted(t, o.scope.Close())
		return l.Use(func(printer) error { return nil })
	},
	"resolve-into-leased-nil": func(_ *testing.T, o *office) error { return o.scope.Resolve(o.printers.IntoLeased(nil)) },
	"resolve-only-leased": func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(badges.Bind("badge", o.laser)))
		return second(badges.Handle(o.scope))
	},
	"resolve-derived-only-leased": func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(badges.Bind("badge", o.laser)))
		return second(capability.Derive(badges.In).Handle(o.scope))
	},
	"resolve-made-only-leased": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(badges.Bind("badge", o.laser), o.printers.BindPerScope("photo", badges.In)))
		return second(o.printers.Named("photo").Handle(must1(capability.Compose(o.spare))))
	},
	"apply-makes-only-leased": func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(badges.Bind("badge", o.laser)))
		return o.city.Apply(o.printers.BindPerScope("photo", badges.In).Priority(-5))
	},
	"apply-derives-only-leased": func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(badges.Bind("badge", o.laser)))
		first := capability.Derive(func(r *capability.Resolver) (printer, error) {
			if all, _ := o.printers.All().In(r); all.Len() > 3 {
				return badges.In(r)
			}
			return o.laser, nil
		})
		accepted(t, second(first.Handle(o.scope)))
		accepted(t, second(first.Handle(o.scope)))
		return o.city.Apply(o.printers.Bind("photo", o.laser).Priority(-5))
	},

	"derive-nil": func(_ *testing.T, o *office) error { return second(capability.Derive[printer](nil).Handle(o.scope)) },
	"derive-fails": func(_ *testing.T, o *office) error {
		return second(capability.Derive(o.printers.Named("lazer").In).Handle(o.scope))
	},
	"derive-panics": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) { panic("out of toner") }).Handle(o.scope))
	},
	"derive-panics-with-error": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) { panic(errors.New("out of toner")) }).Handle(o.scope))
	},
	"derive-exits": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) { runtime.Goexit(); return 0, nil }).Handle(o.scope))
	},
	"derive-cycle": func(_ *testing.T, o *office) error {
		var pages, sheets capability.Query[int]
		pages = capability.Derive(func(r *capability.Resolver) (int, error) { return sheets.In(r) })
		sheets = capability.Derive(func(r *capability.Resolver) (int, error) { return pages.In(r) })
		return second(pages.Handle(o.scope))
	},
	"derive-cycle-of-many": func(_ *testing.T, o *office) error {
		queries := make([]capability.Query[int], 30)
		for i := range queries {
			queries[i] = capability.Derive(func(r *capability.Resolver) (int, error) { return queries[(i+1)%len(queries)].In(r) })
		}
		return second(queries[0].Handle(o.scope))
	},
	"derive-two-keys": func(_ *testing.T, o *office) error {
		other := capability.New[int]("printer", "another one")
		return second(capability.Derive(other.In).Handle(o.scope))
	},
	"derive-would-fail": func(t *testing.T, o *office) error {
		accepted(t, second(o.pages().Handle(o.scope)))
		return o.city.Apply(o.printers.Rebind("plotter", new(inkjet)))
	},
	"derive-would-fail-in-many-scopes": func(t *testing.T, o *office) error {
		pages := o.pages()
		for i := range 3 {
			seat := capability.NewRegistry(capability.Node, fmt.Sprint("seat", i))
			accepted(t, second(pages.Handle(must1(capability.Compose(o.city, seat)))))
		}
		return o.city.Apply(o.printers.Rebind("plotter", new(inkjet)))
	},
	"derive-would-lose": func(t *testing.T, o *office) error {
		accepted(t, second(capability.Derive(o.printers.Named("plotter").In).Handle(o.scope)))
		return o.city.Apply(o.printers.Unbind("plotter"))
	},
	"derive-ambiguous-in-commit": func(t *testing.T, o *office) error {
		accepted(t, o.scope.Close())
		lone := must1(capability.Compose(o.spare))
		accepted(t, second(capability.Derive(o.printers.In).Handle(lone)))
		return o.spare.Apply(o.printers.Bind("ticket", o.laser))
	},

	"maker-fails": func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.printers.BindPerScope("photo", func(*capability.Resolver) (printer, error) {
			return nil, errors.New("out of paper")
		})))
		return second(o.printers.Named("photo").Handle(must1(capability.Compose(o.spare))))
	},
	"maker-would-fail": func(_ *testing.T, o *office) error {
		return o.city.Apply(o.printers.BindPerScope("photo", func(*capability.Resolver) (printer, error) {
			return nil, errors.New("out of paper")
		}).Priority(-5))
	},
	"maker-returns-nil": func(_ *testing.T, o *office) error {
		return o.city.Apply(o.printers.BindPerScope("photo", func(*capability.Resolver) (printer, error) { return nil, nil }).Priority(-5))
	},
	"maker-nil": func(_ *testing.T, o *office) error { return o.city.Apply(o.printers.BindPerScope("photo", nil)) },
	"maker-cycle": func(t *testing.T, o *office) error {
		inks := capability.New[printer]("ink", "what printers print with")
		accepted(t, o.spare.Apply(inks.BindPerScope("black", o.printers.Named("photo").In)))
		accepted(t, o.spare.Apply(o.printers.BindPerScope("photo", inks.In)))
		return second(inks.Handle(must1(capability.Compose(o.spare))))
	},
	"maker-inherits-nothing": func(_ *testing.T, o *office) error {
		return o.city.Apply(o.printers.BindPerScope("photo", o.printers.In).Priority(-5))
	},
	"maker-with-on-retire": func(_ *testing.T, o *office) error {
		return o.city.Apply(o.printers.BindPerScope("photo", o.printers.In).OnRetire(func() error { return nil }))
	},

	"in-after-build": func(_ *testing.T, o *office) error {
		var kept *capability.Resolver
		must1(capability.Derive(func(r *capability.Resolver) (int, error) { kept = r; return 1, nil }).Handle(o.scope))
		return second(o.printers.In(kept))
	},
	"in-nil": func(_ *testing.T, o *office) error { return second(o.printers.In(nil)) },
	"in-zero-query": func(_ *testing.T, o *office) error {
		return second(capability.Derive(capability.Query[printer]{}.In).Handle(o.scope))
	},
	"resolver-on-retire-after-build": func(_ *testing.T, o *office) error {
		var kept *capability.Resolver
		must1(capability.Derive(func(r *capability.Resolver) (int, error) { kept = r; return 1, nil }).Handle(o.scope))
		return recovered(func() { kept.OnRetire(func() error { return nil }) })
	},
	"resolver-on-retire-nil": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(r *capability.Resolver) (int, error) { r.OnRetire(nil); return 1, nil }).Handle(o.scope))
	},
	"build-applies": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) {
			return 1, o.city.Apply(o.printers.Unbind("laser"))
		}).Handle(o.scope))
	},
	"build-resolves": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (printer, error) {
			return nil, second(o.printers.Handle(o.scope))
		}).Handle(o.scope))
	},
	"build-closes": func(_ *testing.T, o *office) error {
		return second(capability.Derive(func(*capability.Resolver) (int, error) { return 1, o.scope.Close() }).Handle(o.scope))
	},

	"bind-on-retire-nil": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).OnRetire(nil))
	},
	"bind-negative-grace": func(_ *testing.T, o *office) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).Grace(-time.Second))
	},
	"bind-on-retire-again": func(t *testing.T, o *office) error {
		b := o.printers.Bind("photo", o.laser).OnRetire(func() error { return nil })
		accepted(t, o.spare.Apply(b))
		return o.floor.Apply(b)
	},
	"rebind-on-retire-again": func(t *testing.T, o *office) error {
		b := o.printers.Rebind("receipt", o.laser).OnRetire(func() error { return nil })
		accepted(t, o.spare.Apply(b))
		return o.spare.Apply(b)
	},

	"drain-nil": func(t *testing.T, _ *office) error { return (*capability.Registry)(nil).Drain(t.Context()) },
	"drain-on-retire-fails": retiring(func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.photo(jammed), o.printers.Unbind("photo")))
		return o.spare.Drain(t.Context())
	}),
	"drain-on-retire-panics": retiring(func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.photo(func() error { panic("on fire") }), o.printers.Unbind("photo")))
		return o.spare.Drain(t.Context())
	}),
	"drain-on-retire-exits": retiring(func(t *testing.T, o *office) error {
		accepted(t, o.spare.Apply(o.photo(func() error { runtime.Goexit(); return nil }), o.printers.Unbind("photo")))
		return o.spare.Drain(t.Context())
	}),
	"drain-on-retire-of-derived-fails": retiring(func(t *testing.T, o *office) error {
		accepted(t, second(capability.Derive(func(r *capability.Resolver) (int, error) {
			r.OnRetire(jammed)
			return 1, nil
		}).Handle(o.scope)))
		accepted(t, o.scope.Close())
		return o.city.Drain(t.Context())
	}),
	"drain-on-retire-of-made-fails": retiring(func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(o.printers.BindPerScope("photo", func(r *capability.Resolver) (printer, error) {
			r.OnRetire(jammed)
			return o.laser, nil
		}).Priority(-5)))
		accepted(t, o.scope.Close())
		return o.desk.Drain(t.Context())
	}),
	"drain-many-on-retire-fail": retiring(func(t *testing.T, o *office) error {
		for range 260 {
			accepted(t, o.spare.Apply(o.photo(jammed), o.printers.Unbind("photo")))
		}
		synctest.Wait()
		return lastOf(t, o.spare.Drain(t.Context()))
	}),
	"drain-in-on-retire": retiring(func(t *testing.T, o *office) (err error) {
		accepted(t, o.spare.Apply(o.photo(func() error {
			err = o.spare.Drain(t.Context())
			return nil
		}), o.printers.Unbind("photo")))
		accepted(t, o.spare.Drain(t.Context()))
		return err
	}),
	"close-in-on-retire": retiring(func(t *testing.T, o *office) (err error) {
		accepted(t, o.spare.Apply(o.photo(func() error {
			err = o.spare.Close(t.Context())
			return nil
		}), o.printers.Unbind("photo")))
		accepted(t, o.spare.Drain(t.Context()))
		return err
	}),
	"drain-held-by-lease": retiring(func(t *testing.T, o *office) (err error) {
		accepted(t, o.city.Apply(o.photo(jammed)))
		accepted(t, must1(o.printers.Named("photo").Leased(o.scope)).Use(func(printer) error {
			accepted(t, o.city.Apply(o.printers.Rebind("photo", o.laser)))
			err = drainFor(t, o.city)
			return nil
		}))
		return err
	}),
	"drain-held-by-handles": retiring(func(t *testing.T, o *office) error {
		accepted(t, o.city.Apply(o.photo(jammed), o.printers.Unbind("plotter")))
		for i := range 4 {
			seat := must1(capability.Compose(o.city, capability.NewRegistry(capability.Node, fmt.Sprint("seat", i))))
			accepted(t, second(o.printers.Named("photo").Handle(seat)))
		}
		accepted(t, o.city.Apply(o.printers.Rebind("photo", o.laser)))
		return drainFor(t, o.city)
	}),
	"drain-held-by-derived": retiring(func(t *testing.T, o *office) (err error) {
		accepted(t, o.spare.Apply(o.photo(jammed)))
		lone := must1(capability.Compose(o.spare))
		l := must1(capability.Derive(o.printers.Named("photo").In).Leased(lone))
		accepted(t, l.Use(func(printer) error {
			accepted(t, o.spare.Apply(o.printers.Rebind("photo", o.laser)))
			err = drainFor(t, o.spare)
			return nil
		}))
		return err
	}),
	"drain-held-by-made": retiring(func(t *testing.T, o *office) error {
		inks := capability.New[printer]("ink", "what printers print with")
		accepted(t, o.spare.Apply(o.photo(jammed), inks.BindPerScope("black", o.printers.Named("photo").In)))
		accepted(t, second(inks.Handle(must1(capability.Compose(o.spare)))))
		accepted(t, o.spare.Apply(o.printers.Unbind("photo")))
		return drainFor(t, o.spare)
	}),
	"close-on-retire-hangs": retiring(func(t *testing.T, o *office) error {
		fixed := make(chan bool)
		defer close(fixed)
		accepted(t, o.spare.Apply(o.photo(func() error { <-fixed; return nil })))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return o.spare.Close(ctx)
	}),
	"drain-many-held": retiring(func(t *testing.T, o *office) error {
		accepted(t, second(o.printers.All().Handle(must1(capability.Compose(o.spare)))))
		for i := range 11 {
			name := fmt.Sprint("photo", i)
			accepted(t, o.spare.Apply(o.printers.Bind(name, o.laser).OnRetire(jammed).After("receipt")))
			accepted(t, o.spare.Apply(o.printers.Unbind(name)))
		}
		return lastOf(t, drainFor(t, o.spare))
	}),
	// The moment between the end of the last use and the call of OnRetire is
	// short, so the case tries until it meets it.
	"drain-too-early": retiring(func(t *testing.T, o *office) error {
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100_000 {
			accepted(t, o.spare.Apply(o.photo(func() error { return nil })))
			accepted(t, o.spare.Apply(o.printers.Unbind("photo")))
			if err := o.spare.Drain(over); err != nil && strings.Contains(err.Error(), "about to be") {
				return err
			}
		}
		return nil
	}),

	"json-garbled":          func(*testing.T, *office) error { return decoded(`{"code":`) },
	"json-of-another-shape": func(*testing.T, *office) error { return decoded(`{"code":7}`) },
	"json-two-causes":       func(*testing.T, *office) error { return decoded(`{"cause":{"code":"a","text":"b"}}`) },
	"json-causes-no-text":   func(*testing.T, *office) error { return decoded(`{"cause":{"code":"a","causes":[]}}`) },
	"json-unknown-context":  func(*testing.T, *office) error { return decoded(`{"cause":{"context":"tired"}}`) },
	"json-null-cause":       func(*testing.T, *office) error { return decoded(`{"cause":{"text":"a","causes":[null]}}`) },
	"error-without-text":    func(*testing.T, *office) error { return &capability.Error{Capability: "printer", Err: rude{}} },
	"error-of-code": func(*testing.T, *office) error {
		return &capability.Error{Code: capability.ErrPanic, Provider: "laser"}
	},
	"verb-error": func(_ *testing.T, o *office) error {
		return capability.Each(o.all.Get(), func(printer) error { return errors.New("out of paper") })
	},
}

// must1 returns a value that cannot fail to be made.
func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// provokedLines provokes all errors.
func provokedLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(provoked)) {
		err := provoked[name](t, newOffice(t))
		if err == nil {
			t.Errorf("%s: there is no error", name)
			continue
		}
		code := ""
		if e, ok := errors.AsType[*capability.Error](err); ok {
			code = string(e.Code)
		}
		lines = append(lines, golden.Line(name, code, err))
	}
	return lines
}

// TestErrorTexts compares every error with its golden line. With -update it
// writes the lines instead.
func TestErrorTexts(t *testing.T) {
	golden.Compare(t, goldenErrors, provokedLines(t), *updateGolden)
}

// TestEveryErrorTextIsGolden looks in the source for every text that an error
// can have, and for a golden line that it made.
func TestEveryErrorTextIsGolden(t *testing.T) {
	lines := golden.Read(t, goldenErrors)
	texts := golden.Texts(t, []string{".", "keepgoing", "concurrent", "fanout", "observed", "internal/parallel"}, notErrorTexts)
	if least := 50; len(texts) < least {
		t.Errorf("only %d texts were found in the source, want at least %d", len(texts), least)
	}
	for _, text := range texts {
		if !text.In(lines) {
			t.Errorf("%s: no golden line has the text %q: provoke it in errors_test.go", text.At, text.Format)
		}
	}
}

// notErrorTexts are the texts of three words and more that are no error texts, and the
// files without any.
var notErrorTexts = map[string]string{
	"snapshot.go": "a Snapshot is no error",
	"inside.go":   "who uses what it says has golden lines",
	"explain.go":  "an explanation is no error",
	"draw.go":     "a picture is no error",

	"are told who is called, by which verb, for how long, and what fails": "Observers.Doc",

	"capability: stuck without a reason": "only a fault of the package itself says it",
	"%s (Capability[%v], %v)":            "Capability.String",
	" over ":                             "Scope.String",
}

// What a text may lack, and why.
var (
	textsWithoutName = map[string]string{
		"get-zero-handle":       "a zero Handle is of nothing",
		"apply-nil-registry":    "nil has no name",
		"apply-zero-registry":   "a zero Registry has no name",
		"commit-zero-edit":      "a zero Edit has no name",
		"close-nil":             "nil has no name",
		"compose-zero-registry": "a zero Registry has no name",
		"compose-none":          "there is nothing that has a name",
		"compose-nil":           "nil has no name",
		"resolve-nil-scope":     "nil has no name",
		"with-nil-scope":        "nil has no name",
		"close-nil-scope":       "nil has no name",
		"json-garbled":          "who reads JSON knows no names yet",
		"json-of-another-shape": "who reads JSON knows no names yet",
		"json-causes-no-text":   "who reads JSON knows no names yet",
		"json-null-cause":       "who reads JSON knows no names yet",
		"json-two-causes":       "who reads JSON knows no names yet",
		"drain-nil":             "nil has no name",
		"watch-zero-handle":     "a zero Handle is of nothing",
		"watch-nil-context":     "a published value has no name",
		"use-zero-leased":       "a zero Leased is of nothing",
		"use-nil-func":          "looking the name up would cost each Use",
		"in-after-build":        "a Resolver whose build has returned is of nothing",
		"in-nil":                "nil has no name",

		"resolver-on-retire-after-build": "a Resolver whose build has returned is of nothing",
	}
	textsWithoutPlace = map[string]string{
		"get-zero-handle":       "it is the panic that has the place",
		"watch-zero-handle":     "it is the panic that has the place",
		"watch-nil-context":     "it is the panic that has the place",
		"error-of-code":         "it is the text of a provider",
		"json-garbled":          "JSON has no place in the program",
		"json-of-another-shape": "JSON has no place in the program",
		"json-unknown-context":  "JSON has no place in the program",
		"json-two-causes":       "JSON has no place in the program",
		"json-causes-no-text":   "JSON has no place in the program",
		"json-null-cause":       "JSON has no place in the program",
	}
	textsWithoutRemedy = map[string]string{
		"error-without-text": "it is the text of a provider",
		"error-of-code":      "it is the text of a provider",
		"verb-error":         "it is the text of a provider",
		"json-garbled":       "what encoding/json says is its own affair",

		"keepgoing-panics":                 "it is the text of a provider",
		"keepgoing-panics-with-a-map":      "it is the text of a provider",
		"concurrent-silent-context":        "who made the context knows why",
		"observed-not-returned":            "it is the text of a provider",
		"concurrent-not-started":           "who ended the context knows why",
		"derive-panics":                    "it is the text of a build",
		"derive-panics-with-error":         "it is the text of a build",
		"build-panics-spitefully":          "it is the text of a build",
		"derive-would-fail":                "it is the text of a build",
		"derive-would-fail-in-many-scopes": "it is the text of a build",
		"maker-fails":                      "it is the text of a maker",
		"maker-would-fail":                 "it is the text of a maker",
		"drain-on-retire-fails":            "it is the text of an OnRetire",
		"drain-on-retire-of-derived-fails": "it is the text of an OnRetire",
		"drain-on-retire-of-made-fails":    "it is the text of an OnRetire",
		"drain-on-retire-panics":           "it is the text of an OnRetire",
		"drain-many-held":                  "the errors before it say who holds what",
		"drain-too-early":                  "nothing is wrong but that ctx ended early",
	}
)

// remedy is how a clause begins that says what to do, or what was meant.
var remedy = regexp.MustCompile(`(^|[:;,.?] (?:or |so )?)(ask|bind|call|close|compose|correct|declare|did you mean|do|encode|give|it has just|it is|known are|known is|leave|let|look|make|name|none is bound|only read|only texts|rename|resolve|return|say|share|take|use)\b`)

// TestPromise14EveryErrorTextNamesWhatWhereAndTheRemedy checks what a program
// can check of that: a quoted name, a file and line or the name of a registry,
// scope or capability, and a clause that begins as remedies do.
func TestPromise14EveryErrorTextNamesWhatWhereAndTheRemedy(t *testing.T) {
	name := regexp.MustCompile(`"[^"]*"`)
	place := regexp.MustCompile(`\w\.go:\d+|(registry|scope|capability) "`)
	for _, c := range slices.Sorted(maps.Keys(provoked)) {
		t.Run(c, func(t *testing.T) {
			err := provoked[c](t, newOffice(t))
			if err == nil {
				t.Fatal("there is no error")
			}
			text := err.Error()
			for _, check := range []struct {
				what    string
				pattern *regexp.Regexp
				not     map[string]string
			}{
				{"name", name, textsWithoutName}, {"place", place, textsWithoutPlace}, {"remedy", remedy, textsWithoutRemedy},
			} {
				switch has := check.pattern.MatchString(text); {
				case check.not[c] == "" && !has:
					t.Errorf("the text has no %s: %s", check.what, text)
				case check.not[c] != "" && has:
					t.Errorf("the text has a %s, so it needs no exception: %s", check.what, text)
				}
			}
			if first := text[0]; first >= 'A' && first <= 'Z' && !regexp.MustCompile(`^(Apply|Bind|Close|Compose|Drain|Get|Handle|In|Into|Mask|OnRetire|Rebind|Resolve|Select|Unbind|Use|Watch|With)\b`).MatchString(text) {
				t.Errorf("the text begins with a capital letter that is no method: %s", text)
			}
			if strings.HasSuffix(text, ".") || strings.Contains(text, "%!") || strings.Contains(text, "unknown place") {
				t.Errorf("the text is malformed: %s", text)
			}
		})
	}
}

// TestGoldenFileHasNoSpareLines proves that the file is text that diffs well.
func TestGoldenFileHasNoSpareLines(t *testing.T) {
	lines := golden.Read(t, goldenErrors)
	if !slices.IsSorted(lines) {
		t.Error("the golden lines are not sorted")
	}
	for _, line := range lines {
		if strings.TrimSpace(line) != line || strings.Count(line, " | ") < 2 {
			t.Errorf("malformed line %q", line)
		}
	}
}
