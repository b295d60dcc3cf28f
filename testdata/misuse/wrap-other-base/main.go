// It wraps a base that the middlewares are not for.
// want: does not match inferred type Send for T

package main

import "github.com/typedcap/capability"

type Send func(to, text string) error

type Receive func() (text string, err error)

func main() {
	var around capability.Chain[capability.Middleware[Send]]
	send := Send(func(to, text string) error { return nil })
	receive := Receive(func() (string, error) { return "", nil })
	_, _ = send, receive
	// instead: _ = capability.Wrap(around, send)
	_ = capability.Wrap(around, receive) // mistake
}
