// Registries and scopes that cannot be composed, are closed, are committed in
// crossing orders, or are very many.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// mistakes returns how many errors err holds.
func mistakes(err error) int {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return len(several.Unwrap())
	}
	if err != nil {
		return 1
	}
	return 0
}

// TestComposeRefuses composes what makes no scope.
func TestComposeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		code       capability.Code
		mistakes   int
		registries func(o *office) []*capability.Registry
	}{
		"none": {capability.ErrInvalid, 1, func(*office) []*capability.Registry { return nil }},
		"nil":  {capability.ErrInvalid, 1, func(*office) []*capability.Registry { return []*capability.Registry{nil} }},
		"twice": {capability.ErrInvalid, 1, func(o *office) []*capability.Registry {
			return []*capability.Registry{o.city, o.desk, o.city}
		}},
		"two-of-one-level": {capability.ErrInvalid, 1, func(o *office) []*capability.Registry {
			return []*capability.Registry{o.city, capability.NewRegistry(capability.Engine, "town")}
		}},
		"all-of-it": {capability.ErrInvalid, 6, func(o *office) []*capability.Registry {
			town := capability.NewRegistry(capability.Engine, "town")
			return []*capability.Registry{o.city, nil, o.city, town, capability.NewRegistry(7, ""), new(capability.Registry), nil}
		}},
		"closed": {capability.ErrClosed, 1, func(o *office) []*capability.Registry {
			r := capability.NewRegistry(7, "gone")
			accepted(t, r.Close(t.Context()))
			return []*capability.Registry{o.city, r}
		}},
		"two-closed": {capability.ErrClosed, 2, func(o *office) []*capability.Registry {
			r, s := capability.NewRegistry(7, "gone"), capability.NewRegistry(8, "also_gone")
			accepted(t, r.Close(t.Context()))
			accepted(t, s.Close(t.Context()))
			return []*capability.Registry{r, o.city, s}
		}},
		"namesakes": {capability.ErrConflict, 1, func(o *office) []*capability.Registry {
			r := capability.NewRegistry(7, "other")
			accepted(t, r.Apply(capability.New[int]("printer", "not a printer").Bind("laser", 1)))
			return []*capability.Registry{r, o.city}
		}},
		"unknown-mask": {capability.ErrUnknown, 3, func(o *office) []*capability.Registry {
			r := capability.NewRegistry(7000, "other")
			accepted(t, r.Apply(o.printers.Mask("laser", "lazer", "plottr"), capability.Select("prnter", "laser")))
			return []*capability.Registry{r, o.city}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			registries := c.registries(o)
			before := o.state(t)
			scope, err := capability.Compose(registries...)
			refused(t, err, c.code)
			if scope != nil {
				t.Errorf("Compose returned %v besides its error", scope)
			}
			if n := mistakes(err); n != c.mistakes {
				t.Errorf("%d mistakes were found, want %d: %v", n, c.mistakes, err)
			}
			if diff := cmp.Diff(before, o.state(t)); diff != "" {
				t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
			}
			// No registry is taken to be part of the scope that did not come to be.
			for _, r := range registries {
				if r != nil && r != o.city && r != o.desk && r.Name() != "" {
					accepted(t, r.Close(t.Context()))
				}
			}
		})
	}
}

// TestRefusalsOfComposeAreSorted composes registries with many capabilities of one name.
func TestRefusalsOfComposeAreSorted(t *testing.T) {
	city, desk := capability.NewRegistry(1, "city"), capability.NewRegistry(2, "desk")
	const n = 20
	for i := range n {
		name := fmt.Sprint("key", i)
		accepted(t, city.Apply(capability.New[int](name, "is one of two").Bind("a", 1)))
		accepted(t, desk.Apply(capability.New[string](name, "is the other").Bind("a", "")))
	}
	err := second(capability.Compose(city, desk))
	refused(t, err, capability.ErrConflict)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != n || !slices.IsSorted(lines) {
		t.Errorf("want %d lines in order, got\n%v", n, err)
	}
}

