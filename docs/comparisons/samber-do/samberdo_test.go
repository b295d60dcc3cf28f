// Both versions on the same scenario, and on each unhappy path.

package samberdo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/do/v2"
	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/keepgoing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func noted(t *testing.T, diary *Diary, want ...string) {
	t.Helper()
	if got := diary.Lines(); !slices.Equal(got, want) {
		t.Errorf("the diary says %q, want %q", got, want)
	}
}

// fixture is the catalogue of a single request, or of a test.
type fixture string

func (f fixture) Title(shelf int) string { return fmt.Sprintf("%s, shelf %d", string(f), shelf) }

// program returns the registry of the program and a scope, both to be closed by the test.
func program(t *testing.T, diary *Diary) (*capability.Registry, *capability.Scope) {
	t.Helper()
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Bindings(diary)))
	scope, err := capability.Compose(engine)
	must(t, err)
	return engine, scope
}

// The scenario: a desk over a database, its health, a request of its own, the end.
func TestScenario(t *testing.T) {
	t.Run("do", withDo)
	t.Run("keyed", keyed)
}

func withDo(t *testing.T) {
	diary := new(Diary)
	injector := do.New(Services(diary))
	noted(t, diary) // nothing is open yet

	desk, err := do.Invoke[*Desk](injector)
	must(t, err)
	same(t, desk.Lend(4), "lent: books, shelf 4")
	must(t, errors.Join(values(injector.HealthCheck())...))

	request := injector.Scope("request", do.Eager[Catalogue](fixture("maps")), do.Lazy(newDesk))
	theirs, err := do.Invoke[*Desk](request)
	must(t, err)
	same(t, theirs.Lend(4), "lent: maps, shelf 4")
	same(t, desk.Lend(4), "lent: books, shelf 4")

	if report := injector.Shutdown(); !report.Succeed {
		t.Error(report)
	}
	noted(t, diary, "open books", "close the desk", "close the desk", "close books")
}

func keyed(t *testing.T) {
	diary := new(Diary)
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Bindings(diary)))
	scope, err := capability.Compose(engine)
	must(t, err)

	var desk capability.Handle[*Desk]
	var checks capability.ChainHandle[func() error]
	must(t, scope.Resolve(TheDesk.Into(&desk), Checks.All().Into(&checks)))
	same(t, desk.Get().Lend(4), "lent: books, shelf 4")
	must(t, keepgoing.Each(checks.Get(), func(check func() error) error { return check() }))

	own := capability.NewRegistry(capability.Pipeline, "request")
	must(t, own.Apply(Catalogues.Bind("maps", fixture("maps"))))
	request, err := scope.With(own)
	must(t, err)
	theirs, err := TheDesk.Handle(request)
	must(t, err)
	same(t, theirs.Get().Lend(4), "lent: maps, shelf 4")
	same(t, desk.Get().Lend(4), "lent: books, shelf 4")

	must(t, errors.Join(request.Close(), scope.Close()))
	must(t, errors.Join(own.Close(t.Context()), engine.Close(t.Context())))
	noted(t, diary, "open books", "close the desk", "close the desk", "close books")
}

func values(results map[string]error) (errs []error) {
	for _, err := range results {
		errs = append(errs, err)
	}
	return errs
}

// A service that nobody asks for is not made. A value that is bound is made before; a
// maker is not called until a scope asks.
func TestLazy(t *testing.T) {
	diary := new(Diary)
	injector := do.New(Services(diary))
	noted(t, diary)
	for range 2 {
		_, err := do.Invoke[*Desk](injector)
		must(t, err)
	}
	noted(t, diary, "open books")

	diary = new(Diary)
	engine, scope := program(t, diary)
	noted(t, diary, "open books")
	must(t, errors.Join(scope.Close(), engine.Close(t.Context())))

	diary = new(Diary)
	engine = capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Catalogues.BindPerScope("books", func(*capability.Resolver) (Catalogue, error) {
		return Open("books", diary), nil
	})))
	scope, err := capability.Compose(engine)
	must(t, err)
	noted(t, diary)
	_, err = Catalogues.Handle(scope)
	must(t, err)
	noted(t, diary, "open books")
	must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
}

