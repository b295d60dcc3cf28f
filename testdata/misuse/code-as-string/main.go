// It looks for an error code by its text.
// want: string does not implement error

package main

import (
	"errors"
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
	err := engine.Apply(Stores.Bind("disk", disk{}), Stores.Bind("disk", disk{}))
	// instead: fmt.Println(errors.Is(err, capability.ErrConflict))
	fmt.Println(errors.Is(err, "conflict")) // mistake
}
