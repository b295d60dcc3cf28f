// Units: instances that run.

package extension

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
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

// start makes the instance and waits until it is ready.
func (u *unit) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, u.limits.Start, errLate)
	defer cancel()
	if err := u.compose(); err != nil {
		return err
	}
	if err := u.construct(ctx); err != nil {
		return err
	}
	if u.is.passive() {
		close(u.ended)
		u.ready(nil)
		return nil
	}
	u.runs = true
	go u.run()
	select {
	case <-u.begun:
		return nil
	case <-u.ended:
		if isClosed(u.begun) {
			return nil
		}
		u.host.mu.Lock()
		defer u.host.mu.Unlock()
		if u.failure != nil {
			return u.failure
		}
		return u.errorf(capability.ErrInvalid, "Run returned nil before it called ready: call ready when the instance can be used")
	case <-ctx.Done():
		return u.late(ctx)
	}
}

// late returns why the instance was not waited for.
func (u *unit) late(ctx context.Context) error {
	if context.Cause(ctx) == errLate {
		return u.errorf("", "it was not ready within %v: call ready sooner, or give it more time to Start: %w", u.limits.Start, context.DeadlineExceeded)
	}
	return u.errorf("", "it was not ready when starting ended: %w", context.Cause(ctx))
}

var errLate = errors.New("the instance was late")

// compose makes the scope of the instance. What it requires and is not public yet lies in
// registries that only it sees, each just narrower than the one where it will be public,
// so that the order is the same.
func (u *unit) compose() error {
	var edits []capability.Edit
	own := make(map[*capability.Registry]*capability.Registry)
	private := func(over *capability.Registry) *capability.Registry {
		if own[over] == nil {
			r := inside.Private(int(over.Level()), u.name).(*capability.Registry)
			own[over] = r
			u.own = append(u.own, r)
			u.host.owns(r)
		}
		return own[over]
	}
	private(u.target())
	for _, other := range u.needs {
		if other.bound.Load() == public {
			continue
		}
		for _, b := range other.shown {
			key, _ := inside.BindingOf(b)
			if slices.ContainsFunc(u.is.Requires, func(k Key) bool { return idOf(k) == key.Key.ID }) {
				r := private(other.target())
				edits = append(edits, r.Stage(inside.Lent(b).(capability.Change)))
				u.staged = append(u.staged, r.Stage(inside.Unbind(b).(capability.Change)))
			}
		}
	}
	scope, err := capability.Compose(slices.Concat(u.own, u.registries)...)
	if err != nil {
		return u.errorf(codeOf(err), "its scope cannot be composed: %w", err)
	}
	u.scope = scope
	if err := capability.Commit(edits...); err != nil {
		return u.errorf(codeOf(err), "it cannot be shown what it requires: %w", err)
	}
	return nil
}

func idOf(k Key) any {
	key, _ := inside.KeyOf(k)
	return key.ID
}

// construct calls New on a goroutine that it may end, and looks at what it returns.
func (u *unit) construct(ctx context.Context) error {
	log := u.host.options.Log.With("instance", u.name, "extension", u.is.Name)
	var m made
	done := sheltered(func() (err error) {
		m, err = u.is.make(u.config, Dependencies{u.name, u.scope, log, u.report})
		return err
	})
	select {
	case err := <-done:
		u.made = m
		if err != nil {
			return u.errorf(codeOf(err), "New failed%s: %w", u.undeclared(err), err)
		}
		if err := u.check(); err != nil {
			return err
		}
		for _, b := range m.exports {
			u.shown = append(u.shown, u.binding(b))
		}
		return nil
	case <-ctx.Done():
		go func() {
			<-done
			_ = retire(context.Background(), m.exports) // nobody waits any more
		}()
		return u.late(ctx)
	}
}

// binding returns an export as it is bound for all.
func (u *unit) binding(b capability.Binding) capability.Binding {
	b = inside.Described(b, capability.Meta{Version: u.is.Version, Doc: u.is.Doc, URL: u.is.URL}).(capability.Binding)
	return inside.Watched(b, u.usage.begin).(capability.Binding)
}

// undeclared returns a hint if New failed for want of what it does not require, and
// another instance exports.
func (u *unit) undeclared(err error) string {
	e, ok := errors.AsType[*capability.Error](err)
	if !ok || e.Code != capability.ErrNotProvided {
		return ""
	}
	named := func(k Key) bool { return k.Name() == e.Capability }
	if slices.ContainsFunc(u.is.Requires, named) {
		return ""
	}
	for _, other := range u.host.running() {
		if slices.ContainsFunc(other.is.exports, named) {
			return fmt.Sprintf(", as it does not require %q, which %v exports: add it to Requires", e.Capability, other.Instance)
		}
	}
	return ""
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

// check returns what is wrong with what New returned.
func (u *unit) check() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, u.errorf(capability.ErrInvalid, format, args...))
	}
	if u.made.runs == nil && !u.is.passive() {
		wrong("New returned no Runner: return what runs, or make the extension a Passive one")
	}
	exported := make(map[any]bool)
	for _, b := range u.made.exports {
		is, ok := inside.BindingOf(b)
		switch {
		case !ok:
			wrong("New returned a zero Binding: return what Bind of a capability returns")
			continue
		case is.Name != u.name:
			wrong("New returned the binding of %q at %s: bind under d.Name, which is the name of the instance", is.Name, is.Site)
		case is.Rebind:
			wrong("New returned a Rebind, at %s: use Bind", is.Site)
		case exported[is.Key.ID]:
			wrong("New returned two bindings of %q, the second at %s: return one for each of Exports", is.Key.Name, is.Site)
		case !slices.ContainsFunc(u.is.exports, func(k Key) bool { return idOf(k) == is.Key.ID }):
			wrong("New returned a binding of %q, at %s, which is not among Exports: add it there", is.Key.Name, is.Site)
		case same(is.Value, u.made.runs):
			wrong("the export of %q, at %s, is what runs, or a copy of it: export a handle of another type, which holds what callers need and no more", is.Key.Name, is.Site)
		}
		exported[is.Key.ID] = true
	}
	for _, k := range u.is.exports {
		if !exported[idOf(k)] {
			wrong("New returned no binding of %v, which is among Exports: return one, or take it out there", k)
		}
	}
	if errors.Is(u.scope.Check(), capability.ErrClosed) {
		wrong("New has closed its scope: leave that to the host")
	}
	for _, c := range u.scope.Snapshot().Capabilities {
		known := func(k Key) bool {
			key, _ := inside.KeyOf(k)
			return key.Name == c.Name
		}
		if len(c.Resolved) > 0 && !slices.ContainsFunc(u.is.Requires, known) {
			wrong("it resolves %q at %s and does not require it: add it to Requires, so that it is there before", c.Name, c.Resolved[0].Site)
		}
	}
	return capability.Join(errs...)
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
		_ = u.parked.Apply(b) // what was accepted before is somebody else's
	}
}

// retire retires the exports that were never public.
func (u *unit) retire(ctx context.Context) error {
	if u.parked != nil {
		return u.parked.Close(ctx)
	}
	return retire(ctx, u.made.exports)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
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

// sheltered calls f on a goroutine that it may end, and returns where its error comes.
func sheltered(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				err = &capability.PanicError{Value: recover(), Stack: debug.Stack()}
			}
			done <- err
		}()
		err = f()
		returned = true
	}()
	return done
}

// call calls f, and makes an error of a panic.
func call(f func() error) error { return <-sheltered(f) }
