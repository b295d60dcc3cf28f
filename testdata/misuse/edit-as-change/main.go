// It applies to one registry what was staged for another.
// want: capability.Edit does not implement capability.Change

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
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	edit := orders.Stage(Stores.Bind("disk", disk{}))
	// instead: err := capability.Commit(engine.Stage(), edit)
	err := engine.Apply(edit) // mistake
	if err != nil {
		panic(err)
	}
}
