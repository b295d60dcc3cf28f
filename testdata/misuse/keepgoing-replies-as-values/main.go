// It takes replies, of which some may be failures, for values.
// want: cannot use replies

package main

import (
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/keepgoing"
)

type Shop func(book string) (int, error)

func cheapest(prices []int) int {
	least := 0
	for _, p := range prices {
		if least == 0 || p < least {
			least = p
		}
	}
	return least
}

func main() {
	replies, err := keepgoing.Collect(capability.Chain[Shop]{}, func(s Shop) (int, error) { return s("atlas") })
	var prices []int
	for _, r := range replies {
		if r.Err == nil {
			prices = append(prices, r.Value)
		}
	}
	fmt.Println(err, len(prices))
	// instead: fmt.Println(cheapest(prices))
	fmt.Println(cheapest(replies)) // mistake
}
