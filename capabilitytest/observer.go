// The suite of observers.

package capabilitytest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// TestObserver tests whether an observer keeps the rules of [observed.Observer]: it stands
// all that can happen in a dispatch, on many goroutines at once, neither panics nor ends
// the goroutine of the caller, and does not keep callers waiting.
//
// open returns an observer. Each mistake is an error of the test that says which rule was
// broken and what to do. Races are found if the test runs under the race detector.
// Goroutines of the observer are its own affair: [NoLeaks] sees those that go on.
func TestObserver(t TB, open func() observed.Observer) {
	t.Helper()
	testObserver(&suite{t: t, patience: patience}, open)
}

func testObserver(s *suite, open func() observed.Observer) {
	s.t.Helper()
	w := &watching{of: open(), said: make(map[string]bool)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var work sync.WaitGroup
		for range 4 {
			work.Go(w.dispatches)
		}
		work.Wait()
		for _, e := range []observed.Event{{}, {Verb: "Shuffle", End: true, Err: errors.Join(errObserved, errObserved)}} {
			<-sheltered(func() error { w.Observe(e); return nil })
		}
	}()
	select {
	case <-done:
	case <-time.After(s.patience):
		w.wrong("has not returned for %v: the callers of providers wait for it, so hand over what takes long to a goroutine of your own", s.patience)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.problems {
		s.wrong("Observe %s", text)
	}
}

var (
	observedKey = capability.New[func() (bool, error)]("observed", "is dispatched over to see what an observer does")
	errObserved = errors.New("the provider fails, as it should here")
)

// A watching observer passes on events and watches what the other one does.
type watching struct {
	of observed.Observer

	mu       sync.Mutex
	problems []string
	said     map[string]bool
}

func (w *watching) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said[format] {
		return // once is enough
	}
	w.said[format] = true
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

func (w *watching) Observe(e observed.Event) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			w.wrong("panicked at %s: %v: it is told no more of that dispatch, so stand any event, also of verbs that are new and with errors of any kind", about(e), p)
			return
		}
		w.wrong("ended the goroutine of the caller at %s: return instead of calling runtime.Goexit, or FailNow of a test", about(e))
	}()
	w.of.Observe(e)
	returned = true
}

func about(e observed.Event) string {
	what := "beginning"
	if e.End {
		what = "end"
	}
	if e.Verb == "" {
		return "an event that is empty"
	}
	if e.Provider != "" {
		return fmt.Sprintf("the %s of provider %s in %s (error: %v)", what, e.Provider, e.Verb, e.Err)
	}
	return fmt.Sprintf("the %s of %s (error: %v)", what, e.Verb, e.Err)
}

// dispatches calls all verbs over chains of which none, all, or some do what they should.
func (w *watching) dispatches() {
	yes := func() (bool, error) { return true, nil }
	for _, second := range []func() (bool, error){
		nil,
		yes,
		func() (bool, error) { return false, errObserved },
		func() (bool, error) { panic("the provider panics, as it should here") },
		func() (bool, error) { runtime.Goexit(); return true, nil },
	} {
		w.dispatch(yes, second)
	}
}

// dispatch calls all verbs over a chain of two providers, or of none if second is nil, in a
// scope of its own.
func (w *watching) dispatch(first, second func() (bool, error)) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	defer engine.Close(context.Background()) // nothing can be in the way
	changes := []capability.Change{observed.Observers.Bind("tested", w)}
	if second != nil {
		changes = append(changes, observedKey.Bind("first", first), observedKey.Bind("second", second))
	}
	if err := engine.Apply(changes...); err != nil {
		w.wrong("cannot be bound: %v", err)
		return
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		w.wrong("cannot be composed: %v", err)
		return
	}
	defer scope.Close()
	w.verbs(scope)
}

func (w *watching) verbs(scope *capability.Scope) {
	var observers capability.ChainHandle[observed.Observer]
	var chain capability.ChainHandle[func() (bool, error)]
	if err := scope.Resolve(observed.Observers.All().Into(&observers), observedKey.All().Into(&chain)); err != nil {
		w.wrong("cannot be resolved: %v", err)
		return
	}
	o, c := observers.Get(), chain.Get()
	type asked = func() (bool, error)
	for _, verb := range []func(){
		func() { _ = observed.Each(o, c, func(f asked) error { _, err := f(); return err }) },
		func() { _, _ = observed.Collect(o, c, func(f asked) (bool, error) { return f() }) },
		func() { _, _ = observed.Any(o, c, func(f asked) (bool, error) { is, err := f(); return !is, err }) },
		func() { _, _ = observed.Every(o, c, func(f asked) (bool, error) { return f() }) },
		func() { _, _ = observed.Pipe(o, c, true, func(f asked, _ bool) (bool, error) { return f() }) },
		func() {
			_, _ = observed.Decide(o, c, func(f asked) (capability.Decision[bool], error) {
				_, err := f()
				return capability.Decision[bool]{}, err
			})
		},
	} {
		<-sheltered(func() error { verb(); return nil }) // the provider may panic, or end it
	}
}
