// Watchers under load: they see writes in order and never miss the last.

package stress_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/typedcap/capability"
)

// writesPerRound is how many writes the watchers of one round may see.
const writesPerRound = 100

// refused is a number that only refused commits would have written.
const refused = -7

// chainNumber returns the number of a chain of one provider, 0 of the empty one.
func chainNumber(c capability.Chain[int]) int {
	v, _ := c.First()
	return v
}

// tariffNumber returns the number of a tariff, or -1 if it mixes generations.
func tariffNumber(t tariff) int {
	if t.rate != t.fee {
		return -1
	}
	return t.rate
}

func same(v int) int { return v }

// watchers is the watchers of one round.
type watchers struct {
	group sync.WaitGroup
	begun sync.WaitGroup

	mu      sync.Mutex
	count   int
	seen    map[string][][]step
	at      map[int]int // how many watchers yielded a number last
	arrived *sync.Cond
}

func newWatchers() *watchers {
	w := &watchers{seen: make(map[string][][]step), at: make(map[int]int)}
	w.arrived = sync.NewCond(&w.mu)
	return w
}

// add starts two watchers of h. One of them gives way to others at each step, so
// that it is slower than the writes.
func add[V any](w *watchers, ctx context.Context, name string, h capability.Handle[V], number func(V) int) {
	for i := range 2 {
		w.count++
		w.begun.Add(1)
		w.group.Go(func() {
			steps := follow(h.Watch(ctx), number, w.begun.Done, func(s step) {
				for range i * 20 {
					runtime.Gosched()
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.at[s.old]--
				w.at[s.current]++
				w.arrived.Broadcast()
			})
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen[name] = append(w.seen[name], steps)
		})
	}
}

// await waits until all watchers have yielded the number.
func (w *watchers) await(t *testing.T, number int) {
	t.Helper()
	within(t, "the last step", func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for w.at[number] < w.count {
			w.arrived.Wait()
		}
	})
}

// TestWatchSequence watches handles, chains and derived values while one writer
// commits, some commits being refused. In every other round the scope is closed
// right after the last commit, which the watchers must yield nevertheless; in the
// others it is closed when they have done so.
func TestWatchSequence(t *testing.T) {
	rounds := max(20, *operations/5000)
	var yielded int
	for round := range rounds {
		o := newOffice(t)
		write := func(v int) error {
			return capability.Commit(o.engine.Stage(rates.Rebind("list", v)), o.orders.Stage(fees.Rebind("list", v)))
		}
		writes := []int{1 + rand.IntN(5)}
		if err := write(writes[0]); err != nil {
			t.Fatal(err)
		}
		var one capability.Handle[int]
		var all capability.ChainHandle[int]
		var derived capability.Handle[tariff]
		if err := o.scope.Resolve(rates.Into(&one), rates.All().Into(&all), tariffs.Into(&derived)); err != nil {
			t.Fatal(err)
		}
		w := newWatchers()
		add(w, t.Context(), "one", one, same)
		add(w, t.Context(), "all", all, chainNumber)
		add(w, t.Context(), "derived", derived, tariffNumber)
		for i := range writesPerRound {
			if i == writesPerRound-1 {
				within(t, "the first steps", w.begun.Wait)
			}
			if i%10 == 0 && o.engine.Apply(rates.Rebind("list", refused), rates.Mask("nobody")) == nil {
				t.Fatal("a commit that masks an unknown name was accepted")
			}
			v := writes[i] + 1 + rand.IntN(5)
			if err := write(v); err != nil {
				t.Fatal(err)
			}
			writes = append(writes, v)
			if rand.IntN(3) == 0 {
				runtime.Gosched()
			}
		}
		if round%2 == 0 {
			w.await(t, writes[writesPerRound])
		}
		if err := o.scope.Close(); err != nil {
			t.Fatal(err)
		}
		within(t, "the end of watching with the scope", w.group.Wait)
		for name, all := range w.seen {
			for _, steps := range all {
				yielded += len(steps)
				if err := checkSteps(steps, writes); err != nil {
					t.Fatalf("watching %s: %v", name, err)
				}
			}
		}
	}
	t.Logf("%d rounds of %d writes, %d steps", rounds, writesPerRound, yielded)
	atLeast(t, "steps", int64(yielded), int64(rounds)*6*5)
}

// TestWatchValueSequence watches a published value that several writers set at
// once. A published value has no scope, so the watchers end when their ctx does,
// after all of them have seen what a read returns in the end.
func TestWatchValueSequence(t *testing.T) {
	const writers = 3
	rounds := max(20, *operations/5000)
	owner := func(v int) int { return v % writers }
	var yielded int
	for range rounds {
		h, set := capability.NewValue(writers) // the first write of writer 0
		writes := [writers][]int{{writers}}
		ctx, cancel := context.WithCancel(t.Context())
		w := newWatchers()
		add(w, ctx, "value", h, same)
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				for n := range writesPerRound / writers {
					v := (n+2)*writers + i
					set(v)
					writes[i] = append(writes[i], v)
					if n%4 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		group.Wait()
		final := h.Get()
		w.await(t, final)
		cancel()
		within(t, "the end of watching with its context", w.group.Wait)
		for _, steps := range w.seen["value"] {
			yielded += len(steps)
			if err := checkWriters(steps, writes[:], owner, final); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d rounds of %d writes, %d steps", rounds, writesPerRound, yielded)
	atLeast(t, "steps", int64(yielded), int64(rounds)*2)
}
