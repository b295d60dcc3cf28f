// Lookup with the peers: one provider, found and called, each time anew.

package benchmarks

import (
	"testing"

	"github.com/samber/do/v2"
)

//go:noinline
func peerField(h *hub, n int) (sum int) {
	for i := range n {
		price, err := h.check.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerControl(h *hub, n int) (sum int) {
	for i := range n {
		price, err := h.check.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerCapability(h *hub, n int) (sum int) {
	for i := range n {
		price, err := h.one.Get().Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerAtomicValue(h *hub, n int) (sum int) {
	for i := range n {
		price, err := h.oneValue.Load().(box).Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerContext(h *hub, n int) (sum int) {
	for i := range n {
		c, ok := h.request.Value(requestKey{oneCheck}).(Check)
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerRWLock(h *hub, n int) (sum int) {
	for i := range n {
		h.lock.RLock()
		c := h.check
		h.lock.RUnlock()
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerRWMutexMap(h *hub, n int) (sum int) {
	for i := range n {
		h.lock.RLock()
		c, ok := h.maps.one[oneCheck]
		h.lock.RUnlock()
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerSyncMap(h *hub, n int) (sum int) {
	for i := range n {
		v, _ := h.syncMap.Load(oneCheck)
		c, ok := v.(Check)
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerXsync(h *hub, n int) (sum int) {
	for i := range n {
		c, ok := h.oneX.Load(oneCheck)
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerDo(h *hub, n int) (sum int) {
	for i := range n {
		c, err := do.Invoke[Check](h.injector)
		if err != nil {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerDoNamed(h *hub, n int) (sum int) {
	for i := range n {
		c, err := do.InvokeNamed[Check](h.injector, h.services[0])
		if err != nil {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerDig(h *hub, n int) (sum int) {
	for i := range n {
		err := h.container.Invoke(func(c Check) error {
			price, err := c.Amend(i, i)
			sum += price
			return err
		})
		if err != nil {
			return -1
		}
	}
	return sum
}

//go:noinline
func peerTailscale(h *hub, n int) (sum int) {
	for i := range n {
		amend, ok := h.amend.GetOk()
		if !ok {
			return -1
		}
		price, err := amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerOTel(h *hub, n int) (sum int) {
	for i := range n {
		c, ok := h.host.GetExtensions()[h.extension].(Check)
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

//go:noinline
func peerOTelBare(h *hub, n int) (sum int) {
	for i := range n {
		c, ok := h.bare.GetExtensions()[h.extension].(Check)
		if !ok {
			return -1
		}
		price, err := c.Amend(i, i)
		if err != nil {
			return -1
		}
		sum += price
	}
	return sum
}

// lookups are the ways to find and call the one provider. Buses have none, because
// what their handlers return is lost.
var lookups = []struct {
	name string
	loop func(h *hub, n int) int
}{
	{"field", peerField},
	{"control", peerControl},
	{"capability", peerCapability},
	{"atomic.Value", peerAtomicValue},
	{"context", peerContext},
	{"rwlock", peerRWLock},
	{"rwmutex-map", peerRWMutexMap},
	{"sync.Map", peerSyncMap},
	{"xsync", peerXsync},
	{"do", peerDo},
	{"do-named", peerDoNamed},
	{"dig", peerDig},
	{"tailscale", peerTailscale},
	{"otel", peerOTel},
	{"otel-bare", peerOTelBare},
}

// BenchmarkPeersLookup finds the one provider and calls it.
func BenchmarkPeersLookup(b *testing.B) {
	h := newHub(b, makeChecks(4, false))
	for _, v := range lookups {
		sink += v.loop(h, 1) // what is made at the first call is not counted
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			sum := v.loop(h, b.N)
			if sum < 0 {
				b.Fatal("a check is missing or refuses")
			}
			sink += sum
		})
	}
}
