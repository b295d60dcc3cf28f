// It asks whether a Leased is nil.
// want: mismatched types capability.Leased[Store] and untyped nil

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
	store, err := Stores.Leased(scope)
	// instead: fmt.Println(err == nil)
	fmt.Println(store == nil, err) // mistake
	_ = store
	fmt.Println(err)
}
