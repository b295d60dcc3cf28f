// The extension point for storage: who keeps the plug-ins.

package main

import (
	"context"
	"errors"

	"github.com/typedcap/capability"
)

// A Catalog knows the registered plug-ins. Get returns an error that wraps
// errAbsent if there is none of that name; List returns all, sorted by name.
type Catalog interface {
	Get(ctx context.Context, name string) (Plugin, error)
	List(ctx context.Context) ([]Plugin, error)
}

// A Ledger changes what is registered. Add returns an error that wraps errTaken if
// the name is taken, and Remove one that wraps errAbsent if it is not.
type Ledger interface {
	Add(ctx context.Context, p Plugin) error
	Remove(ctx context.Context, name string) error
}

// A Store is both.
type Store interface {
	Catalog
	Ledger
}

// Storage is the extension point. One provider is asked, so one must be bound.
var Storage = capability.New[Store]("storage", "keeps the registered plug-ins")

var (
	errAbsent = errors.New("no such plug-in")
	errTaken  = errors.New("the name is taken")
)
