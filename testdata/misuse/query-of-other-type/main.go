// It resolves one contract into the handle of another.
// want: as *capability.Handle[Blobs] value in argument

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

type Blobs interface {
	Open(id string) ([]byte, error)
}

var BlobStores = capability.New[Blobs]("blob_store", "keeps what is too large for a document")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	var store capability.Handle[Store]
	// instead: err = scope.Resolve(Stores.Named("disk").Into(&store))
	err = scope.Resolve(BlobStores.Named("disk").Into(&store)) // mistake
	fmt.Println(err)
}
