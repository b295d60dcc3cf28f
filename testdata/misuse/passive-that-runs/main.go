// It gives a Runner to an extension of which nothing runs.
// want: cannot use active

package main

import (
	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

var Clocks = capability.New[string]("clocks", "say what time it is")

func passive(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
	return []capability.Binding{Clocks.Bind(d.Name, "noon")}, nil
}

func active(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
	exports, err := passive(struct{}{}, d)
	return exports, nil, err
}

func main() {
	_ = active
	_ = extension.Passive[struct{}]{
		Exports: []extension.Key{Clocks},
		// instead: New: passive,
		New: active, // mistake
	}
}
