// It asks a handle whether it has a value, which it always has.
// want: assignment mismatch: 2 variables but store.Get returns 1 value

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	var store capability.Handle[Store]
	// instead: s := store.Get()
	s, _ := store.Get() // mistake
	_ = s
}
