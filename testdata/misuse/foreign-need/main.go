// It makes a Need of its own.
// want: does not implement capability.Need (unexported method sealed)

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

type wish struct{}

func (wish) sealed() {}

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	var store capability.Handle[Store]
	// instead: err = scope.Resolve(Stores.Into(&store))
	err = scope.Resolve(wish{}) // mistake
	fmt.Println(store, err)
}
