// It resolves a plain Handle with IntoLeased.
// want: as *capability.Leased[Store] value in argument to Stores.IntoLeased

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
	var store capability.Handle[Store]
	// instead: err = scope.Resolve(Stores.Into(&store))
	err = scope.Resolve(Stores.IntoLeased(&store)) // mistake
	fmt.Println(err)
}
