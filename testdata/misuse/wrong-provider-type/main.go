// It binds a value that is no Store.
// want: cache does not implement Store (missing method Load)

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

type cache struct{ entries map[string]string }

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("memory", disk{}))
	err := engine.Apply(Stores.Bind("memory", cache{})) // mistake
	if err != nil {
		panic(err)
	}
}
