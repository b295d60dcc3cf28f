// It keeps a derived query as one of another type.
// want: as capability.Query[string] value in variable declaration

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
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	// instead: var text capability.Query[int] = Size
	var text capability.Query[string] = Size // mistake
	fmt.Println(scope, text)
}
