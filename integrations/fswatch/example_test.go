// A file of feature flags that an operator edits while the program runs.

package fswatch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/integrations/fswatch"
)

// Flags switch features of a shop.
var Flags = capability.New[data.Source[string, bool]]("flags", "switches features")

func Example() {
	dir, err := os.MkdirTemp("", "shop")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flags.json")
	must(os.WriteFile(path, []byte(`{"fast-path": false}`), 0o644))

	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Flags.Bind("operator", fswatch.File(path, data.JSON[bool], fswatch.Options{Debounce: 20 * time.Millisecond})),
		Flags.Bind("built-in", data.Static(map[string]bool{"fast-path": false, "search": true})),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, Flags, data.Options{})
	must(err)
	defer feed.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for old, now := range feed.Table().Watch(ctx) {
		on, by, _ := now.Lookup("fast-path")
		fmt.Println("fast-path is", on, "says", by)
		if old != nil {
			break
		}
		// An editor writes another file and renames it.
		must(os.WriteFile(path+".new", []byte(`{"fast-path": true}`), 0o644))
		must(os.Rename(path+".new", path))
	}
	// Output:
	// fast-path is false says operator
	// fast-path is true says operator
}
