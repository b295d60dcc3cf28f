// It ranges over a chain.
// want: cannot range over chain

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
	// instead: for name, store := range chain.All() {
	for name, store := range chain { // mistake
		fmt.Println(name, store)
	}
}
