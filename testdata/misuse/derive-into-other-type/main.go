// It resolves a derived query into a Handle of another type.
// want: as *capability.Handle[int] value in argument to Size.Into

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
	var length capability.Handle[int]
	var text capability.Handle[string]
	// instead: err = scope.Resolve(Size.Into(&length))
	err = scope.Resolve(Size.Into(&text)) // mistake
	fmt.Println(err, length, text)
}
