// It compares a chain with nil to see whether it is empty.
// want: invalid operation: chain == nil (mismatched types capability.Chain[Store] and untyped nil)

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
	// instead: if chain.Len() == 0 {
	if chain == nil { // mistake
		fmt.Println("nobody keeps documents")
	}
}
