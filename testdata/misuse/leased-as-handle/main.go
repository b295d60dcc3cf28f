// It converts a Leased to the Handle of its type.
// want: cannot convert store (variable of struct type capability.Leased[Store]) to type capability.Handle[Store]

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

var store capability.Leased[Store]

func main() {
	// instead: var other capability.Leased[Store] = store
	other := capability.Handle[Store](store) // mistake
	_ = other
}
