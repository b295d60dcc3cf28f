// It retires with a func that cannot say that it failed.
// want: as func() error value in argument to Stores.Bind("disk", disk{}).OnRetire

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
	err := engine.Apply(Stores.Bind("disk", disk{}).OnRetire(func() {})) // mistake
	fmt.Println(err)
}
