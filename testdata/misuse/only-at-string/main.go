// It gives a level by its name.
// want: as capability.Level value in argument to capability.OnlyAt

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

// instead: var Stores = capability.New[Store]("store", "keeps documents", capability.OnlyAt(capability.Engine))
var Stores = capability.New[Store]("store", "keeps documents", capability.OnlyAt("engine")) // mistake

func main() { _ = Stores }
