// Derived values and watches: what they cost who reads and who commits.

package benchmarks

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// Limits are two numbers of one generation.
type Limits struct{ Low, High int }

// Bounds are the two limits, each a provider of its own.
var Bounds = capability.New[int]("bounds", "how much may be ordered")

var low, high = Bounds.Named("low"), Bounds.Named("high")

func buildLimits(r *capability.Resolver) (Limits, error) {
	l, err := low.In(r)
	if err != nil {
		return Limits{}, err
	}
	h, err := high.In(r)
	return Limits{l, h}, err
}

var derivedLimits = capability.Derive(buildLimits)

// newBounds is an engine with both limits and a scope of it.
func newBounds(tb testing.TB) (*capability.Registry, *capability.Scope) {
	tb.Helper()
	engine := capability.NewRegistry(capability.Engine, "engine")
	if err := engine.Apply(Bounds.Bind("low", 1), Bounds.Bind("high", 9)); err != nil {
		tb.Fatal(err)
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = scope.Close() })
	return engine, scope
}

// A limiter has the limits in the ways that are compared.
type limiter struct {
	fields  Limits
	pointer atomic.Pointer[Limits]
	derived capability.Handle[Limits]
}

// clamp is what the limits are used for: a call, as most values are used in.
//
//go:noinline
func clamp(order, low, high int) int { return max(low, min(order&15, high)) }

//go:noinline
func limitFields(l *limiter, n int) (sum int) {
	for i := range n {
		v := &l.fields
		sum += clamp(i, v.Low, v.High)
	}
	return sum
}

//go:noinline
func limitControl(l *limiter, n int) (sum int) {
	for i := range n {
		v := &l.fields
		sum += clamp(i, v.Low, v.High)
	}
	return sum
}

//go:noinline
func limitAtomic(l *limiter, n int) (sum int) {
	for i := range n {
		v := l.pointer.Load()
		sum += clamp(i, v.Low, v.High)
	}
	return sum
}

//go:noinline
func limitDerived(l *limiter, n int) (sum int) {
	for i := range n {
		v := l.derived.Get()
		sum += clamp(i, v.Low, v.High)
	}
	return sum
}

// BenchmarkDerived reads two numbers of one generation.
func BenchmarkDerived(b *testing.B) {
	_, scope := newBounds(b)
	l := &limiter{fields: Limits{1, 9}}
	l.pointer.Store(&Limits{1, 9})
	var err error
	if l.derived, err = derivedLimits.Handle(scope); err != nil {
		b.Fatal(err)
	}
	for _, v := range []struct {
		name string
		loop func(*limiter, int) int
	}{{"fields", limitFields}, {"control", limitControl}, {"atomic", limitAtomic}, {"derived", limitDerived}} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			sink += v.loop(l, b.N)
		})
	}
}

// BenchmarkDerivedPublish commits at engine level below which pipelines have a
// derived value each. The metric is the time of the commit for each of them.
func BenchmarkDerivedPublish(b *testing.B) {
	for _, pipelines := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("pipelines=%d", pipelines), func(b *testing.B) {
			engine, _ := newBounds(b)
			for i := range pipelines {
				scope, err := capability.Compose(engine, capability.NewRegistry(capability.Pipeline, fmt.Sprintf("pipeline-%d", i)))
				if err != nil {
					b.Fatal(err)
				}
				defer scope.Close()
				if _, err := derivedLimits.Handle(scope); err != nil {
					b.Fatal(err)
				}
			}
			runtime.GC()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := engine.Apply(Bounds.Rebind("high", 9+i%2)); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pipelines), "ns/pipeline")
		})
	}
}

// BenchmarkWake commits while 10 000 goroutines watch: one handle, or one each.
// The metric is the time of the commit for each of them, less what it is without
// them. Between commits all come back to waiting.
func BenchmarkWake(b *testing.B) {
	const watchers = 10_000
	for _, handles := range []int{1, watchers} {
		b.Run(fmt.Sprintf("handles=%d", handles), func(b *testing.B) {
			engine, _ := newBounds(b)
			nodes := make([]capability.Handle[int], handles)
			for i := range nodes {
				scope, err := capability.Compose(engine, capability.NewRegistry(capability.Pipeline, fmt.Sprintf("pipeline-%d", i)))
				if err != nil {
					b.Fatal(err)
				}
				defer scope.Close()
				if nodes[i], err = high.Handle(scope); err != nil {
					b.Fatal(err)
				}
			}
			commit := func(i int) time.Duration {
				start := time.Now()
				if err := engine.Apply(Bounds.Rebind("high", 9+i%2)); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			var idle, woken time.Duration
			for i := range b.N {
				idle += commit(i)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var all sync.WaitGroup
			var seen atomic.Int64
			for i := range watchers {
				all.Go(func() {
					for range nodes[i%handles].Watch(ctx) {
						seen.Add(1)
					}
				})
			}
			for i := range b.N {
				for seen.Load() < int64(watchers*(i+1)) {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(5 * time.Millisecond) // until all wait again
				woken += commit(b.N + i)
			}
			cancel()
			all.Wait()
			b.ReportMetric(float64((woken-idle).Nanoseconds())/float64(b.N)/watchers, "ns/watcher")
		})
	}
}
