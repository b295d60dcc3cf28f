// It writes through a handle, which only reads.
// want: cannot assign to store.Get()

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
	if err := engine.Apply(Stores.Bind("disk", disk{})); err != nil {
		panic(err)
	}
	var store capability.Handle[Store]
	_ = store
	// instead: err := engine.Apply(Stores.Rebind("disk", disk{})); _ = err
	store.Get() = disk{} // mistake
}
