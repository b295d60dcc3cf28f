// Growth: what one provider costs among a thousand and among a hundred thousand.

package benchmarks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// shapes are the ways in which the providers of one capability hang together.
// refine is given the place of a provider and that of another one, chosen at
// random, that was bound before it.
var shapes = []struct {
	name   string
	layers int
	refine func(bind capability.Binding, i, earlier int) capability.Binding
}{
	{"none", 1, func(bind capability.Binding, _, _ int) capability.Binding { return bind }},
	{"two-registries", 2, func(bind capability.Binding, _, _ int) capability.Binding { return bind }},
	{"priority", 1, func(bind capability.Binding, _, earlier int) capability.Binding {
		return bind.Priority(earlier % 1000)
	}},
	{"before", 1, func(bind capability.Binding, _, earlier int) capability.Binding {
		return bind.Before(providerName(earlier))
	}},
	{"after", 1, func(bind capability.Binding, _, earlier int) capability.Binding {
		return bind.After(providerName(earlier))
	}},
	{"mixed", 2, func(bind capability.Binding, i, earlier int) capability.Binding {
		switch i % 4 {
		case 0:
			return bind.Priority(earlier % 1000)
		case 1:
			return bind.Before(providerName(earlier - earlier%4))
		case 2:
			return bind.After(providerName(earlier - earlier%4))
		}
		return bind
	}},
}

func providerName(i int) string { return fmt.Sprintf("check-%d", i) }

// A crowd is registries with many providers of one capability.
type crowd struct {
	registries []*capability.Registry
	edits      []capability.Edit
	scope      *capability.Scope
	chain      capability.ChainHandle[Check]
}

// newCrowd prepares the bindings of n providers, dealt out to the layers in
// turn.
func newCrowd(n, layers int, refine func(capability.Binding, int, int) capability.Binding) *crowd {
	c := &crowd{}
	changes := make([]capability.Changes, layers)
	random := rand.New(rand.NewPCG(1, 2))
	check := makeChecks(1, false)[0]
	for i := range n {
		bind := Checks.Bind(providerName(i), check)
		if i > 0 {
			bind = refine(bind, i, random.IntN(i))
		}
		changes[i%layers] = append(changes[i%layers], bind)
	}
	for l := range layers {
		r := capability.NewRegistry(capability.Engine+capability.Level(l), fmt.Sprintf("layer-%d", l))
		c.registries = append(c.registries, r)
		c.edits = append(c.edits, r.Stage(changes[l]...))
	}
	return c
}

// bind applies the bindings, composes the registries and resolves the chain.
func (c *crowd) bind() (err error) {
	if err = capability.Commit(c.edits...); err != nil {
		return err
	}
	if c.scope, err = capability.Compose(c.registries...); err != nil {
		return err
	}
	return c.scope.Resolve(Checks.All().Into(&c.chain))
}

func (c *crowd) close() error {
	if err := c.scope.Close(); err != nil {
		return err
	}
	for _, r := range c.registries {
		if err := r.Close(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkGrowth measures, for each provider there is, what it takes to bind
// them all, compose and resolve, and what it takes to commit one more change,
// which merges and orders them anew. Time is processor time, because a step over
// a large crowd is too long to slip between what else the machine does. It
// counts the garbage collector, which only large crowds keep busy.
func BenchmarkGrowth(b *testing.B) {
	for _, shape := range shapes {
		for _, size := range []struct {
			name      string
			n, rounds int
		}{{"1000", 1000, 25}, {"control", 1000, 25}, {"100000", 100_000, 1}} {
			b.Run(shape.name+"/"+size.name, func(b *testing.B) {
				const changes = 4
				var binding, changing time.Duration
				checks := makeChecks(changes, false)
				for range b.N * size.rounds {
					c := newCrowd(size.n, shape.layers, shape.refine)
					runtime.GC()
					start := processorTime()
					if err := c.bind(); err != nil {
						b.Fatal(err)
					}
					bound := processorTime()
					for _, check := range checks {
						if err := c.registries[0].Apply(Checks.Rebind("check-0", check)); err != nil {
							b.Fatal(err)
						}
					}
					binding, changing = binding+bound-start, changing+processorTime()-bound
					if got := c.chain.Get().Len(); got != size.n {
						b.Fatalf("the chain has another number of providers (-want +got): -%d +%d", size.n, got)
					}
					if err := c.close(); err != nil {
						b.Fatal(err)
					}
				}
				providers := float64(b.N * size.rounds * size.n)
				b.ReportMetric(float64(binding.Nanoseconds())/providers, "ns/bound")
				b.ReportMetric(float64(changing.Nanoseconds())/providers/changes, "ns/merged")
			})
		}
	}
}
