// What callers and committers of providers that get closed check.

package stress_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A courier is something that is closed once, and not while it is called: a
// provider, or what a build or maker made.
//
// Calls look at closed, which tells without any order between call and closing
// that one came too late, and at ledger, which is plain memory: the race detector
// reports a closing that is not ordered after the end of the last lease, even if
// it came later in time. Calls write nothing that the closing reads, because that
// would make the order that is to be proved.
type courier struct {
	number  int
	records bool // the retirement writes the ledger
	ledger  int
	closed  atomic.Bool
	times   atomic.Int32 // how often it was retired
	retired *atomic.Int64
}

// retire is what is given to OnRetire.
func (c *courier) retire() error {
	c.times.Add(1)
	if c.records {
		c.ledger = -c.number
	}
	c.closed.Store(true)
	c.retired.Add(1)
	return nil
}

// A call is what a path does with a courier that must not be closed.
type call func(*courier)

// A depot is what the soak is about: couriers that are replaced while they are
// called.
type depot struct {
	// paths are the ways to call. Each is used by a goroutine of its own.
	paths []func(call) error
	// rare are those that do much more than to call. Their goroutines pause after
	// each round, so that calls get most of the time.
	rare []func(call) error
	// replace makes c take the place of another courier, the nth time.
	replace func(n int, c *courier, call call) error
	// refused offers c in a commit that must be refused.
	refused func(c *courier) error
	// made returns what builds and makers made.
	made func() []*courier
	// drain waits until all that was replaced is retired.
	drain func(context.Context) error
	// close ends all scopes and registries, and waits for retirement.
	close func(context.Context) error
}

// A retirement is a soak of callers and a committer.
type retirement struct {
	*run
	depot   *depot
	records bool // retirements write ledgers
	calls   atomic.Int64
	retired atomic.Int64
}

// courier makes a courier.
func (r *retirement) courier(number int) *courier {
	return &courier{number: number, records: r.records, ledger: number, retired: &r.retired}
}

// look is one call of c.
func (r *retirement) look(c *courier) {
	if c.closed.Load() {
		r.fail("courier %d is called when it is retired", c.number)
	}
	if c.ledger != c.number {
		r.fail("the ledger of courier %d reads %d", c.number, c.ledger)
	}
}

// caller calls by one path until the run ends, in rounds of at least so many
// calls. Now and then a call gives way to others before it looks again.
func (r *retirement) caller(path func(call) error, round int64, pause func()) {
	n := int64(0)
	visit := func(c *courier) {
		n++
		r.look(c)
		if n%512 == 0 {
			runtime.Gosched()
			r.look(c)
		}
	}
	for !r.ended.Load() {
		n = 0
		for n < round && !r.ended.Load() {
			if err := path(visit); err != nil {
				r.fail("a call: %w", err)
				return
			}
			if n == 0 {
				r.fail("a path called nobody")
				return
			}
		}
		r.calls.Add(n)
		pause()
	}
}

// maxPending is how many retirements may be pending before the committer waits
// for some.
const maxPending = 256

// burst is how many replacements the committer makes between two pauses.
const burst = 16

// committer replaces couriers until the run ends. It returns those that were
// accepted and those that were refused.
func (r *retirement) committer() (accepted, refused []*courier, err error) {
	replaced := int64(0)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 1; !r.ended.Load(); n++ {
		if n%burst == 0 {
			<-tick.C
		}
		c := r.courier(n)
		if n%16 == 0 {
			if err := r.depot.refused(c); err != nil {
				return accepted, refused, err
			}
			refused = append(refused, c)
			continue
		}
		if err := r.depot.replace(n, c, r.look); err != nil {
			return accepted, refused, fmt.Errorf("replacement %d: %w", n, err)
		}
		accepted = append(accepted, c)
		replaced++
		if n%1024 == 1023 {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			err := r.depot.drain(ctx)
			cancel()
			if err != nil {
				return accepted, refused, fmt.Errorf("drain: %w", err)
			}
		}
		for replaced-r.retired.Load() > maxPending && !r.ended.Load() {
			runtime.Gosched()
		}
	}
	return accepted, refused, nil
}

// soak runs callers on all paths and a committer. When they are done it closes
// the depot, after which everything accepted or made must have been retired once,
// and nothing that was refused.
func (r *retirement) soak(d time.Duration) error {
	var accepted, refused []*courier
	for _, path := range r.depot.paths {
		r.group.Go(func() { r.caller(path, 2048, func() {}) })
	}
	for _, path := range r.depot.rare {
		r.group.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			r.caller(path, 1, func() { <-tick.C })
		})
	}
	r.group.Go(func() {
		var err error
		if accepted, refused, err = r.committer(); err != nil {
			r.fail("%w", err)
		}
	})
	if err := r.wait(d); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.depot.close(ctx); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	for _, c := range append(accepted, r.depot.made()...) {
		if n := c.times.Load(); n != 1 {
			return fmt.Errorf("courier %d was retired %d times", c.number, n)
		}
	}
	for _, c := range refused {
		if n := c.times.Load(); n != 0 {
			return fmt.Errorf("courier %d was refused, and retired %d times", c.number, n)
		}
	}
	return nil
}

// A list is couriers that builds on any goroutine add to.
type list struct {
	mu  sync.Mutex
	all []*courier
}

func (l *list) add(c *courier) *courier {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, c)
	return c
}

func (l *list) couriers() []*courier {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}
