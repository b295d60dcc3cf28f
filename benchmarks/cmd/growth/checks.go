// The providers that all operations call.

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedcap/capability"
)

// A check looks at an order before it is shipped. It does next to nothing, so that
// what is around the call is what shows.
type check interface {
	Admit(order int) error
	Amend(order, price int) (int, error)
	Route(order int) (capability.Decision[int], error)
}

// weightCheck and stockCheck refuse one order, which never comes; the last of a
// list decides the route. They are two types so that no call has a known target.
type (
	weightCheck struct {
		never int
		last  bool
	}
	stockCheck struct {
		last  bool
		never int
	}
)

var errRefused = errors.New("refused")

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

func (c *weightCheck) Admit(order int) error { return refuse(order == c.never) }
func (c *weightCheck) Amend(order, price int) (int, error) {
	return price + 1, refuse(order == c.never)
}
func (c *weightCheck) Route(order int) (capability.Decision[int], error) {
	return route(order, c.last)
}

func (c *stockCheck) Admit(order int) error               { return refuse(order == c.never) }
func (c *stockCheck) Amend(order, price int) (int, error) { return price + 2, refuse(order == c.never) }
func (c *stockCheck) Route(order int) (capability.Decision[int], error) {
	return route(order, c.last)
}

// newChecks returns n checks of both types in turn. Which is the first is known at
// run time only.
func newChecks(n int) []check {
	all := make([]check, n)
	for i := range all {
		never, last := -1-i, i == n-1
		if (i+len(os.Args))%2 == 0 {
			all[i] = &weightCheck{never: never, last: last}
		} else {
			all[i] = &stockCheck{never: never, last: last}
		}
	}
	return all
}

// label returns the name of the i-th thing of a kind.
func label(kind string, i int) string { return fmt.Sprintf("%s-%d", kind, i) }
