// It asks for a decision of providers whose failures stop nobody.
// want: undefined: fanout.Decide

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
)

type Carrier interface {
	Quote(ctx context.Context, parcel string) (capability.Decision[int], error)
}

var Carriers = capability.New[Carrier]("carrier", "quotes a price for a parcel")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	carriers, err := Carriers.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	ctx, limit := context.Background(), 4
	quote := func(ctx context.Context, c Carrier) (capability.Decision[int], error) { return c.Quote(ctx, "p1") }
	quotes, err := fanout.Collect(ctx, carriers.Get(), limit, quote)
	fmt.Println(len(quotes), err)
	strict, err := concurrent.Collect(ctx, carriers.Get(), limit, quote)
	fmt.Println(len(strict), err)
	// instead: price, err := concurrent.Decide(ctx, carriers.Get(), limit, quote)
	price, err := fanout.Decide(ctx, carriers.Get(), limit, quote) // mistake
	fmt.Println(price.By(), err)
}
