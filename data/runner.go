// Runners: one source of a feed, run again and again.

package data

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/typedcap/capability/internal/inside"
)

// A runner runs a source until it is stopped.
type runner[K cmp.Ordered, V any] struct {
	feed   *Feed[K, V]
	name   string
	source Source[K, V]
	blame  func(name string, err error) error
	ctx    context.Context
	stop   context.CancelFunc
	again  chan struct{} // holds one if it is to be run without a pause
	ended  chan struct{}

	publishing sync.Mutex // held while something that it published is looked at

	// The rest is guarded by feed.mu.

	part        *part[K] // nil before it first published
	good, tried time.Time
	err         error
	now         *attempt[K, V] // the Run that runs, if one does
	waiting     waits[K, V]
}

// An attempt is one call of Run.
type attempt[K cmp.Ordered, V any] struct {
	cancel    context.CancelFunc
	over      bool // what it publishes has no effect any more
	restarted bool // it was ended to be begun anew
	waiting   waits[K, V]
}

// A begin is the first thing that comes of a Run, for who waits for it.
type begin[K cmp.Ordered, V any] struct {
	of   *runner[K, V]
	done chan struct{} // closed when it has come
	err  error         // nil if the source has published
}

type waits[K cmp.Ordered, V any] []*begin[K, V]

// came tells all who wait.
func (w *waits[K, V]) came(err error) {
	for _, b := range *w {
		b.err = err
		close(b.done)
	}
	*w = nil
}

// wait waits for all and returns the sources that had not begun when ctx ended.
func (w waits[K, V]) wait(ctx context.Context) (late []*runner[K, V]) {
	for _, b := range w {
		select {
		case <-b.done:
			continue
		case <-ctx.Done():
		}
		select {
		case <-b.done:
		default:
			late = append(late, b.of)
		}
	}
	return late
}

func newRunner[K cmp.Ordered, V any](f *Feed[K, V], name string, s Source[K, V], blame func(string, error) error) *runner[K, V] {
	r := &runner[K, V]{feed: f, name: name, source: s, blame: blame, again: make(chan struct{}, 1), ended: make(chan struct{})}
	r.ctx, r.stop = context.WithCancel(f.ctx)
	return r
}

// same reports whether two sources are one.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// await returns what to wait for until the next Run has begun. feed.mu is held.
func (r *runner[K, V]) await() *begin[K, V] {
	b := &begin[K, V]{of: r, done: make(chan struct{})}
	r.waiting = append(r.waiting, b)
	return b
}

// restart ends the Run that runs, or the pause after it, and begins the next. feed.mu
// is held.
func (r *runner[K, V]) restart() {
	if r.now != nil {
		r.now.restarted = true
		r.now.cancel()
	}
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// run runs the source until it is stopped.
func (r *runner[K, V]) run() {
	defer close(r.ended)
	defer r.give(errStopped)
	var pause time.Duration
	for returns := 1; r.ctx.Err() == nil; returns++ {
		select {
		case <-r.again: // it is run now
		default:
		}
		begun := time.Now()
		restarted, err := r.once()
		if restarted {
			returns = 0
			continue
		}
		if time.Since(begun) > pause {
			returns = 1
		}
		pause = r.feed.options.pause(returns)
		if s, ok := errors.AsType[*soon](err); ok && s.within > 0 {
			pause = max(min(pause, s.within), time.Millisecond)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.again:
			returns = 0
		case <-r.ctx.Done():
		}
		timer.Stop()
	}
}

var errStopped = errors.New("the source was stopped: it was unbound, or the feed was closed")

// give tells all who wait that nothing will come.
func (r *runner[K, V]) give(err error) {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	r.waiting.came(r.blame(r.name, err))
}

// once calls Run once, and returns whether it was ended to be begun anew, and its error.
func (r *runner[K, V]) once() (restarted bool, err error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	a := &attempt[K, V]{cancel: cancel}
	r.feed.mu.Lock()
	a.waiting, r.waiting = r.waiting, nil
	r.now = a
	r.feed.mu.Unlock()

	err = r.blame(r.name, r.call(ctx, a)) // before the locks, as it calls methods of the error

	r.publishing.Lock() // so that what it published before counts first
	defer r.publishing.Unlock()
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	a.over, r.now = true, nil
	switch {
	case r.ctx.Err() != nil:
		a.waiting.came(r.blame(r.name, errStopped))
	case a.restarted:
		r.waiting = append(r.waiting, a.waiting...)
	case err != nil:
		r.failed(a, err)
	default:
		a.waiting.came(nil) // there is nothing to publish
	}
	return a.restarted, err
}

// call calls Run on a goroutine that it may end.
func (r *runner[K, V]) call(ctx context.Context, a *attempt[K, V]) error {
	done := make(chan error, 1)
	run := func() error { return r.source.Run(ctx, func(m map[K]V) { r.publish(a, m) }) }
	go inside.Shelter(run, func(err error) { done <- err })
	return <-done
}

// failed notes that the source failed, with an error that names it. feed.mu is held.
func (r *runner[K, V]) failed(a *attempt[K, V], err error) {
	r.err = err
	r.tried = time.Now()
	a.waiting.came(r.err)
}

// publish takes what the source published.
func (r *runner[K, V]) publish(a *attempt[K, V], m map[K]V) {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	r.feed.mu.Lock()
	before, last, over := r.feed.now, r.part, a.over
	r.feed.mu.Unlock()
	if over {
		return
	}
	// Only this func changes what the source says, and only one runs at a time.
	var next *part[K]
	if last == nil || !before.says(r.name, m) {
		next = newPart(r.name, m, last)
	}

	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if a.over || r.ctx.Err() != nil {
		return
	}
	if next != nil && len(next.keys) > 0 && next.keys[0] != next.keys[0] { // it is the least
		r.failed(a, r.blame(r.name, errors.New("a key is NaN, which equals nothing: leave it out")))
		return
	}
	r.err = nil
	r.tried = time.Now()
	r.good = r.tried
	if next != nil {
		r.part = next
		r.feed.make(next, m)
	}
	a.waiting.came(nil)
}
