// Schedules of closing scopes and registries among all else.

//go:build capability_yield

package capability_test

import (
	"context"
	"errors"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/schedule"
)

// Promise 13: a scope that is closed twice at once, while its lease is used,
// retires what it made once.
func TestScheduleCloseTwiceAndLease(t *testing.T) {
	explore(t, schedule.Options{Min: 1_300, Preemptions: 2}, func(y *yard) {
		y.open(y.depot().bind("north"))
		use := lease(y, y.site(), built)
		y.Go("use", use)
		y.Go("close", y.close)
		y.Go("again", y.close)
		y.Wait()
		y.finish()
	})
}

// Promise 13: a scope that is closed while a commit changes what it reads.
func TestScheduleCommitAndClose(t *testing.T) {
	explore(t, schedule.Options{Min: 1_300, Preemptions: 2}, func(y *yard) {
		y.open(y.depot().bind("north"))
		second := y.depot()
		use := lease(y, depots.Named("north"), one)
		y.Go("commit", y.replace(second))
		y.Go("close", y.close)
		y.Go("use", use)
		y.Wait()
		y.finish()
	})
}

// Promise 13: who resolves while the scope is closed gets a handle or ErrClosed.
func TestScheduleResolveAndClose(t *testing.T) {
	explore(t, schedule.Options{Min: 1_700, Preemptions: 4}, func(y *yard) {
		y.open(y.depot().bind("north"))
		query := y.site()
		y.Go("resolve", func() {
			l, err := query.Leased(y.scope)
			switch {
			case err == nil:
				work(y, l, built)()
			case !errors.Is(err, capability.ErrClosed):
				y.Errorf("Leased: %v", err)
			}
		})
		y.Go("close", y.close)
		y.Wait()
		y.finish()
	})
}

// Promise 13: a registry can be closed when its last scope is, from whatever
// side one comes.
func TestScheduleCloseOfScopeAndRegistry(t *testing.T) {
	explore(t, schedule.Options{Min: 5_400, Preemptions: 2}, func(y *yard) {
		y.plain = true
		y.open(y.depot().bind("north"))
		first := y.depots[0]
		h, err := depots.Handle(y.scope)
		y.ok(err)
		closed := func() {
			err := y.engine.Close(context.Background())
			switch {
			case err == nil && !first.done.Load():
				y.Errorf("Close of the registry returns before the depot is retired")
			case err != nil && !errors.Is(err, capability.ErrInUse):
				y.Errorf("Close of the registry: %v", err)
			}
		}
		y.Go("scope", y.close)
		y.Go("registry", closed)
		y.Go("again", closed)
		y.Go("hold", func() {
			if !y.closed.Load() {
				h.Get().hold()
			}
		})
		y.Wait()
		y.finish()
	})
}

// Promise 13: commits to a registry that is being closed are done or ErrClosed,
// and nothing that was bound is left behind.
func TestScheduleCommitAndCloseOfRegistry(t *testing.T) {
	explore(t, schedule.Options{Min: 3_400, Preemptions: 2}, func(y *yard) {
		y.ok(y.engine.Apply(y.depot().bind("north")))
		second := y.depot()
		y.Go("commit", func() {
			err := y.engine.Apply(second.rebind("north"))
			second.refused = errors.Is(err, capability.ErrClosed)
			if err != nil && !second.refused {
				y.Errorf("Apply: %v", err)
			}
		})
		y.Go("close", func() { y.ok(y.engine.Close(context.Background())) })
		y.Go("drain", func() { y.ok(y.engine.Drain(context.Background())) })
		y.Wait()
		y.scope = must1(capability.Compose(y.orders))
		y.finish()
	})
}

// Promise 13: a registry that is being closed is composed or refused, and one
// that is composed is not closed.
func TestScheduleComposeAndCloseOfRegistry(t *testing.T) {
	explore(t, schedule.Options{Min: 750}, func(y *yard) {
		y.ok(y.engine.Apply(y.depot().bind("north")))
		var scope *capability.Scope
		var composed, closed error
		y.Go("compose", func() {
			if scope, composed = capability.Compose(y.orders, y.engine); composed == nil {
				y.scope = scope
				lease(y, depots.Named("north"), one)()
			}
		})
		y.Go("close", func() { closed = y.engine.Close(context.Background()) })
		y.Wait()
		switch {
		case composed == nil && errors.Is(closed, capability.ErrInUse):
		case closed == nil && errors.Is(composed, capability.ErrClosed):
			y.scope = must1(capability.Compose(y.orders))
		default:
			y.Errorf("Compose returns %v and Close %v", composed, closed)
			return
		}
		y.finish()
	})
}

