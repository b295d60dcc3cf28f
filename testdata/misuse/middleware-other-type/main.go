// It binds a middleware around something else.
// want: as capability.Middleware[Send] value in argument

package main

import "github.com/typedcap/capability"

type Send func(to, text string) error

type Receive func() (text string, err error)

var Around = capability.New[capability.Middleware[Send]]("around_send", "does something around sending")

func logged(next Send) Send { return next }

func buffered(next Receive) Receive { return next }

func main() {
	_ = buffered
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Around.Bind("logged", logged))
	err := engine.Apply(Around.Bind("logged", buffered)) // mistake
	if err != nil {
		panic(err)
	}
}
