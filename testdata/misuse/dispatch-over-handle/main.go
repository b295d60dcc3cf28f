// It dispatches over a handle and not over the chain that it reads.
// want: type capability.Handle[capability.Chain[Store]] of stores does not match inferred type

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
	stores, err := Stores.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	// instead: err = capability.Each(stores.Get(), func(s Store) error { _, err := s.Load("7"); return err })
	err = capability.Each(stores, func(s Store) error { _, err := s.Load("7"); return err }) // mistake
	fmt.Println(err)
}
