// It drains a Scope: retirement is an affair of registries.
// want: scope.Drain undefined

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

var background = context.Background()

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	// instead: err = engine.Drain(background)
	err = scope.Drain(background) // mistake
	fmt.Println(err, background, scope)
}
