// It watches a Leased: the body could keep what is retired.
// want: store.Watch undefined

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

var background = context.Background()

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	store, err := Stores.Leased(scope)
	// instead: err = store.Use(func(s Store) error { fmt.Println(s, background); return nil })
	err = store.Watch(background) // mistake
	fmt.Println(err, store, background)
}
