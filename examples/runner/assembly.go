// The assembly: the only place that knows who provides what.

package main

import (
	"context"
	"errors"
	"time"

	"github.com/typedcap/capability"
)

// An assembly is the executor with what it is made of.
//
//	builtin   runners container, process; formats table, json
//	file      storage sqlite
//	flags     Select of runners
type assembly struct {
	executor   *Executor
	scope      *capability.Scope
	registries []*capability.Registry
}

// assemble puts the program together. Who gets an assembly closes it.
func assemble(ctx context.Context, c Config) (*assembly, error) {
	builtin := capability.NewRegistry(capability.Engine, "builtin")
	file := capability.NewRegistry(capability.Group, "file")
	flags := capability.NewRegistry(capability.Node, "flags")
	a := &assembly{registries: []*capability.Registry{flags, file, builtin}}

	err := builtin.Apply(
		Runners.Bind("container", containers{c.Engines, c.Patience}),
		Runners.Bind("process", processes{}).After("container"),
		Formats.Bind("table", asTable{}),
		Formats.Bind("json", asJSON{}),
	)
	if err != nil {
		return nil, err
	}
	if c.Ask != nil {
		if err := flags.Apply(Runners.Select(c.Ask...)); err != nil {
			return nil, usagef("-runners: %w", err)
		}
	}
	// Compose checks the names that the flags select, so it comes before anything
	// is opened.
	if a.scope, err = capability.Compose(a.registries...); err != nil {
		return nil, usagef("-runners: %w", err)
	}
	if err := a.open(ctx, c, file); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// open binds the database, which is closed with the registry of the file, and
// resolves what the executor needs.
func (a *assembly) open(ctx context.Context, c Config, file *capability.Registry) error {
	db, err := openDatabase(ctx, c.Database, c.Access, c.Patience)
	if err != nil {
		return err
	}
	if err := file.Apply(Storage.Bind("sqlite", db).OnRetire(db.Close)); err != nil {
		return errors.Join(err, db.Close()) // a refused Apply leaves it to the caller
	}
	d, err := resolve(a.scope)
	if err != nil {
		return err
	}
	a.executor = &Executor{c, d}
	return nil
}

// close closes the scope, which gives up the handles, and then the registries, which
// wait until their providers are retired.
func (a *assembly) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	errs := []error{a.scope.Close()}
	for _, r := range a.registries {
		errs = append(errs, r.Close(ctx))
	}
	return errors.Join(errs...)
}
