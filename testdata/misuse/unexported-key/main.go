// It binds with a key that another package keeps to itself.
// want: undefined: billing.prices

package main

import (
	"github.com/typedcap/capability"
	"github.com/typedcap/capability/testdata/misuse/unexported-key/billing"
)

type free struct{}

func (free) Price(item string) int { return 0 }

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := billing.Sell(engine, free{})
	err := engine.Apply(billing.prices.Bind("free", free{})) // mistake
	if err != nil {
		panic(err)
	}
}
