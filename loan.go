// Loans: a binding that another registry has, for some, before it is bound for all.

package capability

import (
	"slices"
	"sync"
)

// lent returns a binding of the same value, which has nothing to retire but keeps b from
// being retired. Nothing is kept from a maker: what it makes is of one scope.
func (b Binding) lent() Binding {
	if len(b.is.retire) > 0 {
		b.is.lender = b.is.retire[0].accepted
		b.is.retire = []retiree{{func() error { return nil }, new(acceptance)}}
	}
	return b
}

// An acceptance says what took a retiree over, and what was lent of the binding, which
// holds that.
type acceptance struct {
	mu   sync.Mutex
	by   *resource // nil if nothing has
	lent []*resource
}

// take takes the retiree over for r, and reports whether nobody has before and whether
// something was lent.
func (a *acceptance) take(r *resource) (ok, lent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by != nil {
		return false, false
	}
	a.by = r
	return true, len(a.lent) > 0
}

// giveBack undoes take.
func (a *acceptance) giveBack() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by = nil
}

// taken reports whether something took the retiree over.
func (a *acceptance) taken() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.by != nil
}

// lend notes that r is lent, or takes that back.
func (a *acceptance) lend(r *resource) (undo func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent = append(a.lent, r)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.lent = slices.DeleteFunc(a.lent, func(l *resource) bool { return l == r })
	}
}

// holdOn makes what was lent hold what took the retiree over. Both have their owners.
func (a *acceptance) holdOn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.lent {
		l.holdOn(a.by)
	}
	a.lent = nil
}
