// The code of costs.md: the checks that a car passes before it boards a ferry.

package guides_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/typedcap/capability"
)

type FerryCar struct{ Height, Weight int } // in cm and kg

// A FerryCheck refuses a car, or lets it pass.
type FerryCheck func(FerryCar) error

var (
	FerryChecks  = capability.New[FerryCheck]("ferry-checks", "refuse cars")
	FerryTickets = capability.New[func(FerryCar) int]("ferry-tickets", "say what a car pays")
)

func checkHeight(c FerryCar) error {
	if c.Height > 420 {
		return fmt.Errorf("%d cm are too high", c.Height)
	}
	return nil
}

func checkWeight(c FerryCar) error {
	if c.Weight > 3500 {
		return fmt.Errorf("%d kg are too much", c.Weight)
	}
	return nil
}

func checkWeighed(c FerryCar) error {
	if c.Weight == 0 {
		return errors.New("nobody has weighed it")
	}
	return nil
}

// ferryChecks are what others bind.
func ferryChecks() []capability.Change {
	return []capability.Change{
		FerryChecks.Bind("height", checkHeight),
		FerryChecks.Bind("weight", checkWeight),
		FerryChecks.Bind("empty", checkWeighed).Before("weight"),
	}
}

// board asks all checks.
func board(checks capability.Chain[FerryCheck], car FerryCar) error {
	return capability.Each(checks, func(check FerryCheck) error { return check(car) })
}

// orderedByChance returns the neighbours in a chain whose order nobody decided.
func orderedByChance(c capability.CapabilityState) (pairs []string) {
	for i, p := range c.Providers {
		if p.Because != "bound earlier" {
			continue
		}
		next := c.Providers[i+1]
		if !slices.Contains(p.Before, next.Name) && !slices.Contains(next.After, p.Name) {
			pairs = append(pairs, p.Name+" is ahead of "+next.Name)
		}
	}
	return pairs
}

func Example_costs() {
	ferry := capability.NewRegistry(capability.Engine, "ferry")
	must(ferry.Apply(ferryChecks()...))
	scope, err := capability.Compose(ferry)
	must(err)
	defer scope.Close()
	checks, err := FerryChecks.All().Handle(scope)
	must(err)

	err = board(checks.Get(), FerryCar{Height: 180, Weight: 4100})
	fmt.Println(err)
	wrong, _ := errors.AsType[*capability.Error](err)
	fmt.Println("ask the owner of", wrong.Provider)

	fmt.Println(checks.Get().Names(), orderedByChance(scope.Snapshot().Capabilities[0]))
	must(ferry.Apply(
		FerryChecks.Unbind("height"),
		FerryChecks.Bind("height", checkHeight).After("weight"),
	))
	fmt.Println(checks.Get().Names(), orderedByChance(scope.Snapshot().Capabilities[0]))

	var ticket capability.Handle[func(FerryCar) int]
	needs := []capability.Need{FerryTickets.Into(&ticket)}
	till := capability.Consumer{Name: "till", Scope: scope, Needs: needs}
	fmt.Println(capability.Preflight(till).Err())
	// Output:
	// capability "ferry-checks", provider "weight", scope "ferry": 4100 kg are too much
	// ask the owner of weight
	// [height empty weight] [height is ahead of empty]
	// [empty weight height] []
	// consumer "till": capability "ferry-tickets", scope "ferry": nobody provides it here: bind a provider in one of the registries, or resolve All and use First if it is optional
}

// refusedBy says which of the cars a set of checks refuses.
func refusedBy(checks []capability.Change, cars []FerryCar) (refused []bool) {
	ferry := capability.NewRegistry(capability.Engine, "ferry")
	must(ferry.Apply(checks...))
	scope, err := capability.Compose(ferry)
	must(err)
	defer scope.Close()
	chain, err := FerryChecks.All().Handle(scope)
	must(err)
	for _, car := range cars {
		refused = append(refused, board(chain.Get(), car) != nil)
	}
	return refused
}

// Whatever else is bound, one more check never lets a car pass that was refused.
func Example_costsCombinations() {
	all := ferryChecks()
	cars := []FerryCar{{180, 1400}, {180, 4100}, {430, 1400}, {430, 0}}
	for set := range 1 << len(all) {
		var some []capability.Change
		for i, check := range all {
			if set&(1<<i) != 0 {
				some = append(some, check)
			}
		}
		before := refusedBy(some, cars)
		for i, check := range all {
			if set&(1<<i) != 0 {
				continue
			}
			for n, refused := range refusedBy(append(some[:len(some):len(some)], check), cars) {
				if before[n] && !refused {
					fmt.Println("check", i, "lets", cars[n], "pass, which", some, "refuse")
				}
			}
		}
	}
	fmt.Println(1<<len(all), "combinations")
	// Output: 8 combinations
}
