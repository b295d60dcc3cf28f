// It converts a Query of one type to that of another.
// want: cannot convert size (variable of struct type capability.Query[int]) to type capability.Query[string]

package main

import "github.com/typedcap/capability"

var size capability.Query[int]

func main() {
	// instead: var other capability.Query[int] = size
	other := capability.Query[string](size) // mistake
	_ = other
}
