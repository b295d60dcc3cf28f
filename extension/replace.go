// Replacing and removing instances while others use what they export.

package extension

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// ErrNotStopped is the code of errors of [Host.Replace] and [Host.Remove] that come after
// the commit: what was asked for is done, but the instance that is out of service has not
// been stopped yet, or not as it should.
const ErrNotStopped capability.Code = "not_stopped"

// Replace starts an instance, waits until it is ready, and puts what it exports in the
// place of what the running instance of that name exports, in one commit: there is no
// moment without, consumers see it through their handles, and it keeps priority and
// order. Then it waits until nobody uses the exports of the one before, and stops that.
// An instance without a place takes that of the one before.
//
// An error leaves the one before in service, but for one that is [ErrNotStopped]: then the
// new one serves. If the exports of the one before are still used when its Drain, or ctx,
// has ended, that error says by whom, and the one before is stopped when they let go of
// it, or by Stop. A passive one without OnRetire is not waited for.
func (h *Host) Replace(ctx context.Context, instance Instance) error {
	ctx, leave, err := h.enter(ctx, "Replace")
	if err != nil {
		return err
	}
	defer leave()
	before := h.running()
	at, err := find(before, "Replace", instance.name)
	if err != nil {
		return err
	}
	old := before[at]
	if len(instance.registries) == 0 {
		instance.registries = old.registries
	}
	others := instancesOf(slices.Concat(before[:at], before[at+1:]))
	if err := validate([]Instance{instance}, others, &old.Instance, nil).Err(); err != nil {
		return err
	}
	if instance.target() != old.target() {
		return instance.errorf(capability.ErrInvalid, "it is placed at %v, and the one it replaces at %v: place it there, or Remove that one and Start this", instance.target(), old.target())
	}
	fresh := newUnit(h, instance)
	all := slices.Clone(before)
	all[at] = fresh
	link(all)
	err = h.startAll(ctx, []*unit{fresh})
	if err == nil {
		err = exchange(old, fresh)
	}
	if err != nil {
		link(before)
		fresh.park()
		return capability.Join(err, fresh.stop(ctx))
	}
	h.leave(all, old)
	return h.end(ctx, old)
}

// exchange binds the exports of a unit in the place of those of another.
func exchange(old, fresh *unit) error {
	key := func(b capability.Binding) any {
		is, _ := inside.BindingOf(b)
		return is.Key.ID
	}
	var changes []capability.Change
	for _, b := range fresh.shown {
		bound := b
		if slices.ContainsFunc(old.made.exports, func(o capability.Binding) bool { return key(o) == key(b) }) {
			bound = inside.Rebound(bound).(capability.Binding)
		}
		changes = append(changes, bound)
	}
	for _, o := range old.made.exports {
		if !slices.ContainsFunc(fresh.made.exports, func(b capability.Binding) bool { return key(o) == key(b) }) {
			changes = append(changes, inside.Unbind(o).(capability.Change))
		}
	}
	if err := fresh.target().Apply(changes...); err != nil {
		return fresh.errorf(codeOf(err), "it is ready, but what it exports cannot be bound: %w", err)
	}
	fresh.bound.Store(public)
	old.bound.Store(withdrawn)
	old.usage.end()
	return nil
}

// Remove withdraws what the instance of that name exports, in one commit, waits until
// nobody uses it any more, and stops the instance. It refuses, and changes nothing, if
// that would leave somebody without: another instance that requires it, or a scope that
// has resolved it. As with Replace, only an error that is [ErrNotStopped] comes after the
// commit.
func (h *Host) Remove(ctx context.Context, name string) error {
	ctx, leave, err := h.enter(ctx, "Remove")
	if err != nil {
		return err
	}
	defer leave()
	before := h.running()
	at, err := find(before, "Remove", name)
	if err != nil {
		return err
	}
	old, rest := before[at], slices.Concat(before[:at], before[at+1:])
	if err := validate(nil, instancesOf(rest), &old.Instance, nil).Err(); err != nil {
		return old.errorf(capability.ErrInUse, "it is required by others, so remove them first: %w", err)
	}
	if err := old.withdraw(); err != nil {
		return old.errorf(codeOf(err), "what it exports cannot be withdrawn: %w", err)
	}
	link(rest)
	h.leave(rest, old)
	return h.end(ctx, old)
}

// find returns the place of the unit of that name.
func find(units []*unit, verb, name string) (int, error) {
	at := slices.IndexFunc(units, func(u *unit) bool { return u.name == name })
	if at >= 0 {
		return at, nil
	}
	var names []string
	for _, u := range units {
		names = append(names, fmt.Sprintf("%q", u.name))
	}
	slices.Sort(names)
	known := "none runs"
	if len(names) > 0 {
		known = "known are " + strings.Join(names[:min(len(names), 16)], ", ")
	}
	return -1, &capability.Error{Code: capability.ErrUnknown, Provider: name, Err: fmt.Errorf("%s names no instance that runs: %s", verb, known)}
}

// leave makes these the units, and old one that is to be stopped.
func (h *Host) leave(units []*unit, old *unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.units = units
	h.leaving = append(h.leaving, old)
	if old.now.State != Stopped {
		old.set(Stopping, old.now.Err)
	} else {
		h.publish()
	}
}

// end stops a unit whose exports were withdrawn, once nobody uses them any more. If that
// takes too long, it is done later.
func (h *Host) end(ctx context.Context, old *unit) error {
	limit := old.limits.Drain
	if old.idle() {
		limit = min(limit, idleWait) // nobody has to see it end
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-old.usage.none:
		if err := h.left(ctx, old); err != nil {
			return old.errorf(ErrNotStopped, "it is out of service, and did not end well: %w", err)
		}
		return nil
	case <-late.C:
	case <-ctx.Done():
	}
	go func() {
		select {
		case <-old.usage.none:
			if err := h.left(h.hurry, old); err != nil {
				h.options.Log.Error("an extension that was replaced or removed could not be stopped", "instance", old.name, "error", err)
			}
		case <-h.ending: // Stop does it
		}
	}()
	if old.idle() {
		return nil
	}
	return old.errorf(ErrNotStopped, "it is out of service and runs on, as %w", old.held())
}

// idleWait is how long is waited for an idle unit: for what nobody uses, long enough.
const idleWait = 10 * time.Millisecond

// idle reports whether nothing ends when the unit is stopped, so that nobody needs to
// wait for it: it is passive, and nothing is done when its exports are retired.
func (u *unit) idle() bool {
	return u.is.passive() && !slices.ContainsFunc(u.made.exports, func(b capability.Binding) bool {
		is, _ := inside.BindingOf(b)
		return is.Maker || is.Retires
	})
}

// left stops a unit that nobody uses.
func (h *Host) left(ctx context.Context, old *unit) error {
	err := old.stop(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if old.now.State == Stopped { // else it still runs, and is to be seen
		h.leaving = slices.DeleteFunc(slices.Clone(h.leaving), func(u *unit) bool { return u == old })
		h.publish()
	}
	return err
}
