// It calls In outside a build, where there is only a Scope.
// want: as *capability.Resolver value in argument to Stores.In

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
	// instead: store, err := Stores.Handle(scope)
	store, err := Stores.In(scope) // mistake
	fmt.Println(store, err)
}
