// It drains without saying for how long.
// want: not enough arguments in call to engine.Drain

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

var background = context.Background()

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Drain(background)
	err := engine.Drain() // mistake
	fmt.Println(err, background)
}
