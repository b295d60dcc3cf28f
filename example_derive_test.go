// Derived values in use: what a consumer needs of one generation, and a stack of
// middleware that is folded once.

package capability_test

import (
	"errors"
	"fmt"

	"github.com/typedcap/capability"
)

// A Tariff says what a delivery costs.
type Tariff struct {
	Currency string
	PerKilo  int
}

var (
	Tariffs = capability.New[Tariff]("tariff", "says what a delivery costs")
	Rates   = capability.New[int]("exchange-rate", "converts to the currency of the tariff")
)

// An Offer is all that a quote needs, of one generation: the rate is always that
// of the currency.
type Offer struct {
	Currency      string
	PerKilo, Rate int
}

var offer = capability.Derive(func(r *capability.Resolver) (Offer, error) {
	tariff, err := Tariffs.In(r)
	if err != nil {
		return Offer{}, err
	}
	rate, err := Rates.Named(tariff.Currency).In(r)
	if err != nil {
		return Offer{}, fmt.Errorf("no rate for the tariff: %w", err)
	}
	return Offer{tariff.Currency, tariff.PerKilo, rate}, nil
})

func ExampleDerive() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Rates.Bind("EUR", 1), Rates.Bind("SEK", 11), Tariffs.Bind("standard", Tariff{"EUR", 4})))
	scope, err := capability.Compose(orders, engine)
	must(err)
	defer scope.Close()
	now, err := offer.Handle(scope)
	must(err)
	fmt.Println(now.Get())

	// One commit changes the tariff and the rate: no reader sees one of them only.
	must(capability.Commit(
		engine.Stage(Rates.Rebind("SEK", 12)),
		orders.Stage(Tariffs.Rebind("standard", Tariff{"SEK", 50}))))
	fmt.Println(now.Get())

	// A commit that no offer can be made of is refused, and changes nothing.
	err = orders.Apply(Tariffs.Rebind("standard", Tariff{"NOK", 50}))
	fmt.Println(errors.Is(err, capability.ErrNotProvided), now.Get())
	err = engine.Apply(Rates.Unbind("SEK"))
	fmt.Println(errors.Is(err, capability.ErrInUse), now.Get())
	// Output:
	// {EUR 4 1}
	// {SEK 50 12}
	// true {SEK 50 12}
	// true {SEK 50 12}
}

// A Courier brings a parcel to an address.
type Courier func(address string) string

var Escorts = capability.New[capability.Middleware[Courier]]("escort", "is done around each delivery")

// delivery is the whole stack of escorts, folded when it changes and not when a
// parcel is delivered.
var delivery = capability.Derive(func(r *capability.Resolver) (Courier, error) {
	escorts, err := Escorts.All().In(r)
	if err != nil {
		return nil, err
	}
	fmt.Println("folding", escorts.Names())
	return capability.Wrap(escorts, func(address string) string { return "to " + address }), nil
})

func ExampleDerive_middleware() {
	escort := func(what string) capability.Middleware[Courier] {
		return func(next Courier) Courier {
			return func(address string) string { return what + " " + next(address) }
		}
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Escorts.Bind("weigh", escort("weighed")), Escorts.Bind("insure", escort("insured"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	courier, err := delivery.Handle(scope)
	must(err)
	fmt.Println(courier.Get()("Oslo"))
	fmt.Println(courier.Get()("Bergen"))
	must(engine.Apply(Escorts.Unbind("insure"), Escorts.Bind("seal", escort("sealed"))))
	fmt.Println(courier.Get()("Oslo"))
	// Output:
	// folding [weigh insure]
	// weighed insured to Oslo
	// weighed insured to Bergen
	// folding [weigh seal]
	// weighed sealed to Oslo
}
