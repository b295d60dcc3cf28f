// Dispatch with the peers: all providers are called in turn, until one refuses.

package benchmarks

import (
	"testing"

	"github.com/gookit/event"
	"github.com/samber/do/v2"
	"go.uber.org/dig"

	"github.com/typedcap/capability"
)

//go:noinline
func (h *hub) eachField(order int) error {
	for i, c := range h.checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachControl(order int) error {
	for i, c := range h.checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachCapability(order int) error {
	return capability.Each(h.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (h *hub) eachAtomicValue(order int) error {
	for i, c := range h.allValue.Load().([]Check) {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachContext(order int) error {
	checks, ok := h.request.Value(requestKey{allChecks}).([]Check)
	if !ok {
		return errMissing
	}
	for i, c := range checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachRWMutexMap(order int) error {
	h.lock.RLock()
	checks, ok := h.maps.all[allChecks]
	h.lock.RUnlock()
	if !ok {
		return errMissing
	}
	for i, c := range checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachSyncMap(order int) error {
	v, _ := h.syncMap.Load(allChecks)
	checks, ok := v.([]Check)
	if !ok {
		return errMissing
	}
	for i, c := range checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (h *hub) eachXsync(order int) error {
	checks, ok := h.allX.Load(allChecks)
	if !ok {
		return errMissing
	}
	for i, c := range checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

// eachDo invokes one service after the other: do has several of one type by name.
//
//go:noinline
func (h *hub) eachDo(order int) error {
	for i, name := range h.services {
		c, err := do.InvokeNamed[Check](h.injector, name)
		if err != nil {
			return err
		}
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

// A group is what dig passes to who asks for all checks, in an order of its own.
type group struct {
	dig.In
	Checks []Check `group:"checks"`
}

//go:noinline
func (h *hub) eachDig(order int) error {
	return h.container.Invoke(func(g group) error {
		for i, c := range g.Checks {
			if err := c.Admit(order); err != nil {
				return &stepError{i, err}
			}
		}
		return nil
	})
}

//go:noinline
func (h *hub) eachTailscale(order int) error {
	for i, admit := range h.admit {
		if err := admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

// eachOTel asserts which extensions are checks, in the order of a map.
//
//go:noinline
func (h *hub) eachOTel(order int) error {
	step := 0
	for _, e := range h.host.GetExtensions() {
		c, ok := e.(Check)
		if !ok {
			continue
		}
		if err := c.Admit(order); err != nil {
			return &stepError{step, err}
		}
		step++
	}
	return nil
}

//go:noinline
func (h *hub) eachOTelBare(order int) error {
	step := 0
	for _, e := range h.bare.GetExtensions() {
		c, ok := e.(Check)
		if !ok {
			continue
		}
		if err := c.Admit(order); err != nil {
			return &stepError{step, err}
		}
		step++
	}
	return nil
}

//go:noinline
func (h *hub) eachEventBus(order int) error {
	var v verdict
	h.bus.Publish(allChecks, order, &v)
	return v.err
}

//go:noinline
func (h *hub) eachGookit(order int) error {
	err, _ := h.manager.Fire(allChecks, event.M{"order": order})
	return err
}

// eachGookitEvent fires an event of a type of its own, which no two goroutines may
// share: the manager writes to it.
//
//go:noinline
func (h *hub) eachGookitEvent(order int) error {
	a := &admission{order: order}
	a.SetName("admission")
	return h.manager.FireEvent(a)
}

// dispatches are the ways to call all providers: in the order in which they were
// bound, but for those that are marked as unordered.
var dispatches = []struct {
	name      string
	way       func(h *hub, order int) error
	unordered bool
}{
	{"field", (*hub).eachField, false},
	{"control", (*hub).eachControl, false},
	{"capability", (*hub).eachCapability, false},
	{"atomic.Value", (*hub).eachAtomicValue, false},
	{"context", (*hub).eachContext, false},
	{"rwmutex-map", (*hub).eachRWMutexMap, false},
	{"sync.Map", (*hub).eachSyncMap, false},
	{"xsync", (*hub).eachXsync, false},
	{"do-named", (*hub).eachDo, false},
	{"dig", (*hub).eachDig, true},
	{"tailscale", (*hub).eachTailscale, false},
	{"otel", (*hub).eachOTel, true},
	{"otel-bare", (*hub).eachOTelBare, true},
	{"eventbus", (*hub).eachEventBus, false},
	{"gookit", (*hub).eachGookit, false},
	{"gookit-event", (*hub).eachGookitEvent, false},
}

// drivePeer calls way n times and returns how often it succeeded.
//
//go:noinline
func drivePeer(h *hub, n int, way func(h *hub, order int) error) (good int) {
	for i := range n {
		if way(h, i) == nil {
			good++
		}
	}
	return good
}

// BenchmarkPeersDispatch calls four providers in turn.
func BenchmarkPeersDispatch(b *testing.B) {
	h := newHub(b, makeChecks(4, false))
	for _, v := range dispatches {
		sink += drivePeer(h, 1, v.way) // what is made at the first call is not counted
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			good := drivePeer(h, b.N, v.way)
			if good != b.N {
				b.Fatalf("%d of %d orders were admitted", good, b.N)
			}
			sink += good
		})
	}
}
