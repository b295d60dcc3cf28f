// Schedule tests run small worlds of the core under every order of their steps.
// This file holds what all of them share: how they explore, how many schedules
// they have to explore together, and the depots whose use and retirement is
// watched.

//go:build capability_yield

package capability_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/schedule"
)

// CAPABILITY_SCHEDULES multiplies the limits of all worlds. Those with a bound on
// preemptions are then explored with wider bounds too, as far as the limits go.
const schedulesVariable = "CAPABILITY_SCHEDULES"

// What all worlds together have to explore: so many schedules for each time that
// the limits are multiplied, up to the most, which is what a release wants.
const (
	leastSchedules = 200_000
	mostSchedules  = 10_000_000
)

// explored is how many schedules each test has explored. Tests that explore do
// not run in parallel.
var explored = make(map[string]int)

// explore runs the world under all schedules within the bound of o.
func explore(t *testing.T, o schedule.Options, world func(*yard)) {
	t.Helper()
	capability.YieldHook, capability.SpawnHook = schedule.Yield, schedule.Spawn
	defer func() { capability.YieldHook, capability.SpawnHook = nil, nil }()
	factor := scheduleFactor(t)
	if o.Limit == 0 {
		o.Limit = 30_000
	}
	o.Limit *= factor
	run := func(r *schedule.Run) { world(newYard(r)) }
	result, narrower := schedule.Explore(t, o, run), 0
	for factor > 1 && o.Preemptions > 0 && result.Exhausted && !t.Failed() {
		last := result.Schedules
		if o.Preemptions++; 2*last < 3*narrower {
			o.Preemptions = 0 // the wider bounds add few
		}
		narrower, result = last, schedule.Explore(t, o, run)
	}
	explored[t.Name()] += result.Schedules
	t.Cleanup(func() { countSchedules(t, factor) })
}

func scheduleFactor(t *testing.T) int {
	text := os.Getenv(schedulesVariable)
	if text == "" {
		return 1
	}
	factor, err := strconv.Atoi(text)
	if err != nil || factor < 1 {
		t.Fatalf("%s is %q, want a number from 1 on", schedulesVariable, text)
	}
	return factor
}

var scheduleTest = regexp.MustCompile(`(?m)^func (TestSchedule\w+)\(`)

// countSchedules checks the total in the end of the last test that explores. A
// run of some of them has no total.
func countSchedules(t *testing.T, factor int) {
	files, err := filepath.Glob("schedules_*test.go")
	if err != nil {
		t.Fatal(err)
	}
	total, tests := 0, 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range scheduleTest.FindAllSubmatch(source, -1) {
			n, ok := explored[string(name[1])]
			if !ok {
				return
			}
			total, tests = total+n, tests+1
		}
	}
	clear(explored)
	t.Logf("%d schedules in %d tests", total, tests)
	if want := min(leastSchedules*factor, mostSchedules); total < want {
		t.Errorf("%d schedules were explored, want at least %d", total, want)
	}
}

// The capabilities of the worlds. Depots have to be retired, tariffs are numbers.
var (
	depots  = capability.New[*depot]("depot", "keeps goods")
	tariffs = capability.New[int]("tariff", "what an hour costs")
	clerks  = capability.New[clerk]("clerk", "says which commit it came with")
)

type clerk interface{ version() int }

type clerkOf int

func (c clerkOf) version() int { return int(c) }

// A yard is a world: two registries and a scope over both.
type yard struct {
	*schedule.Run
	engine, orders *capability.Registry
	scope          *capability.Scope
	depots         []*depot

	plain  bool        // plain handles of the scope hand out the depots
	closed atomic.Bool // somebody has begun to close the scope
}

func newYard(r *schedule.Run) *yard {
	y := &yard{
		Run:    r,
		engine: capability.NewRegistry(capability.Engine, "engine"),
		orders: capability.NewRegistry(capability.Pipeline, "orders"),
	}
	return y
}

// open binds what is there first and composes the scope.
func (y *yard) open(changes ...capability.Change) {
	y.ok(y.engine.Apply(changes...))
	scope, err := capability.Compose(y.engine, y.orders)
	y.ok(err)
	y.scope = scope
}

