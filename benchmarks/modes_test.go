// The verbs in other modes, beside the fail-fast ones: when nobody fails, and nobody
// observes.

package benchmarks

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

// nobody observes.
var nobody capability.Chain[observed.Observer]

//go:noinline
func (d *desk) eachFast(order int) error {
	return capability.Each(d.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (d *desk) eachFastControl(order int) error {
	return capability.Each(d.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (d *desk) eachKeepGoing(order int) error {
	return keepgoing.Each(d.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (d *desk) eachUnobserved(order int) error {
	return observed.Each(nobody, d.all.Get(), func(c Check) error { return c.Admit(order) })
}

//go:noinline
func (d *desk) collectFast(order int) ([]int, error) {
	return capability.Collect(d.all.Get(), func(c Check) (int, error) { return c.Amend(order, order) })
}

//go:noinline
func (d *desk) collectFastControl(order int) ([]int, error) {
	return capability.Collect(d.all.Get(), func(c Check) (int, error) { return c.Amend(order, order) })
}

//go:noinline
func (d *desk) collectKeepGoing(order int) ([]capability.Reply[int], error) {
	return keepgoing.Collect(d.all.Get(), func(c Check) (int, error) { return c.Amend(order, order) })
}

//go:noinline
func (d *desk) collectUnobserved(order int) ([]int, error) {
	return observed.Collect(nobody, d.all.Get(), func(c Check) (int, error) { return c.Amend(order, order) })
}

//go:noinline
func (d *desk) pipeFast(order int) (int, error) {
	return capability.Pipe(d.all.Get(), order, func(c Check, price int) (int, error) { return c.Amend(order, price) })
}

//go:noinline
func (d *desk) pipeFastControl(order int) (int, error) {
	return capability.Pipe(d.all.Get(), order, func(c Check, price int) (int, error) { return c.Amend(order, price) })
}

//go:noinline
func (d *desk) pipeKeepGoing(order int) (int, error) {
	return keepgoing.Pipe(d.all.Get(), order, func(c Check, price int) (int, error) { return c.Amend(order, price) })
}

//go:noinline
func (d *desk) pipeUnobserved(order int) (int, error) {
	return observed.Pipe(nobody, d.all.Get(), order, func(c Check, price int) (int, error) { return c.Amend(order, price) })
}

//go:noinline
func (d *desk) anyFast(order int) (bool, error) {
	return capability.Any(d.all.Get(), func(c Check) (bool, error) { return c.Flag(order) })
}

//go:noinline
func (d *desk) anyFastControl(order int) (bool, error) {
	return capability.Any(d.all.Get(), func(c Check) (bool, error) { return c.Flag(order) })
}

//go:noinline
func (d *desk) anyKeepGoing(order int) (bool, error) {
	return keepgoing.Any(d.all.Get(), func(c Check) (bool, error) { return c.Flag(order) })
}

//go:noinline
func (d *desk) anyUnobserved(order int) (bool, error) {
	return observed.Any(nobody, d.all.Get(), func(c Check) (bool, error) { return c.Flag(order) })
}

//go:noinline
func (d *desk) everyFast(order int) (bool, error) {
	return capability.Every(d.all.Get(), func(c Check) (bool, error) { return c.Approve(order) })
}

//go:noinline
func (d *desk) everyFastControl(order int) (bool, error) {
	return capability.Every(d.all.Get(), func(c Check) (bool, error) { return c.Approve(order) })
}

//go:noinline
func (d *desk) everyKeepGoing(order int) (bool, error) {
	return keepgoing.Every(d.all.Get(), func(c Check) (bool, error) { return c.Approve(order) })
}

//go:noinline
func (d *desk) everyUnobserved(order int) (bool, error) {
	return observed.Every(nobody, d.all.Get(), func(c Check) (bool, error) { return c.Approve(order) })
}

//go:noinline
func (d *desk) decideFast(order int) (capability.Decision[int], error) {
	return capability.Decide(d.all.Get(), func(c Check) (capability.Decision[int], error) { return c.Route(order) })
}

//go:noinline
func (d *desk) decideFastControl(order int) (capability.Decision[int], error) {
	return capability.Decide(d.all.Get(), func(c Check) (capability.Decision[int], error) { return c.Route(order) })
}

//go:noinline
func (d *desk) decideKeepGoing(order int) (capability.Decision[int], error) {
	return keepgoing.Decide(d.all.Get(), func(c Check) (capability.Decision[int], error) { return c.Route(order) })
}

//go:noinline
func (d *desk) decideUnobserved(order int) (capability.Decision[int], error) {
	return observed.Decide(nobody, d.all.Get(), func(c Check) (capability.Decision[int], error) { return c.Route(order) })
}

// BenchmarkModes runs each verb over 4 and 16 trivial providers.
func BenchmarkModes(b *testing.B) {
	each := func(way func(*desk, int) error) func(*desk, int) int {
		return func(d *desk, n int) int { return driveEach(d, n, way) }
	}
	for _, v := range []struct {
		name string
		ways [4]func(*desk, int) int
	}{
		{"Each", [4]func(*desk, int) int{each((*desk).eachFast), each((*desk).eachFastControl), each((*desk).eachKeepGoing), each((*desk).eachUnobserved)}},
		{"Collect", [4]func(*desk, int) int{driven((*desk).collectFast), driven((*desk).collectFastControl), driven((*desk).collectKeepGoing), driven((*desk).collectUnobserved)}},
		{"Pipe", [4]func(*desk, int) int{driven((*desk).pipeFast), driven((*desk).pipeFastControl), driven((*desk).pipeKeepGoing), driven((*desk).pipeUnobserved)}},
		{"Any", [4]func(*desk, int) int{driven((*desk).anyFast), driven((*desk).anyFastControl), driven((*desk).anyKeepGoing), driven((*desk).anyUnobserved)}},
		{"Every", [4]func(*desk, int) int{driven((*desk).everyFast), driven((*desk).everyFastControl), driven((*desk).everyKeepGoing), driven((*desk).everyUnobserved)}},
		{"Decide", [4]func(*desk, int) int{driven((*desk).decideFast), driven((*desk).decideFastControl), driven((*desk).decideKeepGoing), driven((*desk).decideUnobserved)}},
	} {
		for _, n := range []int{4, 16} {
			b.Run(fmt.Sprintf("%s/%d", v.name, n), func(b *testing.B) {
				d := newDesk(b, n, false)
				for i, way := range [...]string{"failfast", "control", "keepgoing", "unobserved"} {
					b.Run(way, func(b *testing.B) {
						b.ReportAllocs()
						sink += v.ways[i](d, b.N)
					})
				}
			})
		}
	}
}

func driven[R any](way func(*desk, int) (R, error)) func(*desk, int) int {
	return func(d *desk, n int) int { return drive(d, n, way) }
}

// spin keeps a processor busy for fifty microseconds.
func spin() {
	for begun := time.Now(); time.Since(begun) < 50*time.Microsecond; {
	}
}

// BenchmarkConcurrent runs Each over 16 providers that work for 50 µs each, two at a
// time, and over 16 that do nothing, for what a provider costs.
func BenchmarkConcurrent(b *testing.B) {
	d := newDesk(b, 16, false)
	ctx := context.Background()
	sequential := func() error { return capability.Each(d.all.Get(), func(Check) error { spin(); return nil }) }
	for _, v := range []struct {
		name string
		each func() error
	}{
		{"sequential", sequential},
		{"control", sequential},
		{"concurrent", func() error {
			return concurrent.Each(ctx, d.all.Get(), 2, func(context.Context, Check) error { spin(); return nil })
		}},
		{"fanout", func() error {
			return fanout.Each(ctx, d.all.Get(), 2, func(context.Context, Check) error { spin(); return nil })
		}},
		{"concurrent-idle", func() error {
			return concurrent.Each(ctx, d.all.Get(), 2, func(context.Context, Check) error { return nil })
		}},
		{"fanout-idle", func() error {
			return fanout.Each(ctx, d.all.Get(), 2, func(context.Context, Check) error { return nil })
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.each(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
