// It compares a handle with nil.
// want: (mismatched types capability.Handle[Store] and untyped nil)

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
	var store capability.Handle[Store]
	// instead: if store == (capability.Handle[Store]{}) {
	if store == nil { // mistake
		fmt.Println("not resolved")
	}
}
