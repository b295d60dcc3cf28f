// It makes an extension of a type of its own, which the host could not start.
// want: missing method declaration

package main

import (
	"fmt"

	"github.com/typedcap/capability/extension"
)

type clock struct{}

func (clock) Describe() extension.Description { return extension.Description{Name: "clock"} }

func (clock) Decode(string, func(any) error) extension.Instance { return extension.Instance{} }

func main() {
	// instead: var e extension.Extension = extension.Passive[clock]{}
	var e extension.Extension = clock{} // mistake
	fmt.Println(e.Describe())
}
