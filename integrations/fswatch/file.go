// The source: a file that is read when something has happened to it.

package fswatch

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/typedcap/capability/data"
)

// Options are what may be different in a [File]. The zero value is the default.
type Options struct {
	// Debounce is how long nothing must have happened on the path before the file is
	// read. A file that changes all the time is read after ten times that. 0 stands
	// for 50 ms; if it is negative, the file is read after each event.
	Debounce time.Duration

	// Every is how often the file is read although nothing seems to have happened. If
	// it is not positive, it stands for 30 s.
	Every time.Duration
}

const (
	defaultDebounce = 50 * time.Millisecond
	defaultEvery    = 30 * time.Second

	// hold is how long a Run lasts at least that fails as the one before did. It is
	// longer than the first pause of a feed, so that a feed counts anew; and short, as
	// who reloads waits for it.
	hold = time.Second

	// share is how many times as long as its first read it lasts at least, so that a
	// large file that is bad does not keep a processor busy.
	share = 10
)

// File returns a source of what the file at path holds, as decode understands it. It is
// read when the source starts, soon after something has happened on the path, and
// every so often. A relative path is one of the working directory of that moment. A
// decode that panics is a failure like any other. Each Run has a watcher of its own and
// closes it before it returns.
func File[K cmp.Ordered, V any](path string, decode func([]byte) (map[K]V, error), o Options) data.Source[K, V] {
	f := &file[K, V]{path: path, decode: decode, quiet: cmp.Or(o.Debounce, defaultDebounce), every: o.Every, hold: hold, open: fsnotify.NewWatcher}
	if f.every <= 0 {
		f.every = defaultEvery
	}
	return f
}

type file[K cmp.Ordered, V any] struct {
	path         string
	decode       func([]byte) (map[K]V, error)
	quiet, every time.Duration
	hold         time.Duration
	open         func() (*fsnotify.Watcher, error)

	failed atomic.Bool // a Run returned an error, and none has begun since
}

// Run watches the path and reads the file. What it watches is brought up to date before
// each read, so that a change that is not seen by the read causes an event.
func (f *file[K, V]) Run(ctx context.Context, publish func(map[K]V)) error {
	w := watch{path: f.path, open: f.open, look: routeOf, events: make(chan struct{}, 1)}
	defer w.close()
	r := newReader(f.path, f.decode, publish)
	known := f.failed.Swap(false)
	begun := time.Now()
	var until time.Time // it does not fail before
	for first := true; ctx.Err() == nil; first = false {
		w.follow()
		err := r.read(ctx)
		if ctx.Err() != nil {
			break // whoever ended it wants to know the failure of the next Run at once
		}
		if first && known {
			until = begun.Add(max(f.hold, share*time.Since(begun)))
		}
		most := f.every
		if err == nil {
			until = time.Time{}
		} else if most = min(most, time.Until(until)); most <= 0 {
			f.failed.Store(true)
			return err
		}
		settle(ctx, w.events, f.quiet, most)
	}
	return nil
}
