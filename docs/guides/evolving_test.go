// The code of evolving.md: the irrigation of a greenhouse, whose contract grows while
// providers of others stay as they are.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedcap/capability"
)

// An Irrigator waters a bed.
type Irrigator interface {
	Water(bed string, litres int) error
}

// Irrigation is the extension point.
var Irrigation = capability.New[Irrigator]("irrigation", "water the beds")

// DryTank is the code of errors of an Irrigator that has no water left: ask another.
const DryTank capability.Code = "dry_tank"

// A WaterStopper is an Irrigator that can be stopped. Those that cannot are left out.
type WaterStopper interface {
	StopWater(bed string) error
}

// WaterStops is an extension point of its own, which no wrapper of an Irrigator hides.
var WaterStops = capability.New[WaterStopper]("stops", "stop the water")

// stopWater stops whoever can be stopped.
func stopWater(c capability.Chain[Irrigator], bed string) error {
	return capability.Each(c, func(i Irrigator) error {
		if s, ok := i.(WaterStopper); ok {
			return s.StopWater(bed)
		}
		return nil
	})
}

// hose is a provider of the first year.
type hose struct{}

func (hose) Water(bed string, litres int) error {
	fmt.Println("hose:", bed, litres)
	return nil
}

// drip is a provider that knows of the optional interface.
type drip struct{ hose }

var _ WaterStopper = drip{}

func (drip) StopWater(bed string) error {
	fmt.Println("drip: stopped", bed)
	return nil
}

// counted counts litres, and hides what it does not know of.
type counted struct {
	Irrigator
	litres *int
}

func (c counted) Water(bed string, litres int) error {
	*c.litres += litres
	return c.Irrigator.Water(bed, litres)
}

func Example_evolving() {
	house := capability.NewRegistry(capability.Engine, "greenhouse")
	must(house.Apply(Irrigation.Bind("hose", hose{}), Irrigation.Bind("drip", drip{})))
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	all, err := Irrigation.All().Handle(scope)
	must(err)

	must(stopWater(all.Get(), "tomatoes"))
	must(house.Apply(Irrigation.Rebind("drip", counted{drip{}, new(int)})))
	must(stopWater(all.Get(), "tomatoes")) // nobody is stopped

	must(house.Apply(WaterStops.Bind("drip", drip{})))
	stops, err := WaterStops.All().Handle(scope)
	must(err)
	must(capability.Each(stops.Get(), func(s WaterStopper) error { return s.StopWater("beans") }))
	// Output:
	// drip: stopped tomatoes
	// drip: stopped beans
}

// A Dose is what a bed gets. Fields may be added.
type Dose struct {
	Bed    string
	Litres int
	Within time.Duration
}

// An Irrigator2 waters a bed within a time, and says what it has given.
type Irrigator2 interface {
	Irrigate(ctx context.Context, d Dose) (litres int, err error)
}

// Irrigation2 is what consumers ask from now on.
var Irrigation2 = capability.New[Irrigator2]("irrigation.v2", "water the beds in time")

// upgraded makes an Irrigator2 of the old providers that a scope sees.
type upgraded struct {
	old capability.ChainHandle[Irrigator]
}

func (u upgraded) Irrigate(ctx context.Context, d Dose) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	watered, err := capability.Decide(u.old.Get(), func(i Irrigator) (capability.Decision[int], error) {
		err := i.Water(d.Bed, d.Litres)
		if errors.Is(err, DryTank) {
			return capability.Decision[int]{}, nil
		}
		return capability.Decided(d.Litres), err
	})
	if _, ok := watered.Get(); err == nil && !ok {
		err = fmt.Errorf("no old irrigator has water: %w", DryTank)
	}
	return watered.Or(0), err
}

// sprinkler is a provider of the second year.
type sprinkler struct{ tank int }

func (s *sprinkler) Irrigate(_ context.Context, d Dose) (int, error) {
	if s.tank < d.Litres {
		return 0, fmt.Errorf("the tank holds %d: %w", s.tank, DryTank)
	}
	s.tank -= d.Litres
	fmt.Println("sprinkler:", d.Bed, d.Litres)
	return d.Litres, nil
}

func Example_evolvingVersions() {
	house := capability.NewRegistry(capability.Engine, "greenhouse")
	must(house.Apply(Irrigation.Bind("hose", hose{}).Meta(capability.Meta{Version: "1.4.0"})))
	before, err := capability.Compose(house)
	must(err)
	defer before.Close()
	var u upgraded
	must(before.Resolve(Irrigation.All().Into(&u.old)))
	must(house.Apply(
		Irrigation2.Bind("sprinkler", &sprinkler{tank: 8}).Meta(capability.Meta{Version: "2.0.0"}),
		Irrigation2.Bind("old", u).Priority(-1).Meta(capability.Meta{Doc: "those of irrigation"}),
	))

	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	irrigators, err := Irrigation2.All().Handle(scope)
	must(err)
	water := func(bed string) {
		given, err := capability.Decide(irrigators.Get(), func(i Irrigator2) (capability.Decision[int], error) {
			n, err := i.Irrigate(context.Background(), Dose{Bed: bed, Litres: 5, Within: time.Hour})
			if errors.Is(err, DryTank) {
				return capability.Decision[int]{}, nil // ask another
			}
			return capability.Decided(n), err
		})
		fmt.Println(given.Or(0), "by", given.By(), err)
	}
	water("tomatoes")
	water("beans")

	for _, c := range scope.Snapshot().Capabilities {
		for _, p := range c.Providers {
			if c.Name == Irrigation.Name() {
				fmt.Println("still old:", p.Name, p.Meta.Version)
			}
		}
	}
	// Output:
	// sprinkler: tomatoes 5
	// 5 by sprinkler <nil>
	// hose: beans 5
	// 5 by old <nil>
	// still old: hose 1.4.0
}

// FrozenPipe is a newer code. Who knows of DryTank only still asks another.
const FrozenPipe capability.Code = "frozen_pipe"

func errFrozen(bed string) error {
	return fmt.Errorf("%s: %w", bed, errors.Join(FrozenPipe, DryTank))
}

func Example_evolvingErrors() {
	house := capability.NewRegistry(capability.Engine, "greenhouse")
	must(house.Apply(Irrigation.Bind("outside", frozen{})))
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	all, err := Irrigation.All().Handle(scope)
	must(err)
	err = capability.Each(all.Get(), func(i Irrigator) error { return i.Water("beans", 5) })
	var e *capability.Error
	fmt.Println(errors.Is(err, FrozenPipe), errors.Is(err, DryTank), errors.As(err, &e), e.Code)

	// Two keys of one name do not meet in one scope.
	again := capability.New[Irrigator2]("irrigation", "water the beds in time")
	err = house.Apply(again.Bind("sprinkler", &sprinkler{}))
	fmt.Println(errors.Is(err, capability.ErrConflict))
	// Output:
	// true true true frozen_pipe
	// true
}

type frozen struct{}

func (frozen) Water(bed string, _ int) error { return errFrozen(bed) }
