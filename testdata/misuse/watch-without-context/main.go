// It watches without saying for how long.
// want: not enough arguments in call to store.Watch

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
	store, err := Stores.Handle(scope)
	// instead: for _, s := range store.Watch(background) {
	for _, s := range store.Watch() { // mistake
		fmt.Println(s, background)
	}
	fmt.Println(err)
}
