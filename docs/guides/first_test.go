// The code of first.md: an extension point of a parcel service, from nothing.

package guides_test

import (
	"errors"
	"fmt"

	"github.com/typedcap/capability"
)

// A Pricer says what a parcel costs, and whether it carries it at all.
type Pricer interface {
	Price(grams int) (cents int, err error)
}

// Pricers is the extension point.
var Pricers = capability.New[Pricer]("pricers", "say what a parcel costs")

// perKilo is a provider.
type perKilo int

func (p perKilo) Price(grams int) (int, error) { return (grams + 999) / 1000 * int(p), nil }

// A Counter is a consumer.
type Counter struct {
	pricers capability.ChainHandle[Pricer]
}

func NewCounter(s *capability.Scope) (*Counter, error) {
	c := new(Counter)
	return c, s.Resolve(Pricers.All().Into(&c.pricers))
}

// Cheapest asks all who price and returns the least.
func (c *Counter) Cheapest(grams int) (int, error) {
	prices, err := capability.Collect(c.pricers.Get(), func(p Pricer) (int, error) { return p.Price(grams) })
	if err != nil {
		return 0, err
	}
	if len(prices) == 0 {
		return 0, errors.New("nobody carries parcels")
	}
	least := prices[0]
	for _, p := range prices[1:] {
		least = min(least, p)
	}
	return least, nil
}

func Example_first() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Pricers.Bind("post", perKilo(450)),
		Pricers.Bind("courier", perKilo(900)),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()

	counter, err := NewCounter(scope)
	must(err)
	fmt.Println(counter.Cheapest(2500))

	must(engine.Apply(Pricers.Bind("bicycle", perKilo(300))))
	fmt.Println(counter.Cheapest(2500))

	err = engine.Apply(Pricers.Bind("bicycle", perKilo(200)))
	fmt.Println(errors.Is(err, capability.ErrConflict))
	// Output:
	// 1350 <nil>
	// 900 <nil>
	// true
}
