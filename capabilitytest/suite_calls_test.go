// The suites and what they are given: funcs that end the test, goroutines of others, values
// that hide what they are, and levels that do not go together.

package capabilitytest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

// A board is a source of what is set.
type board[V any] struct {
	mu   sync.Mutex
	now  map[string]V
	news map[chan struct{}]bool
	ends int // how many runs have ended
}

func (b *board[V]) set(v V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = map[string]V{"n": v}
	for c := range b.news {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (b *board[V]) Run(ctx context.Context, publish func(map[string]V)) error {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	if b.news == nil {
		b.news = make(map[chan struct{}]bool)
	}
	b.news[c] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ends++
	}()
	for {
		b.mu.Lock()
		m := maps.Clone(b.now)
		b.mu.Unlock()
		publish(m)
		select {
		case <-c:
		case <-ctx.Done():
			return nil
		}
	}
}

// ended returns how f ended a goroutine: "" if it returned.
func ended(f func()) (how string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		how = "Goexit"
		defer func() {
			if p := recover(); p != nil {
				how = fmt.Sprint(p)
			}
		}()
		f()
		how = ""
	}()
	<-done
	return how
}

// What a func of the test does to its goroutine, the suite does to that of its caller: it
// goes no further, has ended what it began, and accuses nobody.
func TestSuitesEndWithTheTest(t *testing.T) {
	for want, end := range map[string]func(){
		"Goexit":            runtime.Goexit,
		"the test is over!": func() { panic("the test is over!") },
	} {
		for name, suite := range map[string]func(t capabilitytest.TB){
			"change": func(it capabilitytest.TB) {
				b := &board[int]{now: map[string]int{"n": 1}}
				defer func() {
					if b.ends != 1 {
						t.Errorf("%d runs have ended, want 1", b.ends)
					}
				}()
				capabilitytest.TestSource(it, func() data.Source[string, int] { return b }, end)
			},
			"open": func(it capabilitytest.TB) {
				b, n := bakery(), 0
				capabilitytest.TestExtension(it, func() extension.Instance {
					if n++; n == 4 { // the one that replaces another one
						end()
					}
					return b.open()
				}, b.options)
			},
			"With": func(it capabilitytest.TB) {
				b := bakery()
				b.options.With = func() []extension.Instance { end(); return nil }
				capabilitytest.TestExtension(it, b.open, b.options)
			},
		} {
			t.Run(name, func(t *testing.T) {
				capabilitytest.NoLeaks(t)
				it := new(told)
				if got := ended(func() { suite(it) }); got != want {
					t.Errorf("the suite ended with %q, want %q", got, want)
				}
				if len(it.problems) > 0 {
					t.Errorf("it tells %v", it.problems)
				}
			})
		}
	}
}

// A limit is a value that hides what it is.
type limit struct{ n int }

// A source is compared by what its values hide.
func TestSourcesOfHiddenFields(t *testing.T) {
	b := &board[limit]{now: map[string]limit{"n": {1}}}
	n := 1
	capabilitytest.TestSource(t, func() data.Source[string, limit] { return b }, func() { n++; b.set(limit{n}) })

	it := new(told)
	capabilitytest.SourceWithin(it, soon, func() data.Source[string, *limit] { return mutated{} }, nil)
	want := "the value of n was published as &{n:1} and is &{n:2} now: readers have it, so publish another value instead of changing this one"
	if len(it.problems) != 1 || it.problems[0] != want {
		t.Errorf("it tells %q, want %q", it.problems, want)
	}
}

// A mutated source changes what it has published.
type mutated struct{}

func (mutated) Run(ctx context.Context, publish func(map[string]*limit)) error {
	l := &limit{1}
	publish(map[string]*limit{"n": l})
	<-ctx.Done()
	l.n++
	return nil
}

// A source that publishes only what it is told may be told the same again.
func TestSourceIsToldTheSame(t *testing.T) {
	b := &board[int]{now: map[string]int{"n": 1}}
	capabilitytest.TestSource(t, func() data.Source[string, int] { return b }, func() { b.set(2) })
}

// Goroutines, scopes and registries are tolerated by the name of a func.
func TestSuitesTolerate(t *testing.T) {
	free := make(chan struct{})
	defer close(free)
	source := sourceFunc(func(ctx context.Context, publish func(map[string]*int)) error {
		publish(nil)
		go keepAlive(free)
		<-ctx.Done()
		return nil
	})
	capabilitytest.TestSource(t, func() data.Source[string, *int] { return source }, nil, "capabilitytest_test.keepAlive")

	b := bakery()
	was := b.make
	var mu sync.Mutex
	var opened []*capability.Registry
	b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
		go keepAlive(free)
		mu.Lock()
		defer mu.Unlock()
		opened = append(opened, keepOpen())
		return was(d, open)
	}
	b.options.Tolerate = []string{"capabilitytest_test.keepAlive", "capabilitytest_test.keepOpen"}
	capabilitytest.TestExtension(t, b.open, b.options)
	for _, r := range opened {
		must(r.Close(t.Context()))
	}
}

