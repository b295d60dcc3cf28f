// Scopes: registries composed into one view, and what consumers resolve in it.

package capability

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// A Scope is several registries composed, the narrowest first, into one merged
// view: the read side. Consumers resolve handles in it at start-up and close it
// when they are done. All its methods may be called by any number of
// goroutines.
//
// From a successful resolve until the scope is closed, no change is accepted
// that would leave one of its handles without its provider. A scope that is
// dropped without Close stays open and keeps its place in memory.
type Scope struct {
	registries []*Registry // narrowest first
	closed     atomic.Bool // written under the lock

	// The rest is guarded by the domain of the registries.

	place *place            // nil once closed
	pos   int               // in place.scopes
	asks  map[string]*asked // by name of the capability

	nodes     map[*derivation]*node
	instances map[*provider]*instance
	keeps     roll[*resource] // what was made for the scope and plain handles have shown
}

// asked is what a scope has resolved of one capability.
type asked struct {
	key   *key
	cells byPick[core]
}

// Compose makes a scope of the registries, in whatever order they are given:
// their levels say which is narrower. It fails if there is none, if one is nil,
// closed, given twice or of a bad name, if two are of one level, if two of their
// capabilities have one name, if Before and After make a cycle, or if a Mask,
// Select or Rebind that no scope has checked yet names what no broader registry
// binds; the error holds all of that.
//
// It takes time in proportion to what the narrowest registry says, not to what
// it inherits.
func Compose(registries ...*Registry) (*Scope, error) {
	return compose(registries, caller(1))
}

// With makes a new scope of the registries of s and more ones. The new scope
// and s are closed apart from each other, in any order.
func (s *Scope) With(more ...*Registry) (*Scope, error) {
	at := caller(1)
	if s == nil || s.registries == nil {
		return nil, zeroScope("With", at)
	}
	if s.closed.Load() {
		return nil, s.closedError("With", at)
	}
	return compose(slices.Concat(s.registries, more), at)
}

func compose(registries []*Registry, at site) (*Scope, error) {
	sorted, err := narrowestFirst(registries, at)
	if err != nil {
		return nil, err
	}
	s := &Scope{registries: sorted}
	h, err := enter("Compose", at, s.registries...)
	if err != nil {
		return nil, err
	}
	defer h.unlock()
	var errs []error
	for _, r := range s.registries {
		if r.closed {
			errs = append(errs, r.closedError(at))
		}
	}
	if len(errs) > 0 {
		return nil, Join(errs...)
	}
	// All places are new from the first new one on.
	opened := len(s.registries)
	places := make([]*place, len(s.registries))
	for i, r := range slices.Backward(s.registries) {
		there := false
		s.place, there = s.place.open(r)
		places[i] = s.place
		if there {
			opened = i
		}
	}
	errs = append(errs, conflicts(places[:opened])...)
	var given hints
	for i, r := range s.registries {
		r.unchecked = standing(r.unchecked)
		for _, c := range r.unchecked {
			errs = append(errs, c.check(places[i:i+1], &given, nil)...)
		}
	}
	errs = append(errs, s.cycles()...)
	if len(errs) > 0 {
		s.place.close()
		return nil, Join(errs...)
	}
	for _, r := range s.registries {
		r.unchecked = nil
	}
	s.pos = len(s.place.scopes)
	s.place.scopes = append(s.place.scopes, s)
	h.join()
	noteOpened(s, at)
	return s, nil
}

// narrowestFirst returns the registries of a scope in order, or what is wrong with
// the arguments of Compose.
func narrowestFirst(registries []*Registry, at site) ([]*Registry, error) {
	var errs []error
	invalid := func(format string, args ...any) {
		errs = append(errs, &Error{Code: ErrInvalid, Err: report(format, args...)})
	}
	if len(registries) == 0 {
		invalid("Compose at %v was given no registry: give it at least one", at)
	}
	sorted := make([]*Registry, 0, len(registries))
	for i, r := range registries {
		if r == nil || r.layers == nil {
			invalid("registry %d of Compose at %v is nil or zero: make registries with NewRegistry", i+1, at)
			continue
		}
		if err := r.nameError(); err != nil {
			errs = append(errs, err)
		}
		sorted = append(sorted, r)
	}
	slices.SortStableFunc(sorted, narrower)
	for i := 1; i < len(sorted); i++ {
		switch one, other := sorted[i-1], sorted[i]; {
		case one == other:
			invalid("Compose at %v was given %v twice: give it once", at, one)
		case narrower(one, other) == 0:
			invalid("Compose at %v was given %v and %v, and neither is narrower: give one of them another level", at, one, other)
		}
	}
	return sorted, Join(errs...)
}

// narrower is negative if a is narrower than b, and 0 if neither is.
func narrower(a, b *Registry) int {
	switch {
	case a.level != b.level || a.private == b.private:
		return cmp.Compare(b.level, a.level)
	case a.private:
		return -1
	}
	return 1
}

