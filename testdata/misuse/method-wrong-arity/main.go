// It forgets an argument of the method that it dispatches to.
// want: not enough arguments in call to s.Load

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
	// instead: texts, err := capability.Collect(stores.Get(), func(s Store) (string, error) { return s.Load("7") })
	texts, err := capability.Collect(stores.Get(), func(s Store) (string, error) { return s.Load() }) // mistake
	fmt.Println(texts, err)
}
