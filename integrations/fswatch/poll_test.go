// Files are read every so often, whether events come or not.

package fswatch_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/integrations/fswatch"
)

// A system without events is no failure. What has not changed is not decoded.
func TestPollWithoutEvents(t *testing.T) {
	for _, c := range []struct {
		name        string
		every, want time.Duration
	}{
		{"default", 0, 30 * time.Second}, {"negative", -1, 30 * time.Second}, {"given", 7 * time.Minute, 7 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "p.json")
				write(path, 1)
				decoded := 0
				o := blind()
				o.Every = c.every
				o.decode = func(text []byte) (map[string]int, error) { decoded++; return data.JSON[int](text) }
				s := open(t, path, o)
				s.shows(t, 1)
				time.Sleep(10 * c.want)
				synctest.Wait()
				if decoded != 1 {
					t.Errorf("decoded %d times what is the same", decoded)
				}
				write(path, 2)
				time.Sleep(c.want - 1)
				synctest.Wait()
				if v, _, _ := s.feed.Table().Get().Lookup("tea"); v != 1 {
					t.Errorf("tea is %d too early", v)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if v, _, _ := s.feed.Table().Get().Lookup("tea"); v != 2 {
					t.Errorf("tea is %d too late", v)
				}
				s.isWell(t)
			})
		})
	}
}

// If a watcher can be had later, the source has it later.
func TestWatchingIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	var tried atomic.Int64
	o := eager()
	o.Every = 10 * time.Millisecond
	o.watch = func() (*fsnotify.Watcher, error) {
		if tried.Add(1) < 3 {
			return nil, errors.New("too many open files")
		}
		return fsnotify.NewWatcher()
	}
	s := open(t, path, o)
	s.shows(t, 1)
	s.watches(t)
	if n := len(s.all()); n != 1 {
		t.Errorf("it has %d watchers", n)
	}
}

// forget makes the watcher miss everything that happens from now on.
func (s *stand) forget() {
	w := s.all()[0]
	for _, path := range w.WatchList() {
		must(w.Remove(path))
	}
}

// A change whose event is lost is found by the poll, which also repairs the watch.
func TestLostEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	o := eager()
	o.Every = 200 * time.Millisecond
	s := open(t, path, o)
	s.shows(t, 1)
	s.until(t, "it does not wait", func() bool { return running("fswatch.settle(") })
	s.forget()
	write(path, 2)
	s.shows(t, 2)
	want := slices.Sorted(maps.Keys(fswatch.Route(path)))
	if diff := cmp.Diff(want, s.watched()); diff != "" {
		t.Errorf("watched after the poll (-want +got):\n%s", diff)
	}
}

// A watcher that says that it lost events is believed at once.
func TestOverflow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	s := open(t, path, eager())
	s.shows(t, 1)
	s.until(t, "it does not wait", func() bool { return running("fswatch.settle(") })
	s.forget()
	write(path, 2)
	s.all()[0].Errors <- fsnotify.ErrEventOverflow
	s.shows(t, 2)
	write(path, 3)
	s.shows(t, 3)
}
