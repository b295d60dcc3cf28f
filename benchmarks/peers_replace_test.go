// Replacement with the peers: the provider that many consumers see is exchanged.

package benchmarks

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asaskevich/EventBus"
	"github.com/gookit/event"
	"github.com/puzpuzpuz/xsync/v4"
	"github.com/samber/do/v2"

	"github.com/typedcap/capability"
)

// A market is one provider that many consumers see. If there are several, the second
// has a provider of its own, which a replacement must leave to it.
type market struct {
	replace func(c Check) error
	ask     func(consumer, order int) (price int, err error) // looks the provider up and calls Amend
	close   func()                                           // nil where nothing is open
}

// markets are the ways to replace a provider. Where each consumer keeps what it sees,
// a replacement goes to all of them, and a lookup is short; where they share a
// registry, it is one write, and a lookup asks first for what the consumer has of its
// own. The buses have one topic for all consumers, so nobody can have his own.
//
// Missing are the hooks of tailscale, which are set once, dig, which neither provides
// nor decorates a type twice, and the extensions of a Collector, which live as long as
// it does.
var markets = []struct {
	name   string
	open   func(consumers int, all, own Check) (market, error)
	shared bool // by all consumers, none of which has its own
}{
	{"field", fieldMarket, false},
	{"control", fieldMarket, false},
	{"capability", capabilityMarket, false},
	{"atomic.Value", atomicValueMarket, false},
	{"context", contextMarket, false},
	{"rwmutex-map", rwmutexMarket, false},
	{"sync.Map", syncMapMarket, false},
	{"xsync", xsyncMarket, false},
	{"do", doMarket, false},
	{"eventbus", eventBusMarket, true},
	{"gookit", gookitMarket, true},
}

// special is the consumer with a provider of its own.
const special = 1

// fieldMarket replaces as nobody may who has readers on other goroutines.
func fieldMarket(consumers int, all, own Check) (market, error) {
	type node struct {
		check Check
		own   bool
	}
	nodes := make([]*node, consumers)
	for i := range nodes {
		nodes[i] = &node{check: all}
		if i == special {
			*nodes[i] = node{check: own, own: true}
		}
	}
	return market{
		replace: func(c Check) error {
			for _, n := range nodes {
				if !n.own {
					n.check = c
				}
			}
			return nil
		},
		ask: func(consumer, order int) (int, error) { return nodes[consumer].check.Amend(order, order) },
	}, nil
}

func capabilityMarket(consumers int, all, own Check) (market, error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	if err := engine.Apply(Checks.Bind(oneCheck, all)); err != nil {
		return market{}, err
	}
	nodes := make([]capability.Handle[Check], consumers)
	scopes := make([]*capability.Scope, consumers)
	for i := range nodes {
		pipeline := capability.NewRegistry(capability.Pipeline, fmt.Sprintf("pipeline-%d", i))
		if i == special {
			if err := pipeline.Apply(Checks.Bind(oneCheck, own)); err != nil {
				return market{}, err
			}
		}
		var err error
		if scopes[i], err = capability.Compose(pipeline, engine); err != nil {
			return market{}, err
		}
		if nodes[i], err = Checks.Handle(scopes[i]); err != nil {
			return market{}, err
		}
	}
	return market{
		replace: func(c Check) error { return engine.Apply(Checks.Rebind(oneCheck, c)) },
		ask:     func(consumer, order int) (int, error) { return nodes[consumer].Get().Amend(order, order) },
		close: func() {
			for _, s := range scopes {
				_ = s.Close()
			}
		},
	}, nil
}

func atomicValueMarket(consumers int, all, own Check) (market, error) {
	type node struct {
		check atomic.Value // of a box
		own   bool
	}
	nodes := make([]*node, consumers)
	for i := range nodes {
		nodes[i] = &node{own: i == special}
		nodes[i].check.Store(box{all})
		if i == special {
			nodes[i].check.Store(box{own})
		}
	}
	return market{
		replace: func(c Check) error {
			boxed := any(box{c})
			for _, n := range nodes {
				if !n.own {
					n.check.Store(boxed)
				}
			}
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			return nodes[consumer].check.Load().(box).Amend(order, order)
		},
	}, nil
}

// contextMarket gives each consumer a new context: a value of one cannot be replaced.
func contextMarket(consumers int, all, own Check) (market, error) {
	key := requestKey{oneCheck}
	contexts := make([]context.Context, consumers)
	for i := range contexts {
		contexts[i] = context.WithValue(context.Background(), key, all)
		if i == special {
			contexts[i] = context.WithValue(context.Background(), key, own)
		}
	}
	return market{
		replace: func(c Check) error {
			for i := range contexts {
				if i != special {
					contexts[i] = context.WithValue(context.Background(), key, c)
				}
			}
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			c, ok := contexts[consumer].Value(key).(Check)
			if !ok {
				return 0, errMissing
			}
			return c.Amend(order, order)
		},
	}, nil
}

// A place is where a registry keeps a check: a name, and the consumer whose own it
// is, or none of them.
type place struct {
	consumer int
	name     string
}

// everybody is the consumer of the places that all look at.
const everybody = -1

