// What the verbs may allocate when nobody fails.

package modes_test

import (
	"context"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

func TestAllocations(t *testing.T) {
	answer := func(context.Context) (int, error) { return 0, nil }
	all := newOffice(t, answer, answer, answer, answer).all
	ctx := context.Background()
	var nobody capability.Chain[observed.Observer]
	no := func(c *clerk) (bool, error) { n, err := c.do(ctx); return n != 0, err }
	ask := func(c *clerk) (int, error) { return c.do(ctx) }
	decide := func(c *clerk) (capability.Decision[int], error) { return decision(c.do(ctx)) }
	add := func(c *clerk, sum int) (int, error) { n, err := c.do(ctx); return sum + n, err }
	each := func(c *clerk) error { return fault(c.do(ctx)) }
	wait := func(ctx context.Context, c *clerk) error { return fault(c.do(ctx)) }
	for _, v := range []struct {
		name string
		most float64
		call func()
	}{
		{"keepgoing.Each", 0, func() { _ = keepgoing.Each(all.Get(), each) }},
		{"keepgoing.Any", 0, func() { _, _ = keepgoing.Any(all.Get(), no) }},
		{"keepgoing.Every", 0, func() { _, _ = keepgoing.Every(all.Get(), no) }},
		{"keepgoing.Pipe", 0, func() { _, _ = keepgoing.Pipe(all.Get(), 0, add) }},
		{"keepgoing.Decide", 0, func() { _, _ = keepgoing.Decide(all.Get(), decide) }},
		{"keepgoing.Collect", 1, func() { _, _ = keepgoing.Collect(all.Get(), ask) }},

		{"observed.Each", 0, func() { _ = observed.Each(nobody, all.Get(), each) }},
		{"observed.Any", 0, func() { _, _ = observed.Any(nobody, all.Get(), no) }},
		{"observed.Every", 0, func() { _, _ = observed.Every(nobody, all.Get(), no) }},
		{"observed.Pipe", 0, func() { _, _ = observed.Pipe(nobody, all.Get(), 0, add) }},
		{"observed.Decide", 0, func() { _, _ = observed.Decide(nobody, all.Get(), decide) }},
		{"observed.Collect", 1, func() { _, _ = observed.Collect(nobody, all.Get(), ask) }},

		// A context and the start of a goroutine for each clerk, and what a dispatch
		// has once.
		{"concurrent.Each", 4*4 + 16, func() { _ = concurrent.Each(ctx, all.Get(), 4, wait) }},
		{"fanout.Each", 4*2 + 16, func() { _ = fanout.Each(ctx, all.Get(), 4, wait) }},
	} {
		got := testing.AllocsPerRun(100, v.call)
		t.Logf("%s: %v", v.name, got)
		if got > v.most {
			t.Errorf("%s: %v allocations, want at most %v", v.name, got, v.most)
		}
	}
}
