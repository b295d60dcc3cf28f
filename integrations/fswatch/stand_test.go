// A stand is a feed over one file that is watched, with what the tests ask of it.

package fswatch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/integrations/fswatch"
)

type source = data.Source[string, int]

var Prices = capability.New[source]("prices", "say what things cost")

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// never is a time that no test waits for.
const never = time.Hour

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// write writes the price of tea to a file, in place.
func write(path string, price int) {
	must(os.WriteFile(path, fmt.Appendf(nil, `{"tea": %d}`, price), 0o644))
}

// replace writes the price of tea to a file that nobody sees half written.
func replace(path string, price int) {
	write(path+".new", price)
	must(os.Rename(path+".new", path))
}

// lay writes the price of tea to a file whose directory may not be there.
func lay(path string, price int) {
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	write(path, price)
}

// settings are what may be different in a stand.
type settings struct {
	fswatch.Options
	decode func([]byte) (map[string]int, error)
	hold   time.Duration
	pause  time.Duration
	size   int64
	watch  func() (*fsnotify.Watcher, error)
}

// eager notices a change only by its event: it never polls, and does not fail twice.
func eager() settings {
	return settings{
		Options: fswatch.Options{Debounce: 5 * time.Millisecond, Every: never},
		decode:  data.JSON[int], hold: never, pause: time.Millisecond, watch: fsnotify.NewWatcher,
	}
}

type stand struct {
	path    string
	feed    *data.Feed[string, int]
	returns chan int // what Backoff was asked

	mu       sync.Mutex
	watchers []*fsnotify.Watcher
}

// open opens a feed over the file. At the end of the test it looks for what is left.
func open(t *testing.T, path string, o settings) *stand {
	t.Helper()
	s := &stand{path: path, returns: make(chan int, 1000)}
	file := fswatch.File(path, o.decode, o.Options)
	fswatch.Tune(file, o.hold, func() (*fsnotify.Watcher, error) {
		w, err := o.watch()
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.watchers = append(s.watchers, w)
		}
		return w, err
	})
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("file", file)))
	scope, err := capability.Compose(engine)
	must(err)
	s.feed, err = data.Open(t.Context(), scope, Prices, data.Options{MaxSize: o.size, Backoff: func(n int) time.Duration {
		s.returns <- n
		return o.pause
	}})
	must(err)
	t.Cleanup(func() {
		must(s.feed.Close())
		must(scope.Close())
		must(engine.Close(context.Background()))
		s.leaves(t)
	})
	return s
}

// leaves reports watchers that are open and goroutines that run after the end. If there
// was no watcher, the test has a bubble, which looks for goroutines itself.
func (s *stand) leaves(t *testing.T) {
	if len(s.all()) == 0 {
		return
	}
	for i, w := range s.all() {
		if err := w.Add("/"); !errors.Is(err, fsnotify.ErrClosed) {
			t.Errorf("watcher %d of %d is open: %v", i+1, len(s.all()), err)
		}
	}
	s.until(t, "goroutines are left", func() bool {
		return !running("fswatch.(*") && !running("fsnotify.(*")
	})
}

func (s *stand) all() []*fsnotify.Watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.watchers)
}

// watched returns what the latest watcher watches.
func (s *stand) watched() []string {
	all := s.all()
	if len(all) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(all[len(all)-1].WatchList()))
}

// running reports whether a goroutine runs a function whose name has this in it.
func running(name string) bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), name)
}

// until waits until something is true that nobody tells of.
func (s *stand) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s; status %+v; watched %v", what, s.feed.Status(), s.watched())
		}
	}
}

// shows waits until tea has the price.
func (s *stand) shows(t *testing.T, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, now := range s.feed.Table().Watch(ctx) {
		if got, _, _ := now.Lookup("tea"); got == want {
			return
		}
	}
	got, _, _ := s.feed.Table().Get().Lookup("tea")
	t.Fatalf("tea is %d, want %d; status %+v; watched %v", got, want, s.feed.Status(), s.watched())
}

// fails waits until the source has failed with an error that has one of these texts in
// it, and then until it watches again. Tea must have the price that it had.
func (s *stand) fails(t *testing.T, price int, want ...string) {
	t.Helper()
	select {
	case <-s.returns:
	case <-time.After(patience):
		t.Fatalf("it does not fail; status %+v", s.feed.Status())
	}
	err := s.feed.Status()[0].Err
	if !slices.ContainsFunc(want, func(text string) bool { return err != nil && strings.Contains(err.Error(), text) }) {
		t.Errorf("failed with %v, want %q", err, want)
	}
	s.until(t, "it does not watch again", func() bool { return running("fswatch.settle(") })
	if got, _, _ := s.feed.Table().Get().Lookup("tea"); got != price {
		t.Errorf("tea is %d while the source fails, want %d", got, price)
	}
}

// watches waits until what is watched is the route of the path, and nothing else.
func (s *stand) watches(t *testing.T) {
	t.Helper()
	want := slices.Sorted(maps.Keys(fswatch.Route(s.path)))
	s.until(t, fmt.Sprintf("it does not watch %v alone", want), func() bool { return slices.Equal(want, s.watched()) })
}

// isWell reports a status with an error.
func (s *stand) isWell(t *testing.T) {
	t.Helper()
	if st := s.feed.Status()[0]; st.Err != nil {
		t.Errorf("status %+v", st)
	}
}
