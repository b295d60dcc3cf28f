// The suite of data sources.

package capabilitytest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/data"
)

// TestSource tests whether a source keeps the rules of [data.Source]: it publishes soon
// after the start and whenever its data are others, goes on until its context ends and
// then returns, leaves no goroutine behind, publishes nothing after that, does not
// change what it has published, and may be run again and several times at once.
//
// open returns a source that can be run; change makes its data others while it runs, and
// is nil if they never change. Each mistake is an error of the test that says which rule
// was broken and what to do.
func TestSource[K cmp.Ordered, V any](t TB, open func() data.Source[K, V], change func()) {
	t.Helper()
	testSource(&suite{t: t, patience: patience}, open, change)
}

func testSource[K cmp.Ordered, V any](s *suite, open func() data.Source[K, V], change func()) {
	s.t.Helper()
	const goroutines = "end what Run starts before it returns, as a feed runs a source again and again"
	source := open()
	s.alone(goroutines, func() {
		r := runSource(source)
		if r.begins(s) && change != nil {
			r.follows(s, change)
		}
		r.lasts(s)
		r.ends(s)
	})
	s.alone(goroutines, func() {
		first, second := runSource(source), runSource(source)
		if !(first.begins(s) && second.begins(s)) {
			s.wrong("that was the second Run of the source, or one of two at once: each feed runs it by itself, and again after a failure, so keep in Run what belongs to a run")
		}
		first.lasts(s)
		first.ends(s)
		second.ends(s)
	})
	s.alone(goroutines, func() {
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
	go func() {
		defer close(r.ended)
		err := sheltered(func() error { return source.Run(ctx, r.publish) })
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over, r.err = true, err
	}()
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

// textOf returns what a value is, with what it points to.
func textOf(v any) string {
	if text, err := json.Marshal(v); err == nil {
		return string(text)
	}
	return fmt.Sprintf("%+v", v)
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

// follows changes the data and waits for a publication that is another one.
func (r *sourceRun[K, V]) follows(s *suite, change func()) {
	s.t.Helper()
	r.mu.Lock()
	before := r.all[len(r.all)-1]
	r.mu.Unlock()
	change()
	late := time.After(s.patience)
	for {
		select {
		case <-r.news:
			r.mu.Lock()
			now := r.all[len(r.all)-1]
			r.mu.Unlock()
			if !gocmp.Equal(before.text, now.text) {
				return
			}
		case <-r.ended:
			return // which ends complains about
		case <-late:
			s.wrong("the data are others, and Run has not published that within %v: publish all the data whenever they are others than before; if others must not see a half of them, publish what is whole", s.patience)
			return
		}
	}
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
				s.wrong("the value of %v was published as %s and is %s now: readers have it, so publish another value instead of changing this one", k, p.text[k], now)
				return
			}
		}
	}
}