// The container checks each service that was made, without being told. A check that is a
// capability has to be bound, and one that was not is not missed.
func TestHealth(t *testing.T) {
	sick := errors.New("no connection")
	diary := new(Diary)
	injector := do.New(do.Lazy(func(do.Injector) (Catalogue, error) {
		db := Open("books", diary)
		db.sick = sick
		return db, nil
	}))
	name := do.NameOf[Catalogue]()
	same(t, injector.HealthCheck()[name], nil) // it is not made yet
	_, err := do.Invoke[Catalogue](injector)
	must(t, err)
	same(t, injector.HealthCheck()[name], sick)

	db := Open("books", diary)
	db.sick = sick
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Catalogues.Bind("books", db)))
	scope, err := capability.Compose(engine)
	must(t, err)
	defer scope.Close()
	checks, err := Checks.All().Handle(scope)
	must(t, err)
	ask := func() error {
		return keepgoing.Each(checks.Get(), func(check func() error) error { return check() })
	}
	must(t, ask()) // it was forgotten
	must(t, engine.Apply(Checks.Bind("books", db.HealthCheck)))
	var e *capability.Error
	if err := ask(); !errors.As(err, &e) || e.Provider != "books" || !errors.Is(err, sick) {
		t.Errorf("keyed: %v", err)
	}
}

// What nobody provides is found by the first Invoke, one at a time, or by Resolve, all at
// once.
func TestForgotten(t *testing.T) {
	injector := do.New(do.Lazy(newDesk))
	_, err := do.Invoke[*Desk](injector)
	if !errors.Is(err, do.ErrServiceNotFound) || !strings.Contains(err.Error(), "Catalogue") ||
		!strings.Contains(err.Error(), "path: ") || strings.Contains(err.Error(), "Diary") {
		t.Errorf("do: %v", err)
	}

	scope, err := capability.Compose(capability.NewRegistry(capability.Engine, "engine"))
	must(t, err)
	defer scope.Close()
	var c capability.Handle[Catalogue]
	var d capability.Handle[*Diary]
	needs := []capability.Need{Catalogues.Into(&c), Diaries.Into(&d)}
	for _, err := range []error{scope.Check(needs...), scope.Resolve(needs...)} {
		if !errors.Is(err, capability.ErrNotProvided) ||
			!strings.Contains(err.Error(), `"catalogue"`) || !strings.Contains(err.Error(), `"diary"`) {
			t.Errorf("keyed: %v", err)
		}
	}
	// What a derived value lacks it finds when it is built, one at a time here, too.
	_, err = TheDesk.Handle(scope)
	if !errors.Is(err, capability.ErrNotProvided) || strings.Contains(err.Error(), `"diary"`) {
		t.Errorf("derived: %v", err)
	}
}

// Two services of one name, and two of one type.
func TestTwice(t *testing.T) {
	diary := new(Diary)
	injector := do.New(Services(diary))
	said := func() (v any) {
		defer func() { v = recover() }()
		do.ProvideValue[Catalogue](injector, fixture("films"))
		return nil
	}()
	if !strings.HasSuffix(fmt.Sprint(said), "has already been declared") {
		t.Errorf("do: it panics with %v", said)
	}

	engine, scope := program(t, diary)
	err := engine.Apply(Catalogues.Bind("books", fixture("films")))
	if !errors.Is(err, capability.ErrConflict) ||
		!strings.Contains(err.Error(), "keyed.go:") || !strings.Contains(err.Error(), "samberdo_test.go:") {
		t.Errorf("keyed: %v", err)
	}
	must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
}

func TestAmbiguous(t *testing.T) {
	injector := do.New()
	do.ProvideNamedValue(injector, "books", fixture("books"))
	do.ProvideNamedValue(injector, "films", fixture("films"))
	got := make(map[string]bool)
	for range 1000 {
		c, err := do.InvokeAs[Catalogue](injector)
		must(t, err)
		got[c.Title(4)] = true
	}
	same(t, len(got), 2) // sometimes one, sometimes the other

	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(
		Catalogues.Bind("books", fixture("books")),
		Catalogues.Bind("films", fixture("films")),
	))
	scope, err := capability.Compose(engine)
	must(t, err)
	defer scope.Close()
	if _, err := Catalogues.Handle(scope); !errors.Is(err, capability.ErrAmbiguous) {
		t.Errorf("keyed: %v", err)
	}
	all, err := Catalogues.All().Handle(scope)
	must(t, err)
	same(t, strings.Join(all.Get().Names(), " "), "books films")
}

