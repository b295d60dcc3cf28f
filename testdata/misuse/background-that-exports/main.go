// It declares exports of an extension that only runs.
// want: unknown field Exports in struct literal of type extension.Background

package main

import (
	"context"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

var Clocks = capability.New[string]("clocks", "say what time it is")

func main() {
	_ = extension.Background[struct{}]{
		Manifest: extension.Manifest{Name: "refresher", Doc: "refreshes", URL: "https://example.org/refresher"},
		// instead: New: func(struct{}, extension.Dependencies) (extension.Runner, error) { return extension.RunFunc(run), nil },
		Exports: []extension.Key{Clocks}, // mistake
	}
	_ = run
}

func run(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return nil
}
