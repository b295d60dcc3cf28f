// What a watcher may yield, as a check of what it did yield.

package stress_test

import (
	"fmt"
	"iter"
)

// A step is one pair that a watcher yielded.
type step struct{ old, current int }

// follow runs a watcher to its end. number says which write a value comes from.
// It calls began after the first step and, unless that is nil, saw after each.
func follow[V any](watch iter.Seq2[V, V], number func(V) int, began func(), saw func(step)) []step {
	var steps []step
	for old, current := range watch {
		s := step{number(old), number(current)}
		if steps = append(steps, s); len(steps) == 1 {
			began()
		}
		if saw != nil {
			saw(s)
		}
	}
	return steps
}

// checkSteps returns what is wrong with the steps of a watcher, given the numbers
// that were written, in that order and none of them twice. The watcher may have
// begun after any write, may have skipped any, and must have seen the last.
func checkSteps(steps []step, writes []int) error {
	if len(steps) == 0 {
		return fmt.Errorf("the watcher yielded nothing")
	}
	last, at := 0, -1
	for i, s := range steps {
		if s.old != last {
			return fmt.Errorf("step %d yields old %d after %d", i, s.old, last)
		}
		next := at + 1
		for next < len(writes) && writes[next] != s.current {
			next++
		}
		if next == len(writes) {
			return fmt.Errorf("step %d yields %d, which was not written after %d", i, s.current, last)
		}
		last, at = s.current, next
	}
	if at != len(writes)-1 {
		return fmt.Errorf("the watcher ended with %d, the last write is %d", last, writes[len(writes)-1])
	}
	return nil
}

// checkWriters is checkSteps for writes by several writers at once, of which only
// each writer's own order is known. owner tells them apart. final is what a read
// returns after the last write.
func checkWriters(steps []step, writes [][]int, owner func(int) int, final int) error {
	if len(steps) == 0 {
		return fmt.Errorf("the watcher yielded nothing")
	}
	last := 0
	at := make([]int, len(writes))
	for i, s := range steps {
		if s.old != last {
			return fmt.Errorf("step %d yields old %d after %d", i, s.old, last)
		}
		own := writes[owner(s.current)]
		next := at[owner(s.current)]
		for next < len(own) && own[next] != s.current {
			next++
		}
		if next == len(own) {
			return fmt.Errorf("step %d yields %d, which its writer did not write after what was yielded before", i, s.current)
		}
		last, at[owner(s.current)] = s.current, next+1
	}
	if last != final {
		return fmt.Errorf("the watcher ended with %d, a read returns %d", last, final)
	}
	return nil
}
