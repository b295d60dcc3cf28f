// It resolves the one provider into the handle of all.
// want: as *capability.Handle[Store] value in argument

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
	var stores capability.ChainHandle[Store]
	// instead: err = scope.Resolve(Stores.All().Into(&stores))
	err = scope.Resolve(Stores.Into(&stores)) // mistake
	fmt.Println(err)
}
