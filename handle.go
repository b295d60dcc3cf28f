// Handles and the cells they read: the hot path of lookup.

package capability

import (
	"context"
	"iter"
	"sync/atomic"
)

// A Handle is what a consumer keeps: the current value of what it asked for.
// It is made by resolving a [Query] in a [Scope], or by [NewValue], costs one
// word, may be copied and may be read by any number of goroutines.
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

// errZeroWatch is what Watch of the zero Handle panics with.
var errZeroWatch = &Error{Code: ErrInvalid, Err: report("Watch of the zero Handle: resolve it first, and look at the error of Resolve")}

// Watch yields the current value and then each change of it: first the zero V
// and the current value, then the value yielded last and the current one. A
// change of order alone is a change of a chain. Values that were replaced before
// the consumer came back for them are skipped, the last one never is.
//
// The loop body runs on the caller's goroutine and no lock is held, so it may
// take its time, commit, and close the scope: writers never wait for it. The
// loop ends when its body leaves it; when ctx ends, and then nothing more is
// yielded; or when the scope is closed, after the last value was yielded. No
// goroutine is started. Each range over the result is a watch of its own. Watch
// of the zero Handle panics.
func (h Handle[V]) Watch(ctx context.Context) iter.Seq2[V, V] {
	if h.cell == nil {
		panic(errZeroWatch)
	}
	return func(yield func(V, V) bool) {
		var old V
		var last *V
		for ctx.Err() == nil {
			// The bell is read before the value: a store that this load of the
			// value misses is followed by a ring of that bell.
			b := h.cell.listen()
			if v := h.cell.now.Load(); v != last {
				if !yield(old, *v) {
					return
				}
				old, last = *v, v
				continue
			}
			if b == lastBell {
				return
			}
			select {
			case <-b.rung:
			case <-ctx.Done():
			}
		}
	}
}

// NewValue returns published state: the read end to hand out, and the function
// that publishes, to keep. The read end is a Handle like those that a scope
// resolves: Get is one load, Watch follows changes. It may be bound as a
// provider, of a Capability[Handle[V]] or behind a small interface, so that an
// extension hands out a token, a limit or a routing table that goes on changing.
//
// Both ends may be used by any number of goroutines. Of simultaneous writes any
// may be the last; all readers agree which. A write costs an allocation and wakes
// those who watch. The state belongs to no scope, so it is never closed, and what
// [Derive] made of it is not built again when it changes: bind providers for
// that.
func NewValue[V any](v V) (Handle[V], func(V)) {
	c := &cell[V]{}
	c.now.Store(&v)
	return Handle[V]{cell: c}, func(v V) { c.set(&v) }
}

// A cell is where one scope reads the answer to one query. Commits store into
// it while they hold the lock of its scope; handles load from it.
type cell[V any] struct {
	now  atomic.Pointer[V]
	bell atomic.Pointer[bell] // of those who wait for a change, nil if nobody does

	// The rest is guarded by the lock of the scope. The cells of NewValue have
	// none of it.

	in     *audience[V] // nil once the scope is closed, and for what is derived
	pos    int          // in.cells[pos] is this cell
	scope  *Scope       // nil once the scope is closed
	joined uint64       // when its first plain handle was resolved, 0 if none was; see audience.past
	site   site         // where it was resolved first, 0 if only builds read it
	more   *more[V]     // nil for most
}

// more is what few cells have.
type more[V any] struct {
	sites  []site     // where else it was resolved
	lessor *lessor[V] // of its leased handles
	taps   []*product // what was built of it
	now    answer[V]  // if it has an answer of its own
	next   answer[V]  // what the running commit will make that
	in     *session   // that made next
}

// extra returns what few cells have, for writing.
func (c *cell[V]) extra() *more[V] {
	if c.more == nil {
		c.more = new(more[V])
	}
	return c.more
}

// A bell wakes who waits for a change of a cell.
type bell struct{ rung chan struct{} }

// lastBell is the bell of cells whose scope is closed: nothing more will come.
var lastBell = new(bell)

// listen returns the bell that the next change rings.
func (c *cell[V]) listen() *bell {
	for {
		if b := c.bell.Load(); b != nil {
			return b
		}
		yield("listen")
		c.bell.CompareAndSwap(nil, &bell{make(chan struct{})})
	}
}

// set stores a value and then wakes who waits for it: who is woken finds it.
func (c *cell[V]) set(v *V) {
	yield("store")
	c.now.Store(v)
	yield("stored")
	if b := c.bell.Load(); b != nil {
		c.ring(b, nil)
	}
}

// ring puts another bell in the place of b and rings b.
func (c *cell[V]) ring(b, next *bell) {
	if b != lastBell && c.bell.CompareAndSwap(b, next) {
		yield("ring")
		close(b.rung)
	}
}

// publish makes the cell show a: to plain handles, to leases, to those who wait.
func (c *cell[V]) publish(a *answer[V]) {
	c.set(a.value)
	if c.more != nil && c.more.lessor != nil {
		c.more.lessor.put(a)
	}
}

// close leaves the cell its last value and ends its leases and watches.
func (c *cell[V]) close() {
	if c.more != nil && c.more.lessor != nil {
		c.more.lessor.put(nil)
	}
	if b := c.bell.Swap(lastBell); b != nil && b != lastBell {
		close(b.rung)
	}
	c.scope = nil
}

// resolvedAt returns where handles of the cell were resolved.
func (c *cell[V]) resolvedAt() []site {
	switch {
	case c.site == 0:
		return nil
	case c.more == nil:
		return []site{c.site}
	}
	return append([]site{c.site}, c.more.sites...)
}

// readers returns all who read the cell.
func (c *cell[V]) readers() []reader {
	var all []reader
	for _, at := range c.resolvedAt() {
		all = append(all, reader{c.scope, at})
	}
	return all
}

// resolved notes that a handle of the cell was resolved.
func (c *cell[V]) resolved(at site) {
	if c.site == 0 {
		c.site = at
		return
	}
	for _, was := range c.resolvedAt() {
		if was == at {
			return
		}
	}
	c.extra().sites = append(c.extra().sites, at)
}
