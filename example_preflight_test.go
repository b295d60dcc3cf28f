// Knowing before the start what a program will find when it starts.

package capability_test

import (
	"errors"
	"fmt"

	"github.com/typedcap/capability"
)

func ExamplePreflight() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	if err := engine.Apply(ledgers.Bind("disk", "ledger.db")); err != nil {
		fmt.Println(err)
	}
	scope, err := capability.Compose(orders, engine)
	if err != nil {
		fmt.Println(err)
	}
	var ledger capability.Handle[string]
	report := capability.Preflight(
		capability.Consumer{Name: "booking", Scope: scope, Needs: []capability.Need{ledgers.Named("dsik").Into(&ledger)}},
	)
	fmt.Println(len(report.Errors), "error and", len(report.Warnings), "warning")
	fmt.Println(errors.Is(report.Err(), capability.ErrNotProvided))
	// Output:
	// 1 error and 1 warning
	// true
}

var ledgers = capability.New[string]("ledgers", "keep accounts")
