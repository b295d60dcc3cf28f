// Suites: what the tests of sources, observers and extensions share.

package capabilitytest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// patience is how long a suite waits for what should come at once.
const patience = 10 * time.Second

// moment is how long it waits for what should not come.
const moment = 20 * time.Millisecond

// A suite is one run of a suite.
type suite struct {
	t        TB
	patience time.Duration
	tolerate []string
	failed   bool
	label    string // of the goroutines of the call of alone
}

// wrong tells of a mistake.
func (s *suite) wrong(format string, args ...any) {
	s.t.Helper()
	s.failed = true
	s.t.Errorf(format, args...)
}

var (
	suites  atomic.Uint64 // numbers the goroutines of suites
	running atomic.Int32  // is how many suites run
)

// alone calls f on a goroutine of its own, and tells which goroutines go on that it has
// started, what they have opened and left open, and what they should do. It does nothing
// if there was a mistake before, as the rest would only say it again.
//
// If f panics or ends its goroutine, so does alone with that of the caller, and accuses
// nobody: it was a func of the test that did so, such as one that calls Fatal.
func (s *suite) alone(rule string, f func()) {
	s.t.Helper()
	if s.failed {
		return
	}
	s.label = fmt.Sprintf("suite-%d", suites.Add(1))
	only := running.Add(1) == 1
	defer running.Add(-1)
	since, stop := inside.Look()
	defer stop()
	var me uint64
	err := <-sheltered(func() error {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("capabilitytest", s.label)))
		me = inside.Goroutine()
		f()
		return nil
	})
	if p, ok := err.(*capability.PanicError); ok {
		if p.Value == nil {
			runtime.Goexit()
		}
		if _, bug := p.Value.(runtime.Error); bug {
			s.t.Logf("%s", p.Stack)
		}
		panic(p.Value)
	}
	for _, g := range lasting(s.label, s.tolerate, s.patience) {
		s.wrong("a goroutine goes on: %s: %s", g, rule)
	}
	if s.failed {
		return
	}
	left := soonNone(s.patience, func() []inside.Opened { return s.open(since, me) })
	only = only && running.Load() == 1 && looking.Load() <= 1
	for _, o := range left {
		if only || owner(o.Stack, s.t.Name()) == mine && !strings.Contains(s.t.Name(), "/") {
			s.wrong("%s, opened at %s, is open: %s", o.Name, o.Site, rule)
		} else {
			s.t.Logf("%s, opened at %s, is open, and other tests open some, too: run this one alone to know whose it is", o.Name, o.Site)
		}
	}
}

// open returns what was opened after since and is open, but for what the goroutine me has
// opened, which calls the funcs of the test, and what belongs to others.
func (s *suite) open(since, me uint64) []inside.Opened {
	return slices.DeleteFunc(inside.StillOpen(since), func(o inside.Opened) bool {
		if o.By == me || owner(o.Stack, s.t.Name()) == anothers {
			return true
		}
		return calls(o.Stack, func(name string) bool {
			return strings.Contains(name, "capabilitytest.(*extensionSuite)") ||
				slices.ContainsFunc(s.tolerate, func(text string) bool { return strings.Contains(name, text) })
		})
	})
}

// soonNone calls f until it returns nothing, or it has had that much time, and returns
// what it has returned last.
func soonNone[T any](within time.Duration, f func() []T) []T {
	late := time.Now().Add(within)
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second/4) {
		left := f()
		if len(left) == 0 || time.Now().After(late) {
			return left
		}
		time.Sleep(wait)
	}
}

// sheltered calls f on a goroutine that it may end, and returns where there will be what
// ended it: what it returned, or a PanicError, whose Value is nil after runtime.Goexit.
func sheltered(f func() error) <-chan error {
	done := make(chan error, 1)
	go inside.Shelter(f, func(err error) { done <- err })
	return done
}
