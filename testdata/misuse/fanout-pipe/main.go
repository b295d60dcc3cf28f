// It asks package fanout for a Pipe, whose stages depend on each other.
// want: undefined: fanout.Pipe

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/fanout"
)

type Filter func(text string) (string, error)

func clean(ctx context.Context, filters capability.Chain[Filter], text string) (string, error) {
	err := fanout.Each(ctx, filters, 4, func(context.Context, Filter) error { return nil })
	if err != nil {
		return "", err
	}
	run := func(f Filter, text string) (string, error) { return f(text) }
	// instead: return capability.Pipe(filters, text, run)
	return fanout.Pipe(filters, text, run) // mistake
}

func main() {
	fmt.Println(clean(context.Background(), capability.Chain[Filter]{}, "draft"))
}
