// It gives a Grace as a configuration file would.
// want: as time.Duration value in argument to Stores.Bind("disk", disk{}).Grace

package main

import (
	"fmt"
	"time"

	"github.com/typedcap/capability"
)

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

const grace = time.Minute

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Stores.Bind("disk", disk{}).Grace(grace))
	err := engine.Apply(Stores.Bind("disk", disk{}).Grace("1m")) // mistake
	fmt.Println(err, grace)
}
