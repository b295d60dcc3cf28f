// It binds a maker with Bind, which takes one value for all.
// want: as Store value in argument to Stores.Bind

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

func open(*capability.Resolver) (Store, error) { return disk{}, nil }

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.BindPerScope("disk", open))
	err := engine.Apply(Stores.Bind("disk", open)) // mistake
	fmt.Println(err)
}
