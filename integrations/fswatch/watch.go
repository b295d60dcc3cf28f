// Watches: the directories of a route, watched.

package fswatch

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

// A watch says when something has happened on a path. One goroutine uses it.
type watch struct {
	path   string
	open   func() (*fsnotify.Watcher, error)
	look   func(path string) route // routeOf, if it is not a test
	events chan struct{}           // holds one if something has happened

	watcher *fsnotify.Watcher // nil if there is none
	route   atomic.Pointer[route]
	work    sync.WaitGroup
}

// rounds is how often the route is looked at until it stands still. One that never does
// is looked at again with the next event.
const rounds = 8

// follow makes what is watched the directories of the path as it is now. It returns when
// the route did not change after the directories were watched, so that whatever
// changes it afterwards causes an event. Directories that cannot be watched are left
// out. If there is no watcher, it tries to get one.
func (w *watch) follow() {
	if w.watcher == nil {
		watcher, err := w.open()
		if err != nil {
			return
		}
		w.watcher = watcher
		w.route.Store(new(route))
		w.work.Go(func() { w.receive(watcher) })
	}
	for range rounds {
		now := w.look(w.path)
		// Events of what was not on the route are dropped until here. The next round
		// sees what they would have said.
		before := *w.route.Swap(&now)
		if !w.adjust(before, now) && now.equal(before) {
			return
		}
	}
}

// adjust watches the directories of now and no others. It reports whether it watches one
// that it did not watch before. A directory that is another one than before at the
// same path is watched anew: the system watches directories, not paths.
func (w *watch) adjust(before, now route) (added bool) {
	var watched []string
	for _, path := range w.watcher.WatchList() { // without those that were removed
		if now[path].is(before[path]) {
			watched = append(watched, path)
		} else {
			_ = w.watcher.Remove(path) // it fails if the directory is gone
		}
	}
	for path := range now {
		if !slices.Contains(watched, path) && w.watcher.Add(path) == nil {
			added = true
		}
	}
	return added
}

// receive takes all events of the watcher, so that it never waits, until it is closed.
// Errors say that events were lost: anything may have happened.
func (w *watch) receive(watcher *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-watcher.Events:
			if !ok {
				return
			}
			if !w.route.Load().has(e.Name) {
				continue
			}
		case _, ok := <-watcher.Errors:
			if !ok {
				return
			}
		}
		select {
		case w.events <- struct{}{}:
		default: // one waits already
		}
	}
}

// close ends the watch and waits until its goroutines have ended.
func (w *watch) close() {
	if w.watcher != nil {
		_ = w.watcher.Close() // nothing depends on it
		w.work.Wait()
	}
}
