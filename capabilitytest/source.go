// The suite of data sources.

package capabilitytest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/internal/inside"
)

// TestSource tests whether a source keeps the rules of [data.Source]: it publishes soon
// after the start and whenever its data are others, goes on until its context ends and
// then returns, leaves no goroutine, scope or registry behind, publishes nothing after
// that, does not change what it has published, and may be run again and several times at
// once.
//
// open returns a source that can be run. change makes its data others while it runs, and
// is nil if they never change. It is called twice, the second time when the first change was
// published, and makes the data others each time. Either may end the test, with Fatal or
// Skip.
//
// Each mistake is an error of the test that says which rule was broken and what to do.
// Goroutines, scopes and registries are tolerated if one of the texts is in a func's name
// on their stack, as with [NoLeaks]; a source that uses the default client of net/http
// tolerates "net/http". Values are compared with all that they point to, but for what has a
// lock or an atomic in it: that is another value when it lies elsewhere. Scopes and
// registries cannot be told from those that other tests open at the same time without a
// test func on the stack: while other suites run, or several tests look for leaks, these
// are logged.
func TestSource[K cmp.Ordered, V any](t TB, open func() data.Source[K, V], change func(), tolerate ...string) {
	t.Helper()
	testSource(&suite{t: t, patience: patience, tolerate: tolerate}, open, change)
}

func testSource[K cmp.Ordered, V any](s *suite, open func() data.Source[K, V], change func()) {
	s.t.Helper()
	const rule = "end what Run starts and close what it opens before it returns, as a feed runs a source again and again"
	source := open()
	s.alone(rule, func() {
		r := runSource(source)
		defer r.stop(s)
		if r.begins(s) && change != nil {
			r.follows(s, change)
		}
		r.lasts(s)
		r.ends(s)
	})
	s.alone(rule, func() {
		first, second := runSource(source), runSource(source)
		if !(first.begins(s) && second.begins(s)) {
			s.wrong("that was the second Run of the source, or one of two at once: each feed runs it by itself, and again after a failure, so keep in Run what belongs to a run")
		}
		first.lasts(s)
		first.ends(s)
		second.ends(s)
	})
	s.alone(rule, func() {
		r := runSource(source)
		r.cancel() // at once, before or while it begins
		r.ends(s)
	})
}

// A sourceRun is one call of Run.
type sourceRun[K cmp.Ordered, V any] struct {
	cancel context.CancelFunc
	news   chan struct{} // holds one if something was published
	ended  chan struct{}
	err    error // of Run, once ended is closed

	mu    sync.Mutex
	all   []publication[K, V]
	over  bool // Run has returned
	after int  // how often publish was called since
}

// A publication is what publish was called with, and its text then.
type publication[K cmp.Ordered, V any] struct {
	data map[K]V
	text map[K]string
}

func runSource[K cmp.Ordered, V any](source data.Source[K, V]) *sourceRun[K, V] {
	ctx, cancel := context.WithCancel(context.Background())
	r := &sourceRun[K, V]{cancel: cancel, news: make(chan struct{}, 1), ended: make(chan struct{})}
	go inside.Shelter(func() error { return source.Run(ctx, r.publish) }, func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over, r.err = true, err
		close(r.ended)
	})
	return r
}

func (r *sourceRun[K, V]) publish(m map[K]V) {
	p := publication[K, V]{maps.Clone(m), make(map[K]string)}
	for k, v := range m {
		p.text[k] = textOf(v)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		r.after++
		return
	}
	r.all = append(r.all, p)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// begins waits for the first publication and reports whether it comes.
func (r *sourceRun[K, V]) begins(s *suite) bool {
	s.t.Helper()
	select {
	case <-r.news:
		return true
	case <-r.ended:
		if len(r.news) > 0 {
			return true // lasts tells it
		}
		s.wrong("Run returned %q before it called publish, although its context had not ended: publish what there is, an empty map if that is nothing, and return an error only if the data cannot be had", fmt.Sprint(r.err))
	case <-time.After(s.patience):
		s.wrong("Run has not called publish for %v: publish what there is at once, an empty map if that is nothing, as data.Open waits for it", s.patience)
	}
	return false
}

// follows changes the data twice and waits for a publication of each that is another one
// than before.
func (r *sourceRun[K, V]) follows(s *suite, change func()) {
	s.t.Helper()
	for _, again := range []string{",", " once more, as change makes them each time,"} {
		before, quiet := r.settled()
		change()
		late := time.After(s.patience)
		for followed := false; !followed; {
			select {
			case <-r.news:
				// Who publishes only what it is told may be told the same again.
				followed = !maps.Equal(before, r.last()) || quiet && again != ","
			case <-r.ended:
				return // which ends complains about
			case <-late:
				s.wrong("the data are others%s and Run has not published that within %v: publish all the data whenever they are others than before; if others must not see a half of them, publish what is whole", again, s.patience)
				return
			}
		}
	}
}

// settled returns the texts of what was published last, after a moment in which what was
// under way has come, and whether nothing has.
func (r *sourceRun[K, V]) settled() (texts map[K]string, quiet bool) {
	time.Sleep(moment)
	select {
	case <-r.news:
	default:
		quiet = true
	}
	return r.last(), quiet
}

// last returns the texts of what was published last.
func (r *sourceRun[K, V]) last() map[K]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[len(r.all)-1].text
}

// lasts reports it if the run has ended by itself.
func (r *sourceRun[K, V]) lasts(s *suite) {
	s.t.Helper()
	select {
	case <-r.ended:
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.all) > 0 { // else begins has said it
			s.wrong("Run returned %q while its context had not ended: wait for that when there is nothing more to say, as a Run that returns is called again after a pause", fmt.Sprint(r.err))
		}
	case <-time.After(moment):
	}
}

// stop ends the run, and waits for that if change has ended the test.
func (r *sourceRun[K, V]) stop(s *suite) {
	r.cancel()
	if s.failed {
		return // the wait is over
	}
	select {
	case <-r.ended:
	case <-time.After(s.patience):
	}
}

// ends ends the run, and looks at what it has left.
func (r *sourceRun[K, V]) ends(s *suite) {
	s.t.Helper()
	r.cancel()
	select {
	case <-r.ended:
	case <-time.After(s.patience):
		s.wrong("Run has not returned for %v since its context ended: return when ctx.Done is closed, also while reading and waiting", s.patience)
		return
	}
	time.Sleep(moment)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.after > 0 {
		s.wrong("publish was called after Run had returned, which has no effect: wait for what calls it before you return")
	}
	for _, p := range r.all {
		for k, v := range p.data {
			if now := textOf(v); now != p.text[k] {
				was, is := apart(p.text[k], now)
				s.wrong("the value of %v was published as %s and is %s now: readers have it, so publish another value instead of changing this one", k, was, is)
				return
			}
		}
	}
}
