// What a program does with the extensions of the packages that it imports.

package discover_test

import (
	"fmt"
	"log"
	"maps"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/discover"
	"github.com/typedcap/capability/extension"
)

// Stock is what two extensions have to do with: one exports it, one requires it.
var Stock = capability.New[map[string]int]("stock", "knows how much there is of what")

// Each of these would be in a package of its own, which the program imports blank.
func init() {
	discover.Add(extension.Background[struct{}]{
		Manifest: extension.Manifest{
			Name: "reorder", Doc: "orders what there is little of", URL: "https://example.org/reorder",
			Requires: []extension.Key{Stock},
		},
	})
	discover.Add(extension.Passive[map[string]int]{
		Manifest: extension.Manifest{Name: "warehouse", Doc: "counts what lies on its shelves", URL: "https://example.org/warehouse"},
		Exports:  []extension.Key{Stock},
		New: func(shelves map[string]int, d extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{Stock.Bind(d.Name, maps.Clone(shelves))}, nil
		},
	})
}

func ExampleAll() {
	all, err := discover.All()
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range all { // by name, but the warehouse is required by the other
		d := e.Describe()
		fmt.Printf("%s %s\n", d.Name, d.Doc)
	}
	// Output:
	// warehouse counts what lies on its shelves
	// reorder orders what there is little of
}
