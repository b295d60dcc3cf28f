// Following what changes while traffic flows.

package capability_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/typedcap/capability"
)

// A proxy keeps a routing table and rebuilds it when the routes change, not for
// each request.
func ExampleHandle_Watch() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1")), Routes.Bind("spare", to("us2"))))
	scope, err := capability.Compose(engine, orders)
	must(err)
	routes, err := Routes.All().Handle(scope)
	must(err)

	tables := make(chan string)
	go func() {
		defer close(tables)
		for old, current := range routes.Watch(context.Background()) {
			var news []string
			for _, name := range current.Names() {
				if _, ok := old.Find(name); !ok {
					news = append(news, "+"+name)
				}
			}
			for _, name := range old.Names() {
				if !slices.Contains(current.Names(), name) {
					news = append(news, "-"+name)
				}
			}
			tables <- fmt.Sprintf("%v: %s", current.Names(), strings.Join(news, " "))
		}
	}()

	fmt.Println(<-tables)
	must(orders.Apply(Routes.Bind("near", to("eu1"))))
	fmt.Println(<-tables)
	must(capability.Commit(engine.Stage(Routes.Unbind("spare")), orders.Stage(Routes.Select("main", "near"))))
	fmt.Println(<-tables)
	must(scope.Close())
	_, open := <-tables
	fmt.Println("still watching:", open)
	// Output:
	// [main spare]: +main +spare
	// [near main spare]: +near
	// [main near]: -spare
	// still watching: false
}

// A loop that waits for something leaves with break. What it did not come back
// for is skipped: the body gets what is current.
func ExampleHandle_Watch_until() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	route, err := Routes.Handle(scope)
	must(err)

	for _, r := range route.Watch(context.Background()) {
		fmt.Println(r("/buy"))
		if r("") == "us4" {
			break
		}
		// The body holds no lock, so it may commit.
		must(engine.Apply(Routes.Rebind("main", to("us2"))))
		must(engine.Apply(Routes.Rebind("main", to("us3"))))
		must(engine.Apply(Routes.Rebind("main", to("us4"))))
	}
	// Output:
	// us1/buy
	// us4/buy
}
