// The operations over watchers.

package main

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// An audience is goroutines that watch, and a count of those that have yet to see
// what is shown.
type audience struct {
	left  sync.WaitGroup // to see the next value
	alive sync.WaitGroup
	size  int
	stop  context.CancelFunc
}

// gather starts a goroutine for each watch and returns when all have seen the
// first value.
func gather(size int, watch func(ctx context.Context, i int) iter.Seq2[check, check]) *audience {
	ctx, cancel := context.WithCancel(context.Background())
	a := &audience{size: size, stop: cancel}
	a.left.Add(size)
	for i := range size {
		a.alive.Go(func() {
			for range watch(ctx, i) {
				a.left.Done()
			}
		})
	}
	a.left.Wait()
	return a
}

// rest gives n watchers time to wait again. Nobody can ask them whether they do;
// those that do not yet will see the next value without being woken.
func rest(n int) {
	if n > 0 {
		time.Sleep(500*time.Microsecond + time.Duration(n)*500*time.Nanosecond)
	}
}

// shown returns how long n changes take, each until all have seen it, or, if seen
// is false, until the change is made.
func (a *audience) shown(n int, seen bool, change func() error) (spent time.Duration, err error) {
	for range n {
		a.left.Add(a.size)
		start := time.Now()
		if err := change(); err != nil {
			return 0, err
		}
		made := time.Since(start)
		a.left.Wait()
		if seen {
			made = time.Since(start)
		}
		spent += made
		rest(a.size)
	}
	return spent, nil
}

// leave ends all watches.
func (a *audience) leave() {
	a.stop()
	a.alive.Wait()
}

// A board shows a value and tells when it is another, as one would write it by
// hand.
type board struct {
	now atomic.Pointer[check]

	mu      sync.Mutex
	changed chan struct{} // closed with the next change
}

func newBoard(c check) *board {
	b := &board{changed: make(chan struct{})}
	b.now.Store(&c)
	return b
}

func (b *board) set(c check) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.Store(&c)
	close(b.changed)
	b.changed = make(chan struct{})
}

// watch yields what Watch of a handle does.
func (b *board) watch(ctx context.Context) iter.Seq2[check, check] {
	return func(yield func(check, check) bool) {
		var old check
		var last *check
		for ctx.Err() == nil {
			b.mu.Lock()
			changed, now := b.changed, b.now.Load()
			b.mu.Unlock()
			if now != last {
				if !yield(old, *now) {
					return
				}
				old, last = *now, now
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

//go:noinline
func readBoard(b *board, n int) (sum int) {
	for order := range n {
		for i := range handles {
			price, err := (*b.now.Load()).Amend(order, i)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

//go:noinline
func readOne(f *fleet, n int) (sum int) {
	one := &f.nodes[0].reads[changed]
	for order := range n {
		for i := range handles {
			price, err := one.Get().Amend(order, i)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

// watchersStand returns engines that n goroutines watch: through one handle, through
// one for each, and by hand.
func watchersStand(n int) (*stand, error) {
	together, err := newFleet(handles, 1)
	if err != nil {
		return nil, err
	}
	apart, err := newFleet(handles, max(n, 1))
	if err != nil {
		return nil, err
	}
	b := newBoard(newChecks(1)[0])
	defer rest(3 * n)
	one := gather(n, func(ctx context.Context, _ int) iter.Seq2[check, check] {
		return together.nodes[0].reads[changed].Watch(ctx)
	})
	each := gather(n, func(ctx context.Context, i int) iter.Seq2[check, check] {
		return apart.nodes[i].reads[changed].Watch(ctx)
	})
	byHand := gather(n, func(ctx context.Context, _ int) iter.Seq2[check, check] { return b.watch(ctx) })
	s := &stand{close: func() error {
		one.leave()
		each.leave()
		byHand.leave()
		if err := together.close(); err != nil {
			return err
		}
		return apart.close()
	}}
	both, turn := newChecks(2), 0
	wake := func(line string, a *audience, seen bool, set func(check) error) {
		s.probes = append(s.probes, probe{chart: "wake-watchers", line: line, ops: 1, run: func(n int) (time.Duration, error) {
			return a.shown(n, seen, func() error {
				turn = 1 - turn
				return set(both[turn])
			})
		}})
	}
	wake(returned, one, false, together.rebind)
	wake(seen, one, true, together.rebind)
	wake(seenApart, each, true, apart.rebind)
	wake(broadcast, byHand, true, func(c check) error { b.set(c); return nil })
	s.probes = append(s.probes,
		probe{chart: "get-watchers", line: inLibrary, ops: handles, run: func(n int) (time.Duration, error) {
			return reading(n, func(n int) int { return readOne(together, n) })
		}},
		probe{chart: "get-watchers", line: broadcast, ops: handles, run: func(n int) (time.Duration, error) {
			return reading(n, func(n int) int { return readBoard(b, n) })
		}})
	return s, nil
}
