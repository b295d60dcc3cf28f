// Package data has typed data sets that are put together from many sources, and
// followed while the program runs: feature flags, limits, routing tables, catalogues.
//
// A source is a provider of a capability, so it is bound, rebound, masked and selected
// at engine, group or pipeline level like any other:
//
//	var Flags = capability.New[data.Source[string, bool]]("flags", "switches features")
//
//	err := engine.Apply(
//		Flags.Bind("operator", data.File("flags.json", time.Second, data.JSON[bool])),
//		Flags.Bind("built-in", data.Static(defaults)),
//	)
//	err = orders.Apply(Flags.Bind("trial", data.Static(trial)))
//	feed, err := data.Open(ctx, scope, Flags, data.Options{})
//	defer feed.Close()
//
// Of several sources that have a key the first in the chain answers for it: that of the
// narrower registry, and within one that of the greater priority or which was bound
// earlier. So what overrides is bound first.
//
// A [Feed] runs the sources that its scope sees. What they publish is one immutable
// [Table] after the other, which readers get with one atomic load:
//
//	table := feed.Table()
//	…
//	on, by, ok := table.Get().Lookup("fast-path")
//
// A change of a source, and one of the chain of sources, makes a new table; whoever
// wants to know watches the handle and takes [Diff] of the two tables. If nothing has
// changed, nobody is told. A source that fails keeps its last good data, says so in
// [Feed.Status], and is started again.
package data

import (
	"cmp"
	"context"
	"maps"
	"time"
)

// A Source says what the data are.
type Source[K cmp.Ordered, V any] interface {
	// Run calls publish with all the data of the source as soon as it has them, an empty
	// map if there are none, and whenever they are others than before, until ctx has
	// ended: Open and Reload wait for the first call of each Run. It may do so from
	// several goroutines. publish copies the map and no more: what values point to must
	// not change any more.
	// Calls after Run has returned have no effect.
	//
	// A Run that returns before ctx has ended is called again after a while, which
	// grows with each time that it returns in turn. One that panics has failed. Each
	// feed runs the source by itself, so Run may be running several times.
	Run(ctx context.Context, publish func(map[K]V)) error
}

// Static returns a source of data that do not change. It copies the map.
func Static[K cmp.Ordered, V any](m map[K]V) Source[K, V] {
	return &static[K, V]{maps.Clone(m)}
}

type static[K cmp.Ordered, V any] struct{ data map[K]V }

func (s *static[K, V]) Run(ctx context.Context, publish func(map[K]V)) error {
	publish(maps.Clone(s.data))
	<-ctx.Done()
	return nil
}

// Func returns a source that calls read when it starts and again and again, every so
// often; once only if every is not positive. If read fails, so does the source,
// and is started again.
func Func[K cmp.Ordered, V any](every time.Duration, read func(context.Context) (map[K]V, error)) Source[K, V] {
	return &polled[K, V]{every, read}
}

type polled[K cmp.Ordered, V any] struct {
	every time.Duration
	read  func(context.Context) (map[K]V, error)
}

func (s *polled[K, V]) Run(ctx context.Context, publish func(map[K]V)) error {
	for {
		m, err := s.read(ctx)
		if err != nil {
			return err
		}
		publish(m)
		if !wait(ctx, s.every) {
			return nil
		}
	}
}

// wait reports whether that much time has passed before ctx ended. A time that is not
// positive never passes.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		<-ctx.Done()
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
