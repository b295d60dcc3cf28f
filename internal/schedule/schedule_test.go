// Worlds with known faults and known numbers of schedules.

package schedule_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/internal/schedule"
)

// A lock is a mutex whose waiters the bubble sees as blocked.
type lock chan struct{}

func newLock() lock    { return make(lock, 1) }
func (l lock) Lock()   { l <- struct{}{} }
func (l lock) Unlock() { <-l }

// yields comes to n yield points.
func yields(n int) func() {
	return func() {
		for i := range n {
			schedule.Yield(fmt.Sprint("point", i+1))
		}
	}
}

// deposits adds to a balance from two actors, each of which loads and stores it
// within the lock, if there is one.
func deposits(locked bool) func(*schedule.Run) {
	return func(r *schedule.Run) {
		mu := newLock()
		balance := 0
		deposit := func() {
			if locked {
				mu.Lock()
				defer mu.Unlock()
			}
			schedule.Yield("load")
			seen := balance
			schedule.Yield("store")
			balance = seen + 1
		}
		r.Go("alice", deposit)
		r.Go("bob", deposit)
		r.Wait()
		if balance != 2 {
			r.Errorf("the balance is %d, want 2", balance)
		}
	}
}

// fails demands that the world has a failing schedule with that text, and that
// the schedule fails again when it is replayed.
func fails(t *testing.T, o schedule.Options, want string, world func(*schedule.Run)) *schedule.Failure {
	t.Helper()
	found := schedule.Search(t, o, world).Failure
	if found == nil || !strings.Contains(found.String(), want) {
		t.Fatalf("the search ends with %v, want a failure with %q", found, want)
	}
	again := schedule.Search(t, schedule.Options{Replay: found.Schedule}, world).Failure
	if again == nil {
		t.Fatalf("the schedule %q does not fail again", found.Schedule)
	}
	if diff := cmp.Diff(found.Steps, again.Steps); diff != "" {
		t.Errorf("the schedule %q is another when replayed (-found +replayed):\n%s", found.Schedule, diff)
	}
	return found
}

func TestLostUpdate(t *testing.T) {
	found := fails(t, schedule.Options{}, "the balance is 1, want 2", deposits(false))
	want := &schedule.Failure{
		Errors:   []string{"the balance is 1, want 2"},
		Schedule: "alice*2 bob*3 alice",
		Steps: []schedule.Step{
			{"alice", "start"}, {"alice", "load"},
			{"bob", "start"}, {"bob", "load"}, {"bob", "store"},
			{"alice", "store"},
		},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("the first failing schedule differs (-want +got):\n%s", diff)
	}
	sound := schedule.Search(t, schedule.Options{Replay: "bob*3 alice*3"}, deposits(false))
	if sound.Failure != nil || sound.Schedules != 1 {
		t.Errorf("one after the other ends with %v after %d schedules, want no failure after 1", sound.Failure, sound.Schedules)
	}
}

// Within a lock, the other can come at three moments: before either of the
// holder's two points, where it waits until the holder is done, or after all.
// Either can be first, which makes six.
func TestLockedUpdate(t *testing.T) {
	result := schedule.Explore(t, schedule.Options{Min: 6}, deposits(true))
	if result.Schedules != 6 || !result.Exhausted {
		t.Errorf("%v, want 6 schedules, exhausted", result)
	}
}

// Actors of a, b, … steps that never wait interleave in (a+b+…)! / (a! b! …)
// ways. The steps of an actor are its yield points and its start.
func TestInterleavings(t *testing.T) {
	for _, test := range []struct {
		points      []int
		preemptions int
		want        int
	}{
		{nil, 0, 1},
		{[]int{5}, 0, 1},
		{[]int{0, 0}, 0, 2},
		{[]int{2, 2}, 0, 20},
		{[]int{1, 3}, 0, 15},
		{[]int{1, 1, 1}, 0, 90},
		{[]int{2, 2, 2}, 0, 1680},
		{[]int{0, 0, 0, 0}, 0, 24},
		{[]int{7, 7}, 0, 12870},
		// Two orders without a preemption; with one, it comes after any but the
		// last of the ten steps of who is first.
		{[]int{9, 9}, 1, 2 + 2*9},
		// With two, each loses its turn once, in 9*9 ways for either order.
		{[]int{9, 9}, 2, 2 + 2*9 + 2*9*9},
		// Three actors have six orders. Any of them is cut after any but its last
		// step, and the two pieces and the other two have six orders in which
		// the pieces are apart.
		{[]int{9, 9, 9}, 1, 6 + 3*9*6},
	} {
		t.Run(fmt.Sprintf("points=%v/preemptions=%d", test.points, test.preemptions), func(t *testing.T) {
			seen := make(map[string]bool)
			o := schedule.Options{Min: test.want, Preemptions: test.preemptions}
			result := schedule.Explore(t, o, func(r *schedule.Run) {
				for i, n := range test.points {
					r.Go(string(rune('a'+i)), yields(n))
				}
				r.Wait()
				if seen[r.Schedule()] {
					r.Errorf("the schedule is run twice")
				}
				seen[r.Schedule()] = true
			})
			if result.Schedules != test.want || !result.Exhausted {
				t.Errorf("%v, want %d schedules, exhausted", result, test.want)
			}
		})
	}
}

