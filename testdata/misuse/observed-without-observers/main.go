// It does not say who observes.
// want: not enough arguments in call to observed.Each

package main

import (
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

type Check func(order int) error

func approve(seen capability.Chain[observed.Observer], checks capability.Chain[Check], order int) error {
	ask := func(c Check) error { return c(order) }
	fmt.Println(seen.Len(), "observe")
	// instead: return observed.Each(seen, checks, ask)
	return observed.Each(checks, ask) // mistake
}

func main() {
	fmt.Println(approve(capability.Chain[observed.Observer]{}, capability.Chain[Check]{}, 1))
}
