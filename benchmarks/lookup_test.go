// Lookup: one provider, found and called.

package benchmarks

import "testing"

// sink keeps results alive.
var sink int

// The loops stand in functions of their own, so that each has its own place in
// the binary and a link layout moves it.

//go:noinline
func lookupField(d *desk, n int) (sum int) {
	for i := range n {
		price, err := d.check.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func lookupControl(d *desk, n int) (sum int) {
	for i := range n {
		price, err := d.check.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func lookupAtomic(d *desk, n int) (sum int) {
	for i := range n {
		price, err := (*d.swapOne.Load()).Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func lookupHandle(d *desk, n int) (sum int) {
	for i := range n {
		price, err := d.one.Get().Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

// BenchmarkLookup calls the one provider.
func BenchmarkLookup(b *testing.B) {
	for _, load := range loads {
		b.Run(load.name, func(b *testing.B) {
			d := newDesk(b, 4, load.busy)
			for _, v := range []struct {
				name string
				loop func(*desk, int) int
			}{
				{"field", lookupField},
				{"control", lookupControl},
				{"atomic", lookupAtomic},
				{"capability", lookupHandle},
			} {
				b.Run(v.name, func(b *testing.B) {
					b.ReportAllocs()
					sink += v.loop(d, b.N)
				})
			}
		})
	}
}

// loads says what the providers do.
var loads = []struct {
	name string
	busy bool
}{{"trivial", false}, {"5ns", true}}
