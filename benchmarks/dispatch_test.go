// Dispatch: each verb beside the loop that it stands for. A pair is two methods of
// a desk, one with the loop and one with the verb, called by the same driver.

package benchmarks

import (
	"fmt"
	"testing"

	"github.com/typedcap/capability"
)

//go:noinline
func (d *desk) eachField(order int) error {
	for i, c := range d.checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (d *desk) eachControl(order int) error {
	for i, c := range d.checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (d *desk) eachAtomic(order int) error {
	checks := *d.swapAll.Load()
	for i, c := range checks {
		if err := c.Admit(order); err != nil {
			return &stepError{i, err}
		}
	}
	return nil
}

//go:noinline
func (d *desk) eachChain(order int) error {
	return capability.Each(d.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (d *desk) collectField(order int) ([]int, error) {
	prices := make([]int, 0, len(d.checks))
	for i, c := range d.checks {
		price, err := c.Amend(order, order)
		if err != nil {
			return nil, &stepError{i, err}
		}
		prices = append(prices, price)
	}
	return prices, nil
}

//go:noinline
func (d *desk) collectControl(order int) ([]int, error) {
	prices := make([]int, 0, len(d.checks))
	for i, c := range d.checks {
		price, err := c.Amend(order, order)
		if err != nil {
			return nil, &stepError{i, err}
		}
		prices = append(prices, price)
	}
	return prices, nil
}

//go:noinline
func (d *desk) collectAtomic(order int) ([]int, error) {
	checks := *d.swapAll.Load()
	prices := make([]int, 0, len(checks))
	for i, c := range checks {
		price, err := c.Amend(order, order)
		if err != nil {
			return nil, &stepError{i, err}
		}
		prices = append(prices, price)
	}
	return prices, nil
}

//go:noinline
func (d *desk) collectChain(order int) ([]int, error) {
	return capability.Collect(d.all.Get(), func(c Check) (int, error) { return c.Amend(order, order) })
}

//go:noinline
func (d *desk) pipeField(order int) (int, error) {
	price := order
	for i, c := range d.checks {
		next, err := c.Amend(order, price)
		if err != nil {
			return price, &stepError{i, err}
		}
		price = next
	}
	return price, nil
}

//go:noinline
func (d *desk) pipeControl(order int) (int, error) {
	price := order
	for i, c := range d.checks {
		next, err := c.Amend(order, price)
		if err != nil {
			return price, &stepError{i, err}
		}
		price = next
	}
	return price, nil
}

//go:noinline
func (d *desk) pipeAtomic(order int) (int, error) {
	checks := *d.swapAll.Load()
	price := order
	for i, c := range checks {
		next, err := c.Amend(order, price)
		if err != nil {
			return price, &stepError{i, err}
		}
		price = next
	}
	return price, nil
}

//go:noinline
func (d *desk) pipeChain(order int) (int, error) {
	return capability.Pipe(d.all.Get(), order, func(c Check, price int) (int, error) { return c.Amend(order, price) })
}

//go:noinline
func (d *desk) anyField(order int) (bool, error) {
	for i, c := range d.checks {
		yes, err := c.Flag(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if yes {
			return true, nil
		}
	}
	return false, nil
}

//go:noinline
func (d *desk) anyControl(order int) (bool, error) {
	for i, c := range d.checks {
		yes, err := c.Flag(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if yes {
			return true, nil
		}
	}
	return false, nil
}

//go:noinline
func (d *desk) anyAtomic(order int) (bool, error) {
	checks := *d.swapAll.Load()
	for i, c := range checks {
		yes, err := c.Flag(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if yes {
			return true, nil
		}
	}
	return false, nil
}

//go:noinline
func (d *desk) anyChain(order int) (bool, error) {
	return capability.Any(d.all.Get(), func(c Check) (bool, error) { return c.Flag(order) })
}

//go:noinline
func (d *desk) everyField(order int) (bool, error) {
	for i, c := range d.checks {
		yes, err := c.Approve(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if !yes {
			return false, nil
		}
	}
	return true, nil
}

//go:noinline
func (d *desk) everyControl(order int) (bool, error) {
	for i, c := range d.checks {
		yes, err := c.Approve(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if !yes {
			return false, nil
		}
	}
	return true, nil
}

//go:noinline
func (d *desk) everyAtomic(order int) (bool, error) {
	checks := *d.swapAll.Load()
	for i, c := range checks {
		yes, err := c.Approve(order)
		if err != nil {
			return false, &stepError{i, err}
		}
		if !yes {
			return false, nil
		}
	}
	return true, nil
}

//go:noinline
func (d *desk) everyChain(order int) (bool, error) {
	return capability.Every(d.all.Get(), func(c Check) (bool, error) { return c.Approve(order) })
}

//go:noinline
func (d *desk) decideField(order int) (capability.Decision[int], error) {
	for i, c := range d.checks {
		route, err := c.Route(order)
		if err != nil {
			return capability.Decision[int]{}, &stepError{i, err}
		}
		if _, decided := route.Get(); decided {
			return route, nil
		}
	}
	return capability.Decision[int]{}, nil
}

//go:noinline
func (d *desk) decideControl(order int) (capability.Decision[int], error) {
	for i, c := range d.checks {
		route, err := c.Route(order)
		if err != nil {
			return capability.Decision[int]{}, &stepError{i, err}
		}
		if _, decided := route.Get(); decided {
			return route, nil
		}
	}
	return capability.Decision[int]{}, nil
}

//go:noinline
func (d *desk) decideAtomic(order int) (capability.Decision[int], error) {
	checks := *d.swapAll.Load()
	for i, c := range checks {
		route, err := c.Route(order)
		if err != nil {
			return capability.Decision[int]{}, &stepError{i, err}
		}
		if _, decided := route.Get(); decided {
			return route, nil
		}
	}
	return capability.Decision[int]{}, nil
}

//go:noinline
func (d *desk) decideChain(order int) (capability.Decision[int], error) {
	return capability.Decide(d.all.Get(), func(c Check) (capability.Decision[int], error) { return c.Route(order) })
}

// dispatch runs the four ways of a verb. The driver of all verbs and ways but
// Each is drive; both call through a func value, which costs every way the same.
func dispatch[R any](b *testing.B, verb string, ways [4]func(*desk, int) (R, error)) {
	for _, n := range []int{4, 16} {
		for _, load := range loads {
			b.Run(fmt.Sprintf("%s/%d/%s", verb, n, load.name), func(b *testing.B) {
				d := newDesk(b, n, load.busy)
				for i, way := range [...]string{"field", "control", "atomic", "capability"} {
					b.Run(way, func(b *testing.B) {
						b.ReportAllocs()
						sink += drive(d, b.N, ways[i])
					})
				}
			})
		}
	}
}

// drive calls way n times and returns how often it succeeded.
//
//go:noinline
func drive[R any](d *desk, n int, way func(*desk, int) (R, error)) (good int) {
	for i := range n {
		if _, err := way(d, i); err == nil {
			good++
		}
	}
	return good
}

// BenchmarkDispatch runs each verb over 4 and 16 providers.
func BenchmarkDispatch(b *testing.B) {
	for _, n := range []int{4, 16} {
		for _, load := range loads {
			b.Run(fmt.Sprintf("Each/%d/%s", n, load.name), func(b *testing.B) {
				d := newDesk(b, n, load.busy)
				for _, v := range []struct {
					name string
					way  func(*desk, int) error
				}{
					{"field", (*desk).eachField},
					{"control", (*desk).eachControl},
					{"atomic", (*desk).eachAtomic},
					{"capability", (*desk).eachChain},
				} {
					b.Run(v.name, func(b *testing.B) {
						b.ReportAllocs()
						sink += driveEach(d, b.N, v.way)
					})
				}
			})
		}
	}
	dispatch(b, "Collect", [4]func(*desk, int) ([]int, error){(*desk).collectField, (*desk).collectControl, (*desk).collectAtomic, (*desk).collectChain})
	dispatch(b, "Pipe", [4]func(*desk, int) (int, error){(*desk).pipeField, (*desk).pipeControl, (*desk).pipeAtomic, (*desk).pipeChain})
	dispatch(b, "Any", [4]func(*desk, int) (bool, error){(*desk).anyField, (*desk).anyControl, (*desk).anyAtomic, (*desk).anyChain})
	dispatch(b, "Every", [4]func(*desk, int) (bool, error){(*desk).everyField, (*desk).everyControl, (*desk).everyAtomic, (*desk).everyChain})
	dispatch(b, "Decide", [4]func(*desk, int) (capability.Decision[int], error){(*desk).decideField, (*desk).decideControl, (*desk).decideAtomic, (*desk).decideChain})
}

// driveEach is drive for Each, which answers with an error only.
//
//go:noinline
func driveEach(d *desk, n int, way func(*desk, int) error) (good int) {
	for i := range n {
		if way(d, i) == nil {
			good++
		}
	}
	return good
}
