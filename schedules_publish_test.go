// Schedules of commits among those who read, dispatch and resolve.

//go:build capability_yield

package capability_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/schedule"
)

// setTariffs changes the tariffs of both registries to n in one commit.
func (y *yard) setTariffs(n int) error {
	return capability.Commit(
		y.engine.Stage(tariffs.Rebind("day", n)),
		y.orders.Stage(tariffs.Rebind("night", n)),
	)
}

// openTariffs makes a yard with the tariffs "day" of the engine and "night", of
// the engine and rebound by orders, which all commits change together.
func (y *yard) openTariffs() {
	y.open(tariffs.Bind("day", 1), tariffs.Bind("night", 0))
	y.ok(y.setTariffs(1))
}

// A tariffPair was read by one build.
type tariffPair struct{ day, night int }

var (
	dayAndNight = capability.Derive(func(r *capability.Resolver) (tariffPair, error) {
		day, err := tariffs.Named("day").In(r)
		schedule.Yield("build")
		night, err2 := tariffs.Named("night").In(r)
		return tariffPair{day, night}, errors.Join(err, err2)
	})
	bill = capability.Derive(func(r *capability.Resolver) (tariffPair, error) {
		both, err := dayAndNight.In(r)
		all, err2 := tariffs.All().In(r)
		if len(all.Values()) == 2 && all.Values()[0] != both.day {
			return both, fmt.Errorf("the build reads %v of one and %v of the other", both, all.Values())
		}
		return both, errors.Join(err, err2)
	})
)

// whole returns the number of a pair, and complains about one that is torn.
func (y *yard) whole(p tariffPair) int {
	if p.day != p.night {
		y.Errorf("a derived value is %v, which mixes generations", p)
	}
	return min(p.day, p.night)
}

// Promises 1 and 2: two commits and who reads a handle of each scope.
func TestScheduleCommitAndGet(t *testing.T) {
	explore(t, schedule.Options{Min: 1_800}, func(y *yard) {
		y.openTariffs()
		day, err := tariffs.Named("day").Handle(y.scope)
		y.ok(err)
		night, err := tariffs.Named("night").Handle(y.scope)
		y.ok(err)
		c := &clock{yard: y}
		y.Go("commit", func() {
			for n := 2; n <= 3; n++ {
				y.ok(y.setTariffs(n))
				c.returned.Store(int64(n))
			}
		})
		y.Go("read", often(4, c.reader("day", day.Get), c.reader("night", night.Get)))
		y.Wait()
		if day.Get() != 3 || night.Get() != 3 {
			y.Errorf("in the end the tariffs are %d and %d, want 3", day.Get(), night.Get())
		}
		y.finish()
	})
}

// Promise 5: whatever is committed meanwhile, a dispatch sees one chain, and the
// next one no older one.
func TestScheduleCommitAndDispatch(t *testing.T) {
	verbs := map[string]func(capability.Chain[clerk], func(clerk) error) error{
		"Each": capability.Each[clerk],
		"Pipe": func(c capability.Chain[clerk], f func(clerk) error) error {
			_, err := capability.Pipe(c, 0, func(c clerk, n int) (int, error) { return n + 1, f(c) })
			return err
		},
		"Collect": func(c capability.Chain[clerk], f func(clerk) error) error {
			_, err := capability.Collect(c, func(c clerk) (int, error) { return 0, f(c) })
			return err
		},
		"Decide": func(c capability.Chain[clerk], f func(clerk) error) error {
			_, err := capability.Decide(c, func(c clerk) (capability.Decision[int], error) { return capability.Decision[int]{}, f(c) })
			return err
		},
	}
	for _, name := range []string{"Each", "Pipe", "Collect", "Decide"} {
		dispatch, bound := verbs[name], 2
		if name == "Each" {
			bound = 0 // all, and for the other verbs, which walk the chain in the same way, fewer
		}
		explore(t, schedule.Options{Min: 100, Preemptions: bound}, func(y *yard) {
			y.open(clerks.Bind("desk", clerkOf(1)), clerks.Bind("gate", clerkOf(1)))
			all, err := clerks.All().Handle(y.scope)
			y.ok(err)
			c := &clock{yard: y}
			y.Go("commit", func() {
				y.ok(capability.Commit(
					y.engine.Stage(clerks.Rebind("desk", clerkOf(2)), clerks.Rebind("gate", clerkOf(2))),
					y.orders.Stage(clerks.Bind("van", clerkOf(2))),
				))
				c.returned.Store(2)
				y.ok(capability.Commit(
					y.orders.Stage(clerks.Bind("desk", clerkOf(3)), clerks.Unbind("van")),
					y.engine.Stage(clerks.Unbind("gate")),
				))
				c.returned.Store(3)
			})
			read := c.reader("a dispatch", func() int {
				var seen []int
				y.ok(dispatch(all.Get(), func(c clerk) error {
					seen = append(seen, c.version())
					schedule.Yield("dispatch")
					return nil
				}))
				want := map[int]int{1: 2, 2: 3, 3: 1}
				for _, n := range seen {
					if n != seen[0] || len(seen) != want[n] {
						y.Errorf("one dispatch of %s sees versions %d", name, seen)
					}
				}
				return seen[0]
			})
			y.Go("dispatch", often(2, read))
			y.Wait()
			y.finish()
		})
	}
}

