// It converts a Leased of one type to that of another.
// want: cannot convert size (variable of struct type capability.Leased[int]) to type capability.Leased[string]

package main

import "github.com/typedcap/capability"

type Store interface {
	Load(id string) (string, error)
}

type disk struct{}

func (disk) Load(id string) (string, error) { return "document " + id, nil }

var Stores = capability.New[Store]("store", "keeps documents")

var size capability.Leased[int]

func main() {
	// instead: var other capability.Leased[int] = size
	other := capability.Leased[string](size) // mistake
	_ = other
}
