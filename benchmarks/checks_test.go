// The providers that all benchmarks of dispatch call: four types that do next to
// nothing and four that work for some nanoseconds first.

package benchmarks

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedcap/capability"
)

// A Check looks at an order before it is shipped. It has a method for each verb,
// so that all verbs call the same providers.
type Check interface {
	Admit(order int) error
	Flag(order int) (bool, error)
	Approve(order int) (bool, error)
	Amend(order, price int) (int, error)
	Route(order int) (capability.Decision[int], error)
}

// Checks is the capability that the benchmarks resolve.
var Checks = capability.New[Check]("checks", "looks at an order before it is shipped")

var errRefused = errors.New("refused")

// The trivial checks refuse one order, which never comes, and the last of a
// chain decides the route.
type (
	weight struct {
		never int
		last  bool
	}
	stock struct {
		never int
		last  bool
	}
	credit struct {
		last  bool
		never int
	}
	region struct {
		last  bool
		never int
	}
)

func refuse(yes bool) error {
	if yes {
		return errRefused
	}
	return nil
}

func route(order int, last bool) (capability.Decision[int], error) {
	if last {
		return capability.Decided(order), nil
	}
	return capability.Decision[int]{}, nil
}

func (c *weight) Admit(order int) error                             { return refuse(order == c.never) }
func (c *weight) Flag(order int) (bool, error)                      { return order == c.never, nil }
func (c *weight) Approve(order int) (bool, error)                   { return order != c.never, nil }
func (c *weight) Amend(order, price int) (int, error)               { return price + 1, refuse(order == c.never) }
func (c *weight) Route(order int) (capability.Decision[int], error) { return route(order, c.last) }

func (c *stock) Admit(order int) error                             { return refuse(order == c.never) }
func (c *stock) Flag(order int) (bool, error)                      { return order == c.never, nil }
func (c *stock) Approve(order int) (bool, error)                   { return order != c.never, nil }
func (c *stock) Amend(order, price int) (int, error)               { return price + 2, refuse(order == c.never) }
func (c *stock) Route(order int) (capability.Decision[int], error) { return route(order, c.last) }

func (c *credit) Admit(order int) error                             { return refuse(order == c.never) }
func (c *credit) Flag(order int) (bool, error)                      { return order == c.never, nil }
func (c *credit) Approve(order int) (bool, error)                   { return order != c.never, nil }
func (c *credit) Amend(order, price int) (int, error)               { return price + 3, refuse(order == c.never) }
func (c *credit) Route(order int) (capability.Decision[int], error) { return route(order, c.last) }

func (c *region) Admit(order int) error                             { return refuse(order == c.never) }
func (c *region) Flag(order int) (bool, error)                      { return order == c.never, nil }
func (c *region) Approve(order int) (bool, error)                   { return order != c.never, nil }
func (c *region) Amend(order, price int) (int, error)               { return price + 4, refuse(order == c.never) }
func (c *region) Route(order int) (capability.Decision[int], error) { return route(order, c.last) }

// The busy checks work before they answer.
type (
	busyWeight struct{ weight }
	busyStock  struct{ stock }
	busyCredit struct{ credit }
	busyRegion struct{ region }
)

// work takes 4 to 5 ns on the machine of RESULTS.md. It is a chain of shifts
// that depends on the order alone, so that the processor may overlap the work of
// neighbours and the loop around them is not hidden behind it.
func work(order int) int {
	x := uint64(order) | 1<<40
	for range 5 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return int(x >> 1)
}

func (c *busyWeight) Admit(order int) error           { return c.weight.Admit(work(order)) }
func (c *busyWeight) Flag(order int) (bool, error)    { return c.weight.Flag(work(order)) }
func (c *busyWeight) Approve(order int) (bool, error) { return c.weight.Approve(work(order)) }
func (c *busyWeight) Amend(order, price int) (int, error) {
	return c.weight.Amend(work(order), price)
}
func (c *busyWeight) Route(order int) (capability.Decision[int], error) {
	return c.weight.Route(work(order))
}

func (c *busyStock) Admit(order int) error           { return c.stock.Admit(work(order)) }
func (c *busyStock) Flag(order int) (bool, error)    { return c.stock.Flag(work(order)) }
func (c *busyStock) Approve(order int) (bool, error) { return c.stock.Approve(work(order)) }
func (c *busyStock) Amend(order, price int) (int, error) {
	return c.stock.Amend(work(order), price)
}
func (c *busyStock) Route(order int) (capability.Decision[int], error) {
	return c.stock.Route(work(order))
}

func (c *busyCredit) Admit(order int) error           { return c.credit.Admit(work(order)) }
func (c *busyCredit) Flag(order int) (bool, error)    { return c.credit.Flag(work(order)) }
func (c *busyCredit) Approve(order int) (bool, error) { return c.credit.Approve(work(order)) }
func (c *busyCredit) Amend(order, price int) (int, error) {
	return c.credit.Amend(work(order), price)
}
func (c *busyCredit) Route(order int) (capability.Decision[int], error) {
	return c.credit.Route(work(order))
}

func (c *busyRegion) Admit(order int) error           { return c.region.Admit(work(order)) }
func (c *busyRegion) Flag(order int) (bool, error)    { return c.region.Flag(work(order)) }
func (c *busyRegion) Approve(order int) (bool, error) { return c.region.Approve(work(order)) }
func (c *busyRegion) Amend(order, price int) (int, error) {
	return c.region.Amend(work(order), price)
}
func (c *busyRegion) Route(order int) (capability.Decision[int], error) {
	return c.region.Route(work(order))
}

// makeChecks returns n checks of four types in turn. It decides at run time which
// type begins, so that no compiler can know what a call reaches.
func makeChecks(n int, busy bool) []Check {
	checks := make([]Check, n)
	for i := range checks {
		never, last := -1-i, i == n-1
		kind := (i + len(os.Args)) % 4
		if busy {
			kind += 4
		}
		switch kind {
		case 0:
			checks[i] = &weight{never: never, last: last}
		case 1:
			checks[i] = &stock{never: never, last: last}
		case 2:
			checks[i] = &credit{never: never, last: last}
		case 3:
			checks[i] = &region{never: never, last: last}
		case 4:
			checks[i] = &busyWeight{weight{never: never, last: last}}
		case 5:
			checks[i] = &busyStock{stock{never: never, last: last}}
		case 6:
			checks[i] = &busyCredit{credit{never: never, last: last}}
		case 7:
			checks[i] = &busyRegion{region{never: never, last: last}}
		}
	}
	return checks
}

// A stepError is how the hand-written loops name who failed.
type stepError struct {
	step int
	err  error
}

func (e *stepError) Error() string { return fmt.Sprintf("check %d: %v", e.step, e.err) }
func (e *stepError) Unwrap() error { return e.err }
