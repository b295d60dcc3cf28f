// It names a rule without calling it.
// want: as capability.Rule value in argument

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

// instead: var Stores = capability.New[Store]("store", "keeps documents", capability.Shadow())
var Stores = capability.New[Store]("store", "keeps documents", capability.Shadow) // mistake

func main() { _ = Stores }
