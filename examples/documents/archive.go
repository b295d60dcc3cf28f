// The archive: its extension points, and what an index does with a document by
// asking those who are bound to them.

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
)

// What apps may be. All are asked by several goroutines at once.
type (
	// An Injector adds fields to a document before it is stored.
	Injector func(Document) (Document, error)
	// A Validator returns what is wrong with a document.
	Validator func(Document) error
	// A Vote answers a question about a document with yes or no.
	Vote func(Document) (bool, error)
	// A Sink is told about a document that was stored.
	Sink func(context.Context, Document) error
)

// The extension points.
var (
	Injectors  = capability.New[Injector]("injector", "adds fields to a document before it is stored")
	Validators = capability.New[Validator]("validator", "finds what is wrong with a document of any index")
	Schemas    = capability.New[Validator]("schema", "finds what is wrong with a document of the index that it is named after")
	Deletable  = capability.New[Vote]("deletable", "votes on whether a document may be deleted")
	Interested = capability.New[Vote]("interested", "says whether somebody still works with a document")
	Sinks      = capability.New[Sink]("sink", "is told about each document that was stored")
)

// LevelIndex is the level of the registry of an index. It is narrower than the
// engine, which is where the archive is, so that an index may differ from the rest.
const LevelIndex capability.Level = 150

// sinksAtOnce is how many sinks are told at the same time.
const sinksAtOnce = 4

// An Index is a part of the archive whose documents have one schema. Any number
// of goroutines may use it.
type Index struct {
	name       string
	scope      *capability.Scope
	injectors  capability.ChainHandle[Injector]
	validators capability.ChainHandle[Validator]
	schema     capability.Handle[Validator]
	schemas    capability.ChainHandle[Validator] // to say whose error it is
	deletable  capability.ChainHandle[Vote]
	interested capability.ChainHandle[Vote]
	sinks      capability.ChainHandle[Sink]
	docs       sync.Map // *Document by ID
}

// openIndex opens the index of the registry own, which has its name. All chains
// may be empty, now and later. The schema may not: without one the index does not
// open, and while it is open nobody can take the schema away.
func openIndex(own, archive *capability.Registry) (*Index, error) {
	scope, err := capability.Compose(own, archive)
	if err != nil {
		return nil, err
	}
	ix := &Index{name: own.Name(), scope: scope}
	err = scope.Resolve(
		Injectors.All().Into(&ix.injectors),
		Validators.All().Into(&ix.validators),
		Schemas.Named(ix.name).Into(&ix.schema),
		Schemas.All().Into(&ix.schemas),
		Deletable.All().Into(&ix.deletable),
		Interested.All().Into(&ix.interested),
		Sinks.All().Into(&ix.sinks),
	)
	if err != nil {
		return nil, errors.Join(err, scope.Close())
	}
	return ix, nil
}

// Close gives the schema free. The documents stay.
func (ix *Index) Close() error { return ix.scope.Close() }

// A Receipt says what became of a document.
type Receipt struct {
	Document   Document // with the fields that apps injected
	PassedOver error    // of the injectors that failed, whose fields it lacks
	Untold     error    // of the sinks that failed, which may not know of it
}

// Put stores a document under its ID, in the place of the one before. The error is
// why it was refused. What went wrong without hindering the update is in the
// receipt, which comes with a refusal too: a field may be missing because an
// injector failed.
func (ix *Index) Put(ctx context.Context, d Document) (Receipt, error) {
	var r Receipt
	r.Document, r.PassedOver = keepgoing.Pipe(ix.injectors.Get(), d, inject)
	if err := ix.validate(r.Document); err != nil {
		return r, err
	}
	stored := r.Document
	ix.docs.Store(stored.ID(), &stored)
	r.Untold = fanout.Each(ctx, ix.sinks.Get(), sinksAtOnce, func(ctx context.Context, tell Sink) error {
		return tell(ctx, stored)
	})
	return r, nil
}

// inject is a stage of the pipe. A stage that fails hands on nothing: the next one
// works on what the last good one returned.
func inject(add Injector, d Document) (Document, error) {
	next, err := add(d)
	if err == nil && next.ID() != d.ID() {
		err = fmt.Errorf("it was given document %q and returned %q: return what With made of the given one", d.ID(), next.ID())
	}
	return next, err
}

// validate asks all validators and then the schema, whatever the others say: who
// has to mend a document wants to hear everything at once. The errors are ranked
// as one list.
func (ix *Index) validate(d Document) error {
	err := keepgoing.Each(ix.validators.Get(), func(check Validator) error { return check(d) })
	return capability.Join(err, ix.conforms(d))
}

// conforms asks the schema, one provider and not a chain, with the manners of
// package keepgoing: its error has its name, and a panic is an error.
func (ix *Index) conforms(d Document) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &capability.PanicError{Value: v, Stack: debug.Stack()}
		}
		err = ix.schemas.Get().Blame(ix.name, err)
	}()
	return ix.schema.Get()(d)
}

// Get returns the document of that ID.
func (ix *Index) Get(id string) (Document, error) {
	d, err := ix.find(id)
	if err != nil {
		return Document{}, err
	}
	return *d, nil
}

func (ix *Index) find(id string) (*Document, error) {
	d, ok := ix.docs.Load(id)
	if !ok {
		return nil, &capability.Error{Code: capability.ErrUnknown, Err: fmt.Errorf("index %q has no document %q", ix.name, id)}
	}
	return d.(*Document), nil
}

// Delete deletes the document if all votes are yes, and reports whether it did.
// A vote that failed is no yes: the document stays, and the error says who could
// not vote. Where nobody votes, everything may be deleted.
func (ix *Index) Delete(id string) (bool, error) {
	d, err := ix.find(id)
	if err != nil {
		return false, err
	}
	yes, err := keepgoing.Every(ix.deletable.Get(), func(vote Vote) (bool, error) { return vote(*d) })
	if !yes {
		return false, err
	}
	if !ix.docs.CompareAndDelete(id, d) {
		return false, &capability.Error{Code: capability.ErrConflict, Err: fmt.Errorf("document %q changed while the votes on it were cast: ask again", id)}
	}
	return true, nil
}

// Wanted reports whether somebody is interested in the document. A vote that
// failed is no yes here either. So a no says that nobody is interested only if the
// error is nil; with an error it says that nobody who answered is.
func (ix *Index) Wanted(id string) (bool, error) {
	d, err := ix.find(id)
	if err != nil {
		return false, err
	}
	return keepgoing.Any(ix.interested.Get(), func(vote Vote) (bool, error) { return vote(*d) })
}

// parts returns the errors that a verb joined, which matters most first, or the
// one that it met alone.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
