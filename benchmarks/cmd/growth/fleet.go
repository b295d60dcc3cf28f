// An engine with scopes below it, by the library.

package main

import (
	"time"

	"github.com/typedcap/capability"
)

// handles is how many capabilities a scope reads.
const handles = 10

// changed is which of them a commit gives another provider.
const changed = 3

// A node is a pipeline with its scope. What it resolves is where its owner keeps
// it.
type node struct {
	scope *capability.Scope
	reads *[handles]capability.Handle[check]
}

// A fleet is an engine with nodes below it.
type fleet struct {
	engine *capability.Registry
	keys   []capability.Capability[check]
	nodes  []node
}

// newEngine returns a fleet without nodes, whose engine has a capability for each
// of the checks.
func newEngine(checks []check) (*fleet, error) {
	f := &fleet{
		engine: capability.NewRegistry(capability.Engine, "engine"),
		keys:   make([]capability.Capability[check], 0, len(checks)),
	}
	changes := make(capability.Changes, 0, len(checks))
	for i, c := range checks {
		key := capability.New[check](label("checks", i), "looks at an order before it is shipped")
		f.keys = append(f.keys, key)
		changes = append(changes, key.Bind("check", c))
	}
	return f, f.engine.Apply(changes)
}

// newFleet returns a fleet whose nodes hold their handles.
func newFleet(capabilities, scopes int) (*fleet, error) {
	f, err := newEngine(newChecks(capabilities))
	if err != nil {
		return nil, err
	}
	f.nodes = make([]node, scopes)
	if err := f.compose(); err != nil {
		return nil, err
	}
	for i := range f.nodes {
		f.nodes[i].reads = new([handles]capability.Handle[check])
		if err := f.resolve(f.nodes[i]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// compose makes the scopes of the nodes, each with a registry of its own.
func (f *fleet) compose() (err error) {
	for i := range f.nodes {
		own := capability.NewRegistry(capability.Pipeline, label("pipeline", i))
		if f.nodes[i].scope, err = capability.Compose(f.engine, own); err != nil {
			return err
		}
	}
	return nil
}

// resolve resolves the handles of a node.
func (f *fleet) resolve(n node) error {
	var needs [handles]capability.Need
	for i := range needs {
		needs[i] = f.keys[i].Into(&n.reads[i])
	}
	return n.scope.Resolve(needs[:]...)
}

// rebind gives the changed capability another provider.
func (f *fleet) rebind(c check) error {
	return f.engine.Apply(f.keys[changed].Rebind("check", c))
}

func (f *fleet) close() error {
	for _, n := range f.nodes {
		if err := n.scope.Close(); err != nil {
			return err
		}
	}
	return nil
}

// oneMore makes a scope with its handles and takes it down again, n times. Only
// the making is timed.
func (f *fleet) oneMore(n int) (spent time.Duration, err error) {
	pipeline := capability.NewRegistry(capability.Pipeline, "orders")
	var reads [handles]capability.Handle[check]
	for range n {
		start := time.Now()
		scope, err := capability.Compose(f.engine, pipeline)
		if err != nil {
			return 0, err
		}
		if err := f.resolve(node{scope, &reads}); err != nil {
			return 0, err
		}
		spent += time.Since(start)
		if err := scope.Close(); err != nil {
			return 0, err
		}
	}
	return spent, nil
}

// The readers stand in functions of their own, so that nothing of what is around
// them is compiled into them.

//go:noinline
func readHandles(reads *[handles]capability.Handle[check], n int) (sum int) {
	for order := range n {
		for i := range reads {
			price, err := reads[i].Get().Amend(order, order)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}
