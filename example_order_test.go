// Priority, Before, After and the rules of a key.

package capability_test

import (
	"fmt"

	"github.com/typedcap/capability"
)

// A Filter reports whether a log line is kept.
type Filter func(line string) (keep bool, err error)

var Filters = capability.New[Filter]("filter", "says which log lines are kept")

func keepAll(string) (bool, error) { return true, nil }

func ExampleBinding_Priority() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Filters.Bind("length", keepAll),
		Filters.Bind("level", keepAll).Priority(10),
	))
	fmt.Println(namesSeen(Filters, engine))
	// Output: [level length]
}

func ExampleBinding_Before() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Filters.Bind("level", keepAll),
		Filters.Bind("length", keepAll),
		Filters.Bind("decode", keepAll).Before("length"),
	))
	fmt.Println(namesSeen(Filters, engine))
	// Output: [level decode length]
}

func ExampleBinding_After() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Filters.Bind("level", keepAll), Filters.Bind("length", keepAll)))
	must(orders.Apply(Filters.Bind("sample", keepAll).After("level"))) // a peer at any level
	fmt.Println(namesSeen(Filters, engine, orders))
	// Output: [level sample length]
}

func ExampleBroadFirst() {
	audit := capability.New[Filter]("audit", "filters that the engine runs before everybody's", capability.BroadFirst())
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(audit.Bind("legal", keepAll)))
	must(orders.Apply(audit.Bind("local", keepAll)))
	fmt.Println(namesSeen(audit, orders, engine))
	// Output: [legal local]
}

func ExampleShadow() {
	format := capability.New[Filter]("format", "a pipeline with a list of its own wants no other", capability.Shadow())
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(format.Bind("json", keepAll), format.Bind("text", keepAll)))
	must(orders.Apply(format.Bind("csv", keepAll)))
	fmt.Println(namesSeen(format, orders, engine), namesSeen(format, engine))
	// Output: [csv] [json text]
}

func ExampleOnlyAt() {
	license := capability.New[Filter]("license", "is checked for the whole engine", capability.OnlyAt(capability.Engine))
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	err := orders.Apply(license.Bind("mine", keepAll))
	fmt.Println(isCode(err, capability.ErrInvalid))
	// Output: invalid
}
