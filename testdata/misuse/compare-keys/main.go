// It compares the keys of two contracts, which are never the same.
// want: invalid operation: Stores == Names (mismatched types

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

var Names = capability.New[string]("title", "the title of a document")

func main() {
	_ = Names
	// instead: fmt.Println(Stores == Stores)
	fmt.Println(Stores == Names) // mistake
}
