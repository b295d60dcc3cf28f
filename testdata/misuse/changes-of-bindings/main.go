// It spreads a slice of bindings, which is no slice of changes.
// want: cannot use bindings (variable of type []capability.Binding) as []capability.Change value

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
	bindings := []capability.Binding{Stores.Bind("disk", disk{})}
	// instead: err := engine.Apply(bindings[0])
	err := engine.Apply(bindings...) // mistake
	if err != nil {
		panic(err)
	}
}
