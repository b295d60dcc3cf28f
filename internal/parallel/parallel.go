// Package parallel runs numbered tasks on a bounded number of goroutines, and bears
// tasks that panic or end their goroutine.
package parallel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Tasks are tasks with the numbers from 0 to N-1.
type Tasks struct {
	N     int
	Limit int // how many run at a time, at least 1

	// Do does one. It may be foreign code.
	Do func(ctx context.Context, i int) error

	// Gone makes the error of a task that did not return: of what it gave to panic,
	// or of nil if it called runtime.Goexit.
	Gone func(v any, stack []byte) error

	// Halt is told how a task ended. The tasks with the number that it returns and
	// greater ones are not wanted any more: what runs of them is cancelled, what
	// has not begun does not. Its calls never overlap. Without Halt all are wanted.
	Halt func(i int, err error) int
}

// An End is how a task ended. One that did not begin has an error that says so if the
// context has ended, and none if it was not wanted.
type End struct {
	Begun    bool
	Panicked bool  // rather than having returned or called runtime.Goexit
	Err      error // that it returned, or that Gone made
}

// Check returns an error if Run cannot run anything with ctx and limit.
func Check(ctx context.Context, limit int) error {
	switch {
	case ctx == nil:
		return errors.New("ctx is nil: give context.Background() if nothing ends the call")
	case limit < 1:
		return fmt.Errorf("the limit is %d, and nobody can be asked: give at least 1", limit)
	}
	return nil
}

// A run is tasks under way.
type run struct {
	Tasks
	slots chan struct{} // one taken for each task that runs
	wait  sync.WaitGroup

	mu      sync.Mutex
	ends    []End
	first   int // number of the first task in time that failed, -1 without
	wanted  int // tasks with greater numbers, and this one, are not
	cancels []context.CancelFunc
}

// Run begins the tasks in the order of their numbers, waits for all that it began,
// and returns how they ended and which of them failed first in time, -1 if all
// succeeded. Once ctx has ended it begins no more of them.
func Run(ctx context.Context, t Tasks) (ends []End, first int) {
	r := &run{Tasks: t, slots: make(chan struct{}, min(t.Limit, t.N)), ends: make([]End, t.N), first: -1, wanted: t.N}
	if t.Halt != nil {
		r.cancels = make([]context.CancelFunc, t.N)
	}
	ended := r.begin(ctx)
	if ended = cmp.Or(ended, ctx.Err()); ended == nil {
		return r.ends, r.first
	}
	for i := range r.ends {
		if end := &r.ends[i]; !end.Begun {
			end.Err = fmt.Errorf("not started: %w", ended)
			if r.first < 0 {
				r.first = i
			}
		}
	}
	return r.ends, r.first
}

// errEnded is why a context ended that does not say why.
var errEnded = errors.New("ctx is done and has no error")

// begin begins the tasks that are wanted, and waits for them whatever the methods of
// ctx do. It returns why ctx ended, if that kept some from being begun.
func (r *run) begin(ctx context.Context) error {
	defer r.wait.Wait()
	for i := range r.N {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
		}
		select {
		case <-ctx.Done(): // it may have been both
			return cmp.Or(ctx.Err(), errEnded)
		default:
		}
		if !r.start(ctx, i) {
			break
		}
	}
	return nil
}

// start starts task i, for which a slot is taken, and reports whether it was wanted.
func (r *run) start(ctx context.Context, i int) bool {
	var cancel context.CancelFunc
	if r.Halt != nil {
		ctx, cancel = context.WithCancel(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i >= r.wanted {
		if cancel != nil {
			cancel()
		}
		return false
	}
	if cancel != nil {
		r.cancels[i] = cancel
	}
	r.ends[i].Begun = true
	r.wait.Go(func() { r.task(ctx, i) })
	return true
}

// task runs task i on a goroutine of its own.
func (r *run) task(ctx context.Context, i int) {
	var err error
	returned := false
	defer func() {
		panicked := false
		if !returned {
			v := recover()
			panicked = v != nil
			err = r.Gone(v, debug.Stack())
		}
		r.ended(i, err, panicked)
	}()
	err = r.Do(ctx, i)
	returned = true
}

// ended notes how task i ended, and cancels what is not wanted any more before it
// gives the slot to the next.
func (r *run) ended(i int, err error, panicked bool) {
	defer func() { <-r.slots }()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends[i].Err, r.ends[i].Panicked = err, panicked
	if err != nil && r.first < 0 {
		r.first = i
	}
	if r.Halt == nil {
		return
	}
	r.cancels[i]()
	for from := r.Halt(i, err); r.wanted > from; {
		r.wanted--
		if cancel := r.cancels[r.wanted]; cancel != nil {
			cancel()
		}
	}
}