// A scope that joins two registries, or parts them, while one of them commits:
// who resolves in it sees the commit.
func TestScheduleCommitAndCompose(t *testing.T) {
	explore(t, schedule.Options{Min: 700, Preemptions: 4}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		day, err := tariffs.Handle(y.scope)
		y.ok(err)
		c := &clock{yard: y}
		y.Go("commit", func() {
			y.set(2)()
			c.returned.Store(2)
			if got := day.Get(); got != 2 {
				y.Errorf("the tariff is %d after the commit of 2 has returned", got)
			}
		})
		y.Go("compose", func() {
			floor := int(c.returned.Load())
			group := capability.NewRegistry(capability.Group, "group")
			scope, err := y.scope.With(group)
			y.ok(err)
			h, err := tariffs.Handle(scope)
			y.ok(err)
			if got := h.Get(); got < floor {
				y.Errorf("a new scope shows %d after the commit of %d has returned", got, floor)
			}
			schedule.Yield("composed")
			y.ok(group.Apply(tariffs.Rebind("day", 7)))
			if got := h.Get(); got != 7 {
				y.Errorf("the new scope shows %d, want what its own registry rebinds", got)
			}
			y.ok(scope.Close())
		})
		y.Wait()
		y.finish()
	})
}

// Promise 13: two scopes that share a registry are closed at once, while a
// commit that both would see is under way.
func TestScheduleCommitAndCloseOfTwoScopes(t *testing.T) {
	explore(t, schedule.Options{Min: 700, Preemptions: 2}, func(y *yard) {
		y.plain = true
		y.open(y.depot().bind("north"))
		second := y.depot()
		other, err := capability.Compose(y.engine)
		y.ok(err)
		h, err := depots.Named("north").Handle(y.scope)
		y.ok(err)
		far, err := depots.Named("north").Handle(other)
		y.ok(err)
		y.Go("commit", y.replace(second))
		y.Go("close", func() {
			h.Get().hold()
			y.ok(other.Close())
		})
		y.Go("far", func() {
			far.Get()
			y.close()
		})
		y.Wait()
		y.finish()
	})
}

// Two scopes are closed, and each was all that held registries together. While one gives
// a set of them its new lock, the other may part that set again; those that an open scope
// connects have one lock in the end.
func TestScheduleTwoClosesThatPart(t *testing.T) {
	explore(t, schedule.Options{Preemptions: 4}, func(y *yard) {
		var of [5]*capability.Registry
		for i := range of {
			of[i] = capability.NewRegistry(capability.Level(i), "registry-"+string(rune('a'+i)))
		}
		x, west, a, b, c := of[0], of[1], of[2], of[3], of[4]
		compose := func(registries ...*capability.Registry) *capability.Scope {
			s, err := capability.Compose(registries...)
			y.ok(err)
			return s
		}
		stay := []*capability.Scope{compose(a, c), compose(west, b), compose(x)}
		ab, ax := compose(a, b), compose(a, x)
		y.Go("ax", func() { y.ok(ax.Close()) })
		y.Go("ab", func() { y.ok(ab.Close()) })
		y.Wait()
		for _, pair := range [][2]*capability.Registry{{a, c}, {west, b}} {
			if !capability.SameLock(pair[0], pair[1]) {
				y.Errorf("%v and %v, which a scope connects, have two locks", pair[0], pair[1])
			}
		}
		for _, pair := range [][2]*capability.Registry{{a, b}, {a, x}, {b, x}} {
			if capability.SameLock(pair[0], pair[1]) {
				y.Errorf("%v and %v, which no scope connects, have one lock", pair[0], pair[1])
			}
		}
		for _, s := range stay {
			y.ok(s.Close())
		}
	})
}
