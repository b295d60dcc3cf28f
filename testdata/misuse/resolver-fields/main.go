// It reads what a Resolver keeps to itself.
// want: r.session undefined

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

var First = capability.Derive(func(r *capability.Resolver) (Store, error) {
	// instead: r.OnRetire(func() error { return nil })
	fmt.Println(r.session) // mistake
	return Stores.In(r)
})

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	store, err := First.Handle(scope)
	fmt.Println(store, err)
}
