// Schedules of leases and plain handles among commits, retirements and drains.

//go:build capability_yield

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/schedule"
)

// A depotSite is what is derived of a depot, and has to be retired itself.
type depotSite struct{ of, own *depot }

// site derives from the depot "north".
func (y *yard) site() capability.Query[depotSite] {
	return capability.Derive(func(r *capability.Resolver) (depotSite, error) {
		d, err := depots.Named("north").In(r)
		schedule.Yield("build")
		own := y.depot()
		r.OnRetire(func() error {
			d.alive("what was derived of it is retired")
			return own.retire()
		})
		return depotSite{d, own}, err
	})
}

// work is Use of a lease: it works with the depots that show gives for the value.
func work[V any](y *yard, l capability.Leased[V], show func(V) []*depot) func() {
	return func() {
		err := l.Use(func(v V) error {
			for _, d := range show(v) {
				d.use()
			}
			return nil
		})
		if err != nil && !(y.closed.Load() && errors.Is(err, capability.ErrClosed)) {
			y.Errorf("Use: %v", err)
		}
	}
}

// lease resolves the query and returns a user of it.
func lease[V any](y *yard, q capability.Query[V], show func(V) []*depot) func() {
	l, err := q.Leased(y.scope)
	y.ok(err)
	return work(y, l, show)
}

func one(d *depot) []*depot { return []*depot{d} }

func chain(c capability.Chain[*depot]) []*depot { return c.Values() }

func built(s depotSite) []*depot { return []*depot{s.of, s.own} }

// replace puts one depot after the other in the place of "north", whose first
// binding is the first depot.
func (y *yard) replace(next ...*depot) func() {
	return func() {
		for _, d := range next {
			for _, was := range y.depots[:d.number-1] {
				if was.left.IsZero() {
					was.left = time.Now()
				}
			}
			y.ok(y.engine.Apply(d.rebind("north")))
		}
	}
}

// leased is a world of one user, or two, and commits that replace what is used.
func leased(resolve func(*yard) func(), users, uses, commits int) func(*yard) {
	return func(y *yard) {
		y.open(y.depot().bind("north"))
		var next []*depot
		for range commits {
			next = append(next, y.depot())
		}
		use := resolve(y)
		y.Go("commit", y.replace(next...))
		for i := range users {
			y.Go(fmt.Sprint("use", i), often(uses, use))
		}
		y.Wait()
		y.finish()
	}
}

// Promise 6, for a lease of one provider.
func TestScheduleCommitAndLease(t *testing.T) {
	resolve := func(y *yard) func() { return lease(y, depots.Named("north"), one) }
	explore(t, schedule.Options{Min: 1_100, Preemptions: 4}, leased(resolve, 1, 1, 1))
	explore(t, schedule.Options{Min: 15_400, Limit: 40_000, Preemptions: 3}, leased(resolve, 1, 2, 2))
}

// Promise 6, for a lease of a chain.
func TestScheduleCommitAndLeaseOfChain(t *testing.T) {
	resolve := func(y *yard) func() { return lease(y, depots.All(), chain) }
	explore(t, schedule.Options{Min: 1_100, Preemptions: 4}, leased(resolve, 1, 1, 1))
}

// Promise 6, for a lease of what is derived, which holds what it was derived of.
func TestScheduleCommitAndLeaseOfDerived(t *testing.T) {
	resolve := func(y *yard) func() { return lease(y, y.site(), built) }
	explore(t, schedule.Options{Min: 2_800, Preemptions: 3}, leased(resolve, 1, 1, 1))
}

// Promise 6, for leases of one, of the chain and of what is derived by one user:
// each holds what is in it.
func TestScheduleCommitAndThreeLeases(t *testing.T) {
	resolve := func(y *yard) func() {
		n, all, s := lease(y, depots.Named("north"), one), lease(y, depots.All(), chain), lease(y, y.site(), built)
		return func() { n(); all(); s() }
	}
	explore(t, schedule.Options{Min: 1_700, Preemptions: 2}, leased(resolve, 1, 1, 1))
}