func rwmutexMarket(consumers int, all, own Check) (market, error) {
	var lock sync.RWMutex
	registry := map[place]Check{{everybody, oneCheck}: all}
	if consumers > special {
		registry[place{special, oneCheck}] = own
	}
	return market{
		replace: func(c Check) error {
			lock.Lock()
			registry[place{everybody, oneCheck}] = c
			lock.Unlock()
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			lock.RLock()
			c, ok := registry[place{consumer, oneCheck}]
			if !ok {
				c, ok = registry[place{everybody, oneCheck}]
			}
			lock.RUnlock()
			if !ok {
				return 0, errMissing
			}
			return c.Amend(order, order)
		},
	}, nil
}

func syncMapMarket(consumers int, all, own Check) (market, error) {
	var registry sync.Map
	registry.Store(place{everybody, oneCheck}, all)
	if consumers > special {
		registry.Store(place{special, oneCheck}, own)
	}
	return market{
		replace: func(c Check) error {
			registry.Store(place{everybody, oneCheck}, c)
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			v, ok := registry.Load(place{consumer, oneCheck})
			if !ok {
				v, _ = registry.Load(place{everybody, oneCheck})
			}
			c, ok := v.(Check)
			if !ok {
				return 0, errMissing
			}
			return c.Amend(order, order)
		},
	}, nil
}

func xsyncMarket(consumers int, all, own Check) (market, error) {
	registry := xsync.NewMap[place, Check]()
	registry.Store(place{everybody, oneCheck}, all)
	if consumers > special {
		registry.Store(place{special, oneCheck}, own)
	}
	return market{
		replace: func(c Check) error {
			registry.Store(place{everybody, oneCheck}, c)
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			c, ok := registry.Load(place{consumer, oneCheck})
			if !ok {
				c, ok = registry.Load(place{everybody, oneCheck})
			}
			if !ok {
				return 0, errMissing
			}
			return c.Amend(order, order)
		},
	}, nil
}

// doMarket has a scope for each consumer. A lookup that finds nothing there goes on in
// the root.
func doMarket(consumers int, all, own Check) (market, error) {
	root := do.New()
	do.ProvideValue(root, all)
	scopes := make([]*do.Scope, consumers)
	for i := range scopes {
		scopes[i] = root.Scope(fmt.Sprintf("pipeline-%d", i))
		if i == special {
			do.ProvideValue(scopes[i], own)
		}
	}
	return market{
		replace: func(c Check) error {
			do.OverrideValue(root, c)
			return nil
		},
		ask: func(consumer, order int) (int, error) {
			c, err := do.Invoke[Check](scopes[consumer])
			if err != nil {
				return 0, err
			}
			return c.Amend(order, order)
		},
	}, nil
}

func eventBusMarket(_ int, all, _ Check) (market, error) {
	bus := EventBus.New()
	handler := func(c Check) func(order int, v *verdict) {
		return func(order int, v *verdict) { v.price, v.err = c.Amend(order, order) }
	}
	current := handler(all)
	if err := bus.Subscribe(oneCheck, current); err != nil {
		return market{}, err
	}
	return market{
		replace: func(c Check) error {
			if err := bus.Unsubscribe(oneCheck, current); err != nil {
				return err
			}
			current = handler(c)
			return bus.Subscribe(oneCheck, current)
		},
		ask: func(_, order int) (int, error) {
			v := verdict{err: errMissing}
			bus.Publish(oneCheck, order, &v)
			return v.price, v.err
		},
	}, nil
}

func gookitMarket(_ int, all, _ Check) (market, error) {
	manager := event.NewManager("orders")
	listener := func(c Check) event.Listener {
		return event.ListenerFunc(func(e event.Event) error {
			order, ok := e.Get("order").(int)
			if !ok {
				return errNoOrder
			}
			price, err := c.Amend(order, order)
			e.Set("price", price)
			return err
		})
	}
	current := listener(all)
	manager.On(oneCheck, current)
	return market{
		replace: func(c Check) error {
			manager.RemoveListener(oneCheck, current)
			current = listener(c)
			manager.On(oneCheck, current)
			return nil
		},
		ask: func(_, order int) (int, error) {
			err, e := manager.Fire(oneCheck, event.M{"order": order})
			if err != nil {
				return 0, err
			}
			price, ok := e.Get("price").(int)
			if !ok {
				return 0, errMissing
			}
			return price, nil
		},
	}, nil
}

// driveReplace replaces n times.
//
//go:noinline
func driveReplace(n int, replace func(c Check) error, checks []Check) error {
	for i := range n {
		if err := replace(checks[i%2]); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkPeersReplace replaces the provider that one consumer sees, and the one that
// ten thousand see.
func BenchmarkPeersReplace(b *testing.B) {
	checks := makeChecks(3, false)
	for _, consumers := range []int{1, 10_000} {
		for _, v := range markets {
			if v.shared && consumers > 1 {
				continue
			}
			m, err := v.open(consumers, checks[0], checks[2])
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d/%s", consumers, v.name), func(b *testing.B) {
				b.ReportAllocs()
				if err := driveReplace(b.N, m.replace, checks); err != nil {
					b.Fatal(err)
				}
			})
			if m.close != nil {
				m.close()
			}
		}
	}
}
