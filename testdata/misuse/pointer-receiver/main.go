// It binds a value whose methods need a pointer.
// want: method Load has pointer receiver

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type memory struct{ loads int }

func (m *memory) Load(id string) (string, error) {
	m.loads++
	return "document " + id, nil
}

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("memory", &memory{}))
	err := engine.Apply(Stores.Bind("memory", memory{})) // mistake
	if err != nil {
		panic(err)
	}
}
