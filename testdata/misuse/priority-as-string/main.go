// It gives a priority as a text.
// want: as int value in argument to Stores.Bind("disk", disk{}).Priority

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
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}).Priority(10))
	err := engine.Apply(Stores.Bind("disk", disk{}).Priority("first")) // mistake
	if err != nil {
		panic(err)
	}
}
