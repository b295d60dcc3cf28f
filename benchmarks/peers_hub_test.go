// The peers: the same checks kept in each of the ways in which Go programs find what
// extends them.

package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asaskevich/EventBus"
	"github.com/gookit/event"
	"github.com/puzpuzpuz/xsync/v4"
	"github.com/samber/do/v2"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/dig"
	"tailscale.com/feature"

	"github.com/typedcap/capability"
)

// The names under which registries of strings keep the checks.
const (
	oneCheck  = "check"
	allChecks = "checks"
)

// A hub is a consumer that keeps the same checks with every peer. Each is used at
// its best: a registry holds next to nothing else, a context is one value deep, and
// where a peer keeps values of any type, it keeps a whole slice of checks under one
// name if that is how a program would do it.
type hub struct {
	check  Check   // one, in a field
	checks []Check // all, in a field

	one capability.Handle[Check]
	all capability.ChainHandle[Check]

	lock sync.RWMutex // guards field check in the way that is named rwlock, and the maps
	maps struct {
		one map[string]Check
		all map[string][]Check
	}

	oneValue, allValue atomic.Value // of a box and of a []Check
	request            context.Context
	syncMap            sync.Map
	oneX               *xsync.Map[string, Check]
	allX               *xsync.Map[string, []Check]

	injector  do.Injector
	services  []string // the names of all checks in injector
	container *dig.Container
	amend     feature.Hook[func(order, price int) (int, error)]
	admit     feature.Hooks[func(order int) error]
	host      component.Host // hands a copy of its extensions out
	bare      component.Host // hands the extensions themselves out
	extension component.ID   // the one in both hosts

	bus     EventBus.Bus
	manager *event.Manager // without its lock, which guards calls and no changes
}

// A box makes checks of many types values of one, as atomic.Value asks for.
type box struct{ Check }

// requestKey is the key of the checks in a context.
type requestKey struct{ name string }

// A checkExtension is a check that a Collector can start and stop.
type checkExtension struct {
	Check
	component.StartFunc
	component.ShutdownFunc
}

// A collector is a host as the Collector's is: whoever asks gets a map of his own.
type collector struct {
	extensions map[component.ID]*checkExtension
}

func (c *collector) GetExtensions() map[component.ID]component.Component {
	all := make(map[component.ID]component.Component, len(c.extensions))
	for id, e := range c.extensions {
		all[id] = e
	}
	return all
}

// A bareCollector hands its map out, as a host may that trusts everybody.
type bareCollector map[component.ID]component.Component

func (c bareCollector) GetExtensions() map[component.ID]component.Component { return c }

// A verdict is how handlers of a bus that returns nothing answer.
type verdict struct {
	price int
	err   error
}

// An admission is an event with a field in place of the map of a BasicEvent.
type admission struct {
	event.BasicEvent
	order int
}

// newHub keeps the checks with every peer. The first is also the one that lookups
// find.
func newHub(tb testing.TB, checks []Check) *hub {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	h := &hub{check: checks[0], checks: checks}

	engine := capability.NewRegistry(capability.Engine, "engine")
	for i, c := range checks {
		must(engine.Apply(Checks.Bind(fmt.Sprintf("check-%d", i), c).Priority(-i)))
	}
	scope, err := capability.Compose(capability.NewRegistry(capability.Pipeline, "orders"), engine)
	must(err)
	tb.Cleanup(func() { _ = scope.Close() })
	must(scope.Resolve(Checks.Into(&h.one), Checks.All().Into(&h.all)))

	h.maps.one = map[string]Check{oneCheck: checks[0]}
	h.maps.all = map[string][]Check{allChecks: checks}
	h.oneValue.Store(box{checks[0]})
	h.allValue.Store(checks)
	h.request = context.WithValue(context.Background(), requestKey{oneCheck}, checks[0])
	h.request = context.WithValue(h.request, requestKey{allChecks}, checks)
	h.syncMap.Store(oneCheck, checks[0])
	h.syncMap.Store(allChecks, checks)
	h.oneX, h.allX = xsync.NewMap[string, Check](), xsync.NewMap[string, []Check]()
	h.oneX.Store(oneCheck, checks[0])
	h.allX.Store(allChecks, checks)

	h.injector = do.New()
	do.ProvideValue(h.injector, checks[0])
	h.container = dig.New()
	must(h.container.Provide(func() Check { return checks[0] }))
	h.amend.Set(amendOf(checks[0]))
	h.bus, h.manager = EventBus.New(), event.NewManager("orders")
	copying := &collector{make(map[component.ID]*checkExtension)}
	bare := make(bareCollector)
	kind := component.MustNewType("check")
	h.extension = component.NewIDWithName(kind, "0")
	for i, c := range checks {
		name := fmt.Sprintf("check-%d", i)
		h.services = append(h.services, name)
		do.ProvideNamedValue(h.injector, name, c)
		must(h.container.Provide(func() Check { return c }, dig.Group(allChecks)))
		h.admit.Add(admitOf(c))
		e, id := &checkExtension{Check: c}, component.NewIDWithName(kind, fmt.Sprint(i))
		copying.extensions[id], bare[id] = e, e
		must(h.bus.Subscribe(allChecks, func(order int, v *verdict) {
			if v.err != nil {
				return // somebody before has refused; the bus asks all the same
			}
			if err := c.Admit(order); err != nil {
				v.err = &stepError{i, err}
			}
		}))
		h.manager.On(allChecks, event.ListenerFunc(func(e event.Event) error {
			order, ok := e.Get("order").(int)
			if !ok {
				return errNoOrder
			}
			if err := c.Admit(order); err != nil {
				return &stepError{i, err}
			}
			return nil
		}), -i)
		h.manager.On("admission", event.ListenerFunc(func(e event.Event) error {
			a, ok := e.(*admission)
			if !ok {
				return errNoOrder
			}
			if err := c.Admit(a.order); err != nil {
				return &stepError{i, err}
			}
			return nil
		}), -i)
	}
	h.host, h.bare = copying, bare
	return h
}

var (
	errNoOrder = errors.New("there is no order")
	errMissing = errors.New("there is no such check")
)

// amendOf returns Amend as a func that calls no interface, as those of hooks are.
func amendOf(c Check) func(order, price int) (int, error) {
	switch c := c.(type) {
	case *weight:
		return c.Amend
	case *stock:
		return c.Amend
	case *credit:
		return c.Amend
	case *region:
		return c.Amend
	}
	return c.Amend
}

// admitOf does for Admit what amendOf does for Amend.
func admitOf(c Check) func(order int) error {
	switch c := c.(type) {
	case *weight:
		return c.Admit
	case *stock:
		return c.Admit
	case *credit:
		return c.Admit
	case *region:
		return c.Admit
	}
	return c.Admit
}
