// It converts a Handle of one type to that of another.
// want: cannot convert size (variable of struct type capability.Handle[int]) to type capability.Handle[string]

package main

import "github.com/typedcap/capability"

var size capability.Handle[int]

func main() {
	// instead: var other capability.Handle[int] = size
	other := capability.Handle[string](size) // mistake
	_ = other
}
