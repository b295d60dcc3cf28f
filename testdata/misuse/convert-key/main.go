// It converts a Capability of one type to that of another.
// want: cannot convert sizes (variable of struct type capability.Capability[int]) to type capability.Capability[string]

package main

import "github.com/typedcap/capability"

var sizes = capability.New[int]("size", "how large a document may be")

func main() {
	// instead: var other capability.Capability[int] = sizes
	other := capability.Capability[string](sizes) // mistake
	_ = other
}
