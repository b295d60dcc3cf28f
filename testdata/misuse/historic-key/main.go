// It declares a key that keeps past calls for those who come later.
// want: undefined: capability.Historic

package main

import "github.com/typedcap/capability"

type Listener interface{ Connected(address string) }

// instead: var Listeners = capability.New[Listener]("listener", "is told of connections")
var Listeners = capability.New[Listener]("listener", "is told of connections", capability.Historic()) // mistake

func main() {
	_ = Listeners
}
