// Starting: how an instance is made, shown what it requires, and looked at.

package extension

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

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
