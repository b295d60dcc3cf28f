// It declares a key without the type of its providers.
// want: cannot infer T

package main

import "github.com/typedcap/capability"

// instead: var Stores = capability.New[func(id string) (string, error)]("store", "keeps documents")
var Stores = capability.New("store", "keeps documents") // mistake

func main() { _ = Stores }
