// When a source that fails says so, and what else is a failure.

package fswatch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/integrations/fswatch"
)

// blind is the defaults of sources and feeds on a system that has no events.
func blind() settings {
	return settings{decode: data.JSON[int], hold: time.Second, pause: 100 * time.Millisecond, watch: func() (*fsnotify.Watcher, error) {
		return nil, errors.New("too many open files")
	}}
}

// A return is when a Run returned, and how many had in turn as the feed counts.
type returned struct {
	After time.Duration
	Count int
}

// next returns the next returns of Run.
func (s *stand) next(begun time.Time, n int) []returned {
	var list []returned
	for range n {
		count := <-s.returns
		list = append(list, returned{time.Since(begun), count})
	}
	return list
}

// The first failure is shown at once. After that each Run watches for a second, so that
// the pauses do not grow.
func TestFailureIsShownAtOnceAndThenWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		path := filepath.Join(t.TempDir(), "p.json")
		s := open(t, path, blind())
		if after := time.Since(begun); after != 0 {
			t.Errorf("it took %v to open", after)
		}
		want := []returned{{0, 1}, {1100 * time.Millisecond, 1}, {2200 * time.Millisecond, 1}, {3300 * time.Millisecond, 1}}
		if diff := cmp.Diff(want, s.next(begun, 4)); diff != "" {
			t.Errorf("returns (-want +got):\n%s", diff)
		}
		write(path, 1)
		s.shows(t, 1)
		must(os.Remove(path))
		begun = time.Now()
		want = []returned{{30 * time.Second, 1}, {31100 * time.Millisecond, 1}}
		if diff := cmp.Diff(want, s.next(begun, 2)); diff != "" {
			t.Errorf("returns after it was well (-want +got):\n%s", diff)
		}
	})
}

// A file that takes long to read is watched for ten times as long, and not decoded again
// as long as it holds the same.
func TestLargeFileThatIsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		path := filepath.Join(t.TempDir(), "p.json")
		write(path, 1)
		o := blind()
		o.decode = func([]byte) (map[string]int, error) {
			time.Sleep(time.Second)
			return nil, errors.New("it is of last year")
		}
		s := open(t, path, o)
		want := []returned{{time.Second, 1}, {11100 * time.Millisecond, 1}}
		if diff := cmp.Diff(want, s.next(begun, 2)); diff != "" {
			t.Errorf("returns (-want +got):\n%s", diff)
		}
		if err := s.feed.Status()[0].Err; err == nil || !strings.HasSuffix(err.Error(), path+": it is of last year") {
			t.Errorf("failed with %v", err)
		}
	})
}

// Reload gets the error at once from a source that watches, and after a second from one
// that pauses.
func TestReloadOfWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "p.json"), blind())
		for _, c := range []struct {
			name        string
			sleep, want time.Duration
		}{
			{"pause", 50 * time.Millisecond, time.Second}, {"watch", 500 * time.Millisecond, 0},
		} {
			time.Sleep(c.sleep)
			begun := time.Now()
			if err := s.feed.Reload(context.Background()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", c.name, err)
			}
			if after := time.Since(begun); after != c.want {
				t.Errorf("%s: it took %v, want %v", c.name, after, c.want)
			}
		}
	})
}

// A Run that is ended while it reads is no failure: the next one fails at once.
func TestReloadWhileItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "p.json")
		write(path, 1)
		o := blind()
		o.decode = func([]byte) (map[string]int, error) {
			time.Sleep(10 * time.Second)
			return nil, errors.New("it is of last year")
		}
		s := open(t, path, o)
		s.next(time.Now(), 2)
		time.Sleep(4 * time.Second) // the third Run has read for 3.9 s
		begun := time.Now()
		if err := s.feed.Reload(context.Background()); err == nil {
			t.Error("it does not fail")
		}
		if after := time.Since(begun); after != 16100*time.Millisecond {
			t.Errorf("it took %v, want the rest of one read and another", after)
		}
	})
}

// A decode that panics fails, and what is good again is noticed by its event alone.
func TestDecodeThatPanics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	o := eager()
	o.decode = func(text []byte) (map[string]int, error) {
		m, err := data.JSON[int](text)
		if m["tea"] == 13 {
			panic("a price of bad luck")
		}
		return m, err
	}
	s := open(t, path, o)
	s.shows(t, 1)
	replace(path, 13)
	s.fails(t, 1, path+": it panicked: a price of bad luck")
	if err := s.feed.Status()[0].Err; !errors.Is(err, capability.ErrPanic) {
		t.Errorf("failed with %v", err)
	}
	write(path, 2)
	s.shows(t, 2)
	s.isWell(t)
}

// The limit of the feed counts.
func TestFileThatIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	o := eager()
	o.size = 10
	s := open(t, path, o)
	s.shows(t, 1)
	replace(path, 10)
	s.fails(t, 1, "has more than 10 bytes")
	write(path, 2)
	s.shows(t, 2)
}

// Two feeds may run one source; each has its own watch.
func TestTwoFeedsOverOneSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	file := fswatch.File(path, data.JSON[int], fswatch.Options{Debounce: time.Millisecond, Every: never})
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("file", file)))
	scope, err := capability.Compose(engine)
	must(err)
	stands := make([]*stand, 2)
	for i := range stands {
		feed, err := data.Open(t.Context(), scope, Prices, data.Options{})
		must(err)
		stands[i] = &stand{feed: feed}
	}
	write(path, 2)
	stands[0].shows(t, 2)
	stands[1].shows(t, 2)
	must(stands[0].feed.Close())
	write(path, 3)
	stands[1].shows(t, 3)
	must(stands[1].feed.Close())
	must(scope.Close())
	must(engine.Close(t.Context()))
}
