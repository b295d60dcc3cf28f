// It calls In without the Resolver of the build.
// want: not enough arguments in call to Stores.In

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

var First = capability.Derive(func(r *capability.Resolver) (Store, error) {
	// instead: return Stores.In(r)
	return Stores.In() // mistake
})

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	store, err := First.Handle(scope)
	fmt.Println(store, err)
}
