// It asks for a provider by its value.
// want: cannot use disk{} (value of struct type disk) as string value in argument to Stores.Named

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
	// instead: store, err := Stores.Named("disk").Handle(scope)
	store, err := Stores.Named(disk{}).Handle(scope) // mistake
	fmt.Println(store, err)
}
