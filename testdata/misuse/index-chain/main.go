// It takes a provider by its number.
// want: cannot index chain

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	var chain capability.Chain[Store]
	// instead: store, _ := chain.First()
	store := chain[0] // mistake
	fmt.Println(store)
}
