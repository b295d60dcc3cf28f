// It publishes a value of another type.
// want: as Store value in argument to set

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
	set("disk") // mistake
	fmt.Println(store.Get())
}