// Promise 6, for one user within another's lease of the same depot.
func TestScheduleCommitAndNestedLeases(t *testing.T) {
	explore(t, schedule.Options{Min: 4_700, Preemptions: 4}, leased(func(y *yard) func() {
		inner, err := depots.All().Leased(y.scope)
		y.ok(err)
		return lease(y, depots.Named("north"), func(d *depot) []*depot {
			d.uses.Add(1)
			defer d.uses.Add(-1)
			work(y, inner, chain)()
			return one(d)
		})
	}, 1, 1, 1))
}

// Promise 6, for two users of one lease: a triple.
func TestScheduleCommitAndTwoUsers(t *testing.T) {
	resolve := func(y *yard) func() { return lease(y, depots.Named("north"), one) }
	explore(t, schedule.Options{Min: 11_800, Preemptions: 2}, leased(resolve, 2, 1, 2))
}

// Promise 6: users who come too late for a lease, and find that the next value is
// there, take no hold away but their own, which plain handles would notice.
func TestScheduleCommitAndLatecomers(t *testing.T) {
	resolve := func(y *yard) func() {
		y.plain = true
		_, err := depots.Named("north").Handle(y.scope)
		y.ok(err)
		return lease(y, depots.Named("north"), one)
	}
	explore(t, schedule.Options{Min: 4_200, Preemptions: 3}, leased(resolve, 2, 1, 1))
}

// Promise 12: a use that panics or ends its goroutine ends its lease.
func TestScheduleCommitAndPanicInUse(t *testing.T) {
	for _, end := range []func(){func() { panic("the roof leaks") }, runtime.Goexit} {
		explore(t, schedule.Options{Min: 750, Preemptions: 3}, leased(func(y *yard) func() {
			l, err := depots.Named("north").Leased(y.scope)
			y.ok(err)
			return func() {
				ended := make(chan struct{})
				schedule.Spawn(func() {
					defer close(ended)
					defer func() { recover() }()
					y.ok(l.Use(func(d *depot) error {
						d.use()
						end()
						return nil
					}))
				})
				<-ended
			}
		}, 1, 1, 1))
	}
}

// Promise 6: what a plain handle of an open scope has handed out is not retired
// before the scope is closed.
func TestSchedulePlainHandleAndClose(t *testing.T) {
	explore(t, schedule.Options{Min: 7_100, Preemptions: 3}, func(y *yard) {
		y.plain = true
		y.open(y.depot().bind("north"))
		second := y.depot()
		one, err := depots.Named("north").Handle(y.scope)
		y.ok(err)
		all, err := depots.All().Handle(y.scope)
		y.ok(err)
		y.Go("commit", y.replace(second))
		y.Go("hold", func() {
			one.Get().hold()
			for _, d := range all.Get().Values() {
				d.hold()
			}
		})
		y.Go("close", y.close)
		y.Wait()
		y.finish()
	})
}

// Promise 6: a handle of another scope, and one that is resolved late, hold what
// they may have handed out and nothing else.
func TestSchedulePlainHandlesOfTwoScopes(t *testing.T) {
	explore(t, schedule.Options{Min: 850, Preemptions: 2}, func(y *yard) {
		y.plain = true
		y.open(y.depot().bind("north"))
		second := y.depot()
		other, err := capability.Compose(y.engine)
		y.ok(err)
		_, err = depots.Named("north").Handle(other)
		y.ok(err)
		y.Go("commit", y.replace(second))
		y.Go("resolve", func() {
			late, err := depots.Named("north").Handle(y.scope)
			y.ok(err)
			late.Get().hold()
			if y.depots[0].retired.Load() == 0 {
				return
			}
			// Only the other scope could have shown the first depot.
			if late.Get() != second {
				y.Errorf("a late handle shows what is retired")
			}
		})
		y.Go("close", func() {
			y.plain = false
			y.ok(other.Close())
		})
		y.Wait()
		y.finish()
	})
}

// withGrace makes the depot one that plain handles hold for a minute only.
func (d *depot) withGrace() *depot {
	d.graced, d.grace = true, time.Minute
	return d
}

