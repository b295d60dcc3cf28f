// Explorations: which schedules are run, and what is said of them.

package schedule

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Options say which schedules of a world to run. The zero value searches all,
// up to a limit.
type Options struct {
	// Limit is how many schedules are run at most; 100 000 if it is zero.
	Limit int

	// Min is how many must be run. Fewer fail the test, also when there are no
	// more: the yield points of the code under test may be compiled out.
	Min int

	// Preemptions bounds how often a schedule may take the turn from an actor
	// that could go on; zero is no bound. Most faults show with one or two, and
	// their schedules grow with a power of the steps instead of exponentially.
	Preemptions int

	// Random draws each choice instead of searching, for worlds with too many
	// schedules; it draws Limit schedules, some perhaps more than once.
	Random bool

	// Seed makes Random draw the same schedules again. If it is zero, a new seed
	// is taken and reported.
	Seed uint64

	// Replay is one schedule to run instead, as a failure prints it. Where it
	// ends before the actors do, each goes on as long as it can.
	Replay string
}

// A Result says what an exploration has run.
type Result struct {
	Schedules int           // how many were run, with different choices unless Random
	Retries   int           // how many more runs left their schedule and were checked all the same
	Exhausted bool          // there is no other schedule within the bound
	Seed      uint64        // what Random drew from
	Took      time.Duration // real time
	Failure   *Failure      // the schedule that failed, if one did
}

// String returns one line.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d schedules in %v", r.Schedules, r.Took.Round(time.Millisecond))
	switch {
	case r.Seed != 0:
		fmt.Fprintf(&b, ", drawn from seed %d", r.Seed)
	case r.Exhausted:
		b.WriteString(", exhausted")
	}
	if r.Retries > 0 {
		fmt.Fprintf(&b, ", %d retries", r.Retries)
	}
	return b.String()
}

// A Failure is a schedule that failed, and why.
type Failure struct {
	Errors   []string
	Schedule string // for Options.Replay
	Steps    []Step
}

// String returns the errors, the schedule as a text and step by step.
func (f *Failure) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(f.Errors, "\n"))
	if f.Schedule != "" {
		fmt.Fprintf(&b, "\nreplay: %q", f.Schedule)
	}
	for i, s := range f.Steps {
		fmt.Fprintf(&b, "\n%4d  %s from %s", i+1, s.Actor, s.Point)
	}
	return b.String()
}

// Explore runs the world under one schedule after the other, each in a bubble of
// its own, until all were run, the limit is reached or one has failed; then it
// fails the test with that schedule. A schedule fails by [Run.Errorf], by failing
// t, by a panic, a deadlock or a goroutine that is left over. It logs what it has
// run. It must not be called in a bubble.
func Explore(t *testing.T, o Options, world func(*Run)) Result {
	t.Helper()
	var result Result
	defer func() { // also when the world ends the test
		t.Helper()
		if result.Failure != nil {
			t.Errorf("%v\n%v", result, result.Failure)
		} else {
			t.Log(result)
		}
	}()
	explore(t, o, world, &result)
	return result
}

// Search is Explore for who expects a failure: it returns it and leaves t alone.
func Search(t *testing.T, o Options, world func(*Run)) Result {
	var result Result
	explore(t, o, world, &result)
	return result
}

// exploring lets one exploration run at a time: the hooks are everybody's.
var exploring sync.Mutex

// maxRetries is how often in a row a schedule is tried again. A select with two
// ready cases takes one of them eight times in a row in one of 256 cases.
const maxRetries = 100

func explore(t *testing.T, o Options, world func(*Run), result *Result) {
	exploring.Lock()
	defer exploring.Unlock()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	start := time.Now()
	defer func() { result.Took = time.Since(start) }()

	if o.Limit == 0 {
		o.Limit = 100_000
	}
	var p plan = &search{bound: o.Preemptions}
	switch {
	case o.Replay != "":
		names, err := parse(o.Replay)
		if err != nil {
			result.Failure = &Failure{Errors: []string{err.Error()}}
			return
		}
		p, o.Limit, o.Min = replay(names), 1, 0
	case o.Random:
		for o.Seed == 0 {
			o.Seed = rand.Uint64()
		}
		result.Seed = o.Seed
		p = &sample{bound: o.Preemptions, seed: o.Seed}
	}
	r := &Run{stack: make([]uintptr, 64)}
	for retries := 0; result.Schedules < o.Limit && !result.Exhausted; {
		r = &Run{plan: p, trace: r.trace[:0], ready: r.ready, stack: r.stack, timers: actor{name: "timer"}}
		r.bubble(t, world, result)
		if result.Failure != nil {
			result.Schedules++
			return
		}
		more := p.next(r)
		switch {
		case r.strayed == "":
			retries = 0
			result.Schedules++
			result.Exhausted = !more
		case retries == maxRetries:
			result.Failure = r.failure(fmt.Sprintf("the world is not the same under the same choices: in %d runs, the last time %s", retries+1, r.strayed))
			return
		default:
			retries++
			result.Retries++
		}
	}
	if result.Schedules < o.Min {
		result.Failure = &Failure{Errors: []string{fmt.Sprintf("%d schedules were run, want at least %d", result.Schedules, o.Min)}}
	}
}

// bubble runs the world once and notes its failure.
func (r *Run) bubble(t *testing.T, world func(*Run), result *Result) {
	before := t.Failed()
	defer current.Store(nil)
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); !ok || !strings.HasPrefix(err.Error(), "deadlock: ") {
				panic(v)
			}
			if len(r.failures) == 0 {
				r.Errorf("goroutines are left when the world has ended:%s", r.whereabouts())
			}
		}
		if len(r.failures) > 0 || !before && t.Failed() {
			result.Failure = r.failure(r.failures...)
		}
	}()
	synctest.Test(t, func(*testing.T) {
		r.arrived = make(chan struct{}, 1)
		current.Store(r)
		whole := false
		defer func() {
			if v := recover(); v != nil && v != any(errAbandoned) {
				r.Errorf("the world panics: %v\n%s", v, debug.Stack())
			}
			if !whole {
				r.release()
			}
		}()
		world(r)
		r.Wait()
		whole = true
	})
}

func (r *Run) failure(errors ...string) *Failure {
	return &Failure{errors, r.Schedule(), r.trace}
}

// format returns a schedule as a text: the names of those who went on, a number
// behind a name for so many times.
func format(steps []Step) string {
	var words []string
	for i := 0; i < len(steps); {
		n := 1
		for i+n < len(steps) && steps[i+n].Actor == steps[i].Actor {
			n++
		}
		word := steps[i].Actor
		if n > 1 {
			word += "*" + strconv.Itoa(n)
		}
		words = append(words, word)
		i += n
	}
	return strings.Join(words, " ")
}

// parse returns the names of a schedule, one a step.
func parse(text string) ([]string, error) {
	var names []string
	for word := range strings.FieldsSeq(text) {
		name, times, counted := strings.Cut(word, "*")
		n := 1
		if counted {
			var err error
			if n, err = strconv.Atoi(times); err != nil || n < 1 || n > maxSteps {
				return nil, fmt.Errorf("the schedule says %q, want a name, or a name with * and a number behind it", word)
			}
		}
		for range n {
			names = append(names, name)
		}
	}
	return names, nil
}