// An actor comes to its points while others are blocked behind it, so that the
// package has to find out who it is.
func TestPointsOfManyBehindALock(t *testing.T) {
	depositors := func(r *schedule.Run) {
		mu := newLock()
		for i := range 4 {
			name := fmt.Sprint("depositor", i)
			r.Go(name, func() {
				mu.Lock()
				defer mu.Unlock()
				schedule.Yield("first of " + name)
				deep(i*20, func() { schedule.Yield("second of " + name) })
			})
		}
		r.Wait()
	}
	result := schedule.Explore(t, schedule.Options{}, depositors)
	if want := lockedWays(4); result.Schedules != want || !result.Exhausted {
		t.Errorf("%v, want %d schedules, exhausted", result, want)
	}
	for seed := range uint64(50) {
		drawn := schedule.Search(t, schedule.Options{Random: true, Seed: seed + 1, Limit: 1}, func(r *schedule.Run) {
			depositors(r)
			r.Errorf("let me see the steps")
		})
		for _, s := range drawn.Failure.Steps {
			if s.Point != "start" && !strings.HasSuffix(s.Point, " of "+s.Actor) {
				t.Errorf("%s goes on from the %s", s.Actor, s.Point)
			}
		}
	}
}

// deep calls f from n more frames.
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
}

// lockedWays counts the schedules of n actors that take a lock, come to two
// points and release it to the one that has waited longest.
func lockedWays(n int) int {
	var count func(idle, waiting, left int) int
	count = func(idle, waiting, left int) int { // left: points of the holder, 0 if there is none
		switch {
		case left == 0 && idle == 0:
			return 1
		case left == 0:
			return idle * count(idle-1, 0, 2)
		}
		ways := 0
		if idle > 0 {
			ways += idle * count(idle-1, waiting+1, left)
		}
		switch {
		case left == 2:
			ways += count(idle, waiting, 1)
		case waiting > 0:
			ways += count(idle, waiting-1, 2)
		default:
			ways += count(idle, 0, 0)
		}
		return ways
	}
	return count(n, 0, 0)
}

func TestDeadlock(t *testing.T) {
	found := fails(t, schedule.Options{}, "deadlock:", func(r *schedule.Run) {
		stock, cash := newLock(), newLock()
		moved := 0
		move := func(first, second lock) func() {
			return func() {
				first.Lock()
				defer first.Unlock()
				schedule.Yield("between")
				second.Lock()
				defer second.Unlock()
				moved++
			}
		}
		r.Go("sell", move(stock, cash))
		r.Go("refund", move(cash, stock))
		r.Wait()
		if moved != 2 {
			r.Errorf("Wait returns from a deadlock")
		}
	})
	want := []string{"deadlock:\n\tsell is blocked after between\n\trefund is blocked after between"}
	if diff := cmp.Diff(want, found.Errors); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
}

// A connection closes when its last user leaves. Counting oneself in after
// having looked lets it close in between.
func TestReferenceCount(t *testing.T) {
	connection := func(check bool) func(*schedule.Run) {
		return func(r *schedule.Run) {
			users, closed := 1, false
			leave := func() {
				if users--; users == 0 {
					schedule.Yield("close")
					closed = true
				}
			}
			r.Go("owner", func() {
				schedule.Yield("leave")
				leave()
			})
			r.Go("query", func() {
				if users == 0 {
					return
				}
				if check {
					schedule.Yield("enter")
				}
				users++
				schedule.Yield("use")
				if closed {
					r.Errorf("the connection is closed in use")
				}
				leave()
			})
			r.Wait()
			if users == 0 && !closed {
				r.Errorf("the connection is left open")
			}
		}
	}
	fails(t, schedule.Options{}, "closed in use", connection(true))
	fails(t, schedule.Options{Random: true, Seed: 7}, "closed in use", connection(true))
	if result := schedule.Explore(t, schedule.Options{}, connection(false)); !result.Exhausted {
		t.Errorf("%v, want exhausted", result)
	}
}

