// It wraps with providers that are no middlewares.
// want: does not match capability.Chain[capability.Middleware[T]]

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Send func(to, text string) error

func main() {
	var senders capability.Chain[Send]
	var around capability.Chain[capability.Middleware[Send]]
	base := Send(func(to, text string) error { return nil })
	_ = senders
	// instead: send := capability.Wrap(around, base)
	send := capability.Wrap(senders, base) // mistake
	fmt.Println(send("ada", "hello"), around.Len())
}
