// It masks a provider by its value.
// want: as string value in argument to Stores.Mask

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	// instead: err := orders.Apply(Stores.Mask("disk"))
	err := orders.Apply(Stores.Mask(disk{})) // mistake
	if err != nil {
		panic(err)
	}
}
