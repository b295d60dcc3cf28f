// It converts a Decision of one type to that of another.
// want: cannot convert size (variable of struct type capability.Decision[int]) to type capability.Decision[string]

package main

import "github.com/typedcap/capability"

var size capability.Decision[int]

func main() {
	// instead: var other capability.Decision[int] = size
	other := capability.Decision[string](size) // mistake
	_ = other
}
