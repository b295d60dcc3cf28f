// Registers and watchers with a flaw: the checks of histories and sequences
// report each.

package stress_test

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// brokenRegisters are registers as one might write them by hand, each with a
// flaw, and one without.
var brokenRegisters = []struct {
	name string
	ok   bool
	make func() register
}{
	{"none", true, func() register {
		var now atomic.Pointer[reading]
		now.Store(&reading{})
		return register{
			func(v int) error { runtime.Gosched(); now.Store(&reading{v, v}); runtime.Gosched(); return nil },
			func() reading { runtime.Gosched(); return *now.Load() },
		}
	}},
	{"goes back", false, func() register {
		// Two replicas are stored one after the other, and reads alternate.
		var replicas [2]atomic.Int64
		var turn atomic.Int64
		return register{
			func(v int) error {
				replicas[0].Store(int64(v))
				runtime.Gosched()
				replicas[1].Store(int64(v))
				return nil
			},
			func() reading {
				v := int(replicas[turn.Add(1)%2].Load())
				return reading{v, v}
			},
		}
	}},
	{"stores after the commit returned", false, func() register {
		var now atomic.Int64
		return register{
			func(v int) error { go now.Store(int64(v)); return nil },
			func() reading { v := int(now.Load()); return reading{v, v} },
		}
	}},
	{"loses an update", false, func() register {
		// A write that finds another one running is dropped.
		var now, running atomic.Int64
		return register{
			func(v int) error {
				if running.CompareAndSwap(0, 1) {
					runtime.Gosched()
					now.Store(int64(v))
					running.Store(0)
				}
				return nil
			},
			func() reading { v := int(now.Load()); return reading{v, v} },
		}
	}},
	{"shows a commit that is taken back", false, func() register {
		var mu sync.Mutex
		var now atomic.Int64
		return register{
			func(v int) error {
				mu.Lock()
				defer mu.Unlock()
				old := now.Load()
				now.Store(int64(v))
				runtime.Gosched()
				now.Store(old)
				runtime.Gosched()
				now.Store(int64(v))
				return nil
			},
			func() reading { v := int(now.Load()); return reading{v, v} },
		}
	}},
	{"reads a cache", false, func() register {
		var now, cached, reads atomic.Int64
		return register{
			func(v int) error { now.Store(int64(v)); return nil },
			func() reading {
				if reads.Add(1)%4 == 0 {
					cached.Store(now.Load())
				}
				v := int(cached.Load())
				return reading{v, v}
			},
		}
	}},
	{"derives with two loads", false, func() register {
		var mu sync.Mutex
		var left, right atomic.Int64
		return register{
			func(v int) error {
				mu.Lock()
				defer mu.Unlock()
				left.Store(int64(v))
				runtime.Gosched()
				right.Store(int64(v))
				return nil
			},
			func() reading { return reading{int(left.Load()), int(right.Load())} },
		}
	}},
	{"derives before the commit stores", false, func() register {
		// The build reads what the commit is about to change.
		var mu sync.Mutex
		var right atomic.Int64
		var derived atomic.Pointer[reading]
		derived.Store(&reading{})
		return register{
			func(v int) error {
				mu.Lock()
				defer mu.Unlock()
				derived.Store(&reading{v, int(right.Load())})
				right.Store(int64(v))
				return nil
			},
			func() reading { return *derived.Load() },
		}
	}},
	{"derives after the commit returned", false, func() register {
		var mu sync.Mutex
		var now atomic.Int64
		var derived atomic.Pointer[reading]
		derived.Store(&reading{})
		return register{
			func(v int) error {
				now.Store(int64(v))
				go func() {
					mu.Lock()
					defer mu.Unlock()
					v := int(now.Load())
					derived.Store(&reading{v, v})
				}()
				return nil
			},
			func() reading { return *derived.Load() },
		}
	}},
}

// TestBrokenRegisters feeds the checker of histories with flawed registers.
func TestBrokenRegisters(t *testing.T) {
	for _, b := range brokenRegisters {
		t.Run(b.name, func(t *testing.T) {
			done, err := checkRegister(b.make(), 50_000, patience)
			if b.ok {
				if err != nil {
					t.Errorf("a sound register is reported: %v", err)
				}
				atLeast(t, "reads during a write", int64(done.contended), 1000)
			} else if err == nil {
				t.Errorf("%d operations, and the flaw is not reported", done.operations)
			}
		})
	}
}

// TestTooFewOperations shows that a check which runs out of time says how little
// it did.
func TestTooFewOperations(t *testing.T) {
	done, err := checkRegister(brokenRegisters[0].make(), 1<<40, 20*time.Millisecond)
	if err != nil {
		t.Error(err)
	}
	if done.operations == 0 || done.operations >= 1<<40 {
		t.Errorf("%d operations in 20 ms", done.operations)
	}
}

