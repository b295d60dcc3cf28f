// The operations over providers of one capability.

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
)

// A crowd is many providers of one capability, in the library and by hand.
type crowd struct {
	key    capability.Capability[check]
	engine *capability.Registry
	scope  *capability.Scope
	chain  capability.ChainHandle[check]

	mu   sync.Mutex // of who changes the list
	list atomic.Pointer[[]check]
}

// newCrowd returns a scope that reads all providers, of which there are none.
func newCrowd() (*crowd, error) {
	c := &crowd{
		key:    capability.New[check]("checks", "looks at an order before it is shipped"),
		engine: capability.NewRegistry(capability.Engine, "engine"),
	}
	var err error
	if c.scope, err = capability.Compose(c.engine, capability.NewRegistry(capability.Pipeline, "orders")); err != nil {
		return nil, err
	}
	return c, c.scope.Resolve(c.key.All().Into(&c.chain))
}

// bind binds the checks in the engine.
func (c *crowd) bind(checks []check) error {
	changes := make(capability.Changes, 0, len(checks))
	for i, one := range checks {
		changes = append(changes, c.key.Bind(label("check", i), one))
	}
	return c.engine.Apply(changes)
}

// replace changes the i-th check of the list by hand.
func (c *crowd) replace(i int, by check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := *c.list.Load()
	now := make([]check, len(was))
	copy(now, was)
	now[i] = by
	c.list.Store(&now)
}

// A stepError is how the hand-written loops name who failed.
type stepError struct {
	step int
	err  error
}

func (e *stepError) Error() string { return fmt.Sprintf("check %d: %v", e.step, e.err) }
func (e *stepError) Unwrap() error { return e.err }

//go:noinline
func (c *crowd) each(order int) error {
	return capability.Each(c.chain.Get(), func(c check) error { return c.Admit(order) })
}

//go:noinline
func (c *crowd) eachByHand(order int) error {
	for i, check := range *c.list.Load() {
		if err := check.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (c *crowd) pipe(order int) error {
	_, err := capability.Pipe(c.chain.Get(), order, func(c check, price int) (int, error) { return c.Amend(order, price) })
	return err
}

//go:noinline
func (c *crowd) pipeByHand(order int) error {
	_, err := c.priceByHand(order)
	return err
}

func (c *crowd) priceByHand(order int) (int, error) {
	price := order
	for i, check := range *c.list.Load() {
		next, err := check.Amend(order, price)
		if err != nil {
			return price, &stepError{i, err}
		}
		price = next
	}
	return price, nil
}

//go:noinline
func (c *crowd) decide(order int) error {
	_, err := capability.Decide(c.chain.Get(), func(c check) (capability.Decision[int], error) { return c.Route(order) })
	return err
}

//go:noinline
func (c *crowd) decideByHand(order int) error {
	for i, check := range *c.list.Load() {
		d, err := check.Route(order)
		if err != nil {
			return &stepError{i, err}
		}
		if _, ok := d.Get(); ok {
			return nil
		}
	}
	return nil
}

//go:noinline
func readChain(c *crowd, n int) (sum int) {
	for range n {
		sum += c.chain.Get().Len()
	}
	return sum
}

//go:noinline
func readList(c *crowd, n int) (sum int) {
	for range n {
		sum += len(*c.list.Load())
	}
	return sum
}

// oneMore makes a scope that reads the chain and takes it down again, n times.
// Only the making is timed.
func (c *crowd) oneMore(n int) (spent time.Duration, err error) {
	pipeline := capability.NewRegistry(capability.Pipeline, "returns")
	var chain capability.ChainHandle[check]
	for range n {
		start := time.Now()
		scope, err := capability.Compose(c.engine, pipeline)
		if err != nil {
			return 0, err
		}
		if err := scope.Resolve(c.key.All().Into(&chain)); err != nil {
			return 0, err
		}
		spent += time.Since(start)
		if err := scope.Close(); err != nil {
			return 0, err
		}
	}
	return spent, nil
}

// providersStand returns n providers and what is done with them.
func providersStand(n int) (*stand, error) {
	c, err := newCrowd()
	if err != nil {
		return nil, err
	}
	list := newChecks(n)
	c.list.Store(&list)
	if err := c.bind(list); err != nil {
		return nil, err
	}
	// What a commit exchanges is in the middle, and is never the one that decides.
	middle := (n - 1) / 2
	s := &stand{close: c.scope.Close}
	add := func(chart, line string, run func(n int) (time.Duration, error)) {
		s.probes = append(s.probes, probe{chart: chart, line: line, run: run, ops: 1})
	}
	name := label("check", middle)
	add("commit-providers", inLibrary, committing(
		func(by check) error { return c.engine.Apply(c.key.Rebind(name, by)) },
		func() check { found, _ := c.chain.Get().Find(name); return found }))
	add("commit-providers", copied, committing(
		func(by check) error { c.replace(middle, by); return nil },
		func() check { return (*c.list.Load())[middle] }))
	add("compose-providers", inLibrary, c.oneMore)
	add("get-providers", inLibrary, func(n int) (time.Duration, error) {
		return reading(n, func(n int) int { return readChain(c, n) })
	})
	add("get-providers", copied, func(n int) (time.Duration, error) {
		return reading(n, func(n int) int { return readList(c, n) })
	})
	for _, d := range []struct {
		line string
		call func(order int) error
	}{
		{"Each", c.each}, {"Pipe", c.pipe}, {"Decide", c.decide},
		{"loop of Each", c.eachByHand}, {"loop of Pipe", c.pipeByHand}, {"loop of Decide", c.decideByHand},
	} {
		add("dispatch-providers", d.line, func(n int) (time.Duration, error) { return timed(n, d.call) })
	}
	return s, nil
}
