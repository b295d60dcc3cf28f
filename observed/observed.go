// Package observed has the fail-fast verbs of package capability for callers whose
// dispatches are to be seen: by logs, metrics, traces and tests.
//
// Whoever wants to see binds an [Observer] to [Observers], in any registry, like any
// other provider; it may come and go while the program runs. Who dispatches
// resolves a handle of all observers that the scope sees and gives its chain to the
// verb:
//
//	var node struct {
//		checks    capability.ChainHandle[Check]
//		observers capability.ChainHandle[observed.Observer]
//	}
//	err := scope.Resolve(Checks.All().Into(&node.checks), observed.Observers.All().Into(&node.observers))
//	…
//	err = observed.Each(node.observers.Get(), node.checks.Get(), func(c Check) error { … })
//
// A verb returns what that of package capability returns, error and panic
// included. Observers are told on the caller's goroutine, in chain order, when the
// dispatch begins, when each provider is called and has returned, and when the
// dispatch ends. Nothing they do changes what the caller gets; one that panics is
// recovered and stays out of the rest of that dispatch, and the others go on. One that
// calls runtime.Goexit ends the caller's goroutine, as always.
//
// Without observers a verb is a look at an empty chain and the verb of package
// capability, which cannot inline its function any more: half as much again, or a
// little more, for providers that do next to nothing. With observers each event costs a reading of the
// clock and their time.
package observed

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
)

// Observers is the capability of those that are told.
var Observers = capability.New[Observer]("observers", "are told who is called, by which verb, for how long, and what fails")

// An Observer is told what happens in the dispatches of the scopes that see it. It is
// called on the goroutines of the callers, at the same time if they are, and they
// wait for it.
type Observer interface {
	Observe(Event)
}

// An Event is the beginning or the end of a dispatch, or of the call of one provider
// in it.
type Event struct {
	Dispatch   uint64 // the same for all events of one dispatch, and for no other
	Verb       string // Each, Collect, Any, Every, Pipe or Decide
	Capability string // empty if there is no provider
	Scope      string // that made the chain, as in errors; empty if there is no provider
	Provider   string // empty for the dispatch
	End        bool
	Time       time.Time

	// At the end.

	Took time.Duration
	Err  error // names the provider; of one that did not return, it has code ErrPanic
}

// Each is [capability.Each].
func Each[T any](o capability.Chain[Observer], c capability.Chain[T], f func(T) error) error {
	if o.Len() == 0 {
		return capability.Each(c, f)
	}
	d := begin(o, c, "Each")
	defer d.end()
	return capability.Each(c, func(p T) error {
		_, err := call(d, p, func(p T) (struct{}, error) { return struct{}{}, f(p) })
		return err
	})
}

// Collect is [capability.Collect].
func Collect[T, R any](o capability.Chain[Observer], c capability.Chain[T], f func(T) (R, error)) ([]R, error) {
	if o.Len() == 0 {
		return capability.Collect(c, f)
	}
	d := begin(o, c, "Collect")
	defer d.end()
	return capability.Collect(c, func(p T) (R, error) { return call(d, p, f) })
}

// Any is [capability.Any].
func Any[T any](o capability.Chain[Observer], c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	if o.Len() == 0 {
		return capability.Any(c, f)
	}
	d := begin(o, c, "Any")
	defer d.end()
	return capability.Any(c, func(p T) (bool, error) { return call(d, p, f) })
}

// Every is [capability.Every].
func Every[T any](o capability.Chain[Observer], c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	if o.Len() == 0 {
		return capability.Every(c, f)
	}
	d := begin(o, c, "Every")
	defer d.end()
	return capability.Every(c, func(p T) (bool, error) { return call(d, p, f) })
}

// Pipe is [capability.Pipe].
func Pipe[T, A any](o capability.Chain[Observer], c capability.Chain[T], a A, f func(T, A) (A, error)) (A, error) {
	if o.Len() == 0 {
		return capability.Pipe(c, a, f)
	}
	d := begin(o, c, "Pipe")
	defer d.end()
	return capability.Pipe(c, a, func(p T, a A) (A, error) {
		return call(d, p, func(p T) (A, error) { return f(p, a) })
	})
}

// Decide is [capability.Decide].
func Decide[T, R any](o capability.Chain[Observer], c capability.Chain[T], f func(T) (capability.Decision[R], error)) (capability.Decision[R], error) {
	if o.Len() == 0 {
		return capability.Decide(c, f)
	}
	d := begin(o, c, "Decide")
	defer d.end()
	return capability.Decide(c, func(p T) (capability.Decision[R], error) { return call(d, p, f) })
}

// dispatches numbers the dispatches that are observed.
var dispatches atomic.Uint64

// A dispatch is one that is observed.
type dispatch struct {
	observers []Observer // nil for one that panicked
	event     Event      // its beginning
	names     []string   // of the providers not called yet
	blame     func(provider string, err error) error
	err       error // of the last call
}

func begin[T any](o capability.Chain[Observer], c capability.Chain[T], verb string) *dispatch {
	d := &dispatch{
		observers: o.Values(), names: c.Names(), blame: c.Blame,
		event: Event{Dispatch: dispatches.Add(1), Verb: verb, Capability: c.Capability(), Scope: c.Scope(), Time: time.Now()},
	}
	d.tell(d.event)
	return d
}

// end tells the end of the dispatch, whose error is that of its last call.
func (d *dispatch) end() { d.ended(d.event, d.err) }

var errNotReturned error = &capability.Error{Code: capability.ErrPanic, Err: errors.New("it did not return: it panicked or ended its goroutine")}

// call calls f with the next provider. It looks on while f panics and does not recover,
// so that the program sees the panic as if nobody had looked.
func call[T, R any](d *dispatch, p T, f func(T) (R, error)) (r R, err error) {
	e := d.event
	e.Provider, d.names = d.names[0], d.names[1:]
	e.Time = time.Now()
	d.tell(e)
	returned := false
	defer func() {
		if !returned {
			err = errNotReturned
		}
		d.err = d.blame(e.Provider, err)
		d.ended(e, d.err)
	}()
	r, err = f(p)
	returned = true
	return r, err
}

// ended tells the end of what e is the beginning of.
func (d *dispatch) ended(e Event, err error) {
	begun := e.Time
	e.End, e.Time, e.Err = true, time.Now(), err
	e.Took = e.Time.Sub(begun)
	d.tell(e)
}

// tell tells all observers.
func (d *dispatch) tell(e Event) {
	for i, o := range d.observers {
		if o != nil && !told(o, e) {
			d.observers[i] = nil
		}
	}
}

// told reports whether o bore the event.
func told(o Observer, e Event) (ok bool) {
	defer func() { ok = recover() == nil }()
	o.Observe(e)
	return
}
