// Transactions, the errors they return, and errors of providers.

package capability_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/typedcap/capability"
)

// isCode returns the code if err is of it.
func isCode(err error, code capability.Code) string {
	if errors.Is(err, code) {
		return string(code)
	}
	return fmt.Sprint("not ", code, ": ", err)
}

func ExampleRegistry_Apply() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	err := engine.Apply(
		Routes.Bind("spare", to("us2")),
		Routes.Bind("main", to("us3")), // bound already: nothing of this Apply happens
	)
	fmt.Println(isCode(err, capability.ErrConflict), namesSeen(Routes, engine))
	// Output: conflict [main]
}

func ExampleCommit() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Routes.Bind("main", to("us1"))))

	// Orders keeps the old route under its own name, the engine gets a new one.
	must(capability.Commit(
		engine.Stage(Routes.Rebind("main", to("us2"))),
		orders.Stage(Routes.Bind("old", to("us1"))),
	))
	fmt.Println(namesSeen(Routes, engine, orders))
	// Output: [old main]
}

func ExampleRegistry_Close() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	must(err)
	fmt.Println(isCode(engine.Close(context.Background()), capability.ErrInUse))
	must(scope.Close())
	fmt.Println(engine.Close(context.Background()))
	fmt.Println(isCode(engine.Apply(Routes.Bind("main", to("us1"))), capability.ErrClosed))
	// Output:
	// in_use
	// <nil>
	// closed
}

// Retry is a code of the program's own.
const Retry capability.Code = "40001"

func ExampleError() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Stages.Bind("store", func(string) (string, error) {
		return "", fmt.Errorf("the row is locked: %w", Retry)
	})))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := Stages.All().Handle(scope)
	must(err)

	err = capability.Each(h.Get(), func(s Stage) error { _, err := s("x"); return err })
	var e *capability.Error
	fmt.Println(errors.Is(err, Retry), errors.As(err, &e))
	fmt.Println(e.Code, e.Capability, e.Provider, e.Scope)
	// Output:
	// true true
	// 40001 stage store engine
}

func ExampleHandle_Get() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Routes.Bind("main", to("us1"))))
	scope, err := capability.Compose(engine)
	must(err)
	route, err := Routes.Handle(scope) // a Capability is the query for the one provider
	must(err)
	must(scope.Close())
	must(engine.Apply(Routes.Unbind("main")))
	fmt.Println(route.Get()("/buy")) // a handle of a closed scope keeps its last value
	// Output: us1/buy
}
