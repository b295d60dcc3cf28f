// Leases: the right to use a provider, against a read lock.

package benchmarks

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedcap/capability"
)

// A guarded check is what one writes by hand to exchange a check and close the
// old one: users hold a read lock, and who exchanges it waits for the write lock.
type guarded struct {
	mu    sync.RWMutex
	check Check
}

func (g *guarded) Use(f func(Check) error) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return f(g.check)
}

// leases is how a consumer holds a check in the ways that are compared.
type leases struct {
	guarded guarded
	leased  capability.Leased[Check]
	engine  *capability.Registry
}

// newLeases binds a check that has to be retired, so that its leases count.
func newLeases(tb testing.TB) *leases {
	tb.Helper()
	check := makeChecks(1, false)[0]
	l := &leases{guarded: guarded{check: check}, engine: capability.NewRegistry(capability.Engine, "engine")}
	if err := l.engine.Apply(Checks.Bind("check", check).OnRetire(func() error { return nil })); err != nil {
		tb.Fatal(err)
	}
	scope, err := capability.Compose(l.engine)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = scope.Close() })
	if l.leased, err = Checks.Leased(scope); err != nil {
		tb.Fatal(err)
	}
	return l
}

// One loop for each variant, with as many calls under one lock or lease as span
// says.

//go:noinline
func useGuarded(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		_ = l.guarded.Use(func(c Check) error {
			for j := range span {
				price, err := c.Amend(j, i)
				if err != nil {
					return err
				}
				sum += price
			}
			return nil
		})
	}
	return sum
}

//go:noinline
func useControl(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		_ = l.guarded.Use(func(c Check) error {
			for j := range span {
				price, err := c.Amend(j, i)
				if err != nil {
					return err
				}
				sum += price
			}
			return nil
		})
	}
	return sum
}

//go:noinline
func useInline(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		l.guarded.mu.RLock()
		for j := range span {
			price, err := l.guarded.check.Amend(j, i)
			if err != nil {
				break
			}
			sum += price
		}
		l.guarded.mu.RUnlock()
	}
	return sum
}

//go:noinline
func useLeased(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		_ = l.leased.Use(func(c Check) error {
			for j := range span {
				price, err := c.Amend(j, i)
				if err != nil {
					return err
				}
				sum += price
			}
			return nil
		})
	}
	return sum
}

//go:noinline
func useBare(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		for j := range span {
			price, err := l.guarded.check.Amend(j, i)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

//go:noinline
func useBareControl(l *leases, n, span int) (sum int) {
	for i := 0; i < n; i += span {
		for j := range span {
			price, err := l.guarded.check.Amend(j, i)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

type use = func(l *leases, n, span int) int

// BenchmarkLease makes one call under each lease or read lock: on one goroutine,
// and on as many as there are processors. "unsafe" is the lock without defer,
// which a panic leaves locked.
func BenchmarkLease(b *testing.B) {
	for _, v := range []struct {
		name string
		use  use
	}{{"rwmutex", useGuarded}, {"control", useControl}, {"unsafe", useInline}, {"leased", useLeased}} {
		b.Run("alone/"+v.name, func(b *testing.B) {
			l := newLeases(b)
			b.ReportAllocs()
			b.ResetTimer()
			sink += v.use(l, b.N, 1)
		})
		b.Run("together/"+v.name, func(b *testing.B) {
			l := newLeases(b)
			var sum atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				n := 0
				for pb.Next() {
					n += v.use(l, 64, 1)
				}
				sum.Add(int64(n))
			})
			sink += int(sum.Load())
		})
	}
}

// BenchmarkSpan makes sixteen calls under one lease; the base makes them bare.
func BenchmarkSpan(b *testing.B) {
	l := newLeases(b)
	for _, v := range []struct {
		name string
		use  use
	}{{"bare", useBare}, {"control", useBareControl}, {"leased", useLeased}, {"rwmutex", useGuarded}} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			sink += v.use(l, b.N, 16)
		})
	}
}

// BenchmarkBeside reads a plain handle while another goroutine keeps a processor
// busy: in the base with calls of its own, in the variant with leases of the same
// provider through a leased handle of the same scope.
func BenchmarkBeside(b *testing.B) {
	for _, v := range []struct {
		name string
		loop func(*desk, int) int
		use  use
	}{{"calling", lookupHandle, useBare}, {"control", lookupHandleControl, useBare}, {"leasing", lookupHandle, useLeased}} {
		b.Run(v.name, func(b *testing.B) {
			d := newDesk(b, 4, false)
			l := &leases{guarded: guarded{check: d.check}, engine: d.engine}
			if err := d.engine.Apply(Checks.Rebind("check-0", d.check).OnRetire(func() error { return nil })); err != nil {
				b.Fatal(err)
			}
			var err error
			if l.leased, err = Checks.Leased(d.scope); err != nil {
				b.Fatal(err)
			}
			var done atomic.Bool
			ended := make(chan int)
			go func() {
				n := 0
				for !done.Load() {
					n += v.use(l, 1024, 1)
				}
				ended <- n
			}()
			b.ResetTimer()
			sink += v.loop(d, b.N)
			b.StopTimer()
			done.Store(true)
			sink += <-ended
		})
	}
}