// A name stands for whatever was provided under it; a key for one type.
func TestWrongType(t *testing.T) {
	injector := do.New()
	do.ProvideNamedValue(injector, "books", 42)
	if _, err := do.InvokeNamed[Catalogue](injector, "books"); err == nil || !strings.Contains(err.Error(), "type mismatch") {
		t.Errorf("do: %v", err)
	}

	cmd := exec.Command("go", "build", "./testdata/wrongtype")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, want := range []string{"in argument to samberdo.Catalogues.Bind", "in argument to samberdo.Catalogues.Into"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the compiler does not say %q:\n%s", want, out)
		}
	}
}

// A request overrides the catalogue, but not the desk.
func TestRequest(t *testing.T) {
	diary := new(Diary)
	injector := do.New(Services(diary))
	request := injector.Scope("request", do.Eager[Catalogue](fixture("maps")))
	desk, err := do.Invoke[*Desk](request)
	must(t, err)
	same(t, desk.Lend(4), "lent: books, shelf 4") // the desk is made where it was provided

	engine, scope := program(t, diary)
	own := capability.NewRegistry(capability.Pipeline, "request")
	must(t, own.Apply(Catalogues.Bind("maps", fixture("maps"))))
	narrow, err := scope.With(own)
	must(t, err)
	handle, err := TheDesk.Handle(narrow)
	must(t, err)
	same(t, handle.Get().Lend(4), "lent: maps, shelf 4") // and here where it is asked for
	must(t, errors.Join(narrow.Close(), scope.Close(), engine.Close(t.Context())))
}

// Requests that have ended.
func TestManyRequests(t *testing.T) {
	injector := do.New()
	for i := range 3 {
		request := injector.Scope(fmt.Sprint("request ", i), do.Eager[Catalogue](fixture("maps")))
		if report := request.Shutdown(); !report.Succeed {
			t.Error(report)
		}
	}
	same(t, len(injector.Children()), 3) // until the root is shut down
	said := func() (v any) {
		defer func() { v = recover() }()
		injector.Scope("request 0")
		return nil
	}()
	if !strings.HasSuffix(fmt.Sprint(said), "has already been declared") {
		t.Errorf("do: it panics with %v", said)
	}

	capabilitytest.NoLeaks(t)
	engine, scope := program(t, new(Diary))
	for range 3 {
		own := capability.NewRegistry(capability.Pipeline, "request")
		must(t, own.Apply(Catalogues.Bind("maps", fixture("maps"))))
		request, err := scope.With(own)
		must(t, err)
		must(t, errors.Join(request.Close(), own.Close(t.Context())))
	}
	must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
}

// The database is replaced while the desk is in use.
func TestReplaced(t *testing.T) {
	t.Run("do", func(t *testing.T) {
		diary := new(Diary)
		injector := do.New(Services(diary))
		desk, err := do.Invoke[*Desk](injector)
		must(t, err)
		do.Override(injector, func(do.Injector) (Catalogue, error) { return Open("new books", diary), nil })
		again, err := do.Invoke[*Desk](injector)
		must(t, err)
		same(t, again, desk)
		same(t, again.Lend(4), "lent: books, shelf 4") // made once, of the old one
		c, err := do.Invoke[Catalogue](injector)
		must(t, err)
		same(t, c.Title(4), "new books, shelf 4")
		if report := injector.Shutdown(); !report.Succeed {
			t.Error(report)
		}
		lines := diary.Lines()
		if slices.Contains(lines, "close books") || !slices.Contains(lines, "close new books") {
			t.Errorf("the diary says %q", lines) // the old one is never closed
		}
	})
	t.Run("keyed", func(t *testing.T) {
		diary := new(Diary)
		engine, scope := program(t, diary)
		desk, err := TheDesk.Leased(scope)
		must(t, err)
		replace(t, engine, desk, diary)
		must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
		noted(t, diary, "open books", "open new books", "close the desk", "close books",
			"close the desk", "close new books")
	})
}

func replace(t *testing.T, engine *capability.Registry, desk capability.Leased[*Desk], diary *Diary) {
	must(t, desk.Use(func(d *Desk) error {
		db := Open("new books", diary)
		must(t, engine.Apply(
			Catalogues.Rebind("books", db).OnRetire(db.Shutdown),
			Checks.Rebind("books", db.HealthCheck),
		))
		same(t, d.Lend(4), "lent: books, shelf 4") // begun with the old one, which is open
		return nil
	}))
	must(t, engine.Drain(t.Context())) // the old desk is closed, then the old database
	must(t, desk.Use(func(d *Desk) error {
		same(t, d.Lend(4), "lent: new books, shelf 4")
		return nil
	}))
}