// TestClosed uses closed registries and scopes.
func TestClosed(t *testing.T) {
	o := newOffice(t)
	gone := capability.NewRegistry(7, "gone")
	staged := gone.Stage(o.printers.Bind("x", o.laser))
	accepted(t, gone.Close(t.Context()))
	accepted(t, gone.Close(t.Context()))
	before := o.state(t)
	for name, try := range map[string]func() error{
		"apply":        func() error { return gone.Apply(o.printers.Bind("x", o.laser)) },
		"apply-mask":   func() error { return gone.Apply(o.printers.Mask()) },
		"apply-none":   func() error { return gone.Apply() },
		"apply-nil":    func() error { return gone.Apply(nil) },
		"staged":       func() error { return capability.Commit(staged) },
		"with-an-open": func() error { return capability.Commit(o.city.Stage(o.printers.Unbind("plotter")), staged) },
		"compose":      func() error { _, err := capability.Compose(gone); return err },
		"with":         func() error { _, err := o.scope.With(gone); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := try()
			refused(t, err, capability.ErrClosed)
			if n := mistakes(err); n != 1 {
				t.Errorf("%d mistakes were found, want 1: %v", n, err)
			}
			if diff := cmp.Diff(before, o.state(t)); diff != "" {
				t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
			}
		})
	}

	refused(t, o.city.Close(t.Context()), capability.ErrInUse)
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refused Close left a trace (-want +got):\n%s", diff)
	}
	one, names := o.one.Get(), o.all.Get().Names()
	accepted(t, o.scope.Close())
	accepted(t, o.scope.Close())
	var h capability.Handle[printer]
	for name, try := range map[string]func() error{
		"resolve":      func() error { return o.scope.Resolve(o.printers.Into(&h)) },
		"resolve-none": func() error { return o.scope.Resolve() },
		"resolve-nil":  func() error { return o.scope.Resolve(nil) },
		"check":        func() error { return o.scope.Check(o.printers.Into(&h)) },
		"handle":       func() error { _, err := o.printers.Handle(o.scope); return err },
		"with-scope":   func() error { _, err := o.scope.With(o.spare); return err },
	} {
		t.Run(name, func(t *testing.T) { refused(t, try(), capability.ErrClosed) })
	}
	accepted(t, capability.Commit(o.city.Stage(o.printers.Unbind("laser")), o.floor.Stage(o.printers.Unbind("label"))))
	if o.one.Get() != one {
		t.Error("the handle of a closed scope has changed")
	}
	if diff := cmp.Diff(names, o.all.Get().Names()); diff != "" {
		t.Errorf("the chain of a closed scope has changed (-want +got):\n%s", diff)
	}
	for _, r := range []*capability.Registry{o.city, o.floor, o.desk} {
		accepted(t, r.Close(t.Context()))
	}
}

// TestCloseWithoutContext closes with a nil context, which is what a caller who
// has none may well give.
func TestCloseWithoutContext(t *testing.T) {
	var none context.Context
	o := newOffice(t)
	before := o.state(t)
	refused(t, unpanicked(t, func() error { return o.city.Close(none) }), capability.ErrInvalid)
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refused Close left a trace (-want +got):\n%s", diff)
	}
	refused(t, unpanicked(t, func() error { return o.spare.Close(none) }), capability.ErrInvalid)
	accepted(t, o.spare.Apply(o.printers.Bind("photo", o.laser).Priority(-1)))
}

// TestCloseDuringCommits closes registries and scopes while others commit to
// them: a commit goes through whole or is refused, and nobody waits for ever.
func TestCloseDuringCommits(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			key := capability.New[int]("page", "a page of a book")
			book, notes := capability.NewRegistry(1, "book"), capability.NewRegistry(2, "notes")
			scope, err := capability.Compose(book, notes)
			accepted(t, err)
			pages, err := key.All().Handle(scope)
			accepted(t, err)
			var wg sync.WaitGroup
			for g := range 3 {
				wg.Go(func() {
					for i := range 20 {
						name := fmt.Sprintf("p%d-%d", g, i)
						err := capability.Commit(book.Stage(key.Bind(name, 1)), notes.Stage(key.Bind("note-"+name, 1)))
						if err != nil && !errors.Is(err, capability.ErrClosed) {
							t.Errorf("commit: got %v, want nil or closed", err)
						}
						if n := pages.Get().Len(); n%2 != 0 {
							t.Errorf("the chain has %d providers, want as many pages as notes", n)
						}
					}
				})
			}
			left := make(chan struct{})
			wg.Go(func() {
				defer close(left)
				if err := scope.Close(); err != nil {
					t.Error(err)
				}
			})
			for _, r := range []*capability.Registry{notes, book} {
				wg.Go(func() {
					if err := r.Close(t.Context()); err != nil && !errors.Is(err, capability.ErrInUse) {
						t.Errorf("close: got %v, want nil or in_use", err)
					}
					<-left
					if err := r.Close(t.Context()); err != nil {
						t.Errorf("close without a scope: %v", err)
					}
				})
			}
			wg.Wait()
			refused(t, book.Apply(), capability.ErrClosed)
		})
	}
}