// Promise 6: Grace ends the hold of plain handles when its time has come, not
// earlier, and never that of a lease.
func TestScheduleGraceAndLease(t *testing.T) {
	explore(t, schedule.Options{Min: 5_100, Preemptions: 3}, func(y *yard) {
		y.plain = true
		y.open(y.depot().withGrace().bind("north"))
		second := y.depot()
		h, err := depots.Named("north").Handle(y.scope)
		y.ok(err)
		use := lease(y, depots.Named("north"), one)
		y.Go("commit", y.replace(second))
		y.Go("use", func() {
			use()
			h.Get().hold()
		})
		y.Elapse("minute", time.Minute)
		y.Wait()
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		y.ok(y.engine.Drain(ctx)) // though the scope is open
		y.finish()
	})
}

// Promise 6: Grace that ends while the scope is closed takes one hold away, not
// that of a lease too.
func TestScheduleGraceAndClose(t *testing.T) {
	explore(t, schedule.Options{Limit: 150_000, Min: 14_400, Preemptions: 2}, func(y *yard) {
		y.plain = true
		y.open(y.depot().withGrace().bind("north"))
		second := y.depot()
		_, err := depots.Named("north").Handle(y.scope)
		y.ok(err)
		use := lease(y, depots.Named("north"), one)
		y.Go("commit", y.replace(second))
		y.Go("use", use)
		y.Go("close", y.close)
		y.Elapse("minute", time.Minute)
		y.Wait()
		y.finish()
	})
}

// Promise 6: what a derived value was made of is held as long as the value, by
// plain handles too, though its own Grace is over.
func TestScheduleGraceAndDerived(t *testing.T) {
	explore(t, schedule.Options{Min: 250, Preemptions: 2}, func(y *yard) {
		y.open(y.depot().withGrace().bind("north"))
		first, second := y.depots[0], y.depot()
		h, err := y.site().Handle(y.scope)
		y.ok(err)
		y.Go("commit", y.replace(second))
		y.Go("hold", func() {
			s := h.Get()
			schedule.Yield("holding")
			if !y.closed.Load() {
				s.of.alive("a derived value of an open scope shows it")
				s.own.alive("a plain handle of an open scope shows it")
			}
		})
		y.Elapse("minute", time.Minute)
		y.Wait()
		if first.retired.Load() > 0 {
			y.Errorf("what a derived value of an open scope was made of is retired")
		}
		y.finish()
	})
}

// Drain returns when all is retired that had left before, and not earlier.
func TestScheduleDrainAndLease(t *testing.T) {
	explore(t, schedule.Options{Min: 1_400, Preemptions: 2}, func(y *yard) {
		y.open(y.depot().bind("north"))
		first, second := y.depots[0], y.depot()
		use := lease(y, depots.Named("north"), one)
		gone := false
		y.Go("commit", func() {
			y.replace(second)()
			gone = true
		})
		y.Go("use", use)
		y.Go("drain", func() {
			before := gone
			y.ok(y.engine.Drain(context.Background()))
			if before && !first.done.Load() {
				y.Errorf("Drain returns before the depot is retired")
			}
		})
		y.Wait()
		y.finish()
	})
}

// Drain that is given up says who holds the rest, and changes nothing.
func TestScheduleDrainGivenUp(t *testing.T) {
	explore(t, schedule.Options{Min: 1_800, Preemptions: 2}, func(y *yard) {
		y.open(y.depot().bind("north"))
		first, second := y.depots[0], y.depot()
		use := lease(y, depots.Named("north"), one)
		y.Go("use", func() {
			use()
			schedule.Yield("used")
		})
		y.Go("drain", func() {
			y.replace(second)()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err := y.engine.Drain(ctx)
			switch {
			case err == nil && !first.done.Load():
				y.Errorf("Drain returns before the depot is retired")
			case err != nil && !(errors.Is(err, capability.ErrInUse) && errors.Is(err, context.DeadlineExceeded)):
				y.Errorf("Drain: %v", err)
			}
		})
		y.Elapse("minute", time.Minute)
		y.Wait()
		y.finish()
	})
}

