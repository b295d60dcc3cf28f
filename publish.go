// Publishing: what a commit makes the slots show, and why it may not.

package capability

import (
	"errors"
	"maps"
	"slices"
)

// compute finds out what every slot that the transaction touches will show, and
// refuses what would leave a reader without its provider or an order without an
// end.
func (t *transaction) compute() {
	type spot struct {
		place *place
		key   *key
	}
	var spots []spot
	for _, touched := range t.touched {
		for _, p := range touched.registry.places {
			for _, k := range p.keys(touched.layer) {
				spots = append(spots, spot{p, k})
			}
		}
	}
	// All slots are split before any is computed: until then, a broader slot
	// holds cells of scopes for which a narrower registry speaks now.
	for _, at := range spots {
		if at.place.root().slots[at.key] != nil && at.place.slots[at.key] == nil {
			at.place.split(at.key)
		}
	}
	var seen map[*slot]bool
	if len(spots) > 1 {
		seen = make(map[*slot]bool)
	}
	r := new(refusals)
	for _, at := range spots {
		t.computeAt(at.place, at.key, seen, r)
	}
	if t.errs = r.errors(); len(t.errs) > 0 {
		return
	}
	for _, s := range t.staged {
		s.audiences.each(func(a *audience) { a.disturb(&t.session) })
	}
	t.session.run(r.flaw)
	t.errs = r.errors()
}

// refusals are why a transaction cannot be published, put together so that ten
// thousand scopes that suffer the same are one error.
type refusals struct {
	lost  map[loss]*lost
	loops map[loop]*looped
	flaws map[flaw]*flawed
}

// A loss is that readers are left without a provider, or with several.
type loss struct {
	key      *key
	code     Code
	provider string
}

type lost struct {
	readers []reader
	cause   *Error // of the first scope
}

// A loop is a cycle of constraints, as a text.
type loop struct {
	key  *key
	text string
}

type looped struct {
	scopes int
	first  string // of the places that see it
}

// A flaw is that what was built must not be published.
type flaw struct {
	code                 Code
	capability, provider string
	of                   *derivation
}

type flawed struct {
	scopes int
	err    *Error // of the first scope
}

// first returns which of two errors is told if one is: that of the first scope by name, or
// of two scopes of one name the one that was found first.
func first(a, b *Error) *Error {
	if b.Scope < a.Scope {
		return b
	}
	return a
}

func (r *refusals) flaw(w settler, err error) {
	var at flaw
	if n, ok := w.(*node); ok {
		at.of = n.of
	}
	var e *Error
	errors.As(err, &e) // as all errors of sessions
	at.code, at.capability, at.provider = e.Code, e.Capability, e.Provider
	f := r.flaws[at]
	if f == nil {
		f = &flawed{err: e}
		if r.flaws == nil {
			r.flaws = make(map[flaw]*flawed)
		}
		r.flaws[at] = f
	}
	f.scopes++
	f.err = first(f.err, e)
}

func (r *refusals) lose(k *key, readers []reader, err error) {
	cause := err.(*Error) // as stage returns it
	at := loss{k, cause.Code, cause.Provider}
	l := r.lost[at]
	if l == nil {
		l = &lost{cause: cause}
		if r.lost == nil {
			r.lost = make(map[loss]*lost)
		}
		r.lost[at] = l
	}
	l.readers = append(l.readers, readers...)
	l.cause = first(l.cause, cause)
}

func (r *refusals) cycle(k *key, p *place, cycle []step) {
	at := loop{k, cycleText(cycle)}
	l := r.loops[at]
	if l == nil {
		l = &looped{first: p.String()}
		if r.loops == nil {
			r.loops = make(map[loop]*looped)
		}
		r.loops[at] = l
	}
	l.scopes++
	l.first = min(l.first, p.String())
}

// errors returns an error for each refusal, sorted.
func (r *refusals) errors() []error {
	var errs []error
	for at, l := range r.loops {
		errs = append(errs, cycleError(at.key, l.first, l.scopes, at.text))
	}
	for at, l := range r.lost {
		errs = append(errs, inUseError(at.key, l.readers, l.cause))
	}
	for _, f := range r.flaws {
		errs = append(errs, f.error())
	}
	sortErrors(errs)
	return errs
}

// keys returns the capabilities of which a layer at p speaks: one, unless it has
// only the name.
func (p *place) keys(l *layer) []*key {
	if l.key != nil {
		return []*key{l.key}
	}
	var keys []*key
	note := func(k *key) {
		if k != nil && k.name == l.name && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for q := p; q != nil; q = q.up {
		if l := q.reg.layers[l.name]; l != nil {
			note(l.key)
		}
	}
	for _, k := range p.root().resolved[l.name] {
		note(k)
	}
	return keys
}

// computeAt does the part of compute that is about k at p and below.
func (t *transaction) computeAt(p *place, k *key, seen map[*slot]bool, refused *refusals) {
	if k.constrained.Load() {
		// Cycles are refused also where nobody resolved the capability yet.
		forget := func() { p.each(func(q *place) { q.whole = false; delete(q.sound, k.name) }) }
		forget()
		t.undo = append(t.undo, forget)
		p.eachScope(func(s *Scope) {
			if at, cycle := s.place.unsound(k); cycle != nil {
				refused.cycle(k, at, cycle)
			}
		})
	}
	if p.slots[k] == nil {
		return // nobody resolved it
	}
	stack := []*slot{p.slots[k]}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], s.below...)
		if seen[s] {
			continue
		}
		if seen != nil {
			seen[s] = true
		}
		if s.empty() {
			continue
		}
		m, cycle := s.place.merge(k)
		if cycle != nil || m.same(s.now) {
			continue // a cycle was refused above
		}
		t.staged = append(t.staged, s)
		s.next = m
		s.audiences.each(func(a *audience) {
			if err := a.stage(m); err != nil {
				refused.lose(k, a.readers(), err)
			}
		})
	}
	p.slots[k].release()
}

// unsound returns the source of what p sees of k, and a cycle if the constraints
// make one there. It remembers that they do not.
func (p *place) unsound(k *key) (*place, []step) {
	p = p.source(k)
	if p.sound[k.name] {
		return p, nil
	}
	if _, cycle := p.merge(k); cycle != nil {
		return p, cycle
	}
	if p.sound == nil {
		p.sound = make(map[string]bool)
	}
	p.sound[k.name] = true
	return p, nil
}

// publish makes everybody see what was staged. Nothing in it can fail.
//
// First all cells are stored, and what plain handles and leases may still use is
// counted. Only then what left its registry is given up, so that it cannot be
// retired while somebody who is not counted can get it. Waiters are woken while
// the lock is held: with the stores, so that no other commit comes between.
func (t *transaction) publish() {
	t.done = true
	for _, s := range t.staged {
		s.now, s.next = s.next, nil
		s.audiences.each((*audience).publish)
	}
	t.session.publish()
	t.session.sweep()
	for _, a := range t.lent {
		a.holdOn()
	}
	for _, g := range t.gone {
		if g.is.res != nil {
			g.is.res.leave(g.from)
		}
		if g.is.maker != nil {
			for _, i := range slices.Collect(maps.Values(g.is.maker.made)) {
				i.close()
			}
		}
	}
	for _, r := range t.edited {
		r.commits++
	}
	t.tidy()
}
