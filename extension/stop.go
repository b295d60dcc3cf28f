// Stopping: how what an instance exports is withdrawn and waited for, and how it ends.

package extension

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A usage counts the providers that came to be of the exports of a unit and are not
// retired.
type usage struct {
	mu    sync.Mutex
	count int
	over  bool          // no more come to be
	none  chan struct{} // closed when over and count is 0
}

// begin counts one.
func (u *usage) begin() (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.count--
		u.tell()
	}
}

// end says that no more come to be.
func (u *usage) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	u.tell()
}

func (u *usage) tell() {
	if u.over && u.count == 0 && !isClosed(u.none) {
		close(u.none)
	}
}

// stop withdraws the exports if they are public, waits until nobody uses them, ends Run
// and waits for that: each for as long as its limit says, or for a short while if ctx
// has ended. It returns what went wrong. It is done once.
func (u *unit) stop(ctx context.Context) error {
	if !u.stops.Swap(true) {
		u.outcome = u.end(ctx)
		close(u.stopped)
	}
	<-u.stopped
	return u.outcome
}

func (u *unit) end(ctx context.Context) error {
	u.stopping()
	var errs []error
	note := func(code capability.Code, format string, args ...any) {
		errs = append(errs, u.errorf(code, format, args...))
	}
	if u.bound.Load() == public {
		if err := u.withdraw(); err != nil {
			note(codeOf(err), "it is stopped although its exports cannot be withdrawn: %w", err)
		}
	}
	if u.bound.Load() == withdrawn && !u.drained(ctx) {
		note(capability.ErrInUse, "it is stopped although %w", u.held())
	}
	told := time.Now()
	u.cancel()
	within, cancel := lastCall(ctx, u.limits.Stop)
	defer cancel()
	hangs := false
	if u.runs {
		select {
		case <-u.ended:
		case <-within.Done():
			hangs = true
			note(capability.ErrInUse, "Run has not returned since its context ended at %s: return when it ends, or give it more time to Stop", told.UTC().Format(time.RFC3339))
		}
	}
	if u.scope != nil {
		_ = u.scope.Close() // nobody builds here
	}
	for _, r := range u.own {
		if err := u.wait(ctx, r.Close); err != nil {
			note(codeOf(err), "what it resolved in its scope is not given up: %w", err)
		}
		u.host.disowns(r)
	}
	if u.bound.Load() == hidden {
		if err := u.wait(ctx, u.retire); err != nil {
			note(codeOf(err), "%w", err)
		}
	}
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	if u.parting != nil {
		errs = append(errs, u.parting)
	}
	err := capability.Join(errs...)
	if hangs && !isClosed(u.ended) {
		u.overdue = true
		u.set(Stopping, err)
	} else {
		u.set(Stopped, cmp.Or(err, u.failure))
	}
	return err
}

// wait calls f with as much time as there is for what exports have to wait for.
func (u *unit) wait(ctx context.Context, f func(context.Context) error) error {
	within, cancel := lastCall(ctx, u.limits.Drain)
	defer cancel()
	return f(within)
}

// park binds what the unit exports, if that will not be public, where nobody sees it: so
// who uses what was lent of it holds it. It is called before anybody is stopped.
func (u *unit) park() {
	if u.bound.Load() != hidden || len(u.shown) == 0 {
		return
	}
	u.parked = inside.Private(int(u.target().Level()), u.name).(*capability.Registry)
	for _, b := range u.shown {
		_ = u.parked.Apply(b) // what cannot be bound is retired by hand
	}
}

// retire retires the exports that were never public, but for what another instance has
// got accepted.
func (u *unit) retire(ctx context.Context) error {
	var err error
	if u.parked != nil {
		err = u.parked.Close(ctx)
	}
	return capability.Join(err, retire(ctx, u.made.exports))
}

// stopping notes that the unit is to be stopped.
func (u *unit) stopping() {
	u.host.mu.Lock()
	defer u.host.mu.Unlock()
	if u.now.State != Stopped {
		u.set(Stopping, u.now.Err)
	}
}

// lastWait is how long is waited for each who is told to stop when the time for all is
// over: long enough for who does as told, and short for who does not.
const lastWait = time.Second

// lastCall returns a context that ends after d, or after a short while if ctx has ended.
func lastCall(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	within, cancel := context.WithTimeout(context.Background(), d)
	stop := context.AfterFunc(ctx, func() {
		if wait(within, lastWait) {
			cancel()
		}
	})
	return within, func() {
		stop()
		cancel()
	}
}

// withdraw takes the exports out of their registry, but for those that somebody else has
// taken out.
func (u *unit) withdraw() error {
	var changes []capability.Change
	for _, b := range u.made.exports {
		if is, _ := inside.BindingOf(b); inside.Binds(u.target(), is.Key.Name, u.name) {
			changes = append(changes, inside.Unbind(b).(capability.Change))
		}
	}
	err := u.target().Apply(changes...)
	if errors.Is(err, capability.ErrClosed) {
		err = nil // whoever closed it has withdrawn them
	}
	if err == nil {
		u.bound.Store(withdrawn)
		u.usage.end()
	}
	return err
}

// drained waits until nobody uses the exports any more.
func (u *unit) drained(ctx context.Context) bool {
	return u.wait(ctx, func(ctx context.Context) error {
		select {
		case <-u.usage.none:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}) == nil
}

// held returns an error that says why the exports are not retired.
func (u *unit) held() error { return &inUse{some(inside.Holding(u.target(), u.name))} }

// inUse is the error that exports are used.
type inUse struct{ by string }

func (e *inUse) Error() string {
	return fmt.Sprintf("what it exports is held by %s: return from the Uses and the OnRetires and close the scopes, or bind with a Grace", e.by)
}

func (e *inUse) Unwrap() error { return capability.ErrInUse }

// retire does what was given to OnRetire of bindings that nobody has accepted, the last
// binding first, until ctx ends.
func retire(ctx context.Context, bindings []capability.Binding) error {
	var errs []error
	for _, b := range slices.Backward(bindings) {
		is, _ := inside.BindingOf(b)
		for _, f := range is.Retire {
			if f == nil {
				continue
			}
			select {
			case err := <-sheltered(f):
				if err != nil {
					errs = append(errs, fmt.Errorf("OnRetire of what was bound at %s: %w", is.Site, err))
				}
			case <-ctx.Done():
				errs = append(errs, &capability.Error{Code: capability.ErrInUse, Err: fmt.Errorf("OnRetire of what was bound at %s has not returned: let it end", is.Site)})
			}
		}
	}
	return capability.Join(errs...)
}
