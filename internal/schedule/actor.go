// Actors: goroutines that stop at yield points and take turns.

package schedule

import (
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

type state int

const (
	parked state = iota // at a yield point, or not started
	loose               // let go: it runs, or it is blocked
	done
)

// An actor is a goroutine that the schedule moves on.
type actor struct {
	name   string
	number int           // how deep enter goes on its stack; two actors have two numbers
	wake   chan bool     // whether to go on; if not, it ends there
	stays  bool          // it need not end
	elapse time.Duration // if not zero, it is no goroutine but so much time

	// guarded by Run.mu

	state  state
	point  string // where it is parked, or was last
	starts int    // how many goroutines it has started
}

// current is the run that is under way, or nil.
var current atomic.Pointer[Run]

// Yield parks the actor that calls it until the schedule chooses it. On a
// goroutine that is not an actor, and outside of [Run.Wait], it does nothing.
// The code under test calls it by a hook at its yield points.
func Yield(point string) {
	r := current.Load()
	if r == nil || !isActor() {
		return
	}
	r.mu.Lock()
	a := r.self()
	if a == nil || !r.open && !r.abandoned {
		r.mu.Unlock()
		return
	}
	goOn := !r.abandoned
	if goOn {
		a.point, a.state = point, parked
		r.arrive()
	}
	r.mu.Unlock()
	if goOn {
		goOn = <-a.wake
	}
	if !goOn {
		// From here on the goroutine is no actor, so that what it defers runs to
		// its end.
		debug.SetPanicOnFault(false)
		runtime.Goexit()
	}
}

// Spawn starts a goroutine. Called within [Run.Wait], by an actor or by what a
// timer runs, it makes the goroutine an actor of its own, which starts parked,
// need not end, and is named after who started it: "commit#1" is the first that
// commit has started, "timer#1" the first that no actor has. The code under test
// starts its goroutines by a hook that calls Spawn.
func Spawn(f func()) {
	r := current.Load()
	if r == nil {
		go f()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		go f()
		return
	}
	parent := &r.timers
	if isActor() {
		if a := r.self(); a != nil {
			parent = a
		}
	}
	parent.starts++
	a := r.addLocked(parent.name + "#" + strconv.Itoa(parent.starts))
	a.stays = true
	r.arrive()
	go r.act(a, f)
}

// addLocked adds a parked actor. What others started stands behind who started
// it, so that the order of actors is the same whoever came first.
func (r *Run) addLocked(name string) *actor {
	r.numbers++
	// The smallest number is two: one frame of enter could be any function.
	a := &actor{name: name, number: r.numbers + 1, wake: make(chan bool, 1), point: "start"}
	at := len(r.actors)
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		family := func(b *actor) bool { return b.name == name[:i] || strings.HasPrefix(b.name, name[:i+1]) }
		if first := slices.IndexFunc(r.actors, family); first >= 0 {
			for at = first; at < len(r.actors) && family(r.actors[at]); at++ {
			}
		}
	}
	r.actors = slices.Insert(r.actors, at, a)
	return a
}

// act is the life of an actor's goroutine.
func (r *Run) act(a *actor, f func()) {
	if goOn := <-a.wake; !goOn {
		return
	}
	debug.SetPanicOnFault(true)
	defer func() {
		if v := recover(); v != nil {
			r.Errorf("%s panics after %s: %v\n%s", a.name, a.point, v, debug.Stack())
		}
		r.mu.Lock()
		a.state = done
		r.arrive()
		r.mu.Unlock()
	}()
	enter(a.number, f)
}

// isActor reports whether an actor calls it. It reads the one bit that a
// goroutine can set for itself alone and read back, in two nanoseconds; what the
// bit is meant for, faults at unmapped addresses, is of no interest here.
func isActor() bool {
	if debug.SetPanicOnFault(true) {
		return true
	}
	debug.SetPanicOnFault(false)
	return false
}

// self returns the actor that calls it, with r.mu held, or nil if it is of
// another run. As a rule one actor is loose, and that is the one. If others are
// blocked, or have just been woken, the stack tells them apart: reading it with
// Callers takes a microsecond, reading the goroutine's number with Stack ten.
func (r *Run) self() *actor {
	var only *actor
	for _, a := range r.actors {
		switch {
		case a.state != loose:
		case only == nil:
			only = a
		default:
			return r.selfSlow()
		}
	}
	return only
}

func (r *Run) selfSlow() *actor {
	n := runtime.Callers(0, r.stack)
	for n == len(r.stack) {
		r.stack = make([]uintptr, 2*n)
		n = runtime.Callers(0, r.stack)
	}
	// The frames of enter are the outermost that return to one place.
	number := 1
	for i := n - 1; i > 0; i-- {
		if r.stack[i] == r.stack[i-1] {
			number++
		} else if number > 1 {
			break
		}
	}
	i := slices.IndexFunc(r.actors, func(a *actor) bool { return a.number == number && a.state == loose })
	if i < 0 {
		return nil
	}
	return r.actors[i]
}

// enter calls f with n more frames of enter on the stack, all of which return to
// the same place. That is how selfSlow knows whose stack it is.
//
//go:noinline
func enter(n int, f func()) {
	if n > 0 {
		enter(n-1, f)
		return
	}
	f()
}
