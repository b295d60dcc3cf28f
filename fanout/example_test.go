// What is sent to everybody at the same time: events, to sinks of which one is dead.

package fanout_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/fanout"
)

// A Sink stores events.
type Sink interface {
	Store(ctx context.Context, event string) (lines int, err error)
}

var Sinks = capability.New[Sink]("sink", "stores events")

// A file counts its lines.
type file struct{ lines int }

func (f *file) Store(context.Context, string) (int, error) { f.lines++; return f.lines, nil }

// A dead sink is one whose disk is full.
type dead struct{}

func (dead) Store(context.Context, string) (int, error) { return 0, errors.New("the disk is full") }

// sinks returns a chain of three.
func sinks() capability.Chain[Sink] {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Sinks.Bind("today", &file{}), Sinks.Bind("old", dead{}), Sinks.Bind("archive", &file{lines: 99})))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := Sinks.All().Handle(scope)
	must(err)
	return h.Get()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ExampleEach() {
	err := fanout.Each(context.Background(), sinks(), 8, func(ctx context.Context, s Sink) error {
		_, err := s.Store(ctx, "started")
		return err
	})
	fmt.Println(err)
	// Output: capability "sink", provider "old", scope "engine": the disk is full
}

func ExampleCollect() {
	replies, err := fanout.Collect(context.Background(), sinks(), 8, func(ctx context.Context, s Sink) (int, error) {
		return s.Store(ctx, "started")
	})
	for _, r := range replies {
		fmt.Println(r.Provider, r.Value, r.Err == nil)
	}
	fmt.Println(err)
	// Output:
	// today 1 true
	// old 0 false
	// archive 100 true
	// capability "sink", provider "old", scope "engine": the disk is full
}

func ExampleAny() {
	full, err := fanout.Any(context.Background(), sinks(), 8, func(ctx context.Context, s Sink) (bool, error) {
		lines, err := s.Store(ctx, "started")
		return lines >= 100, err
	})
	fmt.Println(full)
	fmt.Println(err)
	// Output:
	// true
	// capability "sink", provider "old", scope "engine": the disk is full
}

// Who fails does not say yes.
func ExampleEvery() {
	stored, err := fanout.Every(context.Background(), sinks(), 8, func(ctx context.Context, s Sink) (bool, error) {
		_, err := s.Store(ctx, "started")
		return true, err
	})
	fmt.Println(stored)
	fmt.Println(err)
	// Output:
	// false
	// capability "sink", provider "old", scope "engine": the disk is full
}
