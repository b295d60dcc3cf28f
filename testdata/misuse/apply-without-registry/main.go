// It changes a scope, which is the read side.
// want: scope.Apply undefined

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	// instead: err = engine.Apply(Stores.Bind("disk", disk{}))
	err = scope.Apply(Stores.Bind("disk", disk{})) // mistake
	fmt.Println(scope, err)
}
