// It does not say how many may be asked at a time.
// want: not enough arguments in call to fanout.Each

package main

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/fanout"
)

type Sink func(ctx context.Context, event string) error

func send(ctx context.Context, sinks capability.Chain[Sink], event string) error {
	store := func(ctx context.Context, s Sink) error { return s(ctx, event) }
	// instead: return fanout.Each(ctx, sinks, 8, store)
	return fanout.Each(ctx, sinks, store) // mistake
}

func main() {
	fmt.Println(send(context.Background(), capability.Chain[Sink]{}, "started"))
}
