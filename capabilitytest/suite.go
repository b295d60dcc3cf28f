// Suites: what the tests of sources, observers and extensions share.

package capabilitytest

import (
	"context"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
)

// patience is how long a suite waits for what should come at once.
const patience = 10 * time.Second

// moment is how long it waits for what should not come.
const moment = 20 * time.Millisecond

// A suite is one run of a suite.
type suite struct {
	t        TB
	patience time.Duration
	failed   bool
}

// wrong tells of a mistake.
func (s *suite) wrong(format string, args ...any) {
	s.t.Helper()
	s.failed = true
	s.t.Errorf(format, args...)
}

// suites numbers the goroutines of suites.
var suites atomic.Uint64

// alone calls f on a goroutine of its own, and tells which goroutines go on that it has
// started, and what they should do. It does nothing if there was a mistake before,
// as the rest would only say it again.
func (s *suite) alone(rule string, f func()) {
	s.t.Helper()
	if s.failed {
		return
	}
	label := fmt.Sprintf("suite-%d", suites.Add(1))
	done := make(chan struct{})
	go func() {
		defer close(done)
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("capabilitytest", label)))
		f()
	}()
	<-done
	for _, g := range lasting(label, nil) {
		s.wrong("a goroutine goes on: %s: %s", g, rule)
	}
}

// sheltered calls f and returns what ended it: what it returned, or a PanicError.
func sheltered(f func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = &capability.PanicError{Value: recover(), Stack: debug.Stack()}
		}
	}()
	err = f()
	returned = true
	return err
}
