// Recorders: what fakes were called with.

package capabilitytest

import (
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
)

// A Recorder keeps what a fake was called with, in the order of the calls. The zero value
// is ready. Any number of goroutines may use it.
type Recorder[C any] struct {
	mu    sync.Mutex
	calls []C
}

// Record notes a call.
func (r *Recorder[C]) Record(call C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

// Calls returns the calls so far.
func (r *Recorder[C]) Calls() []C {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Forget forgets the calls so far.
func (r *Recorder[C]) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// Called fails the test unless these were the calls, all of them and in this order. They
// are compared as go-cmp does.
func (r *Recorder[C]) Called(t TB, want ...C) {
	t.Helper()
	if diff := cmp.Diff(want, r.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// CalledWith fails the test unless one of the calls was this.
func (r *Recorder[C]) CalledWith(t TB, want C) {
	t.Helper()
	calls := r.Calls()
	if !slices.ContainsFunc(calls, func(c C) bool { return cmp.Equal(want, c) }) {
		t.Errorf("it was not called with %+v, but with %+v", want, calls)
	}
}

// CalledTimes fails the test unless there were so many calls.
func (r *Recorder[C]) CalledTimes(t TB, n int) {
	t.Helper()
	if calls := r.Calls(); len(calls) != n {
		t.Errorf("it was called %d times, want %d: %+v", len(calls), n, calls)
	}
}

// NotCalled fails the test if there was a call.
func (r *Recorder[C]) NotCalled(t TB) {
	t.Helper()
	if calls := r.Calls(); len(calls) > 0 {
		t.Errorf("it was called %d times, want never: %+v", len(calls), calls)
	}
}
