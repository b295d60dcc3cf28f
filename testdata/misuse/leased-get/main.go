// It reads a Leased as a plain Handle, so that nobody knows when the use ends.
// want: store.Get undefined

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
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	store, err := Stores.Leased(scope)
	// instead: err = store.Use(func(s Store) error { _, err := s.Load("readme"); return err })
	_, err = store.Get().Load("readme") // mistake
	fmt.Println(err)
}
