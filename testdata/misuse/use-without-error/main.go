// It leases with a func that returns nothing.
// want: as func(Store) error value in argument to store.Use

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
	// instead: err = store.Use(func(s Store) error { fmt.Println(s.Load("readme")); return nil })
	err = store.Use(func(s Store) { fmt.Println(s.Load("readme")) }) // mistake
	fmt.Println(err)
}