// Promises 1, 2 and 3: values derived from several capabilities, and from other
// derived values, are of one generation and follow.
func TestScheduleCommitAndDerive(t *testing.T) {
	explore(t, schedule.Options{Min: 2_300}, func(y *yard) {
		y.openTariffs()
		both, err := dayAndNight.Handle(y.scope)
		y.ok(err)
		total, err := bill.Handle(y.scope)
		y.ok(err)
		c := &clock{yard: y}
		y.Go("commit", func() {
			y.ok(y.setTariffs(2))
			c.returned.Store(2)
		})
		y.Go("read", often(4,
			c.reader("the pair", func() int { return y.whole(both.Get()) }),
			c.reader("the bill", func() int { return y.whole(total.Get()) })))
		y.Wait()
		y.finish()
	})
}

// Promises 1 to 3 and 13: commits that name the registries in crossed orders
// come one after the other, and who reads sees each whole.
func TestScheduleCrossedCommits(t *testing.T) {
	explore(t, schedule.Options{Min: 2_600, Preemptions: 2}, func(y *yard) {
		y.openTariffs()
		day, err := tariffs.Named("day").Handle(y.scope)
		y.ok(err)
		both, err := dayAndNight.Handle(y.scope)
		y.ok(err)
		for i, name := range []string{"commit", "crossed"} {
			n := i + 2
			first, second := y.engine.Stage(tariffs.Rebind("day", n)), y.orders.Stage(tariffs.Rebind("night", n))
			if n == 3 {
				first, second = second, first
			}
			y.Go(name, func() {
				y.ok(capability.Commit(first, second))
				if day.Get() == 1 || y.whole(both.Get()) == 1 {
					y.Errorf("after %s has returned the tariffs are %d and %v", name, day.Get(), both.Get())
				}
			})
		}
		y.Go("read", often(2, func() { y.whole(both.Get()) }))
		y.Wait()
		if day.Get() != both.Get().day {
			y.Errorf("in the end the tariff is %d and what is derived of it %v", day.Get(), both.Get())
		}
		y.finish()
	})
}

// Registries that no scope connects have locks of their own: commits that take
// them in crossed orders neither wait for ever nor mix.
func TestScheduleCrossedRegistries(t *testing.T) {
	explore(t, schedule.Options{Min: 6_800, Preemptions: 4}, func(y *yard) {
		set := func(edits ...capability.Edit) func() {
			return func() { y.ok(capability.Commit(edits...)) }
		}
		y.ok(y.engine.Apply(tariffs.Bind("day", 1)))
		y.ok(y.orders.Apply(tariffs.Bind("day", 1)))
		y.Go("commit", set(y.engine.Stage(tariffs.Rebind("day", 2)), y.orders.Stage(tariffs.Rebind("day", 2))))
		y.Go("crossed", set(y.orders.Stage(tariffs.Rebind("day", 3)), y.engine.Stage(tariffs.Rebind("day", 3))))
		y.Go("compose", func() {
			scope, err := capability.Compose(y.orders, y.engine)
			y.ok(err)
			y.ok(scope.Close())
		})
		y.Wait()
		var got []int
		for _, r := range []*capability.Registry{y.engine, y.orders} {
			scope, err := capability.Compose(r)
			y.ok(err)
			day, err := tariffs.Handle(scope)
			y.ok(err)
			got = append(got, day.Get())
			y.ok(scope.Close())
		}
		if got[0] != got[1] || got[0] == 1 {
			y.Errorf("in the end the registries hold %d", got)
		}
	})
}

// fits refuses numbers above ten, in three ways, and makes something that has to
// be retired.
func (y *yard) fits(fail func(n int) error) capability.Query[int] {
	return capability.Derive(func(r *capability.Resolver) (int, error) {
		d := y.depot()
		r.OnRetire(d.retire)
		n, err := tariffs.Named("day").In(r)
		schedule.Yield("build")
		if err == nil && n > 10 {
			err = fail(n)
		}
		return n, err
	})
}

