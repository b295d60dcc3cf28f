// It makes a Change of its own.
// want: does not implement capability.Change (unexported method stage)

package main

import "github.com/typedcap/capability"

type transaction struct{}

type audit struct{}

func (audit) stage(t *transaction, r *capability.Registry) {}

var log = capability.New[func(string)]("log", "hears of every change")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(log.Bind("audit", func(string) {}))
	err := engine.Apply(audit{}) // mistake
	if err != nil {
		panic(err)
	}
}
