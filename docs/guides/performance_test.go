// The code of performance.md: a toll bridge at rush hour.

package guides_test

import (
	"fmt"
	"testing"

	"github.com/typedcap/capability"
)

// A TollVehicle comes to the bridge.
type TollVehicle struct {
	Axles int
	Night bool
}

// A TollRule works on the price of a vehicle.
type TollRule interface {
	Apply(cents int, v TollVehicle) (int, error)
}

// A TollCamera takes pictures, and has to be closed when it was replaced.
type TollCamera interface{ Picture(TollVehicle) error }

// A TollGate opens.
type TollGate func(TollVehicle) string

var (
	TollRules   = capability.New[TollRule]("toll-rules", "work on the price of a vehicle")
	TollCameras = capability.New[TollCamera]("toll-cameras", "take pictures", capability.OnlyLeased())
	TollAround  = capability.New[capability.Middleware[TollGate]]("toll-around", "are put around the gate")
)

// tollGate is the gate with all that is around it, folded when that changes.
var tollGate = capability.Derive(func(r *capability.Resolver) (TollGate, error) {
	around, err := TollAround.All().In(r)
	open := func(TollVehicle) string { return "open" }
	return capability.Wrap(around, TollGate(open)), err
})

// A tollBooth is a consumer. It resolves once, when it is made.
type tollBooth struct {
	scope  *capability.Scope
	rules  capability.ChainHandle[TollRule]
	camera capability.Leased[TollCamera]
	gate   capability.Handle[TollGate]
}

func newTollBooth(scope *capability.Scope) (*tollBooth, error) {
	b := &tollBooth{scope: scope}
	return b, scope.Resolve(
		TollRules.All().Into(&b.rules), TollCameras.IntoLeased(&b.camera), tollGate.Into(&b.gate))
}

// Price costs one Get and one dispatch.
func (b *tollBooth) Price(v TollVehicle) (int, error) {
	return capability.Pipe(b.rules.Get(), 0, func(r TollRule, cents int) (int, error) {
		return r.Apply(cents, v)
	})
}

// PriceSlowly shows what not to do: it resolves for each vehicle.
func (b *tollBooth) PriceSlowly(v TollVehicle) (int, error) {
	rules, err := TollRules.All().Handle(b.scope)
	if err != nil {
		return 0, err
	}
	return capability.Pipe(rules.Get(), 0, func(r TollRule, cents int) (int, error) {
		return r.Apply(cents, v)
	})
}

// Pictures takes one lease for a whole queue.
func (b *tollBooth) Pictures(queue []TollVehicle) error {
	return b.camera.Use(func(c TollCamera) error {
		for _, v := range queue {
			if err := c.Picture(v); err != nil {
				return err
			}
		}
		return nil
	})
}

// perTollAxle and tollNight are rules.
type (
	perTollAxle int
	tollNight   struct{}
)

func (p perTollAxle) Apply(cents int, v TollVehicle) (int, error) { return cents + int(p)*v.Axles, nil }

func (tollNight) Apply(cents int, v TollVehicle) (int, error) {
	if v.Night {
		cents /= 2
	}
	return cents, nil
}

// tollCounter is a camera.
type tollCounter struct{ taken int }

func (c *tollCounter) Picture(TollVehicle) error { c.taken++; return nil }

// tollBridge returns a booth, and the registry to change what it does.
func tollBridge() (*tollBooth, *capability.Registry) {
	bridge := capability.NewRegistry(capability.Engine, "bridge")
	camera := new(tollCounter)
	must(bridge.Apply(
		TollRules.Bind("axles", perTollAxle(120)),
		TollRules.Bind("night", tollNight{}).After("axles"),
		TollCameras.Bind("front", camera).OnRetire(func() error { return nil }),
	))
	scope, err := capability.Compose(bridge)
	must(err)
	booth, err := newTollBooth(scope)
	must(err)
	return booth, bridge
}

func Example_performance() {
	booth, bridge := tollBridge()
	defer booth.scope.Close()
	fmt.Println(booth.Price(TollVehicle{Axles: 3, Night: true}))
	fmt.Println(booth.PriceSlowly(TollVehicle{Axles: 3, Night: true}))
	must(booth.Pictures(make([]TollVehicle, 100)))

	salute := func(next TollGate) TollGate {
		return func(v TollVehicle) string { return "good day, " + next(v) }
	}
	fmt.Println(booth.gate.Get()(TollVehicle{}))
	must(bridge.Apply(TollAround.Bind("salute", salute)))
	fmt.Println(booth.gate.Get()(TollVehicle{}))
	// Output:
	// 180 <nil>
	// 180 <nil>
	// open
	// good day, open
}

// What is done for each vehicle allocates nothing.
func TestTollBooth(t *testing.T) {
	booth, _ := tollBridge()
	defer booth.scope.Close()
	queue := make([]TollVehicle, 100)
	allocates := func(work func()) bool { return testing.AllocsPerRun(100, work) > 0 }
	if allocates(func() { _, _ = booth.Price(queue[0]) }) {
		t.Error("Price allocates")
	}
	if allocates(func() { _ = booth.Pictures(queue) }) {
		t.Error("Pictures allocates")
	}
	if allocates(func() { _ = booth.gate.Get()(queue[0]) }) {
		t.Error("the gate allocates")
	}
	if !allocates(func() { _, _ = booth.PriceSlowly(queue[0]) }) {
		t.Error("PriceSlowly allocates nothing, and the page says that it does")
	}
}