// Promise 12: whatever a retirement does, it is called once, its error comes out
// of one Drain, and the registry goes on.
func TestScheduleRetirementsThatFail(t *testing.T) {
	for _, end := range []func(*yard) error{
		func(*yard) error { return errors.New("the roof leaks") },
		func(*yard) error { panic("the roof leaks") },
		func(*yard) error { runtime.Goexit(); return nil },
	} {
		explore(t, schedule.Options{Min: 1_400, Preemptions: 2}, func(y *yard) {
			y.open()
			first, second := y.depot(), y.depot()
			y.ok(y.engine.Apply(depots.Bind("north", first).OnRetire(func() error {
				y.ok(first.retire())
				return end(y)
			})))
			use := lease(y, depots.Named("north"), one)
			told := 0
			drain := func() {
				if err := y.engine.Drain(context.Background()); err != nil {
					told++
				}
			}
			y.Go("commit", y.replace(second))
			y.Go("use", use)
			y.Go("drain", drain)
			y.Wait()
			drain()
			if told != 1 {
				y.Errorf("the error of a retirement came out of Drain %d times, want once", told)
			}
			y.finish()
		})
	}
}

// OnRetire holds no lock: it may commit to its own registry, use leases and
// resolve. Drain and Close of its registry would wait for it and are refused.
func TestScheduleRetirementThatCommits(t *testing.T) {
	explore(t, schedule.Options{Min: 2_700, Preemptions: 3}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		first, second := y.depot(), y.depot()
		var use func()
		y.ok(y.engine.Apply(depots.Bind("north", first).OnRetire(func() error {
			y.ok(first.retire())
			if err := y.engine.Drain(context.Background()); !errors.Is(err, capability.ErrInvalid) {
				y.Errorf("Drain in OnRetire returns %v, want ErrInvalid", err)
			}
			y.ok(y.engine.Apply(tariffs.Rebind("day", 2)))
			use()
			return nil
		})))
		use = lease(y, depots.Named("north"), one)
		y.Go("commit", func() {
			y.replace(second)()
			y.ok(y.engine.Drain(context.Background()))
		})
		y.Go("use", use)
		y.Wait()
		if h, err := tariffs.Handle(y.scope); err != nil || h.Get() != 2 {
			y.Errorf("in the end the tariff is not what OnRetire has committed; %v", err)
		}
		y.finish()
	})
}

// An instance is made once for each scope and retired once, whoever resolves it
// first and whatever becomes of its binding.
func TestScheduleInstances(t *testing.T) {
	explore(t, schedule.Options{Min: 8_000, Preemptions: 2}, func(y *yard) {
		y.open()
		y.ok(y.engine.Apply(depots.BindPerScope("north", func(r *capability.Resolver) (*depot, error) {
			d := y.depot()
			r.OnRetire(d.retire)
			schedule.Yield("build")
			return d, nil
		})))
		second := y.depot()
		y.Go("resolve", lease(y, depots.Named("north"), one))
		made := len(y.depots)
		y.Go("other", func() {
			l, err := depots.All().Leased(y.scope)
			y.ok(err)
			work(y, l, chain)()
		})
		y.Go("commit", func() { y.ok(y.engine.Apply(second.rebind("north"))) })
		y.Wait()
		if n := len(y.depots); n != made {
			y.Errorf("%d instances were made for one scope", n-1)
		}
		y.finish()
	})
}

// Instances for two scopes, resolved and closed at once.
func TestScheduleInstancesOfTwoScopes(t *testing.T) {
	explore(t, schedule.Options{Min: 10_000, Preemptions: 2}, func(y *yard) {
		y.open()
		y.ok(y.engine.Apply(depots.BindPerScope("north", func(r *capability.Resolver) (*depot, error) {
			d := y.depot()
			r.OnRetire(d.retire)
			schedule.Yield("build")
			return d, nil
		})))
		other, err := capability.Compose(y.engine)
		y.ok(err)
		for i, s := range []*capability.Scope{y.scope, other} {
			y.Go(fmt.Sprint("scope", i), func() {
				l, err := depots.Named("north").Leased(s)
				y.ok(err)
				y.ok(l.Use(func(d *depot) error { d.use(); return nil }))
				y.ok(s.Close())
			})
		}
		y.Wait()
		if n := len(y.depots); n != 2 {
			y.Errorf("%d instances were made for two scopes", n)
		}
		y.finish()
	})
}
