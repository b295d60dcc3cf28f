// Handles and the cells they read: the hot path of lookup.

package capability

import "sync/atomic"

// A Handle is what a consumer keeps: the current value of what it asked for.
// It is made by resolving a [Query] in a [Scope], costs one word, may be copied
// and may be read by any number of goroutines.
//
// From a successful resolve until the scope is closed a handle has its
// provider, because a change that would take it away is refused. After
// [Scope.Close] it keeps its last value.
type Handle[V any] struct {
	_    [0]*V
	cell *cell[V]
}

// A ChainHandle is the handle of all providers of a capability.
type ChainHandle[T any] = Handle[Chain[T]]

// Get returns the current value. It is one atomic load of an immutable value,
// takes no lock, allocates nothing and never blocks. It reads what the last
// commit that returned had published, or something later. Get of the zero
// Handle panics.
func (h Handle[V]) Get() V {
	if h.cell == nil {
		panic(errZeroHandle)
	}
	return *h.cell.now.Load()
}

// errZeroHandle is what Get of the zero Handle panics with.
var errZeroHandle = &Error{Code: ErrInvalid, Err: report("Get of the zero Handle: resolve it first, and look at the error of Resolve")}

// A cell is where one scope reads the answer to one query. Commits store into
// it while they hold the lock of its scope; handles load from it.
type cell[V any] struct {
	now atomic.Pointer[V]

	// The rest is guarded by the lock of the scope.

	in    *audience[V] // nil once the scope is closed
	pos   int          // in.cells[pos] is this cell
	scope *Scope       // nil once the scope is closed
	sites []site       // where it was resolved
}

// An audience is all the cells that read the same answer: those of one query in
// the scopes that hang on one slot. It computes the answer once for all.
type audience[V any] struct {
	ask   ask[V]
	now   *V // what the cells hold
	next  *V // what the running commit will store, nil if nothing
	cells []*cell[V]
}

// stage computes the answer that [audience.publish] will store.
func (a *audience[V]) stage(m *merged) error {
	if err := a.ask.verify(m); err != nil {
		return err
	}
	if v := a.ask.answer(m); v != a.now {
		a.next = v
	}
	return nil
}

// discard forgets the staged answer.
func (a *audience[V]) discard() { a.next = nil }

// publish stores the staged answer into all cells: one pass of stores.
func (a *audience[V]) publish() {
	if a.next == nil {
		return
	}
	a.now, a.next = a.next, nil
	for _, c := range a.cells {
		c.now.Store(a.now)
	}
}

// add makes c read from a.
func (a *audience[V]) add(c *cell[V]) {
	c.in, c.pos = a, len(a.cells)
	a.cells = append(a.cells, c)
}

// drop makes c read from a no more.
func (a *audience[V]) drop(c *cell[V]) {
	last := len(a.cells) - 1
	a.cells[c.pos] = a.cells[last]
	a.cells[c.pos].pos = c.pos
	a.cells[last] = nil
	a.cells = a.cells[:last]
	c.in, c.pos = nil, 0
}

// size returns the number of cells.
func (a *audience[V]) size() int { return len(a.cells) }

// readers returns who reads a, for an error text.
func (a *audience[V]) readers() []reader {
	all := make([]reader, 0, len(a.cells))
	for _, c := range a.cells {
		for _, at := range c.sites {
			all = append(all, reader{c.scope, at})
		}
	}
	return all
}

// move hangs c on another slot. Its value stays what it is: the next commit
// that changes the slot stores a new one.
func (c *cell[V]) move(from, to *slot) {
	was := c.in
	pick := was.ask.pick()
	was.drop(c)
	from.lost(pick)
	in, ok := to.audiences.get(pick).(*audience[V])
	if !ok {
		in = &audience[V]{ask: was.ask, now: was.now}
		to.audiences.set(pick, in)
	}
	in.add(c)
}

// leave takes c out of its slot, for the close of its scope.
func (c *cell[V]) leave(from *slot) {
	pick := c.in.ask.pick()
	c.in.drop(c)
	from.lost(pick)
	c.scope = nil
}

// resolvedAt returns where c was resolved.
func (c *cell[V]) resolvedAt() []site { return c.sites }
