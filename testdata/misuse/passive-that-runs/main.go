// It gives a Runner to an extension of which nothing runs.
// want: cannot use func

package main

import (
	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

var Clocks = capability.New[string]("clocks", "say what time it is")

func bindings(d extension.Dependencies) []capability.Binding {
	return []capability.Binding{Clocks.Bind(d.Name, "noon")}
}

func main() {
	_ = extension.Passive[struct{}]{
		Exports: []extension.Key{Clocks},
		// instead: New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) { return bindings(d), nil },
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return bindings(d), nil, nil
		}, // mistake
	}
}
