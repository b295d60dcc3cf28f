// It converts a Chain of one type to that of another.
// want: cannot convert sizes (variable of struct type capability.Chain[int]) to type capability.Chain[string]

package main

import "github.com/typedcap/capability"

var sizes capability.Chain[int]

func main() {
	// instead: var other capability.Chain[int] = sizes
	other := capability.Chain[string](sizes) // mistake
	_ = other
}