// Promises 4 and 12: a commit whose build fails, panics or ends its goroutine
// changes nothing, takes nothing over, and leaves all usable.
func TestScheduleRefusedCommit(t *testing.T) {
	for i, fail := range []func(n int) error{
		func(n int) error { return fmt.Errorf("%d is too much", n) },
		func(n int) error { panic(fmt.Sprintf("%d is too much", n)) },
		func(n int) error { runtime.Goexit(); return nil },
	} {
		o := schedule.Options{Min: 300, Preemptions: 2}
		if i == 0 {
			o = schedule.Options{Limit: 6_000, Min: 6_000, Random: true, Seed: 1}
		}
		explore(t, o, func(y *yard) {
			y.open(tariffs.Bind("day", 1))
			day, err := tariffs.Named("day").Handle(y.scope)
			y.ok(err)
			fits, err := y.fits(fail).Leased(y.scope)
			y.ok(err)
			// What another build makes for the refused commit is retired too.
			_, err = y.fits(func(int) error { return nil }).Leased(y.scope)
			y.ok(err)
			lost := y.depot()
			binding := lost.bind("lost")
			all, err := depots.All().Leased(y.scope)
			y.ok(err)
			c := &clock{yard: y}
			y.Go("refused", func() {
				if err := y.engine.Apply(tariffs.Rebind("day", 11), binding); err == nil {
					y.Errorf("a commit is accepted whose build fails")
				}
			})
			if i == 0 { // a triple
				y.Go("commit", func() {
					y.ok(y.engine.Apply(tariffs.Rebind("day", 2)))
					c.returned.Store(2)
				})
			}
			y.Go("read", often(1,
				c.reader("the tariff", func() int { return good(y, day.Get()) }),
				c.reader("what is derived", func() (got int) {
					y.ok(fits.Use(func(n int) error { got = good(y, n); return nil }))
					return got
				}),
				func() {
					y.ok(all.Use(func(c capability.Chain[*depot]) error {
						if c.Len() > 0 {
							y.Errorf("a refused commit shows its depot")
						}
						return nil
					}))
				}))
			y.Wait()
			if lost.retired.Load() != 0 {
				y.Errorf("a refused commit retires what it would have bound")
			}
			y.ok(y.engine.Apply(binding)) // accepted, because the other was not
			y.finish()
		})
	}
}

func good(y *yard, n int) int {
	if n > 10 {
		y.Errorf("a refused commit shows %d", n)
	}
	return n
}

// Who resolves while a commit runs gets what it published, and what comes
// after, in every handle alike.
func TestScheduleCommitAndResolve(t *testing.T) {
	explore(t, schedule.Options{Min: 400}, func(y *yard) {
		y.openTariffs()
		early, err := dayAndNight.Handle(y.scope)
		y.ok(err)
		c := &clock{yard: y}
		var day capability.Handle[int]
		var all capability.ChainHandle[int]
		var both, total capability.Handle[tariffPair]
		y.Go("commit", func() {
			y.ok(y.setTariffs(2))
			c.returned.Store(2)
		})
		y.Go("resolve", func() {
			floor := int(c.returned.Load())
			y.ok(y.scope.Resolve(tariffs.Named("day").Into(&day), tariffs.All().Into(&all), dayAndNight.Into(&both), bill.Into(&total)))
			for _, n := range append(all.Get().Values(), day.Get(), y.whole(both.Get()), y.whole(total.Get())) {
				if n < floor {
					y.Errorf("a handle begins with %d after the commit of %d has returned", n, floor)
				}
			}
		})
		y.Wait()
		for _, n := range append(all.Get().Values(), day.Get(), y.whole(both.Get()), y.whole(total.Get()), y.whole(early.Get())) {
			if n != 2 {
				y.Errorf("in the end a handle reads %d, want 2", n)
			}
		}
		y.ok(y.setTariffs(3))
		for _, n := range append(all.Get().Values(), day.Get(), y.whole(both.Get()), y.whole(total.Get()), y.whole(early.Get())) {
			if n != 3 {
				y.Errorf("after one more commit a handle reads %d, want 3", n)
			}
		}
		y.finish()
	})
}

// Two consumers that resolve the same share what was built; it is built once and
// retired once.
func TestScheduleTwoResolve(t *testing.T) {
	explore(t, schedule.Options{Limit: 6_000, Min: 6_000, Random: true, Seed: 1}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		query := y.fits(func(int) error { return nil })
		var handles [2]capability.Leased[int]
		for i, name := range []string{"one", "other"} {
			y.Go(name, func() {
				l, err := query.Leased(y.scope)
				y.ok(err)
				handles[i] = l
			})
		}
		y.Go("commit", func() { y.ok(y.engine.Apply(tariffs.Rebind("day", 2))) })
		y.Wait()
		for _, h := range handles {
			y.ok(h.Use(func(n int) error {
				if n != 2 {
					y.Errorf("a handle reads %d, want 2", n)
				}
				return nil
			}))
		}
		if n := len(y.depots); n > 2 {
			y.Errorf("%d values were built for two generations", n)
		}
		y.finish()
	})
}

// A commit that would take a provider away, and who resolves it meanwhile: one of
// both is refused.
func TestScheduleUnbindAndResolve(t *testing.T) {
	explore(t, schedule.Options{Min: 370}, func(y *yard) {
		y.open(y.depot().bind("north"))
		var unbound, resolved error
		var l capability.Leased[*depot]
		y.Go("unbind", func() { unbound = y.engine.Apply(depots.Unbind("north")) })
		y.Go("resolve", func() { l, resolved = depots.Leased(y.scope) })
		y.Wait()
		switch {
		case unbound == nil && errors.Is(resolved, capability.ErrNotProvided):
		case resolved == nil && errors.Is(unbound, capability.ErrInUse):
			y.ok(l.Use(func(d *depot) error { d.use(); return nil }))
		default:
			y.Errorf("Unbind returns %v and resolving %v", unbound, resolved)
		}
		y.finish()
	})
}
