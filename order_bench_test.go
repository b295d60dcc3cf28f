// What order and merge cost for each provider, whatever their number.

package capability

import (
	"fmt"
	"testing"
)

// crowd returns the statements of one registry about n providers.
func crowd(n int, order func(i int, p *provider)) []*layer {
	l := &layer{name: "k", index: make(map[string]int, n)}
	for i := range n {
		p := &provider{name: fmt.Sprint("provider-", i)}
		order(i, p)
		l.index[p.name] = i
		l.providers = append(l.providers, p)
		l.binds++
	}
	return []*layer{l}
}

// BenchmarkOrder reports ns/provider. The figure at 100 000 providers is at most
// twice that at 1000.
func BenchmarkOrder(b *testing.B) {
	near := func(i int) []string { return []string{fmt.Sprint("provider-", i-1)} }
	far := func(i, n int) []string { return []string{fmt.Sprint("provider-", i*7919%n)} }
	for _, n := range []int{1000, 10_000, 100_000} {
		for _, c := range []struct {
			name  string
			order func(i int, p *provider)
		}{
			{"none", func(int, *provider) {}},
			{"priorities", func(i int, p *provider) { p.priority = i * 7919 % n }},
			{"after-near", func(i int, p *provider) {
				if i > 0 {
					p.after = near(i)
				}
			}},
			{"before-near", func(i int, p *provider) {
				if i > 0 {
					p.before = near(i)
				}
			}},
			{"after-far", func(i int, p *provider) {
				if j := i * 7919 % n; j < i {
					p.after = far(i, n)
				}
			}},
			{"before-far", func(i int, p *provider) {
				if j := i * 7919 % n; j > i {
					p.before = far(i, n)
				}
			}},
		} {
			b.Run(fmt.Sprint(c.name, "/", n), func(b *testing.B) {
				layers := crowd(n, c.order)
				b.ReportAllocs()
				for b.Loop() {
					if out := arrange(rules{}, visible(rules{}, layers, nil)); len(out.seats) != n {
						b.Fatalf("%d of %d seats, cycle %v", len(out.seats), n, out.cycle)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/provider")
			})
		}
	}
}
