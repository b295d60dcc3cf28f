// Leases: handles whose value cannot be retired while it is in use.

package capability

import "sync/atomic"

// A Leased is a handle whose value is not retired while it is in use. It is made
// by [Query.Leased] or [Query.IntoLeased], is one word, may be copied and used by
// any number of goroutines.
//
// A plain [Handle] keeps what it handed out from being retired until its scope
// is closed, because nobody knows for how long its value is used. A Leased knows:
// what a commit replaced is retired as soon as the last Use that got it has
// returned.
type Leased[V any] struct {
	_    [0]*V
	from *lessor[V]
}

// A lessor is where one scope leases the answer to one query.
type lessor[V any] struct {
	now atomic.Pointer[box[V]] // nil once the scope is closed
	by  reader                 // who resolved it first
}

// A box is a value that can be leased. lease is nil if there is nothing in it to
// retire.
type box[V any] struct {
	value V
	lease *lease
}

// A lease counts who uses the value of a box.
//
// A user counts itself and then looks again whether the box is still the current
// one; if not, it takes itself back and tries the next. A commit stores the next
// box and then adds replaced to the count. Loads, stores and additions are one
// sequence for all goroutines, so either the user sees the next box or the commit
// sees the user: what is counted when replaced is added is all that will ever use
// the value. Whoever brings the count from there to replaced alone, and turns it
// into ended, ends the holds of the lease: that is one goroutine, because users
// that come too late can bring the count to replaced again but not to ended.
type lease struct {
	users atomic.Int64
	held  []*resource
	by    reader
}

// The marks in a count of users are greater than any number of goroutines.
const (
	replaced int64 = 1 << 40
	ended          = 2 * replaced
)

// Use calls f with the current value. The value is not retired before f has
// returned, panicked or ended its goroutine. Use returns what f returns; if the
// scope is closed it does not call f and returns an [ErrClosed].
//
// f may commit, close the scope, replace or unbind what it works with, and call
// Use again: nothing waits for a lease. Use takes no lock and allocates nothing;
// it adds to a counter twice, and not even that if the value has nothing to
// retire. One Use around many calls costs as much as around one. f must not keep
// the value.
func (l Leased[V]) Use(f func(V) error) error {
	if l.from == nil || f == nil {
		return badUse(l.from == nil, caller(1))
	}
	b := l.from.now.Load()
	for {
		if b == nil {
			return l.from.by.scope.closedError("Use", caller(1))
		}
		if b.lease == nil {
			return f(b.value)
		}
		yield("lease")
		b.lease.users.Add(1)
		yield("leased")
		now := l.from.now.Load()
		if now == b {
			break
		}
		b.lease.release() // a commit came between
		b = now
	}
	defer b.lease.release()
	return f(b.value)
}

func badUse(zero bool, at site) error {
	if zero {
		return &Error{Code: ErrInvalid, Err: report("Use at %v of the zero Leased: resolve it first, and look at the error of Resolve", at)}
	}
	return &Error{Code: ErrInvalid, Err: report("Use at %v was given a nil func: give it what to do with the value", at)}
}

// fill makes l lease what the cell shows.
func (l *Leased[V]) fill(c *core) { l.from = c.more.lessor.(*lessor[V]) }

// unresolved reports whether l is the zero Leased, which no provider can be.
func (l Leased[V]) unresolved() bool { return l.from == nil }

// anyLessor is a lessor of any type.
type anyLessor interface {
	// put makes v, a *V, the value to lease, or none if v is nil. held is what is
	// in it that will have to be retired.
	put(v any, held []*resource)
}

func (l *lessor[V]) put(v any, held []*resource) {
	var b *box[V]
	if v != nil {
		b = &box[V]{value: *v.(*V)}
		if len(held) > 0 {
			b.lease = &lease{held: held, by: l.by}
		}
	}
	if old := l.now.Swap(b); old != nil && old.lease != nil {
		yield("replaced")
		old.lease.end()
	}
}

// release ends one use.
func (l *lease) release() {
	yield("release")
	if l.users.Add(-1) == replaced {
		l.over()
	}
}

// end makes the leases that are left hold what they use, after the commit has
// replaced the value.
func (l *lease) end() {
	if l.users.CompareAndSwap(0, ended) {
		return // nobody uses it, and nobody will
	}
	for _, r := range l.held {
		r.holds.Add(1)
		r.leased.add(l)
	}
	yield("lease-held")
	if l.users.Add(replaced) == replaced {
		l.over()
	}
}

// over gives up what the lease held.
func (l *lease) over() {
	yield("lease-over")
	if !l.users.CompareAndSwap(replaced, ended) {
		return // a latecomer counts itself, and will take itself back
	}
	for _, r := range l.held {
		r.drop()
	}
}

// gone reports whether the value was replaced and is used no more.
func (l *lease) gone() bool { return l.users.Load() >= ended }
