// Linearizability of handles, derived values and published values.

package stress_test

import (
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// rates and fees are bound together by every commit that a derived value reads.
var (
	rates = capability.New[int]("rates", "says what a parcel costs by weight")
	fees  = capability.New[int]("fees", "says what is added to the rate")
)

// A tariff is a derived value: a rate and a fee of one generation.
type tariff struct{ rate, fee int }

var tariffs = capability.Derive(func(r *capability.Resolver) (tariff, error) {
	rate, err := rates.In(r)
	if err != nil {
		return tariff{}, err
	}
	fee, err := fees.In(r)
	return tariff{rate, fee}, err
})

// discounted is a value that is derived from a derived one, and from one of the
// capabilities that it reads.
var discounted = capability.Derive(func(r *capability.Resolver) (tariff, error) {
	t, err := tariffs.In(r)
	if err != nil {
		return tariff{}, err
	}
	fee, err := fees.In(r)
	return tariff{t.rate, fee}, err
})

// An office is a scope of two registries, with what a history is taken of.
type office struct {
	engine, orders *capability.Registry
	scope          *capability.Scope
}

func newOffice(tb testing.TB) *office {
	tb.Helper()
	o := &office{
		engine: capability.NewRegistry(capability.Engine, "engine"),
		orders: capability.NewRegistry(capability.Pipeline, "orders"),
	}
	if err := o.engine.Apply(rates.Bind("list", 0), fees.Bind("list", 0)); err != nil {
		tb.Fatal(err)
	}
	var err error
	if o.scope, err = capability.Compose(o.orders, o.engine); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = o.scope.Close() })
	return o
}

// rebind writes with one change in the broader registry.
func (o *office) rebind(v int) error { return o.engine.Apply(rates.Rebind("list", v)) }

// exchange writes by unbinding one provider and binding another.
func (o *office) exchange(v int) error {
	return o.engine.Apply(rates.Unbind("list"), rates.Bind("list", v))
}

// override writes in both registries, and leaves a provider in the narrower one
// after every other number only.
func (o *office) override(v int) error {
	narrow := capability.Changes{rates.Rebind("list", v)}
	if v%2 == 0 {
		narrow = append(narrow, rates.Unbind("list"))
	}
	return capability.Commit(o.engine.Stage(rates.Rebind("list", v)), o.orders.Stage(narrow))
}

// both writes what a derived value reads, in one transaction over two
// registries.
func (o *office) both(v int) error {
	return capability.Commit(o.engine.Stage(rates.Rebind("list", v)), o.orders.Stage(fees.Rebind("list", v)))
}

// single returns how to read a handle of the one provider.
func single(tb testing.TB, h capability.Handle[int], err error) func() reading {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return func() reading { v := h.Get(); return reading{v, v} }
}

// double returns how to read a derived value.
func double(tb testing.TB, h capability.Handle[tariff], err error) func() reading {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return func() reading { t := h.Get(); return reading{t.rate, t.fee} }
}

// registers are all that histories are taken of.
var registers = []struct {
	name string
	make func(testing.TB) register
}{
	{"Rebind", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := rates.Handle(o.scope)
		return register{o.rebind, single(tb, h, err)}
	}},
	{"UnbindBind", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := rates.Named("list").Handle(o.scope)
		return register{o.exchange, single(tb, h, err)}
	}},
	{"Override", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := rates.Handle(o.scope)
		return register{o.override, single(tb, h, err)}
	}},
	{"Chain", func(tb testing.TB) register {
		o := newOffice(tb)
		if err := o.engine.Apply(rates.Bind("express", 0)); err != nil {
			tb.Fatal(err)
		}
		h, err := rates.All().Handle(o.scope)
		if err != nil {
			tb.Fatal(err)
		}
		write := func(v int) error {
			return capability.Commit(o.engine.Stage(rates.Rebind("list", v)), o.orders.Stage(rates.Rebind("express", v)))
		}
		return register{write, func() reading {
			c := h.Get()
			list, _ := c.Find("list")
			express, _ := c.Find("express")
			return reading{list, express}
		}}
	}},
	{"Derived", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := tariffs.Handle(o.scope)
		return register{o.both, double(tb, h, err)}
	}},
	{"DerivedTwice", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := discounted.Handle(o.scope)
		return register{o.both, double(tb, h, err)}
	}},
	{"Leased", func(tb testing.TB) register {
		o := newOffice(tb)
		h, err := tariffs.Leased(o.scope)
		if err != nil {
			tb.Fatal(err)
		}
		return register{o.both, func() (got reading) {
			if err := h.Use(func(t tariff) error { got = reading{t.rate, t.fee}; return nil }); err != nil {
				return reading{-1, -1}
			}
			return got
		}}
	}},
	{"NewValue", func(tb testing.TB) register {
		h, set := capability.NewValue(0)
		return register{func(v int) error { set(v); return nil }, single(tb, h, nil)}
	}},
}

// TestLinearizable checks histories of each register. The budget, for each million
// operations, leaves a busy machine time enough and ends before a CI run loses patience.
func TestLinearizable(t *testing.T) {
	budget := time.Duration(max(1, float64(*operations)/1e6) * float64(85*time.Second))
	began := time.Now()
	var total tally
	for i, r := range registers {
		t.Run(r.name, func(t *testing.T) {
			left := budget - time.Since(began)
			want := (*operations + len(registers) - 1) / len(registers)
			done, err := checkRegister(r.make(t), want, left/time.Duration(len(registers)-i))
			if err != nil {
				t.Error(err)
			}
			atLeast(t, "operations", int64(done.operations), int64(want))
			total.operations += done.operations
			total.contended += done.contended
		})
	}
	// Reads hardly ever overlap the write of a published value, which is a store,
	// unless the core gives way at its yield points. So they are counted together.
	atLeast(t, "operations", int64(total.operations), int64(*operations))
	atLeast(t, "reads during a write", int64(total.contended), int64(*operations/1000))
	t.Logf("%d operations, %d reads during a write, in %v", total.operations, total.contended, time.Since(began).Round(time.Millisecond))
}
