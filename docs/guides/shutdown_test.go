// The code of shutdown.md: a waterworks starts, and ends in order.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A WaterPump moves water.
type WaterPump interface{ Pump(litres int) }

var (
	WaterPumps = capability.New[WaterPump]("pumps", "move water")
	WaterBooks = capability.New[*waterBook]("books", "keep what was moved")
)

// waterBook is a provider that has to be closed.
type waterBook struct{ litres int }

func (b *waterBook) Close() error {
	fmt.Println("the book is closed at", b.litres)
	return nil
}

// diesel is what callers get of a Diesel.
type diesel struct{}

func (diesel) Pump(litres int) { fmt.Println("pumping", litres) }

// Diesel is an extension: its engine runs until it is told to stop.
var Diesel = extension.Active[string]{
	Manifest: extension.Manifest{Name: "diesel", Doc: "pumps with an engine", URL: "https://example.org/diesel"},
	Exports:  []extension.Key{WaterPumps},
	New: func(kind string, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		run := func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			fmt.Println("the engine stands still")
			return nil
		}
		return []capability.Binding{WaterPumps.Bind(d.Name, diesel{})}, extension.RunFunc(run), nil
	},
}

// waterworks runs until ctx ends.
func waterworks(ctx context.Context, serve func(context.Context, *capability.Scope) error) error {
	works := capability.NewRegistry(capability.Engine, "works")
	book := new(waterBook)
	if err := works.Apply(WaterBooks.Bind("book", book).OnRetire(book.Close)); err != nil {
		return errors.Join(err, book.Close())
	}
	host := extension.NewHost(extension.Options{})
	down := func(err error, scopes ...*capability.Scope) error {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		errs := []error{err}
		for _, s := range scopes {
			errs = append(errs, s.Close())
		}
		return errors.Join(append(errs, host.Stop(late), works.Close(late))...)
	}
	if err := host.Start(ctx, Diesel.Instance("north", "V8").At(works)); err != nil {
		return down(err)
	}
	scope, err := capability.Compose(works)
	if err != nil {
		return down(err)
	}
	err = serve(ctx, scope) // returns when all that it has begun has ended
	return down(err, scope)
}

// supply is the consumer.
func supply(ctx context.Context, scope *capability.Scope) error {
	var pump capability.Handle[WaterPump]
	var book capability.Handle[*waterBook]
	if err := scope.Resolve(WaterPumps.Into(&pump), WaterBooks.Into(&book)); err != nil {
		return err
	}
	pump.Get().Pump(500)
	book.Get().litres += 500
	<-ctx.Done()
	fmt.Println("no more work is taken")
	return nil
}

func Example_shutdown() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	err := waterworks(ctx, func(ctx context.Context, scope *capability.Scope) error {
		time.AfterFunc(time.Millisecond, stop) // as a signal would
		return supply(ctx, scope)
	})
	if err != nil {
		fmt.Println(err) // and then os.Exit(1)
	}
	// Output:
	// pumping 500
	// no more work is taken
	// the engine stands still
	// the book is closed at 500
}

func Example_shutdownOdd() {
	ctx := context.Background()
	works := capability.NewRegistry(capability.Engine, "works")
	book := &waterBook{litres: 7}
	must(works.Apply(WaterBooks.Bind("book", book).OnRetire(book.Close)))
	scope, err := capability.Compose(works)
	must(err)
	plain, err := WaterBooks.Handle(scope)
	must(err)
	leased, err := WaterBooks.Leased(scope)
	must(err)

	fmt.Println(works.Close(ctx))
	must(scope.Close())
	must(scope.Close()) // no mistake
	fmt.Println(plain.Get().litres)
	err = leased.Use(func(*waterBook) error { return nil })
	fmt.Println(errors.Is(err, capability.ErrClosed))
	must(works.Close(ctx))
	fmt.Println(errors.Is(works.Apply(WaterBooks.Bind("other", book)), capability.ErrClosed))
	// Output:
	// registry "works" (engine) is part of 1 open scope, "works": close the scopes first
	// 7
	// true
	// the book is closed at 7
	// true
}

func Example_shutdownHost() {
	ctx := context.Background()
	works := capability.NewRegistry(capability.Engine, "works")
	host := extension.NewHost(extension.Options{
		Consumers: time.Millisecond,
		Limits:    extension.Limits{Drain: time.Millisecond},
	})
	must(host.Start(ctx, Diesel.Instance("north", "V8").At(works)))
	scope, err := capability.Compose(works)
	must(err)
	pump, err := WaterPumps.Handle(scope)
	must(err)

	err = host.Stop(ctx)
	fmt.Println(withoutSites(err.Error()))
	fmt.Println(errors.Is(err, capability.ErrInUse))
	pump.Get().Pump(1)
	must(scope.Close())
	fmt.Println(host.Stop(ctx) == err)
	fmt.Println(works.Close(ctx))
	// Output:
	// the engine stands still
	// provider "north", scope "works": extension "diesel", instance made: it is stopped although its exports are used by scope "works", which resolved it: close the scopes before Stop, or give it more time for Consumers
	// provider "north", scope "works": extension "diesel", instance made: it is stopped although its exports cannot be withdrawn: capability "pumps", scope "works": the change would leave a resolved handle without its provider (scope "works" resolved it): close the scopes first, or Rebind instead
	// true
	// pumping 1
	// true
	// <nil>
}

func Example_shutdownRegistryFirst() {
	ctx := context.Background()
	works := capability.NewRegistry(capability.Engine, "works")
	host := extension.NewHost(extension.Options{})
	must(host.Start(ctx, Diesel.Instance("north", "V8").At(works)))
	fmt.Println(works.Close(ctx))
	must(host.Stop(ctx))
	fmt.Println(works.Close(ctx))
	// Output:
	// registry "works" (engine) is part of 1 open scope, "north over works": close the scopes first
	// the engine stands still
	// <nil>
}

func Example_shutdownHangs() {
	works := capability.NewRegistry(capability.Engine, "works")
	stuck := make(chan struct{})
	must(works.Apply(WaterBooks.Bind("book", new(waterBook)).OnRetire(func() error {
		<-stuck
		return errors.New("the ink was wet")
	})))
	late, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := works.Close(late)
	fmt.Println(errors.Is(err, capability.ErrInUse), errors.Is(err, context.DeadlineExceeded))
	close(stuck)
	fmt.Println(withoutSites(works.Close(context.Background()).Error()))
	// Output:
	// true true
	// capability "books", provider "book": OnRetire of what is bound: the ink was wet
}
