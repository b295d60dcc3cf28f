// Leases with a flaw: the checks of the soak report each.

package stress_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A locker leases one courier, with a flaw unless that is "none". A locker
// without a flaw counts the users of a courier under a lock.
type locker struct {
	flaw    string
	mu      sync.Mutex
	now     *rental
	pending sync.WaitGroup
	derived list
}

// A rental is a courier with its users.
type rental struct {
	courier  *courier
	users    int
	replaced bool
	counted  atomic.Int64 // of the flaws that count without the lock
	left     atomic.Bool
}

func (k *locker) retire(r *rental) {
	k.pending.Add(1)
	go func() { defer k.pending.Done(); _ = r.courier.retire() }()
}

// use leases the courier while f runs.
func (k *locker) use(f func(*courier) error) error {
	switch k.flaw {
	case "counts without looking again":
		k.mu.Lock()
		r := k.now
		k.mu.Unlock()
		runtime.Gosched()
		r.counted.Add(1)
		defer k.release(r)
		return f(r.courier)
	case "leaves a lease open after a panic":
		r := k.begin()
		err := f(r.courier)
		k.end(r)
		return err
	}
	r := k.begin()
	defer k.end(r)
	return f(r.courier)
}

func (k *locker) begin() *rental {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now.users++
	return k.now
}

func (k *locker) end(r *rental) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.users--; r.users == 0 && r.replaced {
		k.retire(r)
	}
}

// release ends a lease that was counted without the lock.
func (k *locker) release(r *rental) {
	if r.counted.Add(-1) == 0 && r.left.Load() {
		r.left.Store(false)
		k.retire(r)
	}
}

// replace exchanges the courier.
func (k *locker) replace(n int, c *courier, _ call) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.now
	k.now = &rental{courier: c}
	old.replaced = true
	switch k.flaw {
	case "retires at once":
		k.retire(old)
		old.replaced = false
	case "retires after a delay":
		k.pending.Add(1)
		time.AfterFunc(10*time.Microsecond, func() { defer k.pending.Done(); _ = old.courier.retire() })
		old.replaced = false
	case "counts without looking again":
		if old.left.Store(true); old.counted.Load() == 0 {
			old.left.Store(false)
			k.retire(old)
		}
	case "retires twice":
		if k.retire(old); old.users == 0 {
			k.retire(old)
		}
		old.replaced = false
	case "retires twice what nobody uses":
		if old.users == 0 {
			k.retire(old)
			k.retire(old)
		}
	case "forgets one":
		if old.users == 0 && n%10 != 0 {
			k.retire(old)
		}
	default:
		if old.users == 0 {
			k.retire(old)
		}
	}
	return nil
}

// briefly calls a courier with nothing but a load, as with a plain handle of a
// scope that is open so long.
func (k *locker) briefly(call call) error {
	if k.flaw != "ignores plain handles" {
		return k.use(func(c *courier) error { call(c); runtime.Gosched(); call(c); return nil })
	}
	k.mu.Lock()
	c := k.now.courier
	k.mu.Unlock()
	call(c)
	runtime.Gosched()
	call(c)
	return nil
}

// failing ends leases by a panic and by the end of the goroutine.
func (k *locker) failing(call call) error {
	func() {
		defer func() { _ = recover() }()
		_ = k.use(func(c *courier) error { call(c); panic(errTest) })
	}()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = k.use(func(c *courier) error { call(c); runtime.Goexit(); return nil })
	}()
	<-exited
	return nil
}

// close ends the last courier.
func (k *locker) close(context.Context) error {
	k.mu.Lock()
	k.now.replaced = true
	if k.now.users == 0 {
		k.retire(k.now)
	}
	k.mu.Unlock()
	k.pending.Wait()
	if k.flaw == "cannot close" {
		return errors.New("no")
	}
	return nil
}

// TestBrokenRetirements feeds the soak with flawed lockers.
func TestBrokenRetirements(t *testing.T) {
	short := *duration / 4
	for _, b := range []struct {
		flaw, report string
		limit        time.Duration // short if nothing is reported before the end
	}{
		{"none", "nothing", short},
		{"retires at once", "is called when it is retired", patience},
		{"retires after a delay", "is called when it is retired", patience},
		{"counts without looking again", "is called when it is retired", patience},
		{"ignores plain handles", "is called when it is retired", patience},
		{"retires twice", "is called when it is retired|retired 2 times", patience},
		{"retires twice what nobody uses", "retired 2 times", short},
		{"forgets one", "retired 0 times", short},
		{"leaves a lease open after a panic", "retired 0 times", short},
		{"retires what was refused", "was refused, and retired", short},
		{"forgets what builds made", "retired 0 times", short},
		{"calls nobody", "called nobody", patience},
		{"accepts what must be refused", "accepted", patience},
		{"cannot drain", "drain", patience},
		{"cannot close", "closing", short},
	} {
		t.Run(b.flaw, func(t *testing.T) {
			flaw, report := b.flaw, b.report
			r := &retirement{run: newRun()}
			k := &locker{flaw: flaw, now: &rental{courier: r.courier(0)}}
			r.depot = &depot{
				paths: []func(call) error{
					func(call call) error {
						return k.use(func(c *courier) error { call(c); runtime.Gosched(); call(c); return nil })
					},
					k.briefly,
					k.failing,
				},
				replace: k.replace,
				refused: func(c *courier) error {
					switch flaw {
					case "retires what was refused":
						return c.retire()
					case "accepts what must be refused":
						return errors.New("accepted")
					}
					return nil
				},
				made:  k.derived.couriers,
				drain: func(context.Context) error { return nil },
				close: k.close,
			}
			switch flaw {
			case "calls nobody":
				r.depot.paths[0] = func(call) error { return nil }
			case "forgets what builds made":
				k.derived.add(r.courier(1))
			case "cannot drain":
				r.depot.drain = func(context.Context) error { return errors.New("no") }
			}
			text := "nothing"
			if err := r.soak(b.limit); err != nil {
				text = err.Error()
			}
			if !reports(text, report) {
				t.Errorf("the soak reports %s, want %s", text, report)
			}
		})
	}
}