// Timers run when nobody else can do anything, and in between if the world says
// so.
func TestTimers(t *testing.T) {
	tea := func(elapse bool, poured map[int]int) func(*schedule.Run) {
		return func(r *schedule.Run) {
			cups, steeped := 0, false
			time.AfterFunc(3*time.Minute, func() {
				schedule.Yield("no actor")
				schedule.Spawn(func() {
					schedule.Yield("steeped")
					steeped = true
				})
			})
			r.Go("cook", func() {
				for range 2 {
					schedule.Yield("pour")
					if steeped {
						cups++
					}
				}
			})
			r.Go("guest", func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
				defer cancel()
				<-ctx.Done()
				schedule.Yield("sit down")
				if !steeped {
					r.Errorf("the guest comes before the tea")
				}
			})
			if elapse {
				r.Elapse("wait", 3*time.Minute)
			}
			r.Wait()
			poured[cups]++
		}
	}
	got := make(map[int]int)
	result := schedule.Explore(t, schedule.Options{}, tea(false, got))
	// The three steps of the cook and the first of the guest come in any order;
	// then time passes.
	if diff := cmp.Diff(map[int]int{0: 4}, got); diff != "" || !result.Exhausted {
		t.Errorf("%v; cups when time stands still (-want +got):\n%s", result, diff)
	}
	clear(got)
	result = schedule.Explore(t, schedule.Options{}, tea(true, got))
	for cups := range 3 {
		if got[cups] == 0 {
			t.Errorf("%v; no schedule pours %d cups", result, cups)
		}
	}
	if !result.Exhausted {
		t.Errorf("%v, want exhausted", result)
	}
}

// An actor that ends by a timer ends Wait.
func TestTimeOfWait(t *testing.T) {
	schedule.Explore(t, schedule.Options{Min: 1}, func(r *schedule.Run) {
		start := time.Now()
		r.Go("cook", func() { time.Sleep(3 * time.Minute) })
		r.Wait()
		if took := time.Since(start); took != 3*time.Minute {
			r.Errorf("Wait takes %v, want 3m", took)
		}
	})
}

// The world's own goroutines are not stopped, whoever waits for them.
func TestNoActor(t *testing.T) {
	schedule.Explore(t, schedule.Options{Min: 1}, func(r *schedule.Run) {
		ask, answer := make(chan bool), make(chan bool)
		go func() {
			<-ask
			schedule.Yield("of no actor")
			answer <- true
		}()
		r.Go("guest", func() {
			ask <- true
			<-answer
			schedule.Yield("sit down")
		})
		r.Wait()
		if got := r.Schedule(); got != "guest*2" {
			r.Errorf("the schedule is %q, want guest*2", got)
		}
	})
}

// A clock that starts no actor stops the world in the end.
func TestDeadlockBesideAClock(t *testing.T) {
	fails(t, schedule.Options{}, "deadlock:\n\tguest is blocked after start", func(r *schedule.Run) {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		r.Go("guest", func() { select {} })
		r.Wait()
	})
}

func TestBackground(t *testing.T) {
	result := schedule.Explore(t, schedule.Options{}, func(r *schedule.Run) {
		orders := make(chan int)
		last, ended := 0, false
		r.Background("watch", func() {
			for last = range orders {
				schedule.Yield("seen")
			}
			schedule.Yield("closed")
			ended = true
		})
		r.Go("order", func() {
			for i := range 2 {
				schedule.Yield("send")
				orders <- i + 1
			}
		})
		r.Wait()
		if last != 2 {
			r.Errorf("the watcher has seen %d last, want 2", last)
		}
		close(orders)
		synctest.Wait()
		if !ended {
			r.Errorf("the watcher is held at a point that it came to after Wait")
		}
		schedule.Yield("of no actor")
		r.Go("late", yields(1))
		r.Wait()
		if !strings.HasSuffix(r.Schedule(), " late*2") {
			r.Errorf("the second Wait runs %q, want late*2 last", r.Schedule())
		}
	})
	if !result.Exhausted {
		t.Errorf("%v, want exhausted", result)
	}
	schedule.Explore(t, schedule.Options{}, func(r *schedule.Run) {
		sold := make(chan bool)
		r.Go("order", func() { schedule.Spawn(func() { <-sold }) })
		r.Wait()
		close(sold)
	})
	fails(t, schedule.Options{}, "goroutines are left when the world has ended:\n\twatch is blocked after start", func(r *schedule.Run) {
		r.Background("watch", func() { select {} })
	})
}

