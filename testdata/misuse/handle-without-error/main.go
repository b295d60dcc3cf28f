// It drops the error of resolving.
// want: assignment mismatch: 1 variable but Stores.Handle returns 2 values

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
	// instead: store, _ := Stores.Handle(scope)
	store := Stores.Handle(scope) // mistake
	fmt.Println(store)
}
