// It rebinds a name with a value of another type.
// want: tape does not implement Store (missing method Load)

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

type tape struct{}

func (tape) Rewind() {}

func main() {
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	// instead: err := orders.Apply(Stores.Rebind("disk", disk{}))
	err := orders.Apply(Stores.Rebind("disk", tape{})) // mistake
	if err != nil {
		panic(err)
	}
}
