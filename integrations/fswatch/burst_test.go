// Events that come together are one change.

package fswatch_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability/integrations/fswatch"
)

func TestSettle(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		quiet   time.Duration
		first   time.Duration // of the events
		every   time.Duration // between events
		events  int
		endsAt  time.Duration // the context
		settles time.Duration
	}{
		{"one event", 50 * ms, 20 * ms, 0, 1, never, 70 * ms},
		{"an event that was there before", 50 * ms, 0, 0, 1, never, 50 * ms},
		{"each event begins the quiet anew", 50 * ms, 20 * ms, 40 * ms, 5, never, 230 * ms},
		{"an event after the quiet is another burst", 50 * ms, 20 * ms, 60 * ms, 5, never, 70 * ms},
		{"events without end", 50 * ms, 20 * ms, 10 * ms, 1000, never, 520 * ms},
		{"no event", 50 * ms, never, 0, 0, never, 10 * time.Second},
		{"a burst that begins late", 50 * ms, 9999 * ms, 40 * ms, 3, never, 10129 * ms},
		{"no debounce", -1, 20 * ms, 10 * ms, 1000, never, 20 * ms},
		{"context ends before", 50 * ms, never, 0, 0, 30 * ms, 30 * ms},
		{"context ends in the burst", 50 * ms, 20 * ms, 10 * ms, 1000, 80 * ms, 80 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				end := time.AfterFunc(c.endsAt, cancel)
				defer end.Stop()
				events := make(chan struct{}, 1)
				over := make(chan struct{})
				go func() {
					for i := range c.events {
						pause := time.NewTimer([]time.Duration{c.first, c.every}[min(i, 1)])
						select {
						case <-pause.C:
							events <- struct{}{}
						case <-over:
							return
						}
					}
				}()
				synctest.Wait()
				begun := time.Now()
				fswatch.Settle(ctx, events, c.quiet, 10*time.Second)
				if after := time.Since(begun); after != c.settles {
					t.Errorf("settled after %v, want %v", after, c.settles)
				}
				close(over)
			})
		})
	}
}

// No change is shown before the path has been quiet for so long.
func TestDebounce(t *testing.T) {
	for _, c := range []struct {
		name        string
		given, want time.Duration
	}{
		{"default", 0, 50 * time.Millisecond}, {"given", 200 * time.Millisecond, 200 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.json")
			write(path, 1)
			o := eager()
			o.Debounce = c.given
			s := open(t, path, o)
			s.shows(t, 1)
			s.until(t, "it does not wait", func() bool { return running("fswatch.settle(") })
			begun := time.Now()
			write(path, 2)
			s.shows(t, 2)
			if after := time.Since(begun); after < c.want {
				t.Errorf("shown after %v, want at least %v", after, c.want)
			}
		})
	}
}
