// Every timing of a concurrent dispatch: whoever is faster, the outcome is the one that
// the order of the chain gives.

package modes_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
)

// A worker is how a clerk of a timed dispatch behaves.
type worker struct {
	takes  time.Duration
	kind   kind
	answer int
	stays  bool // it does not look at its context
}

// do is what the clerk does.
func (w worker) do(ctx context.Context) (int, error) {
	done := ctx.Done()
	if w.stays {
		done = nil
	}
	select {
	case <-time.After(w.takes):
	case <-done:
		return 0, ctx.Err()
	}
	switch w.kind {
	case panics:
		panic(w.fault())
	case exits:
		runtime.Goexit()
	case fails:
		return 0, w.fault()
	}
	return w.answer, nil
}

func (w worker) fault() error { return fmt.Errorf("failed after %v", w.takes) }

// inOrder is the same without time, and with errors in place of what a sequential verb
// does not recover.
func (w worker) inOrder(context.Context) (int, error) {
	switch w.kind {
	case panics:
		return 0, &capability.PanicError{Value: w.fault()}
	case exits:
		return 0, &capability.PanicError{}
	case fails:
		return 0, w.fault()
	}
	return w.answer, nil
}

// A course is what the model says of a timed dispatch.
type course struct {
	asked int           // how many clerks
	took  time.Duration // until all had ended
	first int           // the first in time that failed, -1 without
	ends  []string      // text of the error of each, "" without one
}

// simulate runs workers on a clock of its own. Of two workers that run at a time none
// ends when the other does, because the sums of different powers of two differ.
func simulate(verb string, workers []worker, limit int) course {
	n := len(workers)
	c := course{first: -1, ends: make([]string, n)}
	ends, cancelled := map[int]time.Duration{}, map[int]bool{} // of those that run
	for wanted := n; ; {
		for len(ends) < limit && c.asked < wanted {
			ends[c.asked] = c.took + workers[c.asked].takes
			c.asked++
		}
		next := -1
		for i, at := range ends {
			if next < 0 || at < ends[next] || at == ends[next] && i < next {
				next = i
			}
		}
		if next < 0 {
			return c
		}
		w := workers[next]
		c.took = ends[next]
		delete(ends, next)
		switch {
		case cancelled[next]:
			c.ends[next] = ": " + context.Canceled.Error()
			continue
		case w.kind != answers:
			_, err := w.inOrder(context.Background())
			c.ends[next] = strings.TrimSpace(lines(err)[0])
			if w.kind == fails {
				c.ends[next] = ": " + err.Error()
			}
			if c.first < 0 {
				c.first = next
			}
		}
		if from := wants(verb, w, next, n); from < wanted {
			wanted = from
			for i := range ends {
				if i >= wanted && !workers[i].stays {
					ends[i], cancelled[i] = c.took, true
				}
			}
		}
	}
}

// errors returns the errors of all, the first in time in front and the rest by rank.
func (c course) errors() []string {
	list := []string{string(rune('a'+c.first)) + " " + c.ends[c.first]}
	for _, rank := range []func(string) bool{
		func(text string) bool { return strings.HasPrefix(text, "panic") },
		func(text string) bool { return strings.HasPrefix(text, ": failed") },
		func(text string) bool { return strings.HasPrefix(text, ": context") },
	} {
		for i, text := range c.ends {
			if i != c.first && rank(text) {
				list = append(list, string(rune('a'+i))+" "+text)
			}
		}
	}
	return list
}

// wants returns the first place that is not wanted any more once w at a place ended.
func wants(verb string, w worker, at, n int) int {
	switch {
	case w.kind != answers && (verb == "Each" || verb == "Collect"):
		return 0
	case w.kind != answers,
		verb == "Any" && w.answer != 0, verb == "Decide" && w.answer != 0, verb == "Every" && w.answer == 0:
		return at + 1
	}
	return n
}

// permutations returns the powers of two below 2 to the n in every order.
func permutations(n int) [][]time.Duration {
	if n == 0 {
		return [][]time.Duration{nil}
	}
	var all [][]time.Duration
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(p), i, time.Millisecond<<(n-1)))
		}
	}
	return all
}

// A timed dispatch and what has to come of it.
type timed struct {
	verb    verb
	workers []worker
	limit   int
}

func (d timed) String() string { return fmt.Sprintf("%v limit %d of %+v", d.verb, d.limit, d.workers) }

