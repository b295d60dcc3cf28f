// The package whose key nobody else may bind with.

// Package billing keeps its key to itself, so that only it binds prices.
package billing

import "github.com/typedcap/capability"

// Pricer says what an item costs.
type Pricer interface{ Price(item string) int }

var prices = capability.New[Pricer]("price", "says what an item costs")

// Sell binds who says the prices.
func Sell(r *capability.Registry, p Pricer) error { return r.Apply(prices.Bind("shop", p)) }
