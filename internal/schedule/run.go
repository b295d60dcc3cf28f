// A run: one world under one schedule.

package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

const (
	// patience is how long the clock may move on without anybody coming to a
	// yield point. It is the bubble's time and costs none.
	patience = time.Hour

	// maxSteps ends the schedules of worlds in which an actor yields for ever.
	maxSteps = 10_000
)

// A Step is one choice of a schedule.
type Step struct {
	Actor string // who went on
	Point string // from where; "start" at its beginning
}

// A Run is one world under one schedule. The function given to [Explore] builds
// the world, adds actors, calls Wait and checks the outcome.
type Run struct {
	plan        plan
	trace       []Step
	ready       []*actor // the parked; who went last is first
	last        *actor
	preemptions int
	strayed     string // how the run left the schedule, if it did
	arrived     chan struct{}

	mu        sync.Mutex
	actors    []*actor
	numbers   int
	timers    actor // stands for what is no actor in the names of what it starts
	open      bool  // Wait is under way
	abandoned bool  // actors end where they are
	idle      bool  // Wait wants to hear of the next arrival
	stack     []uintptr
	failures  []string
}

// Go adds an actor, which begins with f when the schedule chooses it and must
// have ended when Wait returns. Names are the words of a schedule: each is used
// once and has neither spaces nor any of "*#".
func (r *Run) Go(name string, f func()) {
	a := r.add(name)
	go r.act(a, f)
}

// Background adds an actor that need not end: Wait also returns when it is
// blocked, as a watcher is that has seen the last value. It has to end before
// the world does, by what the world does after Wait.
func (r *Run) Background(name string, f func()) {
	a := r.add(name)
	a.stays = true
	go r.act(a, f)
}

// Elapse adds an actor whose only step is that so much time passes: the timers
// of the world that are due run, whoever is parked. Without it the clock stands
// still while somebody is parked.
func (r *Run) Elapse(name string, d time.Duration) {
	r.add(name).elapse = d
}

func (r *Run) add(name string) *actor {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := func(a *actor) bool { return a.name == name }
	if name == "" || name == r.timers.name || strings.ContainsAny(name, " \t\r\n*#") || slices.ContainsFunc(r.actors, used) {
		panic(fmt.Sprintf("schedule: the name %q of an actor is bad or used", name))
	}
	return r.addLocked(name)
}

// Errorf notes that the schedule fails, and why. Any goroutine may call it. The
// exploration ends with the schedule.
func (r *Run) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// Schedule returns the choices made so far, as a text for [Options].Replay.
func (r *Run) Schedule() string {
	return format(r.trace)
}

// Wait runs the actors until nobody is parked and those of Go have ended. The
// function that builds the world calls it, as often as it adds actors. When it
// comes to a deadlock, it does not return.
func (r *Run) Wait() {
	r.setOpen(true)
	defer r.setOpen(false)
	for {
		synctest.Wait()
		switch waiting := r.survey(); {
		case len(r.ready) > 0 && len(r.trace) == maxSteps:
			r.abandon("the schedule has not ended after %d steps", maxSteps)
		case len(r.ready) > 0:
			r.step()
		case !waiting:
			return
		case !r.pass():
			r.abandon("deadlock:%s", r.whereabouts())
		}
	}
}

func (r *Run) setOpen(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open && !r.abandoned
}

// survey lists the parked and reports whether anybody has to end yet.
func (r *Run) survey() (waiting bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = r.ready[:0]
	for _, a := range r.actors {
		if a.state == parked {
			r.ready = append(r.ready, a)
			if a == r.last {
				n := len(r.ready) - 1
				copy(r.ready[1:], r.ready[:n])
				r.ready[0] = a
			}
		}
		waiting = waiting || a.state != done && !a.stays
	}
	return waiting
}

// step lets the one of the ready go on that the plan names.
func (r *Run) step() {
	i := r.plan.choose(r)
	a := r.ready[i]
	if i > 0 && r.ready[0] == r.last {
		r.preemptions++
	}
	r.trace = append(r.trace, Step{a.name, a.point})
	r.last = a
	r.mu.Lock()
	a.state = loose
	if a.elapse > 0 {
		a.state = done
	}
	r.mu.Unlock()
	if a.elapse > 0 {
		time.Sleep(a.elapse)
		return
	}
	a.wake <- true
}

// ways returns how many of the ready may go next under a bound on preemptions.
func (r *Run) ways(bound int) int {
	if bound > 0 && r.preemptions >= bound && r.ready[0] == r.last {
		return 1
	}
	return len(r.ready)
}

// pass lets the clock move on until somebody parks or ends, and reports whether
// that happened. It stops at once then, so that nobody's timer runs out while
// another has something to do.
func (r *Run) pass() bool {
	r.mu.Lock()
	r.idle = true
	r.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.arrived:
		return true
	case <-timer.C:
		return false
	}
}

// arrive ends pass. r.mu is held.
func (r *Run) arrive() {
	if r.idle {
		r.idle = false
		r.arrived <- struct{}{}
	}
}

// whereabouts says of every actor where it is.
func (r *Run) whereabouts() string {
	var b strings.Builder
	for _, a := range r.actors {
		where := "is blocked after"
		switch a.state {
		case done:
			where = "has ended, last seen at"
		case parked:
			where = "is parked at"
		}
		fmt.Fprintf(&b, "\n\t%s %s %s", a.name, where, a.point)
	}
	return b.String()
}

// errAbandoned is what abandon panics with, to leave the function that built the
// world.
var errAbandoned = errors.New("schedule: abandoned")

// abandon fails the schedule and gives it up.
func (r *Run) abandon(format string, args ...any) {
	r.Errorf(format, args...)
	panic(errAbandoned)
}

// release ends the parked where they are.
func (r *Run) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abandoned = true
	for _, a := range r.actors {
		if a.state == parked && a.elapse == 0 {
			a.state = loose
			a.wake <- false
		}
	}
}
