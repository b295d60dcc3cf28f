// It resolves a Leased with Into, which is for plain handles.
// want: as *capability.Handle[Store] value in argument to Stores.Into

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
	var store capability.Leased[Store]
	// instead: err = scope.Resolve(Stores.IntoLeased(&store))
	err = scope.Resolve(Stores.Into(&store)) // mistake
	fmt.Println(err)
}