// TestBrokenSequences feeds the check of sequences with what a watcher must not
// yield.
func TestBrokenSequences(t *testing.T) {
	writes := []int{3, 5, 4, 9}
	for _, b := range []struct {
		name  string
		ok    bool
		steps []step
	}{
		{"all", true, []step{{0, 3}, {3, 5}, {5, 4}, {4, 9}}},
		{"begins late", true, []step{{0, 4}, {4, 9}}},
		{"skips", true, []step{{0, 3}, {3, 9}}},
		{"only the last", true, []step{{0, 9}}},
		{"nothing", false, nil},
		{"loses the last", false, []step{{0, 3}, {3, 5}, {5, 4}}},
		{"out of order", false, []step{{0, 3}, {3, 4}, {4, 5}, {5, 9}}},
		{"twice", false, []step{{0, 3}, {3, 3}, {3, 9}}},
		{"never written", false, []step{{0, 3}, {3, 7}, {7, 9}}},
		{"a refused commit", false, []step{{0, 3}, {3, refused}, {refused, 9}}},
		{"old is not what was yielded", false, []step{{0, 3}, {5, 4}, {4, 9}}},
		{"begins with an old value", false, []step{{3, 5}, {5, 9}}},
		{"begins with zero", false, []step{{0, 0}, {0, 9}}},
		{"after the last", false, []step{{0, 9}, {9, 3}}},
		{"mixed generations", false, []step{{0, 3}, {3, tariffNumber(tariff{5, 4})}, {-1, 9}}},
	} {
		t.Run(b.name, func(t *testing.T) {
			if err := checkSteps(b.steps, writes); (err == nil) != b.ok {
				t.Errorf("the check of %v returns %v", b.steps, err)
			}
		})
	}
}

// TestBrokenWriters feeds the check of sequences by several writers.
func TestBrokenWriters(t *testing.T) {
	writes := [][]int{{2, 4, 6}, {3, 5, 7}}
	owner := func(v int) int { return v & 1 }
	for _, b := range []struct {
		name  string
		ok    bool
		steps []step
	}{
		{"one writer first", true, []step{{0, 2}, {2, 4}, {4, 6}, {6, 3}, {3, 5}, {5, 7}}},
		{"in turn", true, []step{{0, 3}, {3, 2}, {2, 6}, {6, 7}}},
		{"nothing", false, nil},
		{"out of order", false, []step{{0, 4}, {4, 2}, {2, 7}}},
		{"twice", false, []step{{0, 4}, {4, 4}, {4, 7}}},
		{"never written", false, []step{{0, 8}, {8, 7}}},
		{"loses the last", false, []step{{0, 7}, {7, 6}}},
		{"old is not what was yielded", false, []step{{0, 2}, {4, 7}}},
	} {
		t.Run(b.name, func(t *testing.T) {
			if err := checkWriters(b.steps, writes, owner, 7); (err == nil) != b.ok {
				t.Errorf("the check of %v returns %v", b.steps, err)
			}
		})
	}
}

// bell is a published value with watchers, and a flaw unless that is "none".
type bell struct {
	flaw    string
	mu      sync.Mutex
	now     int
	changed chan struct{} // closed by the next write
}

func (b *bell) set(v int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ring := func() { close(b.changed); b.changed = make(chan struct{}) }
	if b.flaw == "notifies before it stores" {
		ring()
		b.mu.Unlock()
		runtime.Gosched()
		b.mu.Lock()
		b.now = v
		return
	}
	b.now = v
	ring()
}

// watch yields until ctx ends, as a watcher does until its scope is closed, and
// then what was not yielded yet.
func (b *bell) watch(ctx context.Context) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		last := 0
		show := func() (<-chan struct{}, bool) {
			b.mu.Lock()
			v, changed := b.now, b.changed
			b.mu.Unlock()
			if v == last && b.flaw != "yields what did not change" {
				return changed, true
			}
			old := last
			last = v
			return changed, yield(old, v)
		}
		changed, more := show()
		for more {
			if b.flaw == "listens after it looked" {
				runtime.Gosched()
				b.mu.Lock()
				changed = b.changed
				b.mu.Unlock()
			}
			select {
			case <-changed:
				if b.flaw == "ends without the last" && ctx.Err() != nil {
					return
				}
				changed, more = show()
			case <-ctx.Done():
				if b.flaw == "none" {
					show()
				}
				return
			}
		}
	}
}

// TestBrokenWatchers records sequences of watchers with a flaw, until one is
// reported.
func TestBrokenWatchers(t *testing.T) {
	for _, flaw := range []string{"none", "ends without the last", "listens after it looked", "notifies before it stores", "yields what did not change"} {
		t.Run(flaw, func(t *testing.T) {
			var err error
			for range 5000 {
				b := &bell{flaw: flaw, now: 1, changed: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				var begun, group sync.WaitGroup
				begun.Add(1)
				var steps []step
				group.Go(func() { steps = follow(b.watch(ctx), same, begun.Done, nil) })
				begun.Wait()
				writes := []int{1}
				for v := 2; v < 12; v++ {
					b.set(v)
					writes = append(writes, v)
					if v < 11 {
						runtime.Gosched()
					}
				}
				if flaw == "yields what did not change" {
					runtime.Gosched()
					b.mu.Lock()
					close(b.changed)
					b.changed = make(chan struct{})
					b.mu.Unlock()
				}
				cancel()
				group.Wait()
				if err = checkSteps(steps, writes); err != nil {
					break
				}
			}
			if (err == nil) != (flaw == "none") {
				t.Errorf("the check returns %v", err)
			}
		})
	}
}