// ok fails the schedule if there is an error.
func (y *yard) ok(err error) {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		y.Errorf("%s:%d: %v", filepath.Base(file), line, err)
	}
}

// close closes the scope.
func (y *yard) close() {
	y.closed.Store(true)
	y.ok(y.scope.Close())
}

// finish closes everything and checks that each depot was retired once, and that
// nothing holds any of them.
func (y *yard) finish() {
	y.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	y.ok(y.orders.Close(ctx))
	y.ok(y.engine.Close(ctx))
	for _, d := range y.depots {
		want := int32(1)
		if d.refused {
			want = 0
		}
		if n := d.retired.Load(); n != want {
			y.Errorf("depot %d was retired %d times, want %d", d.number, n, want)
		}
		if n := d.uses.Load(); n != 0 {
			y.Errorf("depot %d is used by %d in the end", d.number, n)
		}
	}
}

// A depot is a provider that notices when it is used after its retirement, or
// retired in use.
type depot struct {
	yard    *yard
	number  int
	grace   time.Duration
	graced  bool
	refused bool      // no commit takes it
	left    time.Time // not after the commit that replaced it

	uses, retired atomic.Int32
	done          atomic.Bool // its OnRetire has come to its end
}

// depot makes the next depot.
func (y *yard) depot() *depot {
	d := &depot{yard: y, number: len(y.depots) + 1}
	y.depots = append(y.depots, d)
	return d
}

// bind binds the depot under the name.
func (d *depot) bind(name string) capability.Binding {
	return d.retires(depots.Bind(name, d))
}

// rebind puts the depot in the place of the one of that name.
func (d *depot) rebind(name string) capability.Binding {
	return d.retires(depots.Rebind(name, d))
}

func (d *depot) retires(b capability.Binding) capability.Binding {
	if d.graced {
		b = b.Grace(d.grace)
	}
	return b.OnRetire(d.retire)
}

// retire is the OnRetire of the depot.
func (d *depot) retire() error {
	if n := d.retired.Add(1); n > 1 {
		d.yard.Errorf("depot %d is retired %d times", d.number, n)
	}
	d.idle("begins")
	schedule.Yield("retire")
	d.idle("runs")
	d.done.Store(true)
	return nil
}

// idle checks that nobody uses the depot, or may.
func (d *depot) idle(when string) {
	if n := d.uses.Load(); n > 0 {
		d.yard.Errorf("depot %d is used by %d when OnRetire %s", d.number, n, when)
	}
	if d.yard.plain && !d.yard.closed.Load() && !d.graceIsOver() {
		d.yard.Errorf("depot %d is in the hands of plain handles when OnRetire %s", d.number, when)
	}
}

func (d *depot) graceIsOver() bool {
	return d.graced && !d.left.IsZero() && time.Since(d.left) >= d.grace
}

// use works with the depot under a lease.
func (d *depot) use() {
	d.uses.Add(1)
	defer d.uses.Add(-1)
	d.alive("use begins")
	schedule.Yield("using")
	d.alive("it is used")
}

// hold works with the depot that a plain handle handed out.
func (d *depot) hold() {
	for _, when := range []string{"it was handed out", "it is held"} {
		if !d.yard.closed.Load() && !d.graceIsOver() {
			d.alive(when)
		}
		schedule.Yield("holding")
	}
}

func (d *depot) alive(when string) {
	if d.retired.Load() > 0 {
		d.yard.Errorf("depot %d is retired when %s", d.number, when)
	}
}

// A clock counts commits that have returned, and checks what is read meanwhile.
type clock struct {
	yard     *yard
	returned atomic.Int64
}

// reader returns a check of what one handle reads: read gets it.
func (c *clock) reader(what string, read func() int) func() {
	last := 0
	return func() {
		floor := int(c.returned.Load())
		got := read()
		if got < floor {
			c.yard.Errorf("%s reads %d after the commit of %d has returned", what, got, floor)
		}
		if got < last {
			c.yard.Errorf("%s reads %d after %d", what, got, last)
		}
		last = got
	}
}

// often calls f, and lets others come between.
func often(times int, f ...func()) func() {
	return func() {
		for i := range times {
			if i > 0 {
				schedule.Yield("read")
			}
			for _, f := range f {
				f()
			}
		}
	}
}