// Four goroutines read the catalogue while the database is replaced a hundred times.
func TestReplacedUnderLoad(t *testing.T) {
	load := func(t *testing.T, read func() error, replace func()) {
		var readers sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			readers.Go(func() {
				for {
					if err := read(); err != nil {
						t.Error(err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for range 100 {
			replace()
		}
		close(done)
		readers.Wait()
	}
	closed := func(diary *Diary) (n int) {
		for _, line := range diary.Lines() {
			if strings.HasPrefix(line, "close ") {
				n++
			}
		}
		return n
	}
	t.Run("do", func(t *testing.T) {
		diary := new(Diary)
		injector := do.New(do.Eager[Catalogue](Open("books", diary)))
		load(t, func() error {
			_, err := do.Invoke[Catalogue](injector)
			return err
		}, func() {
			do.OverrideValue[Catalogue](injector, Open("books", diary))
		})
		if report := injector.Shutdown(); !report.Succeed {
			t.Error(report)
		}
		same(t, closed(diary), 1) // of 101
	})
	t.Run("keyed", func(t *testing.T) {
		diary := new(Diary)
		engine, scope := program(t, diary)
		books, err := Catalogues.Leased(scope)
		must(t, err)
		load(t, func() error {
			return books.Use(func(Catalogue) error { return nil })
		}, func() {
			db := Open("books", diary)
			must(t, engine.Apply(Catalogues.Rebind("books", db).OnRetire(db.Shutdown)))
		})
		must(t, engine.Drain(t.Context()))
		same(t, closed(diary), 100) // all but the last
		must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
		same(t, closed(diary), 101)
	})
}

// What Shutdown returns is in the report, or in the error.
func TestShutdownFails(t *testing.T) {
	sick := errors.New("the last page is lost")
	diary := new(Diary)
	db := Open("books", diary)
	db.sick = sick
	injector := do.New(do.Eager(diary), do.Eager[Catalogue](db), do.Lazy(newDesk))
	_, err := do.Invoke[*Desk](injector)
	must(t, err)
	report := injector.Shutdown()
	same(t, len(report.Errors), 1)
	for service, err := range report.Errors {
		same(t, service.Service, do.NameOf[Catalogue]())
		same(t, err, sick)
	}

	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Catalogues.Bind("books", db).OnRetire(db.Shutdown)))
	var e *capability.Error
	if err := engine.Close(t.Context()); !errors.Is(err, sick) || !errors.As(err, &e) || e.Provider != "books" {
		t.Errorf("keyed: %v", err)
	}
}

// A database hangs in Shutdown, and does not know of contexts.
func TestShutdownHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db := Open("books", new(Diary))
		db.stuck = make(chan struct{})
		injector := do.New(do.Eager[Catalogue](db))
		back := make(chan *do.ShutdownReport, 1)
		go func() { back <- injector.ShutdownWithContext(ctx) }()
		<-ctx.Done()
		select {
		case report := <-back:
			t.Errorf("do: it is back: %v", report)
		case <-time.After(time.Hour):
		}
		close(db.stuck)
		<-back
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db := Open("books", new(Diary))
		db.stuck = make(chan struct{})
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(t, engine.Apply(Catalogues.Bind("books", db).OnRetire(db.Shutdown)))
		begun := time.Now()
		err := engine.Close(ctx)
		var e *capability.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Provider != "books" {
			t.Errorf("keyed: %v", err)
		}
		same(t, time.Since(begun), time.Second)
		close(db.stuck)
		must(t, engine.Drain(t.Context()))
	})
}

// Tests with a fake each run in parallel.
func TestFakes(t *testing.T) {
	diary := new(Diary)
	injector := do.New(Services(diary))
	engine, scope := program(t, diary)
	t.Run("tests", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint("do ", i), func(t *testing.T) {
				t.Parallel()
				says := fmt.Sprintf("fake %d", i)
				clone := injector.Clone()
				do.OverrideValue[Catalogue](clone, fixture(says))
				desk, err := do.Invoke[*Desk](clone)
				must(t, err)
				same(t, desk.Lend(4), "lent: "+says+", shelf 4")
			})
			t.Run(fmt.Sprint("keyed ", i), func(t *testing.T) {
				t.Parallel()
				says := fmt.Sprintf("fake %d", i)
				over := capabilitytest.Overlay(t, scope, Catalogues.Rebind("books", fixture(says)))
				desk, err := TheDesk.Handle(over)
				must(t, err)
				same(t, desk.Get().Lend(4), "lent: "+says+", shelf 4")
			})
		}
	})
	must(t, errors.Join(scope.Close(), engine.Close(t.Context())))
}
