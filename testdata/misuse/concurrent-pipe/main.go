// It asks for a Pipe whose steps run at the same time.
// want: too many arguments in call to capability.Pipe

package main

import (
	"context"
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
	ctx, limit := context.Background(), 4
	clean := func(f Filter, text string) (string, error) { return f.Clean(text), ctx.Err() }
	// instead: text, err := capability.Pipe(filters.Get(), fmt.Sprint("draft ", limit), clean)
	text, err := capability.Pipe(ctx, filters.Get(), limit, "draft", clean) // mistake
	fmt.Println(text, err)
}
