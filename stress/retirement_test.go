// The soak of retirement: callers against a committer that replaces what they
// call.

package stress_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/typedcap/capability"
)

// What a soak of 30 seconds has to reach, under the race detector, on two cores.
const (
	soakCalls       = 50_000_000
	soakRetirements = 5_000
)

var (
	couriers = capability.New[*courier]("couriers", "carries parcels")
	agents   = capability.New[*agent]("agents", "speaks for a courier in one scope", capability.OnlyLeased())
	kept     = capability.New[*courier]("kept", "carries parcels for those who keep it")
)

var (
	districts = [...]string{"north", "south", "west"}
	errTest   = errors.New("a failing call")
)

// A convoy is a derived value: something of its own, and couriers.
type convoy struct {
	self, lead *courier
	all        capability.Chain[*courier]
}

// An agent is an instance for each scope: something of its own, and a courier.
type agent struct{ self, courier *courier }

// A town is the depot that the core keeps.
type town struct {
	r       *retirement
	made    list
	engine  *capability.Registry
	orders  *capability.Registry // of the scope that stays open
	yard    *capability.Registry // of the scope with the plain handle
	scope   *capability.Scope
	keeping *capability.Scope
	north   capability.Leased[*courier]
	all     capability.Leased[capability.Chain[*courier]]
	convoys capability.Query[*convoy]
	convoy  capability.Leased[*convoy]
	escorts capability.Query[*courier]
	escort  capability.Leased[*courier]
	agent   capability.Leased[*agent]
	keep    capability.Handle[*courier]
	brief   atomic.Int64

	// The committer alone uses these.

	bound map[string]*courier // by district
	left  []*courier          // replaced since the last drain
}

