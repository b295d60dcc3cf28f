// It orders a provider before a key and not before a peer.
// want: as string value in argument to Stores.Bind("disk", disk{}).Before

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
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}).Before("memory"))
	err := engine.Apply(Stores.Bind("disk", disk{}).Before(Stores)) // mistake
	if err != nil {
		panic(err)
	}
}