// conflicts returns the capabilities of equal names that the new places bring
// together.
func conflicts(opened []*place) []error {
	var errs []error
	for _, p := range opened {
		if p.up == nil {
			continue // nothing is broader
		}
		for name, l := range p.reg.layers {
			if l.key == nil {
				continue
			}
			if other := p.broaderKey(l.key); other != nil {
				errs = append(errs, &Error{Code: ErrConflict, Capability: name, Scope: p.String(), Err: report("%s", twoKeys(other, l.key))})
			}
		}
	}
	sortErrors(errs)
	return errs
}

// cycles returns an error for each capability whose constraints make a cycle.
func (s *Scope) cycles() []error {
	var path []*place // narrowest first
	for p := s.place; p != nil; p = p.up {
		path = append(path, p)
	}
	var errs []error // of the narrowest place
	for _, p := range slices.Backward(path) {
		errs = nil
		if p.whole {
			continue
		}
		keys := p.unproven()
		for _, name := range slices.Sorted(maps.Keys(keys)) {
			if at, cycle := p.unsound(keys[name]); cycle != nil {
				errs = append(errs, cycleError(keys[name], at.String(), 1, cycleText(cycle)))
			}
		}
		p.whole = len(errs) == 0
	}
	return errs
}

// unproven returns the keys that may have a cycle at p, by name: those of which
// its registry speaks if the next broader place is free of cycles, or else all.
func (p *place) unproven() map[string]*key {
	if len(p.reg.layers) == 0 && p.up != nil && p.up.whole {
		return nil
	}
	keys := make(map[string]*key)
	if p.up == nil || !p.up.whole {
		for q := p; q != nil; q = q.up {
			for name := range q.reg.ordered {
				if l := q.reg.layers[name]; l != nil && l.key != nil {
					keys[name] = l.key
				}
			}
		}
		return keys
	}
	for name, l := range p.reg.layers {
		// Lists by name alone only take away, which makes no cycle.
		if k := l.key; k != nil && k.constrained.Load() {
			keys[name] = k
		}
	}
	return keys
}

