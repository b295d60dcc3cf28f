// It derives with a build that reads a Scope, which shows what was before the commit.
// want: does not match func(*capability.Resolver) (V, error)

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
	// instead: first := capability.Derive(func(r *capability.Resolver) (Store, error) { return Stores.In(r) })
	first := capability.Derive(func(s *capability.Scope) (Store, error) { return nil, nil }) // mistake
	store, err := first.Handle(scope)
	fmt.Println(store, err)
}