// TestCrossedCommits commits over the same registries in all orders at once,
// while scopes that join them come and go. The bubble ends the test if everybody
// waits for everybody.
func TestCrossedCommits(t *testing.T) {
	for _, scoped := range []bool{false, true} {
		t.Run(fmt.Sprint("scoped=", scoped), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := capability.New[int]("page", "a page of a book")
				a, b, c := capability.NewRegistry(1, "a"), capability.NewRegistry(2, "b"), capability.NewRegistry(3, "c")
				var wg sync.WaitGroup
				for g, order := range [][]*capability.Registry{{a, b}, {b, a}, {b, c}, {c, a}, {c, b, a}, {a, b, c, a}} {
					wg.Go(func() {
						for i := range 300 {
							name := fmt.Sprintf("p%d-%d", g, i)
							var edits []capability.Edit
							for n, r := range order {
								edits = append(edits, r.Stage(key.Bind(fmt.Sprint(name, "-", n), i)))
							}
							if err := capability.Commit(edits...); err != nil {
								t.Error(err)
							}
						}
					})
				}
				if scoped {
					for _, order := range [][]*capability.Registry{{a, b}, {b, a}, {c, b}, {a, b, c}} {
						wg.Go(func() {
							for range 100 {
								scope, err := capability.Compose(order...)
								if err != nil {
									t.Error(err)
									return
								}
								if _, err := key.All().Handle(scope); err != nil {
									t.Error(err)
								}
								if err := scope.Close(); err != nil {
									t.Error(err)
								}
							}
						})
					}
				}
				wg.Wait()
				scope, err := capability.Compose(c, a, b)
				accepted(t, err)
				pages, err := key.All().Handle(scope)
				accepted(t, err)
				if got, want := pages.Get().Len(), 300*(2+2+2+2+3+4); got != want {
					t.Errorf("the scope sees %d providers, want %d", got, want)
				}
			})
		})
	}
}

// TestTenThousandScopes composes and resolves ten thousand scopes over one
// registry, refuses what would break them, changes them all at once, and closes
// them.
func TestTenThousandScopes(t *testing.T) {
	const n = 10_000
	o := newOffice(t)
	scopes := make([]*capability.Scope, n)
	handles := make([]capability.Handle[printer], n)
	for i := range scopes {
		desk := capability.NewRegistry(capability.Pipeline, fmt.Sprint("desk", i))
		var err error
		scopes[i], err = capability.Compose(desk, o.city)
		accepted(t, err)
		handles[i], err = o.printers.Named("plotter").Handle(scopes[i])
		accepted(t, err)
	}
	before := o.state(t)
	err := o.city.Apply(o.printers.Unbind("plotter"))
	refused(t, err, capability.ErrInUse)
	if !strings.Contains(err.Error(), "9997 more") {
		t.Errorf("the text does not say how many more would be hurt: %v", err)
	}
	err = o.city.Close(t.Context())
	refused(t, err, capability.ErrInUse)
	if !strings.Contains(err.Error(), "10001 open scopes") {
		t.Errorf("the text does not say how many scopes there are: %v", err)
	}
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refusals left a trace (-want +got):\n%s", diff)
	}
	successor := new(inkjet)
	accepted(t, o.city.Apply(o.printers.Rebind("plotter", successor)))
	for i, h := range handles {
		if h.Get() != printer(successor) {
			t.Fatalf("scope %d has not followed", i)
		}
	}
	for _, s := range scopes {
		accepted(t, s.Close())
	}
	accepted(t, o.city.Apply(o.printers.Unbind("plotter")))
}

// TestInUseByScopesOfTheirOwn refuses to take a provider from ten thousand scopes
// that each have another view of the capability: the text names the first few
// and how many more.
func TestInUseByScopesOfTheirOwn(t *testing.T) {
	const n = 10_000
	o := newOffice(t)
	for i := range n {
		desk := capability.NewRegistry(capability.Pipeline, fmt.Sprint("desk", i))
		accepted(t, desk.Apply(o.printers.Bind("own", new(inkjet))))
		scope, err := capability.Compose(desk, o.city)
		accepted(t, err)
		_, err = o.printers.Named("plotter").Handle(scope)
		accepted(t, err)
	}
	before := o.state(t)
	err := o.city.Apply(o.printers.Unbind("plotter"))
	refused(t, err, capability.ErrInUse)
	if most := 4000; err != nil && len(err.Error()) > most {
		t.Errorf("the text has %d bytes, want at most %d: it begins %.300s", len(err.Error()), most, err)
	}
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
	}
}

