// It binds a middleware that calls next by itself and returns nothing.
// want: as capability.Middleware[Send] value in argument

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Send func(to, text string) error

var Around = capability.New[capability.Middleware[Send]]("around_send", "does something around sending")

func greeting(next Send) {
	fmt.Println(next("all", "hello"))
}

func signed(next Send) Send {
	return func(to, text string) error { return next(to, text+" (signed)") }
}

func main() {
	_, _ = greeting, signed
	engine := capability.NewRegistry(capability.Engine, "engine")
	// instead: err := engine.Apply(Around.Bind("signed", signed))
	err := engine.Apply(Around.Bind("signed", greeting)) // mistake
	if err != nil {
		panic(err)
	}
}
