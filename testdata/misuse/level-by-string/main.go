// It gives the level of a registry by its name.
// want: as capability.Level value in argument to capability.NewRegistry

package main

import "github.com/typedcap/capability"

func main() {
	// instead: engine := capability.NewRegistry(capability.Engine, "engine")
	engine := capability.NewRegistry("engine", "engine") // mistake
	_ = engine
}
