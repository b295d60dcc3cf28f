// It applies the name of a provider.
// want: string does not implement capability.Change

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
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}))
	err := engine.Apply("disk") // mistake
	if err != nil {
		panic(err)
	}
}
