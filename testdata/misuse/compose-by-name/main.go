// It composes registries by their names.
// want: as *capability.Registry value in argument to capability.Compose

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

func main() {
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	// instead: scope, err := capability.Compose(orders)
	scope, err := capability.Compose(orders.Name()) // mistake
	fmt.Println(scope, err)
}
