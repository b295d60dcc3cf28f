// It composes scopes, where With takes more registries.
// want: as *capability.Registry value in argument to capability.Compose

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	// instead: wider, err := scope.With(orders)
	wider, err := capability.Compose(orders, scope) // mistake
	fmt.Println(wider, err)
}
