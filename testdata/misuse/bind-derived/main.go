// It binds a provider of a derived query, which has none.
// want: Size.Bind undefined

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

var Size = capability.Derive(func(r *capability.Resolver) (int, error) {
	s, err := Stores.In(r)
	if err != nil {
		return 0, err
	}
	text, err := s.Load("readme")
	return len(text), err
})

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}))
	err := engine.Apply(Size.Bind("disk", disk{})) // mistake
	fmt.Println(err)
}
