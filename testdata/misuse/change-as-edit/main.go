// It commits a change without its registry.
// want: as capability.Edit value in argument to capability.Commit

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
	// instead: err := capability.Commit(engine.Stage(Stores.Bind("disk", disk{})))
	err := capability.Commit(Stores.Bind("disk", disk{})) // mistake
	if err != nil {
		panic(engine.String() + err.Error())
	}
}