// What the funcs of the test open is the test's.
func TestSuitesLeaveWhatTheTestOpens(t *testing.T) {
	capabilitytest.NoLeaks(t)
	keep := func() {
		r := keepOpen()
		t.Cleanup(func() { must(r.Close(context.Background())) })
	}
	b := bakery()
	use := b.options.Use
	b.options.Use = func(s *capability.Scope) error { keep(); return use(s) }
	capabilitytest.TestExtension(t, func() extension.Instance { keep(); return b.open() }, b.options)

	n := 1
	p := &board[int]{now: map[string]int{"n": n}}
	capabilitytest.TestSource(t, func() data.Source[string, int] { return p }, func() { keep(); n++; p.set(n) })
}

// keepAlive goes on until free is closed.
func keepAlive(free chan struct{}) { <-free }

// keepOpen opens a registry.
func keepOpen() *capability.Registry { return capability.NewRegistry(capability.Engine, "kept") }

// Goroutines have as much time to end as all that a suite waits for.
func TestSuitesArePatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := sourceFunc(func(ctx context.Context, publish func(map[string]*int)) error {
			publish(nil)
			go time.Sleep(5 * time.Second)
			<-ctx.Done()
			return nil
		})
		capabilitytest.TestSource(t, func() data.Source[string, *int] { return source }, nil)
	})
}

// Mills are where only engines are, and so is what makes their flour; shops are narrower.
var (
	Mills = capability.New[string]("mills", "make flour", capability.OnlyAt(capability.Engine, 50))
	Shops = capability.New[string]("shops", "sell bread", capability.OnlyAt(capability.Pipeline))
)

// An extension is tested at its level, whatever that of what it requires.
func TestExtensionsOfOtherLevels(t *testing.T) {
	passive := func(export capability.Capability[string], requires ...extension.Key) func() extension.Instance {
		e := extension.Passive[struct{}]{
			Manifest: extension.Manifest{Name: export.Name(), Doc: export.Doc(), URL: "https://example.org/", Requires: requires},
			Exports:  []extension.Key{export},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
				return []capability.Binding{export.Bind(d.Name, export.Name())}, nil
			},
		}
		return func() extension.Instance { return e.Instance(export.Name(), struct{}{}) }
	}
	use := func(s *capability.Scope) error {
		_, err := Shops.Leased(s)
		if err != nil {
			return err
		}
		mill, err := Mills.Leased(s)
		return errors.Join(err, mill.Use(func(string) error { return nil }))
	}
	shop := passive(Shops, Mills, Dough)
	dough := Dough.Bind("flour", func() string { return "dough" })
	capabilitytest.TestExtension(t, shop, capabilitytest.ExtensionOptions{
		Level: capability.Pipeline, Use: use,
		Provide: []capability.Binding{Mills.Bind("wind", "wind"), dough},
	})
	capabilitytest.TestExtension(t, shop, capabilitytest.ExtensionOptions{
		Level: capability.Pipeline, Use: use,
		Provide: []capability.Binding{dough},
		With:    func() []extension.Instance { return []extension.Instance{passive(Mills, Dough)()} },
	})
	it := new(told)
	capabilitytest.TestExtension(it, shop, capabilitytest.ExtensionOptions{
		Provide: []capability.Binding{Mills.Bind("wind", "wind"), dough},
	})
	if len(it.problems) != 1 {
		t.Errorf("at a level where it may not be, it tells %q", it.problems)
	}
}

// An extension that is ready long after Run was called is interrupted there, also if New
// takes long and is interrupted, too.
func TestExtensionIsInterruptedInRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var early int
		b := bakery()
		was := b.make
		b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
			time.Sleep(10 * tickEach)
			bread, run, err := was(d, open)
			return bread, func(ctx context.Context, ready func()) error {
				select {
				case <-time.After(time.Second):
					return run(ctx, ready)
				case <-ctx.Done():
					early++
					return nil
				}
			}, err
		}
		capabilitytest.TestExtension(t, b.open, b.options)
		if early == 0 {
			t.Error("no Run was told to end before it was ready")
		}
	})
}
