// Locks: one for each connected set of registries.

package capability

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// A domain is the lock of registries that open scopes connect. Registries that
// no scope connects have domains of their own and never wait for each other.
// Compose joins domains; a registry that leaves its last scope gets a new one.
//
// The lock is a channel with one place and not a mutex, so that waiting for it
// is visible to the schedulers of tests.
type domain struct {
	id     uint64
	slot   chan struct{}
	joined atomic.Pointer[domain] // the domain that took this one over, or nil

	// builder is the goroutine that runs builds while the lock is held, 0 if
	// none does. Were that goroutine to lock, it would wait for itself.
	builder atomic.Uint64
}

// lastDomain numbers the domains, so that several can be locked in one order.
var lastDomain atomic.Uint64

func newDomain() *domain {
	return &domain{id: lastDomain.Add(1), slot: make(chan struct{}, 1)}
}

// root returns the domain that took d over in the end.
func (d *domain) root() *domain {
	for {
		next := d.joined.Load()
		if next == nil {
			return d
		}
		if after := next.joined.Load(); after != nil {
			d.joined.CompareAndSwap(next, after) // halves the way for the next
		}
		d = next
	}
}

// root returns the registry's domain of the moment and shortens the way to it.
func (r *Registry) root() *domain {
	d := r.domain.Load()
	root := d.root()
	if root != d {
		r.domain.CompareAndSwap(d, root)
	}
	return root
}

func byID(a, b *domain) int { return cmp.Compare(a.id, b.id) }

// held is the locked domains, in the order of their numbers.
type held []*domain

// lock locks the domains of the registries. While it waits for one, registries
// may change their domains; then it starts again.
func lock(registries ...*Registry) held {
	for {
		h := make(held, 0, len(registries))
		for _, r := range registries {
			h = append(h, r.root())
		}
		slices.SortFunc(h, byID)
		h = slices.Compact(h)
		for _, d := range h {
			d.slot <- struct{}{}
		}
		moved := slices.ContainsFunc(registries, func(r *Registry) bool {
			_, locked := slices.BinarySearchFunc(h, r.root(), byID)
			return !locked
		})
		if !moved {
			return h
		}
		h.unlock()
	}
}

// enter is lock for all that users call: it refuses to lock what a build that
// called it runs under.
func enter(verb string, at site, registries ...*Registry) (held, error) {
	for _, r := range registries {
		if id := r.root().builder.Load(); id != 0 && id == goroutine() {
			return nil, &Error{Code: ErrInvalid, Err: report("%s at %v is called inside a build or maker of a scope with %v: only read through the Resolver there, and do the rest elsewhere", verb, at, r)}
		}
	}
	yield("lock")
	h := lock(registries...)
	yield("locked")
	return h, nil
}

// building notes which goroutine runs builds under the lock, 0 if none does.
func (h held) building(id uint64) {
	for _, d := range h {
		d.builder.Store(id)
	}
}

// join makes one domain of all. Who waits for one that was taken over finds the
// other once it is unlocked.
func (h held) join() {
	for _, d := range h[1:] {
		d.joined.Store(h[0])
	}
}

func (h held) unlock() {
	for _, d := range h {
		<-d.slot
	}
	yield("unlocked")
}
