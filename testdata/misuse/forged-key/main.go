// It makes a key without New.
// want: cannot refer to unexported field key

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

func main() {
	// instead: other := Stores
	other := capability.Capability[Store]{key: nil} // mistake
	_ = other
}
