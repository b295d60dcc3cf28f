// It withdraws several providers at once.
// want: too many arguments in call to Stores.Unbind

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
	// instead: err := engine.Apply(Stores.Unbind("disk"), Stores.Unbind("memory"))
	err := engine.Apply(Stores.Unbind("disk", "memory")) // mistake
	if err != nil {
		panic(err)
	}
}
