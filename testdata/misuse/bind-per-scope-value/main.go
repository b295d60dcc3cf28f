// It gives BindPerScope a value and not a maker.
// want: as func(*capability.Resolver) (Store, error) value in argument to Stores.BindPerScope

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
	// instead: err := engine.Apply(Stores.BindPerScope("disk", func(*capability.Resolver) (Store, error) { return disk{}, nil }))
	err := engine.Apply(Stores.BindPerScope("disk", disk{})) // mistake
	fmt.Println(err)
}