func newTown(tb testing.TB, r *retirement) *town {
	tb.Helper()
	w := &town{
		r:      r,
		engine: capability.NewRegistry(capability.Engine, "engine"),
		orders: capability.NewRegistry(capability.Pipeline, "orders"),
		yard:   capability.NewRegistry(capability.Engine, "yard"),
		bound:  make(map[string]*courier),
	}
	w.convoys = capability.Derive(w.build)
	w.escorts = capability.Derive(w.guard)
	var changes capability.Changes
	for _, d := range districts {
		c := w.made.add(r.courier(-1))
		changes = append(changes, couriers.Bind(d, c).OnRetire(c.retire))
		w.bound[d] = c
	}
	changes = append(changes, agents.BindPerScope("agent", w.make))
	c := w.made.add(r.courier(-1))
	err := capability.Commit(w.engine.Stage(changes), w.yard.Stage(kept.Bind("cart", c).OnRetire(c.retire)))
	if err != nil {
		tb.Fatal(err)
	}
	if w.scope, err = capability.Compose(w.orders, w.engine); err != nil {
		tb.Fatal(err)
	}
	if w.keeping, err = capability.Compose(w.yard); err != nil {
		tb.Fatal(err)
	}
	if err := w.keeping.Resolve(kept.Into(&w.keep)); err != nil {
		tb.Fatal(err)
	}
	err = w.scope.Resolve(
		couriers.Named("north").IntoLeased(&w.north),
		couriers.All().IntoLeased(&w.all),
		w.escorts.IntoLeased(&w.escort),
		w.convoys.IntoLeased(&w.convoy),
		agents.IntoLeased(&w.agent),
	)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// guard makes an escort for the providers of the moment, anew for each commit that
// a convoy is built for, be it refused by that or not.
func (w *town) guard(r *capability.Resolver) (*courier, error) {
	self := w.made.add(w.r.courier(-4))
	r.OnRetire(self.retire)
	_, err := couriers.All().In(r)
	return self, err
}

// unwelcome reports whether builds fail that meet c. Such are bound in commits
// only that must be refused.
func unwelcome(c *courier) bool { return c.number > 0 && c.number%32 == 0 }

// build makes a convoy.
func (w *town) build(r *capability.Resolver) (*convoy, error) {
	self := w.made.add(w.r.courier(-2))
	r.OnRetire(self.retire)
	lead, err := couriers.Named("south").In(r)
	if err != nil {
		return nil, err
	}
	if unwelcome(lead) {
		return nil, errTest
	}
	all, err := couriers.All().In(r)
	return &convoy{self, lead, all}, err
}

// make makes an agent.
func (w *town) make(r *capability.Resolver) (*agent, error) {
	self := w.made.add(w.r.courier(-3))
	r.OnRetire(self.retire)
	c, err := couriers.Named("west").In(r)
	return &agent{self, c}, err
}

// replace exchanges one courier by one of several changes. Every eighth time it
// does so from inside a lease on what it replaces.
func (w *town) replace(n int, c *courier, call call) error {
	if n%256 == 1 {
		return w.yard.Apply(kept.Rebind("cart", c).OnRetire(c.retire))
	}
	district := districts[n%len(districts)]
	changes := capability.Changes{couriers.Rebind(district, c).OnRetire(c.retire)}
	if n%4 == 1 {
		changes = capability.Changes{couriers.Unbind(district), couriers.Bind(district, c).OnRetire(c.retire)}
	}
	if n%8 == 5 {
		changes = append(changes, agents.Unbind("agent"), agents.BindPerScope("agent", w.make))
	}
	apply := func() error { return w.engine.Apply(changes) }
	if n%8 == 3 {
		apply = func() error {
			return w.all.Use(func(all capability.Chain[*courier]) error {
				if err := w.engine.Apply(changes); err != nil {
					return err
				}
				runtime.Gosched()
				return each(all, call)
			})
		}
	}
	if err := apply(); err != nil {
		return err
	}
	w.left = append(w.left, w.bound[district])
	w.bound[district] = c
	return nil
}

// refused offers a courier in a commit with a mistake, or in one that a build
// refuses.
func (w *town) refused(c *courier) error {
	if unwelcome(c) {
		if err := w.engine.Apply(couriers.Rebind("south", c).OnRetire(c.retire)); !errors.Is(err, errTest) {
			return fmt.Errorf("a commit that a build refuses returns %v", err)
		}
		return nil
	}
	err := w.engine.Apply(couriers.Rebind("north", c).OnRetire(c.retire), couriers.Mask("nobody"))
	if !errors.Is(err, capability.ErrUnknown) {
		return fmt.Errorf("masking an unknown name returns %v", err)
	}
	return nil
}

// each calls all couriers of a chain.
func each(all capability.Chain[*courier], call call) error {
	return capability.Each(all, func(c *courier) error { call(c); return nil })
}

// one leases a provider for one call.
func (w *town) one(call call) error {
	return w.north.Use(func(c *courier) error { call(c); return nil })
}

// many leases a provider for sixteen calls.
func (w *town) many(call call) error {
	return w.north.Use(func(c *courier) error {
		for range 16 {
			call(c)
		}
		return nil
	})
}

// chain leases all providers, and inside that again one of them.
func (w *town) chain(call call) error {
	return w.all.Use(func(all capability.Chain[*courier]) error {
		return errors.Join(each(all, call), w.one(call), each(all, call))
	})
}

// derived leases a derived value with what it was made of, and inside that
// another.
func (w *town) derived(call call) error {
	return w.convoy.Use(func(c *convoy) error {
		call(c.self)
		call(c.lead)
		return errors.Join(each(c.all, call), w.escort.Use(func(e *courier) error { call(e); return nil }))
	})
}

// instance leases what was made for the scope.
func (w *town) instance(call call) error {
	return w.agent.Use(func(a *agent) error {
		call(a.self)
		call(a.courier)
		return nil
	})
}

// failing leases end by an error, a panic or the end of the goroutine.
func (w *town) failing(call call) error {
	if err := w.north.Use(func(c *courier) error { call(c); return errTest }); err != errTest {
		return fmt.Errorf("the error of a leased call comes out as %v", err)
	}
	panicked := func() (v any) {
		defer func() { v = recover() }()
		return w.convoy.Use(func(c *convoy) error { call(c.self); panic(errTest) })
	}()
	if panicked != errTest {
		return fmt.Errorf("the panic of a leased call comes out as %v", panicked)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = w.all.Use(func(all capability.Chain[*courier]) error {
			_ = each(all, call)
			runtime.Goexit()
			return nil
		})
	}()
	<-exited
	return nil
}

// plainly keeps the first provider that a plain handle of an open scope returned.
// It is not retired, however often it was replaced since.
func (w *town) plainly() func(call) error {
	first := w.keep.Get()
	return func(call call) error {
		for range 8 {
			call(first)
			call(w.keep.Get())
		}
		return nil
	}
}

// briefly opens a scope, takes values out of plain handles and calls them as
// long as the scope is open, while others replace them.
func (w *town) briefly(call call) (err error) {
	guest, scope, err := w.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scope.Close(), guest.Close(context.Background())) }()
	var one capability.Handle[*courier]
	var all capability.ChainHandle[*courier]
	var derived capability.Handle[*convoy]
	if err := scope.Resolve(couriers.Named("west").Into(&one), couriers.All().Into(&all), w.convoys.Into(&derived)); err != nil {
		return err
	}
	for range 2 {
		c, chain, convoy := one.Get(), all.Get(), derived.Get()
		for range 8 {
			call(c)
			call(convoy.self)
			call(convoy.lead)
			if err := errors.Join(each(chain, call), each(convoy.all, call)); err != nil {
				return err
			}
			runtime.Gosched()
		}
	}
	return nil
}

