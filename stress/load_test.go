// How much load the tests make, and how they stop at the first violation.

package stress_test

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	operations = flag.Int("ops", 1_000_000, "operations of all linearizability histories together")
	duration   = flag.Duration("soak", 2*time.Second, "duration of each soak")
	times      = flag.Float64("times", 1, "how many times the figures of a soak have to be reached")
)

// patience is how long a test waits for what should come at once. It is long
// because the machine may be busy with something else.
const patience = 30 * time.Second

// A run is goroutines that work until the time is over or one of them finds a
// violation. Make it with newRun.
type run struct {
	ended     atomic.Bool
	group     sync.WaitGroup
	once      sync.Once
	failed    chan struct{} // closed by the first violation
	violation error
}

func newRun() *run { return &run{failed: make(chan struct{})} }

// fail ends the run with a violation, unless it has one.
func (r *run) fail(format string, args ...any) {
	r.once.Do(func() {
		r.violation = fmt.Errorf(format, args...)
		close(r.failed)
	})
}

// wait ends the run after d or at the first violation, which it returns.
func (r *run) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.failed:
	}
	r.ended.Store(true)
	r.group.Wait()
	return r.violation
}

// slowdown is by how much soaks may be slower than their figures say, because
// they give way at yield points.
var slowdown = 1.0

// share returns what a soak of duration d has to reach if one of 30 seconds or more
// has to reach n.
func share(n int64, d time.Duration) int64 {
	return int64(float64(n) * min(d.Seconds()/30, 1) * *times / slowdown)
}

// atLeast reports a count that is below its figure.
func atLeast(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got < want {
		t.Errorf("%d %s, want at least %d", got, what, want)
	}
}

// within waits for what has to come to an end by itself.
func within(t *testing.T, what string, wait func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
	}
}