// What actors start has names that do not depend on who came first.
func TestSpawn(t *testing.T) {
	var schedules []string
	result := schedule.Explore(t, schedule.Options{}, func(r *schedule.Run) {
		var mu sync.Mutex
		var built []string
		build := func(name string) func() {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				built = append(built, name)
			}
		}
		free := make(chan bool, 1)
		schedule.Spawn(func() {
			schedule.Yield("in set-up")
			free <- true
		})
		<-free
		r.Go("engine", func() {
			schedule.Spawn(build("orders"))
			schedule.Spawn(build("payments"))
		})
		r.Go("group", func() {
			schedule.Spawn(func() { schedule.Spawn(build("audit")) })
		})
		r.Wait()
		if len(built) != 3 {
			r.Errorf("%q were built, want three", built)
		}
		schedules = append(schedules, r.Schedule())
	})
	// Two trees of starts: a node comes after the one above it, which six nodes
	// do in 6! / (3*1*1 * 3*2*1) ways.
	if want := 40; result.Schedules != want || !result.Exhausted {
		t.Errorf("%v, want %d schedules, exhausted", result, want)
	}
	if want := "engine engine#2 group group#1 engine#1 group#1#1"; !slices.Contains(schedules, want) {
		t.Errorf("the schedule %q is not among %q", want, schedules)
	}
	if want := "engine engine#1 engine#2 group group#1 group#1#1"; schedules[0] != want {
		t.Errorf("the first schedule is %q, want %q", schedules[0], want)
	}
}

func TestSameSeed(t *testing.T) {
	draw := func(seed uint64) (schedules []string, used uint64) {
		o := schedule.Options{Random: true, Seed: seed, Limit: 200, Min: 200}
		result := schedule.Explore(t, o, func(r *schedule.Run) {
			for _, name := range []string{"commit", "read", "watch"} {
				r.Go(name, yields(10))
			}
			r.Wait()
			schedules = append(schedules, r.Schedule())
		})
		return schedules, result.Seed
	}
	first, seed := draw(0)
	second, _ := draw(seed)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the seed %d gives other schedules the second time (-first +second):\n%s", seed, diff)
	}
	other, _ := draw(seed + 1)
	if cmp.Equal(first, other) {
		t.Errorf("the seeds %d and %d give the same schedules", seed, seed+1)
	}
}

// The sampled schedules keep to the bound on preemptions.
func TestSampleIsBounded(t *testing.T) {
	schedule.Explore(t, schedule.Options{Random: true, Seed: 1, Limit: 500, Preemptions: 1}, func(r *schedule.Run) {
		r.Go("a", yields(9))
		r.Go("b", yields(9))
		r.Wait()
		if turns := len(strings.Fields(r.Schedule())); turns > 3 {
			r.Errorf("there are %d turns, want at most 3", turns)
		}
	})
}