// check runs the dispatch in a bubble of time.
func (d timed) check(t *testing.T) {
	var inOrder, run []func(context.Context) (int, error)
	for _, w := range d.workers {
		inOrder, run = append(inOrder, w.inOrder), append(run, w.do)
	}
	i := slices.IndexFunc(failFast, func(v verb) bool { return v.name == d.verb.name })
	want := newOffice(t, inOrder...).run(context.Background(), failFast[i])
	model := simulate(d.verb.name, d.workers, d.limit)
	voting := d.verb.name != "Each" && d.verb.name != "Collect"
	if !voting && model.first >= 0 {
		want.Errors = model.errors()
	}
	if i := slices.IndexFunc(want.Errors, func(line string) bool { return strings.Contains(line, "panicked") }); i >= 0 {
		want = outcome{Panicked: "relayed " + want.Errors[i]}
	}
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, run...)
		began := time.Now()
		got := o.run(context.Background(), d.verb)
		if took := time.Since(began); took != model.took {
			t.Errorf("%v took %v, want %v", d, took, model.took)
		}
		if asked := len(o.names()); asked != model.asked {
			t.Errorf("%v asked %d, want %d", d, asked, model.asked)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", d, diff)
		}
	})
}

// timings returns n workers in every timing.
func timings(n int) [][]worker {
	var all [][]worker
	for _, takes := range permutations(n) {
		for _, stays := range []bool{false, true} {
			workers := make([]worker, n)
			for i := range workers {
				workers[i] = worker{takes: takes[i], stays: stays}
			}
			all = append(all, workers)
		}
	}
	return all
}

// TestConcurrentEqualsSequentialWhateverTheTiming gives one of the clerks each fault, or
// none, and one the decisive answer, or none.
func TestConcurrentEqualsSequentialWhateverTheTiming(t *testing.T) {
	n := 4
	if testing.Short() {
		n = 3
	}
	dispatches := 0
	for _, workers := range timings(n) {
		for limit := 1; limit <= n; limit++ {
			for _, v := range concurrently(limit) {
				for decisive := range n + 1 {
					if decisive < n && (v.name == "Each" || v.name == "Collect") {
						continue
					}
					for fault := range n + 1 {
						for _, k := range []kind{fails, panics, exits} {
							if fault == n && k != fails {
								continue
							}
							d := timed{v, slices.Clone(workers), limit}
							for i := range d.workers {
								w := &d.workers[i]
								if v.name == "Every" != (i == decisive) {
									w.answer = i + 1
								}
								if i == fault {
									w.kind = k
								}
							}
							d.check(t)
							dispatches++
						}
					}
				}
			}
		}
	}
	t.Logf("%d dispatches", dispatches)
}

// TestConcurrentWithSeveralFaults gives each clerk a fault or none.
func TestConcurrentWithSeveralFaults(t *testing.T) {
	const n = 3
	dispatches := 0
	for _, workers := range timings(n) {
		for limit := 1; limit <= n; limit++ {
			for _, v := range concurrently(limit) {
				for faults := range 64 {
					d := timed{v, slices.Clone(workers), limit}
					for i := range d.workers {
						d.workers[i].kind = kind(faults >> (2 * i) & 3)
						if v.name == "Every" || i == n-1 {
							d.workers[i].answer = i + 1
						}
					}
					d.check(t)
					dispatches++
				}
			}
		}
	}
	t.Logf("%d dispatches", dispatches)
}

