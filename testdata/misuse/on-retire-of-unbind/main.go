// It says with Unbind what Bind has to say: how the provider is retired.
// want: OnRetire undefined

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
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}).OnRetire(func() error { return nil }))
	err := engine.Apply(Stores.Unbind("disk").OnRetire(func() error { return nil })) // mistake
	fmt.Println(err)
}
