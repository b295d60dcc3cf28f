// Instances in use: each scope gets one of its own, with what it has open.

package capability_test

import (
	"context"
	"fmt"

	"github.com/typedcap/capability"
)

// A Journal writes lines into a file that belongs to one pipeline.
type Journal struct {
	file  string
	lines int
}

// Write writes a line.
func (j *Journal) Write(line string) {
	j.lines++
	fmt.Printf("%s:%d: %s\n", j.file, j.lines, line)
}

var (
	Journals    = capability.New[*Journal]("journal", "writes down what a pipeline does")
	Directories = capability.New[string]("directory", "says where a pipeline keeps its files")
)

// openJournal opens a journal for a scope, where the scope wants it, and has it
// closed when the scope needs it no more.
func openJournal(r *capability.Resolver) (*Journal, error) {
	directory, err := Directories.In(r)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: directory + "/journal"}
	fmt.Println("open", j.file)
	r.OnRetire(func() error {
		fmt.Println("close", j.file)
		return nil
	})
	return j, nil
}

func ExampleCapability_BindPerScope() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	returns := capability.NewRegistry(capability.Pipeline, "returns")
	must(engine.Apply(Journals.BindPerScope("file", openJournal)))
	must(orders.Apply(Directories.Bind("own", "/var/orders")))
	must(returns.Apply(Directories.Bind("own", "/var/returns")))

	var scopes []*capability.Scope
	for _, pipeline := range []*capability.Registry{orders, returns} {
		scope, err := capability.Compose(pipeline, engine)
		must(err)
		scopes = append(scopes, scope)
		journal, err := Journals.Handle(scope)
		must(err)
		again, err := Journals.Named("file").Handle(scope)
		must(err)
		journal.Get().Write("started")
		again.Get().Write("running")
	}
	must(scopes[0].Close())
	must(engine.Drain(context.Background()))
	must(scopes[1].Close())
	must(engine.Drain(context.Background()))
	// Output:
	// open /var/orders/journal
	// /var/orders/journal:1: started
	// /var/orders/journal:2: running
	// open /var/returns/journal
	// /var/returns/journal:1: started
	// /var/returns/journal:2: running
	// close /var/orders/journal
	// close /var/returns/journal
}

// A maker that reads its own capability gets what broader registries bind, so
// that a narrower one can be put around it.
func ExampleQuery_In() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(Directories.Bind("base", "/var")))
	must(orders.Apply(Directories.BindPerScope("base", func(r *capability.Resolver) (string, error) {
		base, err := Directories.In(r)
		return base + "/orders", err
	})))
	for _, registries := range [][]*capability.Registry{{engine}, {orders, engine}} {
		scope, err := capability.Compose(registries...)
		must(err)
		defer scope.Close()
		directory, err := Directories.Handle(scope)
		must(err)
		fmt.Println(directory.Get())
	}
	// Output:
	// /var
	// /var/orders
}
