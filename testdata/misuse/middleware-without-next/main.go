// It binds the wrapped thing where a middleware is due.
// want: as capability.Middleware[Send] value in argument

package main

import "github.com/typedcap/capability"

type Send func(to, text string) error

var Around = capability.New[capability.Middleware[Send]]("around_send", "does something around sending")

func dropped(to, text string) error { return nil }

func main() {
	_ = dropped
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Around.Bind("dropped", func(Send) Send { return dropped }))
	err := engine.Apply(Around.Bind("dropped", dropped)) // mistake
	if err != nil {
		panic(err)
	}
}
