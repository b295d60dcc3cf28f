// Its step of a Pipe makes an int of a string.
// want: does not match inferred type func(Filter, string) (string, error)

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Filter interface{ Clean(text string) string }

var Filters = capability.New[Filter]("filter", "cleans the text of documents")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	filters, err := Filters.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	// instead: text, err := capability.Pipe(filters.Get(), "draft", func(f Filter, text string) (string, error) { return f.Clean(text), nil })
	text, err := capability.Pipe(filters.Get(), "draft", func(f Filter, text string) (int, error) { return len(f.Clean(text)), nil }) // mistake
	fmt.Println(text, err)
}
