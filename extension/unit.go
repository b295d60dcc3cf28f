// Units: instances that run.

package extension

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A unit is an instance that the host has to do with.
type unit struct {
	Instance
	host  *Host
	needs []*unit // that start before it and stop after it

	own     []*capability.Registry // that only its scope sees
	scope   *capability.Scope      // of Dependencies; nil before it was composed
	staged  []capability.Edit      // what takes away again what own holds
	made    made
	shown   []capability.Binding // what it exports, as others see it
	parked  *capability.Registry // of shown, if that will not be public
	runs    bool                 // run was started
	begun   chan struct{}        // closed when it has been ready
	ended   chan struct{}        // closed when Run is called no more
	ctx     context.Context
	cancel  context.CancelFunc
	bound   atomic.Int32 // hidden, public or withdrawn
	usage   usage
	stops   atomic.Bool   // somebody stops it
	stopped chan struct{} // closed when it is done
	outcome error         // of stop, once it is done

	// The rest is guarded by host.mu.

	now     Status
	running *attempt // the call of Run that runs, nil if none does
	trouble error    // that it reported
	failure error    // what Run returned at last, if that is an error
	parting error    // the same, if it was told to stop before
	overdue bool     // nobody waits for the end of Run any more
}

// How the exports of a unit are bound.
const (
	hidden    = iota // only those see them who start at the same time and require them
	public           // in the registry that is their place
	withdrawn        // they were public and are no more
)

func newUnit(h *Host, i Instance) *unit {
	i.limits = i.limits.or(h.options.Limits)
	u := &unit{Instance: i, host: h, begun: make(chan struct{}), ended: make(chan struct{}), stopped: make(chan struct{})}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.usage.none = make(chan struct{})
	u.now = Status{
		Instance: i.name, Extension: i.is.Name, Version: i.is.Version, Kind: i.is.kind,
		Place: i.target().Name(), State: Starting, Since: time.Now(),
	}
	return u
}

// codeOf returns the code of an error, "" if it has none.
func codeOf(err error) capability.Code {
	if e, ok := errors.AsType[*capability.Error](err); ok {
		return e.Code
	}
	if _, ok := errors.AsType[*capability.PanicError](err); ok {
		return capability.ErrPanic
	}
	return ""
}

// run calls Run until that has come to an end.
func (u *unit) run() {
	defer func() {
		close(u.ended)
		u.host.mu.Lock()
		defer u.host.mu.Unlock()
		if u.overdue {
			u.set(Stopped, u.now.Err)
		}
	}()
	for attempt := 1; ; attempt++ {
		wasReady, err := u.once()
		if u.ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				u.fail(err)
			}
			return
		}
		if err == nil {
			u.host.mu.Lock()
			if u.now.State != Stopping {
				u.set(Stopped, nil)
			}
			u.host.mu.Unlock()
			return
		}
		if wasReady {
			attempt = 1
		}
		pause, again, err := u.verdict(attempt, err)
		if !again {
			u.fail(err)
			return
		}
		u.pausing(err)
		if !wait(u.ctx, pause) {
			return
		}
	}
}

// An attempt is one call of Run.
type attempt struct{ ready bool }

// once calls Run once, on a goroutine that it may end, and returns whether it called
// ready, and its error.
func (u *unit) once() (wasReady bool, err error) {
	a := new(attempt)
	u.host.mu.Lock()
	u.running = a
	u.host.mu.Unlock()
	err = call(func() error { return u.made.runs.Run(u.ctx, func() { u.ready(a) }) })
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	u.running = nil
	return a.ready, err
}

// verdict says whether Run is to be called again, after which pause.
func (u *unit) verdict(attempt int, err error) (pause time.Duration, again bool, because error) {
	if _, ok := errors.AsType[*fatal](err); ok {
		return 0, false, err
	}
	if r, ok := errors.AsType[*retry](err); ok {
		return r.after, true, err
	}
	if u.limits.Restart == nil {
		return 0, false, err
	}
	fault := call(func() error {
		pause, again = u.limits.Restart(attempt, err)
		return nil
	})
	if fault != nil {
		return 0, false, errors.Join(err, fmt.Errorf("asking Restart after that: %w", fault))
	}
	return pause, again, err
}

// wait reports whether that much time has passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// set notes a new state. host.mu is held.
func (u *unit) set(s State, err error) {
	if u.now.State != s {
		u.now.State, u.now.Since = s, time.Now()
	}
	u.now.Err = err
	u.host.publish()
}

// ready notes that what the instance exports can be used. Run says so, in its attempt,
// unless the instance is passive.
func (u *unit) ready(a *attempt) {
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	if u.running != a {
		return // that Run has returned
	}
	if a != nil {
		a.ready = true
	}
	if !isClosed(u.begun) {
		close(u.begun)
	}
	if u.now.State == Starting || u.now.State == Degraded && u.trouble == nil {
		u.set(Ready, nil)
	}
}

// report is Report of the Dependencies.
func (u *unit) report(err error) {
	var trouble error
	if err != nil {
		trouble = u.errorf(codeOf(err), "%w", err) // before the lock, as it calls methods of err
	}
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	switch {
	case trouble != nil && (u.now.State == Ready || u.now.State == Degraded && u.trouble != nil):
		u.trouble = trouble
		u.set(Degraded, trouble)
	case trouble == nil && u.trouble != nil && u.now.State == Degraded:
		u.trouble = nil
		u.set(Ready, nil)
	}
}

// pausing notes that Run failed and will be called again.
func (u *unit) pausing(err error) {
	failure := u.errorf(codeOf(err), "Run failed and is to be called again: %w", err)
	u.host.options.Log.Warn("an extension failed and is started again", "instance", u.name, "error", failure)
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	u.now.Restarts++
	u.trouble = nil
	s := u.now.State
	if s == Ready {
		s = Degraded
	}
	u.set(s, failure)
}

// fail notes that Run failed for good.
func (u *unit) fail(err error) {
	failure := u.errorf(codeOf(err), "Run failed: %w", err)
	u.host.options.Log.Error("an extension failed", "instance", u.name, "error", failure)
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	u.failure = failure
	s := Failed
	if u.now.State == Stopping {
		s, u.parting = Stopping, failure
	}
	u.set(s, failure)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sheltered calls f on a goroutine that it may end, and returns where its error comes.
func sheltered(f func() error) <-chan error {
	done := make(chan error, 1)
	go inside.Shelter(f, func(err error) { done <- err })
	return done
}

// call calls f, and makes an error of a panic.
func call(f func() error) error { return <-sheltered(f) }
