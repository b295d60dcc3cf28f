// The operations over scopes and over capabilities.

package main

import (
	"errors"
	"time"
)

// errStale says that a commit has not reached a scope, so that its time means
// nothing.
var errStale = errors.New("a scope does not read what was committed")

// errCall says that a provider failed, which none does.
var errCall = errors.New("a call failed")

// timed returns how long n calls take.
func timed(n int, call func(i int) error) (time.Duration, error) {
	start := time.Now()
	for i := range n {
		if err := call(i); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// reading returns how long a reader of n rounds takes.
func reading(n int, read func(n int) int) (time.Duration, error) {
	start := time.Now()
	sum := read(n)
	spent := time.Since(start)
	if sum < 0 {
		return 0, errCall
	}
	return spent, nil
}

// committing returns the run of a probe that commits two checks in turn. After the
// last it looks at what a scope reads.
func committing(rebind func(check) error, read func() check) func(int) (time.Duration, error) {
	both, turn := newChecks(2), 0
	return func(n int) (time.Duration, error) {
		spent, err := timed(n, func(int) error {
			turn = 1 - turn
			return rebind(both[turn])
		})
		if err == nil && read() != both[turn] {
			err = errStale
		}
		return spent, err
	}
}

// engineStand returns an engine with so many capabilities and scopes, in three
// ways. over is the axis that the charts are named after.
func engineStand(over string, capabilities, scopes int) (*stand, error) {
	f, err := newFleet(capabilities, scopes)
	if err != nil {
		return nil, err
	}
	locked, atomic := newLocked(newChecks(capabilities), scopes), newAtomic(newChecks(capabilities), scopes)
	// The last scope is the one that a commit reaches last; the one in the middle
	// reads.
	last, middle := scopes-1, scopes/2
	s := &stand{close: f.close}
	add := func(operation, line string, ops int, run func(n int) (time.Duration, error)) {
		s.probes = append(s.probes, probe{chart: operation + "-" + over, line: line, run: run, ops: ops})
	}

	add("commit", inLibrary, 1, committing(f.rebind, func() check { return f.nodes[last].reads[changed].Get() }))
	add("commit", withLocks, 1, committing(
		func(c check) error { locked.rebind(names[changed], c); return nil },
		func() check { return locked.scopes[last].get(names[changed]) }))
	add("commit", withAtomic, 1, committing(
		func(c check) error { atomic.rebind(changed, c); return nil },
		func() check { return *atomic.scopes[last].reads[changed].Load() }))

	add("compose", inLibrary, 1, f.oneMore)
	add("compose", withLocks, 1, func(n int) (time.Duration, error) { return oneMoreLocked(locked, n), nil })
	add("compose", withAtomic, 1, func(n int) (time.Duration, error) { return oneMoreAtomic(atomic, n), nil })

	add("get", inLibrary, handles, func(n int) (time.Duration, error) {
		return reading(n, func(n int) int { return readHandles(f.nodes[middle].reads, n) })
	})
	add("get", withLocks, handles, func(n int) (time.Duration, error) {
		return reading(n, func(n int) int { return readLocked(locked.scopes[middle], n) })
	})
	add("get", withAtomic, handles, func(n int) (time.Duration, error) {
		return reading(n, func(n int) int { return readAtomic(atomic.scopes[middle], n) })
	})
	return s, nil
}
