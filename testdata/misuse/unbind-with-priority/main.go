// It gives a withdrawal a priority.
// want: Stores.Unbind("disk").Priority undefined

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}).Priority(1))
	err := engine.Apply(Stores.Unbind("disk").Priority(1)) // mistake
	if err != nil {
		panic(err)
	}
}
