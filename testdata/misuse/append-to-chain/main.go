// It adds a provider to a chain, which never changes.
// want: argument must be a slice; have chain (variable of struct type capability.Chain[Store])

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
	// instead: stores := append(chain.Values(), disk{})
	stores := append(chain, disk{}) // mistake
	fmt.Println(stores)
}