func TestContextEnds(t *testing.T) {
	hurry := errors.New("in a hurry")
	for _, v := range slices.Concat(concurrently(2), fannedOut(2)) {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := worker{takes: time.Second, stays: true}
				slow.answer = map[bool]int{true: 1}[v.name == "Every"]
				o := newOffice(t, slow.do, slow.do, slow.do, slow.do)
				ctx, cancel := context.WithCancelCause(context.Background())
				time.AfterFunc(time.Millisecond, func() { cancel(hurry) })
				began := time.Now()
				got := o.run(ctx, v)
				if took := time.Since(began); took != time.Second {
					t.Errorf("returned after %v, while what it started took a second", took)
				}
				if diff := cmp.Diff([]string{"a", "b"}, slices.Sorted(slices.Values(o.names()))); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				want := []string{"c : not started: context canceled", "d : not started: context canceled"}
				if diff := cmp.Diff(want, got.Errors); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Who was not started is named also if those who were return when the context ends.
func TestContextEndsForClerksWhoObey(t *testing.T) {
	for _, v := range slices.Concat(concurrently(2), fannedOut(2)) {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := worker{takes: time.Second}
				o := newOffice(t, slow.do, slow.do, slow.do, slow.do)
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				got := o.run(ctx, v)
				late := slices.DeleteFunc(got.Errors, func(line string) bool { return !strings.Contains(line, "not started") })
				want := []string{"c : not started: context deadline exceeded", "d : not started: context deadline exceeded"}
				if diff := cmp.Diff(want, late); diff != "" {
					t.Errorf("errors of who was not started (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A foreignContext is one whose methods a program wrote itself. It has no error.
type foreignContext struct {
	context.Context
	done func() <-chan struct{}
}

func (c foreignContext) Done() <-chan struct{} { return c.done() }

// A context that is done without an error ends the call like any other.
func TestContextWithoutError(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for _, v := range slices.Concat(concurrently(2), fannedOut(2)) {
		o := newOffice(t, worker{}.do, worker{}.do)
		got := o.run(foreignContext{context.Background(), func() <-chan struct{} { return closed }}, v)
		if len(o.names()) > 0 || len(got.Errors) != 2 || got.Errors[0] != "a : not started: ctx is done and has no error" {
			t.Errorf("%v asked %v, got %+v", v, o.names(), got)
		}
	}
}

// A context whose method panics leaves nothing running, however late it does. The verbs
// of package concurrent make contexts of it, which package context cannot then end.
func TestContextThatPanics(t *testing.T) {
	for _, v := range fannedOut(2) {
		panicked := 0
		for call := range int32(12) {
			synctest.Test(t, func(t *testing.T) {
				var calls, running atomic.Int32
				clerk := func(context.Context) (int, error) {
					running.Add(1)
					defer running.Add(-1)
					time.Sleep(time.Second)
					return map[bool]int{true: 1}[v.name == "Every"], nil
				}
				o := newOffice(t, clerk, clerk, clerk)
				got := o.run(foreignContext{context.Background(), func() <-chan struct{} {
					if calls.Add(1) > call {
						panic("no")
					}
					return nil
				}}, v)
				if n := running.Load(); n > 0 {
					t.Errorf("%v, panic at call %d: %d run still", v, call+1, n)
				}
				if got.Panicked == "string" {
					panicked++
				}
			})
		}
		if panicked < 3 {
			t.Errorf("%v panicked %d times", v, panicked)
		}
	}
}

func TestContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, v := range slices.Concat(concurrently(2), fannedOut(2)) {
		o := newOffice(t, worker{}.do, worker{}.do)
		got := o.run(ctx, v)
		if want := []string{"a : not started: context canceled", "b : not started: context canceled"}; !slices.Equal(got.Errors, want) || len(o.names()) > 0 {
			t.Errorf("%v asked %v and returned %q", v, o.names(), got.Errors)
		}
		if got := newOffice(t).run(ctx, v); got.Errors != nil {
			t.Errorf("%v without clerks returned %q", v, got.Errors)
		}
	}
}

// An answer counts although the context ended before those behind it were asked.
func TestContextEndsBehindTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, worker{takes: time.Second, answer: 5, stays: true}.do, worker{}.do)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if got, want := o.run(ctx, concurrently(1)[4]), (outcome{Value: "5 by a"}); !cmp.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestNoMoreThanLimitAtATime(t *testing.T) {
	for limit := 1; limit <= 6; limit++ {
		for _, v := range slices.Concat(concurrently(limit), fannedOut(limit)) {
			synctest.Test(t, func(t *testing.T) {
				clerk := worker{takes: time.Second, answer: map[bool]int{true: 1}[v.name == "Every"]}
				o := newOffice(t, slices.Repeat([]func(context.Context) (int, error){clerk.do}, 5)...)
				began := time.Now()
				o.run(context.Background(), v)
				rounds := (5 + limit - 1) / limit
				if took := time.Since(began); took != time.Duration(rounds)*time.Second {
					t.Errorf("%v with limit %d: 5 clerks of a second each took %v", v, limit, took)
				}
			})
		}
	}
}

func TestLimitAndContextThatMakeNoSense(t *testing.T) {
	for _, limit := range []int{0, -1} {
		for _, v := range slices.Concat(concurrently(limit), fannedOut(limit)) {
			for _, o := range []*office{newOffice(t), newOffice(t, worker{}.do)} {
				got := o.run(context.Background(), v)
				if len(got.Errors) != 1 || !strings.Contains(got.Errors[0], fmt.Sprintf("the limit is %d, and nobody can be asked: give at least 1", limit)) || len(o.names()) > 0 {
					t.Errorf("%v with limit %d: %q", v, limit, got.Errors)
				}
			}
		}
	}
	for _, v := range slices.Concat(concurrently(1), fannedOut(1)) {
		var none context.Context
		got := newOffice(t, worker{}.do).run(none, v)
		if len(got.Errors) != 1 || !strings.Contains(got.Errors[0], "ctx is nil: give context.Background() if nothing ends the call") {
			t.Errorf("%v without context: %q", v, got.Errors)
		}
	}
	if _, err := concurrent.Collect(context.Background(), capability.Chain[int]{}, 0, func(context.Context, int) (int, error) { return 0, nil }); !errors.Is(err, capability.ErrInvalid) {
		t.Errorf("a limit of 0 is %v, want %v", err, capability.ErrInvalid)
	}
}

// Who is cancelled learns it from the context that it got, at once.
func TestOthersAreCancelledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, worker{takes: time.Hour}.do, worker{takes: time.Millisecond, kind: fails}.do)
		began := time.Now()
		got := o.run(context.Background(), concurrently(2)[0])
		if want := []string{"b : failed after 1ms", "a : context canceled"}; !slices.Equal(got.Errors, want) {
			t.Errorf("got %q, want %q", got.Errors, want)
		}
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}
