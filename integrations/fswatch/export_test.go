// What the tests see of the inside.

package fswatch

import (
	"cmp"
	"context"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/typedcap/capability/data"
)

// Tune changes how long a Run lasts that follows a failure, and how watchers are made.
func Tune[K cmp.Ordered, V any](s data.Source[K, V], hold time.Duration, open func() (*fsnotify.Watcher, error)) {
	f := s.(*file[K, V])
	f.hold, f.open = hold, open
}

// Settle waits for the end of a burst of events.
func Settle(ctx context.Context, events <-chan struct{}, quiet, most time.Duration) {
	settle(ctx, events, quiet, most)
}

// Route returns the directories of a path and the names that are looked up in each.
func Route(path string) map[string][]string {
	names := make(map[string][]string)
	for dir, s := range routeOf(path) {
		names[dir] = s.names
	}
	return names
}

// Concerns reports whether what happens to the file at event concerns the path.
func Concerns(path, event string) bool { return routeOf(path).has(event) }

// SameRoute reports whether a path leads through the same directories before and after a
// change.
func SameRoute(path string, change func()) bool {
	before := routeOf(path)
	change()
	return routeOf(path).equal(before)
}

// Follow watches a path, after each look at which something happens, and returns what is
// watched in the end.
func Follow(path string, happens func()) []string {
	w := watch{path: path, open: fsnotify.NewWatcher, events: make(chan struct{}, 1), look: func(path string) route {
		r := routeOf(path)
		happens()
		return r
	}}
	defer w.close()
	w.follow()
	return w.watcher.WatchList()
}
