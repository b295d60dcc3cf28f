// It publishes through the read end.
// want: store.Set undefined

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
	store, set := capability.NewValue[Store](disk{})
	// instead: set(disk{})
	store.Set(disk{}) // mistake
	set(disk{})
	fmt.Println(store.Get())
}