// TestRefusalsSpeakOfTheFirstScope takes a provider from scopes that each have another
// view of the capability: of what is the same for all, the error says it of the scope
// that is first by name, wherever that was composed, and names each reader once.
func TestRefusalsSpeakOfTheFirstScope(t *testing.T) {
	o := newOffice(t)
	var desks []*capability.Registry
	for _, name := range []string{"b", "a", "c"} {
		desk := capability.NewRegistry(capability.Pipeline, name)
		accepted(t, desk.Apply(o.printers.Bind("own", new(inkjet))))
		scope, err := capability.Compose(desk, o.city)
		accepted(t, err)
		accepted(t, second(o.printers.Named("plotter").Handle(scope)))
		desks = append(desks, desk)
	}
	edits := []capability.Edit{o.city.Stage(o.printers.Unbind("plotter"))}
	for _, desk := range desks {
		edits = append(edits, desk.Stage(o.printers.Unbind("own")))
	}
	err := capability.Commit(edits...)
	refused(t, err, capability.ErrInUse)
	var e *capability.Error
	if !errors.As(err, &e) || e.Scope != "a over city" || mistakes(err) != 1 {
		t.Errorf("want one error of the scope a, got %v", err)
	}
	if n := strings.Count(err.Error(), "resolved it at"); n != 3 || strings.Contains(err.Error(), "more") {
		t.Errorf("want three readers, got %v", err)
	}
}

// TestConflictAmongNamesakes binds a key whose name two other keys have in scopes that
// have one name. The error is the same each time.
func TestConflictAmongNamesakes(t *testing.T) {
	var texts []string
	for range 40 {
		city := capability.NewRegistry(1, "city")
		for _, change := range []capability.Change{
			capability.New[int]("badge", "is a number").Bind("a", 1),
			capability.New[string]("badge", "is a word").Bind("a", "one"),
		} {
			desk := capability.NewRegistry(2, "desk")
			accepted(t, desk.Apply(change))
			scope, err := capability.Compose(city, desk)
			accepted(t, err)
			defer scope.Close()
		}
		err := city.Apply(capability.New[bool]("badge", "is worn").Bind("a", true))
		refused(t, err, capability.ErrConflict)
		texts = append(texts, err.Error())
	}
	if all := slices.Compact(texts); len(all) > 1 {
		t.Errorf("one mistake is told in several ways:\n%s", strings.Join(all, "\n"))
	}
}

// TestRefusalsAreSorted takes many providers away that are in use.
func TestRefusalsAreSorted(t *testing.T) {
	o := newOffice(t)
	var unbinds capability.Changes
	for i := range 20 {
		name := fmt.Sprint("p", i)
		accepted(t, o.desk.Apply(o.printers.Bind(name, o.laser).Priority(-i)))
		accepted(t, second(o.printers.Named(name).Handle(o.scope)))
		unbinds = append(unbinds, o.printers.Unbind(name))
	}
	err := o.desk.Apply(unbinds)
	refused(t, err, capability.ErrInUse)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 20 || !slices.IsSorted(lines) {
		t.Errorf("want 20 lines in order, got\n%v", err)
	}
}

// TestOneRegistryInSeveralEdits commits edits of one registry, which is one change of it.
func TestOneRegistryInSeveralEdits(t *testing.T) {
	o := newOffice(t)
	before := o.scope.Snapshot().Generation
	accepted(t, capability.Commit(o.desk.Stage(o.printers.Bind("x", o.laser)), o.desk.Stage(o.printers.Unbind("x"))))
	if got := o.scope.Snapshot().Generation - before; got != 1 {
		t.Errorf("one commit counts as %d", got)
	}
	bad := capability.NewRegistry(7, "")
	err := capability.Commit(bad.Stage(), bad.Stage())
	refused(t, err, capability.ErrInvalid)
	if n := mistakes(err); n != 1 {
		t.Errorf("%d mistakes were found, want 1: %v", n, err)
	}
}

