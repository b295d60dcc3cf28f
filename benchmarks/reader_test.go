// Reading under a writer.

package benchmarks

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// BenchmarkReader calls the one provider while another goroutine keeps a
// processor busy for the whole time: it waits for the next ten microseconds to
// pass and, in the variants, commits. The base and the control only wait, so
// that the ratio is about commits and not about a second busy processor.
// Without a second processor the figures mean nothing.
func BenchmarkReader(b *testing.B) {
	for _, v := range []struct {
		name   string
		loop   func(*desk, int) int
		commit string
	}{
		{"waiting", lookupHandle, ""},
		{"control", lookupHandleControl, ""},
		{"elsewhere", lookupHandle, "elsewhere"},
		{"committing", lookupHandle, "here"},
		{"storing", lookupAtomic, "store"},
	} {
		b.Run(v.name, func(b *testing.B) {
			d := newDesk(b, 4, false)
			checks := makeChecks(2, false)
			target := Checks
			registry := d.engine
			if v.commit == "elsewhere" {
				target = capability.New[Check]("other-checks", "looks at an order that nobody reads")
				registry = capability.NewRegistry(capability.Engine, "elsewhere")
				if err := registry.Apply(target.Bind("check-0", checks[0])); err != nil {
					b.Fatal(err)
				}
			}
			var done atomic.Bool
			var commits int
			ended := make(chan error)
			started := make(chan struct{})
			go func() {
				const every = 10 * time.Microsecond
				begin := time.Now()
				close(started)
				for next := every; !done.Load(); next += every {
					for time.Since(begin) < next {
						if done.Load() {
							break
						}
					}
					switch v.commit {
					case "":
						continue
					case "store":
						d.swapOne.Store(&checks[commits%2])
					default:
						if err := registry.Apply(target.Rebind("check-0", checks[commits%2])); err != nil {
							ended <- err
							return
						}
					}
					commits++
				}
				ended <- nil
			}()
			<-started
			b.ResetTimer()
			sink += v.loop(d, b.N)
			b.StopTimer()
			spent := b.Elapsed()
			done.Store(true)
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(commits)/spent.Seconds(), "commits/s")
		})
	}
}

//go:noinline
func lookupHandleControl(d *desk, n int) (sum int) {
	for i := range n {
		price, err := d.one.Get().Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}
