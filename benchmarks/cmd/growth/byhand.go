// The same engine as one would write it by hand, in two ways.

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// A lockedEngine has a map with a lock for itself and one for each scope. A scope
// has the entries that it reads.
type lockedEngine struct {
	mu     sync.RWMutex
	checks map[string]check
	scopes []*lockedScope
}

type lockedScope struct {
	mu     sync.RWMutex
	checks map[string]check

	place int // in the scopes of its engine, whose lock guards it
}

func newLocked(checks []check, scopes int) *lockedEngine {
	e := &lockedEngine{checks: make(map[string]check)}
	for i, c := range checks {
		e.checks[label("checks", i)] = c
	}
	for range scopes {
		e.compose(names)
	}
	return e
}

// names are what a scope reads.
var names = func() (all [handles]string) {
	for i := range all {
		all[i] = label("checks", i)
	}
	return all
}()

// rebind changes an entry in the engine and in the scopes.
func (e *lockedEngine) rebind(name string, c check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks[name] = c
	for _, s := range e.scopes {
		s.mu.Lock()
		s.checks[name] = c
		s.mu.Unlock()
	}
}

// compose adds a scope with these entries.
func (e *lockedEngine) compose(names [handles]string) *lockedScope {
	s := &lockedScope{checks: make(map[string]check, handles)}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range names {
		s.checks[name] = e.checks[name]
	}
	s.place = len(e.scopes)
	e.scopes = append(e.scopes, s)
	return s
}

func (e *lockedEngine) close(s *lockedScope) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.scopes) - 1
	e.scopes[s.place] = e.scopes[last]
	e.scopes[s.place].place = s.place
	e.scopes[last] = nil
	e.scopes = e.scopes[:last]
}

func (s *lockedScope) get(name string) check {
	s.mu.RLock()
	c := s.checks[name]
	s.mu.RUnlock()
	return c
}

//go:noinline
func readLocked(s *lockedScope, n int) (sum int) {
	for order := range n {
		for i := range names {
			price, err := s.get(names[i]).Amend(order, order)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

// oneMoreLocked is what oneMore of a fleet is.
func oneMoreLocked(e *lockedEngine, n int) (spent time.Duration) {
	for range n {
		start := time.Now()
		s := e.compose(names)
		spent += time.Since(start)
		e.close(s)
	}
	return spent
}

// An atomicEngine knows when it is compiled what its scopes read, and gives each of
// them an atomic pointer for it.
type atomicEngine struct {
	mu     sync.Mutex
	checks []*check
	scopes []*atomicScope
}

type atomicScope struct {
	reads [handles]atomic.Pointer[check]

	place int // in the scopes of its engine, whose lock guards it
}

func newAtomic(checks []check, scopes int) *atomicEngine {
	e := &atomicEngine{checks: make([]*check, len(checks))}
	for i := range checks {
		e.checks[i] = &checks[i]
	}
	for range scopes {
		e.compose()
	}
	return e
}

func (e *atomicEngine) rebind(i int, c check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks[i] = &c
	for _, s := range e.scopes {
		s.reads[i].Store(&c)
	}
}

func (e *atomicEngine) compose() *atomicScope {
	s := new(atomicScope)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range s.reads {
		s.reads[i].Store(e.checks[i])
	}
	s.place = len(e.scopes)
	e.scopes = append(e.scopes, s)
	return s
}

func (e *atomicEngine) close(s *atomicScope) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.scopes) - 1
	e.scopes[s.place] = e.scopes[last]
	e.scopes[s.place].place = s.place
	e.scopes[last] = nil
	e.scopes = e.scopes[:last]
}

//go:noinline
func readAtomic(s *atomicScope, n int) (sum int) {
	for order := range n {
		for i := range s.reads {
			price, err := (*s.reads[i].Load()).Amend(order, order)
			if err != nil {
				return -1
			}
			sum += price
		}
	}
	return sum
}

// oneMoreAtomic is what oneMore of a fleet is.
func oneMoreAtomic(e *atomicEngine, n int) (spent time.Duration) {
	for range n {
		start := time.Now()
		s := e.compose()
		spent += time.Since(start)
		e.close(s)
	}
	return spent
}
