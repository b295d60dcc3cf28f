// It derives with a build that cannot fail.
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
	// instead: one := capability.Derive(func(r *capability.Resolver) (int, error) { return 1, nil })
	one := capability.Derive(func(r *capability.Resolver) int { return 1 }) // mistake
	size, err := one.Handle(scope)
	fmt.Println(size, err)
}
