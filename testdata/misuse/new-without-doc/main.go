// It declares a key without saying what for.
// want: not enough arguments in call to capability.New

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

// instead: var Stores = capability.New[Store]("store", "keeps documents")
var Stores = capability.New[Store]("store") // mistake

func main() { _ = Stores }