// brieflyLeased opens a scope, and closes it inside a lease.
func (w *town) brieflyLeased(call call) (err error) {
	guest, scope, err := w.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guest.Close(context.Background())) }()
	var instance capability.Leased[*agent]
	var derived capability.Leased[*convoy]
	if err := scope.Resolve(agents.IntoLeased(&instance), w.convoys.IntoLeased(&derived)); err != nil {
		return errors.Join(err, scope.Close())
	}
	err = instance.Use(func(a *agent) error {
		return derived.Use(func(c *convoy) error {
			err := scope.Close()
			for range 8 {
				call(a.self)
				call(a.courier)
				call(c.self)
				runtime.Gosched()
				if err := each(c.all, call); err != nil {
					return err
				}
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := derived.Use(func(*convoy) error { return nil }); !errors.Is(err, capability.ErrClosed) {
		return fmt.Errorf("Use after Close returns %v", err)
	}
	return nil
}

// open composes a scope with a registry of its own, which is closed after it.
func (w *town) open() (guest *capability.Registry, scope *capability.Scope, err error) {
	guest = capability.NewRegistry(capability.Pipeline, fmt.Sprintf("guest-%d", w.brief.Add(1)))
	scope, err = capability.Compose(guest, w.engine)
	return guest, scope, err
}

// drain waits for what the registry has let go of, and looks whether it is
// retired. An agent keeps the courier that it was made with as long as it lives,
// so that it is exchanged first.
func (w *town) drain(ctx context.Context) error {
	if err := w.engine.Apply(agents.Unbind("agent"), agents.BindPerScope("agent", w.make)); err != nil {
		return err
	}
	if err := w.engine.Drain(ctx); err != nil {
		return err
	}
	for _, c := range w.left {
		if n := c.times.Load(); n != 1 {
			return fmt.Errorf("courier %d was retired %d times when Drain returned", c.number, n)
		}
	}
	w.left = w.left[:0]
	return nil
}

// close ends everything.
func (w *town) close(ctx context.Context) error {
	err := errors.Join(w.scope.Close(), w.keeping.Close())
	for _, r := range []*capability.Registry{w.orders, w.engine, w.yard} {
		err = errors.Join(err, r.Close(ctx), r.Drain(ctx))
	}
	return err
}

// TestSoakRetirement calls by all ways at once.
func TestSoakRetirement(t *testing.T) {
	r := &retirement{run: newRun(), records: true}
	w := newTown(t, r)
	r.depot = &depot{
		paths:   []func(call) error{w.one, w.many, w.chain, w.derived, w.instance, w.plainly()},
		rare:    []func(call) error{w.failing, w.briefly, w.brieflyLeased},
		replace: w.replace,
		refused: w.refused,
		made:    w.made.couriers,
		drain:   w.drain,
		close:   w.close,
	}
	if err := r.soak(*duration); err != nil {
		t.Error(err)
	}
	t.Logf("%d calls, %d retirements, %d brief scopes in %v", r.calls.Load(), r.retired.Load(), w.brief.Load(), *duration)
	atLeast(t, "calls", r.calls.Load(), share(soakCalls, *duration))
	atLeast(t, "retirements", r.retired.Load(), share(soakRetirements, *duration))
	atLeast(t, "brief scopes", w.brief.Load(), share(500, *duration))
}
