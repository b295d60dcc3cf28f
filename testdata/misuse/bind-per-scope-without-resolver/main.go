// It gives BindPerScope a plain constructor.
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

func open() (Store, error) { return disk{}, nil }

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.BindPerScope("disk", func(*capability.Resolver) (Store, error) { return open() }))
	err := engine.Apply(Stores.BindPerScope("disk", open)) // mistake
	fmt.Println(err)
}
