// Levels, scopes and what the narrower registry may say about the broader one.

package capability_test

import (
	"fmt"

	"github.com/typedcap/capability"
)

// A Route names the machine that serves a path.
type Route func(path string) string

func to(machine string) Route { return func(path string) string { return machine + path } }

var Routes = capability.New[Route]("route", "names the machine that serves a path")

func ExampleCompose() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	eu := capability.NewRegistry(capability.Group, "eu")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	must(eu.Apply(Routes.Bind("near", to("eu1"))))
	must(orders.Apply(Routes.Mask("spare")))

	scope, err := capability.Compose(engine, orders, eu) // any order: levels decide
	must(err)
	defer scope.Close()
	routes, err := Routes.All().Handle(scope)
	must(err)
	fmt.Println(scope, routes.Get().Names())
	// Output: orders over eu over engine [near main]
}

func ExampleScope_With() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	production, err := capability.Compose(engine)
	must(err)
	defer production.Close()

	// A test puts its own registry on top; production does not see it.
	fake := capability.NewRegistry(capability.Node, "test")
	must(fake.Apply(Routes.Rebind("main", to("fake"))))
	tested, err := production.With(fake)
	must(err)
	defer tested.Close()

	for _, scope := range []*capability.Scope{production, tested} {
		route, err := Routes.Handle(scope)
		must(err)
		fmt.Println(scope, route.Get()("/buy"))
	}
	// Output:
	// engine us1/buy
	// test over engine fake/buy
}

func ExampleScope_Resolve() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()

	var node struct {
		routes capability.ChainHandle[Route]
		spare  capability.Handle[Route]
	}
	must(scope.Resolve(Routes.All().Into(&node.routes), Routes.Named("spare").Into(&node.spare)))
	fmt.Println(node.routes.Get().Len(), node.spare.Get()("/buy"))
	// Output: 2 us2/buy
}

func ExampleScope_Check() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()

	var route capability.Handle[Route]
	fmt.Println(scope.Check(Routes.Named("mian").Into(&route)))
	// Output: capability "route", provider "mian", scope "engine": nobody provides it here under this name: did you mean "main"? if not, bind it in one of the registries, or resolve All and use Find if it is optional
}

func ExampleScope_Snapshot() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2")).Priority(-1)))
	must(orders.Apply(Routes.Rebind("main", to("us3"))))
	scope, err := capability.Compose(engine, orders)
	must(err)
	defer scope.Close()
	fmt.Print(scope.Snapshot())
	// Output:
	// scope "orders over engine"
	// route: names the machine that serves a path
	//   1. main from orders (pipeline), rebound
	//   2. spare from engine (engine), priority -1
	//   -  main from engine (engine), replaced by orders
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