// String returns the names of the registries, the narrowest first: "orders over
// eu over engine".
func (s *Scope) String() string {
	if s == nil || s.registries == nil {
		return "no scope"
	}
	names := make([]string, 0, len(s.registries))
	for i, r := range s.registries {
		if i == 0 || !r.private {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, " over ")
}

// Resolve meets all the needs or, if it returns an error, none of them. The
// error holds all problems. All handles begin with values of one generation: no
// commit comes between. What is derived, and instances of BindPerScope, are built
// now if the scope has not got them yet; commits wait for that.
func (s *Scope) Resolve(needs ...Need) error {
	return s.resolve("Resolve", needs, caller(1), true)
}

// Check returns the error that [Scope.Resolve] would return. It resolves
// nothing, and calls no builds and no makers: what they would say it cannot
// know.
func (s *Scope) Check(needs ...Need) error {
	return s.resolve("Check", needs, caller(1), false)
}

func (s *Scope) resolve(verb string, needs []Need, at site, meet bool) error {
	if s == nil || s.registries == nil {
		return zeroScope(verb, at)
	}
	h, err := enter(verb, at, s.registries[0])
	if err != nil {
		return err
	}
	defer h.unlock()
	if s.closed.Load() {
		return s.closedError(verb, at)
	}
	var errs []error
	w := session{locked: h}
	if len(needs) > 1 {
		w.asks = make(asking, len(needs))
	}
	list := make([]*need, len(needs))
	for i, n := range needs {
		var ok bool
		if list[i], ok = n.(*need); !ok {
			errs = append(errs, &Error{Code: ErrInvalid, Scope: s.String(), Err: report("need %d of %s at %v is nil or of foreign make: give what Into and IntoLeased return as it is", i+1, verb, at)})
		} else if err := list[i].check(s, &w); err != nil {
			errs = append(errs, err)
		}
	}
	if meet && len(w.todo) > 0 {
		w.run(func(_ settler, err error) { errs = append(errs, err) })
		for _, n := range list {
			if err := n.confirm(s, &w); err != nil && !slices.Contains(errs, err) {
				errs = append(errs, err)
			}
		}
	}
	if !meet || len(errs) > 0 {
		w.discard()
		return Join(errs...)
	}
	if s.asks == nil {
		s.asks = make(map[string]*asked, len(needs))
	}
	w.publish()
	for _, n := range list {
		n.meet(s, at)
	}
	w.sweep()
	return nil
}

// asking is what one Resolve asks for: the keys by name, and what the scope sees
// of them, so that many needs of one capability look once. It is nil if there is
// one need.
type asking map[string]*merged

// look returns what s sees of k.
func (a asking) look(s *Scope, k *key) (*merged, error) {
	if m := a[k.name]; m != nil {
		return m, nil
	}
	m, err := s.place.look(k)
	if err != nil {
		return nil, err
	}
	m.hints = 0
	if a != nil {
		a[k.name] = m
	}
	return m, nil
}

// rival returns a key of the same name as k that the scope has bound or
// resolved, or that the running Resolve asks for, or nil.
func (s *Scope) rival(k *key, asks asking) *key {
	if m := asks[k.name]; m != nil {
		if m.key == k {
			return nil // it was looked up before
		}
		return m.key
	}
	if asked := s.asks[k.name]; asked != nil && asked.key != k {
		return asked.key
	}
	for p := s.place; p != nil; p = p.up {
		if l := p.reg.layers[k.name]; l != nil && l.key != nil && l.key != k {
			return l.key
		}
	}
	return nil
}

// generation returns how many transactions have changed what the scope may see.
func (s *Scope) generation() (n uint64) {
	for _, r := range s.registries {
		n += r.commits
	}
	return n
}

// ask returns what the scope has resolved of k.
func (s *Scope) ask(k *key) *asked {
	a := s.asks[k.name]
	if a == nil {
		a = &asked{key: k}
		s.asks[k.name] = a
	}
	return a
}

// forget drops the cell for an answer that nobody reads any more.
func (s *Scope) forget(k *key, pick string) {
	a := s.asks[k.name]
	from := s.place.source(k).slots[k]
	a.cells.get(pick).leave(from)
	a.cells.unset(pick)
	if a.cells.empty() {
		delete(s.asks, k.name)
	}
	from.release()
}

// Close ends the scope. Its plain handles keep their last values, Use of its
// leased ones returns [ErrClosed], watches end, and nothing is refused for their
// sake any more. What was made for the scope alone, and what its plain handles
// may have handed out and has left its registry, is retired once no lease is left
// on it; Close does not wait for that, [Registry.Drain] does. To close it twice,
// at once or while others use it is no mistake. It returns nil unless s is no scope
// or a build or maker of s calls it, which is [ErrInvalid].
func (s *Scope) Close() error {
	at := caller(1)
	if s == nil || s.registries == nil {
		return zeroScope("Close", at)
	}
	h, err := enter("Close", at, s.registries...)
	if err != nil {
		return err
	}
	defer func() {
		h.unlock()
		for _, r := range s.registries {
			r.tellLeft()
		}
	}()
	if s.closed.Swap(true) {
		return nil
	}
	noteClosed(s)
	for _, a := range s.asks {
		from := s.place.source(a.key).slots[a.key]
		a.cells.each(func(c *core) { c.leave(from) })
		from.release()
	}
	s.closeProducts()
	list := s.place.scopes
	last := len(list) - 1
	list[s.pos] = list[last]
	list[s.pos].pos = s.pos
	list[last] = nil
	s.place.scopes = list[:last]
	left := s.place.close()
	s.place, s.asks = nil, nil
	for _, apart := range s.parted(left) {
		d := newDomain()
		d.slot <- struct{}{} // until all have it: others may find it at those that have
		h = append(h, d)
		for _, r := range apart {
			r.domain.Store(d)
			yield("apart")
		}
	}
	return nil
}

// parted returns the sets of registries that nothing connects any more to the
// rest, after the scope left its places down from left, which is nil if none of
// them is left.
func (s *Scope) parted(left *place) [][]*Registry {
	var sets [][]*Registry
	var ends []*Registry // that may have lost what connected them
	for _, r := range s.registries {
		switch {
		case len(r.places) == 0:
			sets = append(sets, []*Registry{r})
		case left == nil || r.places[0].root() != left.root():
			ends = append(ends, r)
		}
	}
	if len(ends) == 0 || left == nil && len(ends) == 1 {
		return sets
	}
	seen, trees := make(map[*Registry]bool), make(map[*place]bool)
	collect := func(r *Registry) []*Registry {
		set := []*Registry{r}
		seen[r] = true
		for i := 0; i < len(set); i++ {
			for _, p := range set[i].places {
				if p = p.root(); trees[p] {
					continue
				}
				trees[p] = true
				p.each(func(q *place) {
					if !seen[q.reg] {
						seen[q.reg] = true
						set = append(set, q.reg)
					}
				})
			}
		}
		return set
	}
	if left != nil {
		collect(left.reg)
	} else {
		collect(ends[0])
	}
	for _, r := range ends {
		if !seen[r] {
			sets = append(sets, collect(r))
		}
	}
	return sets
}

func (s *Scope) closedError(verb string, at site) error {
	return &Error{Code: ErrClosed, Scope: s.String(), Err: report("the scope was closed before %s at %v: use it before Close, or compose another", verb, at)}
}

func zeroScope(verb string, at site) error {
	return &Error{Code: ErrInvalid, Err: report("%s at %v of a nil or zero Scope: make scopes with Compose and look at its error", verb, at)}
}
