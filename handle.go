// Handles and the cells they read: the hot path of lookup.

package capability

import (
	"context"
	"iter"
	"slices"
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

// errNilContext is what Watch without a context panics with.
var errNilContext = &Error{Code: ErrInvalid, Err: report("Watch with a nil Context: give it one that ends when nobody watches any more")}

// Watch yields the current value and then each change of it: first the zero V
// and the current value, then the value yielded last and the current one. A
// change of order alone is a change of a chain; a value that was published or
// derived anew is a change, also if it equals the last. Values that were replaced
// before the consumer came back for them are skipped, the last one never is.
//
//	for old, now := range routes.Watch(ctx) { ... } // with one variable it is the old one
//
// The loop body runs on the caller's goroutine and no lock is held, so it may
// take its time, commit, and close the scope: writers never wait for it. The
// loop ends when its body leaves it; when ctx ends, and then nothing more is
// yielded; or when the scope is closed, after the last value was yielded. No
// goroutine is started. Each range over the result is a watch of its own. Watch
// of the zero Handle, or with a nil ctx, panics.
func (h Handle[V]) Watch(ctx context.Context) iter.Seq2[V, V] {
	switch {
	case h.cell == nil:
		panic(errZeroWatch)
	case ctx == nil:
		panic(errNilContext)
	}
	return func(yield func(V, V) bool) {
		var old V
		var last *V
		for ctx.Err() == nil {
			// The bell is read before the value: a store that this load of the
			// value misses is followed by a ring of that bell.
			b := h.cell.core.listen()
			if v := h.cell.now.Load(); v != last {
				// Again, because v may have been stored after ctx had ended.
				if ctx.Err() != nil || !yield(old, *v) {
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
	c := new(cell[V])
	c.now.Store(&v)
	return Handle[V]{cell: c}, func(v V) { c.set(&v) }
}

// fill makes h a handle of the cell.
func (h *Handle[V]) fill(c *core) { h.cell = c.face.(*cell[V]) }

// unresolved reports whether h is the zero Handle, which no provider can be.
func (h Handle[V]) unresolved() bool { return h.cell == nil }

// A cell is where one scope reads the answer to one query. Commits store into
// it while they hold the lock of its scope; handles load from it.
//
// What depends on V is kept small, here and in [lessor] and [Query], because the
// compiler makes it anew for each type that a program uses. All else is in core.
type cell[V any] struct {
	now  atomic.Pointer[V]
	core core // not embedded, so that its methods are not made anew as well
}

// A face is the typed side of a cell.
type face interface {
	// show makes v, a *V, what handles read. held is what is in it that will
	// have to be retired.
	show(v any, held []*resource)
	// showAll does that in all the cells, which are of the same type.
	showAll(cells []*core, v any, held []*resource)
	// clear makes the cell empty: nobody has a handle of it.
	clear()
	empty() bool
	// value returns what is shown, a *V.
	value() any
	newLessor(by reader) anyLessor
}

// newCell returns a new cell of s for values of type V.
func newCell[V any](s *Scope) *core {
	c := new(cell[V])
	c.core.face, c.core.scope = c, s
	return &c.core
}

func (c *cell[V]) show(v any, held []*resource) {
	c.set(v.(*V))
	if m := c.core.more; m != nil && m.lessor != nil {
		m.lessor.put(v, held)
	}
}

// One loop is faster than as many calls through an interface.
func (*cell[V]) showAll(cells []*core, v any, held []*resource) {
	now := v.(*V)
	for _, c := range cells {
		c.face.(*cell[V]).set(now)
		if m := c.more; m != nil && m.lessor != nil {
			m.lessor.put(v, held)
		}
	}
}

func (c *cell[V]) clear()      { c.now.Store(nil) }
func (c *cell[V]) empty() bool { return c.now.Load() == nil }
func (c *cell[V]) value() any  { return c.now.Load() }

func (c *cell[V]) newLessor(by reader) anyLessor { return &lessor[V]{by: by} }

// set stores a value and then wakes who waits for it: who is woken finds it.
func (c *cell[V]) set(v *V) {
	yield("store")
	c.now.Store(v)
	yield("stored")
	if b := c.core.bell.Load(); b != nil {
		c.core.ring(b)
	}
}

// core is what is the same in cells of all types.
type core struct {
	face face                 // the cell itself
	bell atomic.Pointer[bell] // of those who wait for a change, nil if nobody does

	// The rest is guarded by the lock of the scope. The cells of NewValue have
	// none of it.

	more   *more     // nil for most; here, because commits look at what stands above it
	in     *audience // nil once the scope is closed, and for what is derived
	pos    int32     // in.cells[pos] is this cell
	era    era       // when and how it was resolved first
	scope  *Scope    // nil once the scope is closed
	joined uint64    // when its first plain handle was resolved, 0 if none was; see audience.past
	site   site      // where it was resolved first, 0 if only builds read it
}

// more is what few cells have.
type more struct {
	others []resolution // where else it was resolved
	lessor anyLessor    // of its leased handles
	taps   []*product   // what was built of it
	now    answer       // if it has an answer of its own
	next   answer       // what the running commit will make that
	in     *session     // that made next
}

// extra returns what few cells have, for writing.
func (c *core) extra() *more {
	if c.more == nil {
		c.more = new(more)
	}
	return c.more
}

// A bell wakes who waits for a change of a cell.
type bell struct{ rung chan struct{} }

// lastBell is the bell of cells whose scope is closed: nothing more will come.
var lastBell = new(bell)

// listen returns the bell that the next change rings.
func (c *core) listen() *bell {
	for {
		if b := c.bell.Load(); b != nil {
			return b
		}
		yield("listen")
		c.bell.CompareAndSwap(nil, &bell{make(chan struct{})})
	}
}

// ring takes b away and rings it.
func (c *core) ring(b *bell) {
	if b != lastBell && c.bell.CompareAndSwap(b, nil) {
		yield("ring")
		close(b.rung)
	}
}

// close leaves the cell its last value and ends its leases and watches.
func (c *core) close() {
	if c.more != nil && c.more.lessor != nil {
		c.more.lessor.put(nil, nil)
	}
	if b := c.bell.Swap(lastBell); b != nil && b != lastBell {
		close(b.rung)
	}
	c.scope = nil
}

// A resolution says where a handle was resolved, and the rest.
type resolution struct {
	site site
	era  era
}

// An era is the generation in which a handle was resolved, doubled, and one more if it
// is for leases.
type era uint32

func newEra(generation uint64, leased bool) era {
	e := era(generation << 1)
	if leased {
		e++
	}
	return e
}

// generation returns the generation, which is none after now.
func (e era) generation(now uint64) uint64 {
	const all = 1 << 31 // that an era tells apart
	return now - (now-uint64(e>>1))%all
}

func (e era) leased() bool { return e&1 == 1 }

// resolutions returns how handles of the cell were resolved.
func (c *core) resolutions() []resolution {
	switch {
	case c.site == 0:
		return nil
	case c.more == nil:
		return []resolution{{c.site, c.era}}
	}
	return append([]resolution{{c.site, c.era}}, c.more.others...)
}

// resolvedAt returns where handles of the cell were resolved, each place once.
func (c *core) resolvedAt() []site {
	var sites []site
	for _, r := range c.resolutions() {
		if !slices.Contains(sites, r.site) {
			sites = append(sites, r.site)
		}
	}
	return sites
}

// readers returns all who read the cell.
func (c *core) readers() []reader {
	var all []reader
	for _, at := range c.resolvedAt() {
		all = append(all, reader{c.scope, at})
	}
	return all
}

// resolved notes that a handle of the cell was resolved.
func (c *core) resolved(at site, when era) {
	if c.site == 0 {
		c.site, c.era = at, when
		return
	}
	known := func(r resolution) bool { return r.site == at && r.era.leased() == when.leased() }
	if !slices.ContainsFunc(c.resolutions(), known) {
		c.extra().others = append(c.extra().others, resolution{at, when})
	}
}
