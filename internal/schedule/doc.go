// The tour of the package: what a schedule is, and how a test explores them.

// Package schedule runs a few goroutines in every order in which they can take
// turns, so that a test of concurrent code does not depend on luck.
//
// The code under test calls a hook at its yield points, and starts its own
// goroutines through another. A test points these hooks at [Yield] and [Spawn],
// and describes a small world with its actors:
//
//	schedule.Explore(t, schedule.Options{Min: 20}, func(r *schedule.Run) {
//		var balance int
//		deposit := func() {
//			schedule.Yield("load") // the code under test calls this, by its hook
//			seen := balance
//			schedule.Yield("store")
//			balance = seen + 1
//		}
//		r.Go("alice", deposit)
//		r.Go("bob", deposit)
//		r.Wait()
//		if balance != 2 {
//			r.Errorf("the balance is %d, want 2", balance)
//		}
//	})
//
// Explore calls the function once for each schedule, in a synctest bubble of its
// own. Every actor starts parked. Wait lets one of the parked go on, up to where
// it parks at a yield point, blocks or ends, and then the next; a schedule is the
// list of these choices. When a schedule fails, the report ends with a text such
// as "alice*2 bob*3 alice" that, given as [Options].Replay, runs it again.
//
// What the package relies on, and what it says:
//
//  1. Between two yield points an actor runs alone. What is not separated by a
//     yield point, or by blocking, happens in one step and is explored as such.
//     An actor that wakes another runs on beside it up to its own next yield
//     point: a yield point right after the waking separates them.
//  2. An actor may block in a channel, a select, a sync.Cond, a sync.WaitGroup
//     or a timer. It must not come to a yield point while it holds a mutex that
//     another actor may want: who waits for a mutex counts as running, and the
//     exploration hangs. A lock that is a channel of one slot has no such limit.
//  3. Every schedule starts from nothing, so the world must be built anew in each
//     call and behave the same under the same choices. When it does not, because
//     a select has two ready cases or a map was ranged over, the schedule is
//     tried again; a world that keeps leaving its schedules is reported. Both
//     ways of such a select are checked when they happen, and not sought.
//  4. The clock of the bubble moves on when nobody is parked, up to the next time
//     somebody comes to a yield point. [Run.Elapse] lets time pass earlier. When
//     an hour brings nobody, it is a deadlock, and the report names where each
//     actor was last seen.
//  5. When the report says that the space is exhausted, there is no other
//     schedule within the bound on preemptions, apart from what 3 says.
//
// A goroutine that is neither an actor nor started by Spawn, such as what
// time.AfterFunc runs, is not stopped at yield points: it goes on whenever the
// runtime lets it, for the most part in one step with who woke it. To explore
// what it does, start that by the hook for goroutines.
//
// The hooks belong to the whole program: no test that uses the code under test
// may run beside an exploration. Explorations themselves wait for each other.
// During one, GOMAXPROCS is 1: turns on one processor cost less, and who was
// woken seldom runs at the same time as who woke it. Two actors with ten yield
// points each run under some 30 000 schedules a second.
//
// The hand-over of turns orders everything for the race detector too, so it finds
// little here; races of memory are for tests that run freely.
package schedule
