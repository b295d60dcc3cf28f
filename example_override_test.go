// Rebind, Mask and Select: how a registry changes what it inherits.

package capability_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/typedcap/capability"
)

// namesSeen composes the registries and returns the names of a chain.
func namesSeen[T any](c capability.Capability[T], registries ...*capability.Registry) []string {
	scope, err := capability.Compose(registries...)
	must(err)
	defer scope.Close()
	h, err := c.All().Handle(scope)
	must(err)
	return h.Get().Names()
}

func ExampleCapability_Rebind() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	route, err := Routes.Handle(scope)
	must(err)

	fmt.Println(route.Get()("/buy"))
	must(engine.Apply(Routes.Rebind("main", to("us9"))))
	fmt.Println(route.Get()("/buy"))
	// Output:
	// us1/buy
	// us9/buy
}

func ExampleCapability_Unbind() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	must(engine.Apply(Routes.Unbind("spare")))
	fmt.Println(namesSeen(Routes, engine))
	// Output: [main]
}

func ExampleCapability_Mask() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	must(orders.Apply(Routes.Mask("main")))
	fmt.Println(namesSeen(Routes, engine, orders))
	must(orders.Apply(Routes.Mask())) // no names: clears the list
	fmt.Println(namesSeen(Routes, engine, orders))
	// Output:
	// [spare]
	// [main spare]
}

func ExampleCapability_Select() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2")), Routes.Bind("old", to("us0"))))
	must(orders.Apply(Routes.Select("spare", "main")))
	fmt.Println(namesSeen(Routes, engine, orders))
	// Output: [spare main]
}

// An operator's configuration file names capabilities; it has no keys.
func ExampleSelect() {
	configured := map[string][]string{"route": {"spare"}}

	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	var changes capability.Changes
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		changes = append(changes, capability.Select(name, configured[name]...))
	}
	must(orders.Apply(changes))
	fmt.Println(namesSeen(Routes, engine, orders))
	// Output: [spare]
}

func ExampleMask() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	must(orders.Apply(capability.Mask("route", "main")))
	fmt.Println(namesSeen(Routes, engine, orders))
	// Output: [spare]
}
