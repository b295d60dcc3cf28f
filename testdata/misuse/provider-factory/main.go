// It binds a constructor where a provider is due.
// want: does not implement Store (missing method Load)

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func newDisk() Store { return disk{} }

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("disk", newDisk()))
	err := engine.Apply(Stores.Bind("disk", newDisk)) // mistake
	if err != nil {
		panic(err)
	}
}