// Whatever goes wrong in a world fails its schedule, and the next exploration
// works.
func TestBadWorlds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	calls := 0
	for _, test := range []struct {
		name    string
		options schedule.Options
		want    string
		world   func(*schedule.Run)
	}{
		{"panic-of-an-actor", schedule.Options{}, "courier panics after point1: lost the parcel", func(r *schedule.Run) {
			r.Go("courier", func() {
				yields(1)()
				panic("lost the parcel")
			})
			r.Go("sender", yields(3))
		}},
		{"panic-of-the-world", schedule.Options{}, "the world panics: no depot", func(r *schedule.Run) {
			r.Go("courier", yields(1))
			panic("no depot")
		}},
		{"endless", schedule.Options{}, "has not ended after 10000 steps", func(r *schedule.Run) {
			r.Go("courier", func() {
				for {
					schedule.Yield("ring")
				}
			})
		}},
		{"name-twice", schedule.Options{}, `the name "courier" of an actor is bad or used`, func(r *schedule.Run) {
			r.Go("courier", yields(1))
			r.Go("courier", yields(1))
		}},
		{"name-with-a-star", schedule.Options{}, `the name "courier*2" of an actor is bad or used`, func(r *schedule.Run) {
			r.Go("courier*2", yields(1))
		}},
		{"too-few", schedule.Options{Min: 2}, "1 schedules were run, want at least 2", func(r *schedule.Run) {
			r.Go("courier", yields(1))
		}},
		{"limit-below-minimum", schedule.Options{Limit: 5, Min: 6}, "5 schedules were run, want at least 6", func(r *schedule.Run) {
			r.Go("courier", yields(5))
			r.Go("sender", yields(5))
		}},
		{"another-world-each-time", schedule.Options{}, "the world is not the same under the same choices: in 101 runs, the last time step 2", func(r *schedule.Run) {
			calls++
			point := fmt.Sprint("call", calls)
			r.Go("courier", func() { schedule.Yield(point) })
			r.Go("sender", func() {})
		}},
		{"shorter-the-next-time", schedule.Options{}, "the last time it ends after step 1, want 2 or more", func(r *schedule.Run) {
			calls++
			helpers := 2 / (calls * calls)
			r.Go("courier", func() {
				for range helpers {
					schedule.Spawn(func() {})
				}
			})
		}},
		{"replay-of-nobody", schedule.Options{Replay: "courier nobody"}, "step 2 of the schedule is nobody, who is not parked:\n\tcourier is parked at point1", func(r *schedule.Run) {
			r.Go("courier", yields(1))
		}},
		{"replay-of-nonsense", schedule.Options{Replay: "courier*x"}, `the schedule says "courier*x"`, func(r *schedule.Run) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls = 0
			got := schedule.Search(t, test.options, test.world).Failure
			if got == nil || !strings.Contains(got.String(), test.want) {
				t.Errorf("the failure is %v, want one with %q", got, test.want)
			}
			if after := runtime.GOMAXPROCS(0); after != 3 {
				t.Errorf("GOMAXPROCS is %d, was 3", after)
			}
			if next := schedule.Search(t, schedule.Options{}, deposits(true)); next.Failure != nil || next.Schedules != 6 {
				t.Errorf("the next exploration ends with %v and %v, want 6 schedules", next, next.Failure)
			}
		})
	}
}

// Actors of a schedule that is given up end where they are, and what they defer
// runs.
func TestGivenUp(t *testing.T) {
	var left []string
	schedule.Search(t, schedule.Options{}, func(r *schedule.Run) {
		stay := func(name string, rest func()) func() {
			return func() {
				defer func() {
					schedule.Yield("leave")
					left = append(left, name)
				}()
				schedule.Yield("stay")
				rest()
			}
		}
		r.Go("porter", stay("porter", func() { panic("gone") }))
		r.Go("guest", stay("guest", func() {
			for {
				schedule.Yield("sleep")
			}
		}))
		r.Wait()
		t.Error("Wait returns")
	})
	if diff := cmp.Diff([]string{"porter", "guest"}, left); diff != "" {
		t.Errorf("who has left differs (-want +got):\n%s", diff)
	}
}

// Explorations wait for each other.
func TestTwoExplorations(t *testing.T) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			result := schedule.Search(t, schedule.Options{}, func(r *schedule.Run) {
				r.Go("a", yields(4))
				r.Go("b", yields(4))
			})
			if result.Schedules != 252 || result.Failure != nil {
				t.Errorf("%v and %v, want 252 schedules", result, result.Failure)
			}
		})
	}
	wg.Wait()
}

// A world that goes one of two ways, as at a select of two ready cases, is run
// again until it goes the way that is explored.
func TestRetries(t *testing.T) {
	calls := 0
	result := schedule.Explore(t, schedule.Options{}, func(r *schedule.Run) {
		calls++
		side := []string{"left", "right"}[calls%2]
		r.Go("reader", func() { schedule.Yield(side) })
		r.Go("writer", yields(20))
	})
	if result.Schedules != 253 || !result.Exhausted || result.Retries <= 100 || calls != 253+result.Retries {
		t.Errorf("%v in %d calls, want 253 schedules, exhausted, and more than 100 retries", result, calls)
	}
}

// Outside of explorations the hooks do nothing of their own.
func TestOutside(t *testing.T) {
	schedule.Yield("nowhere")
	ended := make(chan bool)
	schedule.Spawn(func() { close(ended) })
	<-ended
}