// TestHundredThousandBindings binds, rebinds, orders and withdraws a hundred
// thousand providers in one transaction each.
func TestHundredThousandBindings(t *testing.T) {
	const n = 100_000
	o := newOffice(t)
	p := new(inkjet)
	each := func(change func(i int, name string) capability.Change) capability.Changes {
		changes := make(capability.Changes, n)
		for i := range n {
			changes[i] = change(i, fmt.Sprint("p", i))
		}
		return changes
	}
	binds := each(func(i int, name string) capability.Change {
		return o.printers.Bind(name, p).Priority(-i).Before(fmt.Sprint("p", i+1)).After("label", "laser")
	})
	accepted(t, o.city.Apply(binds))
	if got := o.all.Get().Len(); got != n+3 {
		t.Errorf("the scope sees %d providers, want %d", got, n+3)
	}
	before := o.state(t)
	err := o.city.Apply(binds)
	refused(t, err, capability.ErrConflict)
	if got := mistakes(err); got != n {
		t.Errorf("%d mistakes were found, want %d", got, n)
	}
	// The last change of a long transaction spoils it.
	rebinds := each(func(_ int, name string) capability.Change { return o.printers.Rebind(name, new(inkjet)) })
	refused(t, o.desk.Apply(append(rebinds, o.printers.Bind("", p))), capability.ErrInvalid)
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Error("the refusals left a trace")
	}
	accepted(t, o.desk.Apply(rebinds[:n]))
	accepted(t, o.desk.Apply(each(func(_ int, name string) capability.Change { return o.printers.Unbind(name) })))
	accepted(t, o.city.Apply(each(func(_ int, name string) capability.Change { return o.printers.Unbind(name) })))
	if got := o.all.Get().Len(); got != 3 {
		t.Errorf("the scope sees %d providers, want 3", got)
	}
}

// TestManyUnknownNames gives twenty thousand names that nobody has bound to
// registries that know as many others. To look for what each was meant to be
// would take minutes.
func TestManyUnknownNames(t *testing.T) {
	const n = 20_000
	o := newOffice(t)
	var binds, rebinds, unbinds capability.Changes
	var names []string
	for i := range n {
		binds = append(binds, o.printers.Bind(fmt.Sprint("p", i), o.laser).Priority(-2))
		rebinds = append(rebinds, o.printers.Rebind(fmt.Sprint("q", i), o.laser))
		unbinds = append(unbinds, o.printers.Unbind(fmt.Sprint("q", i)))
		names = append(names, fmt.Sprint("q", i))
	}
	accepted(t, o.city.Apply(binds))
	for name, try := range map[string]func() error{
		"rebind": func() error { return o.desk.Apply(rebinds) },
		"unbind": func() error { return o.city.Apply(unbinds) },
		"mask":   func() error { return o.desk.Apply(o.printers.Mask(names...)) },
		"select": func() error { return o.desk.Apply(o.printers.Select(names...)) },
	} {
		t.Run(name, func(t *testing.T) {
			apart(t, func(t *testing.T) {
				err := try()
				refused(t, err, capability.ErrUnknown)
				if got := mistakes(err); got != n {
					t.Errorf("%d mistakes were found, want %d", got, n)
				}
			})
		})
	}
}

// TestOrderOfEdits commits, in both orders, an edit that takes a provider away
// from a broad registry and one that puts it into a narrow one: edits may name
// registries in any order, and only what comes of all of them counts.
func TestOrderOfEdits(t *testing.T) {
	for name, edits := range map[string]func(o *office) []capability.Edit{
		"unbind-and-bind": func(o *office) []capability.Edit {
			return []capability.Edit{
				o.city.Stage(o.printers.Unbind("laser"), o.printers.Unbind("plotter")),
				o.floor.Stage(o.printers.Unbind("label")),
				o.desk.Stage(o.printers.Bind("laser", o.plotter)),
			}
		},
		"ambiguous-and-select": func(o *office) []capability.Edit {
			return []capability.Edit{
				o.city.Stage(o.printers.Bind("photo", o.laser), o.printers.Bind("badge", o.laser)),
				o.desk.Stage(o.printers.Select("photo", "laser", "label")),
			}
		},
		"hidden-cycle": func(o *office) []capability.Edit {
			return []capability.Edit{
				o.city.Stage(o.printers.Bind("photo", o.laser).Before("badge").After("badge"), o.printers.Bind("badge", o.laser)),
				o.desk.Stage(o.printers.Bind("photo", o.label)),
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var states [2][]string
			for i := range states {
				o := newOffice(t)
				list := edits(o)
				if i == 1 {
					slices.Reverse(list)
				}
				if err := capability.Commit(list...); err != nil {
					t.Errorf("refused in order %d: %v", i, err)
				}
				states[i] = o.all.Get().Names()
			}
			if diff := cmp.Diff(states[0], states[1]); diff != "" {
				t.Errorf("the order of the edits matters (-one +other):\n%s", diff)
			}
		})
	}
}
