// Places and slots: the tree of scopes, and where those that see the same meet.

package capability

import (
	"cmp"
	"slices"
	"strings"
)

// Scopes that begin with the same broad registries share them: the places form a
// tree, a place for each prefix of each open scope.
//
//	place (engine)
//	├── place (engine, eu)
//	│   ├── place (engine, eu, orders)     scope "orders over eu over engine"
//	│   └── place (engine, eu, returns)    scope "returns over eu over engine"
//	└── place (engine, audit)              scope "audit over engine"
//
// What a scope sees of a capability is decided by the narrowest of its places
// that says something of it; the places narrower than that see the same. There,
// and at the root, the capability has a slot, if any scope below resolved it:
// the slot has the merged view and the cells of all the scopes that see it. So a
// commit computes once what ten thousand pipelines inherit, and then stores it
// into their cells in one pass.

// A place is a prefix of open scopes: reg and the registries of the places up to
// the root. It is guarded by the domain of its registries; reg and up are fixed.
type place struct {
	reg      *Registry
	up       *place // the next broader, nil at the root
	pos      int    // in reg.places
	below    map[*Registry]*place
	scopes   []*Scope // those that end here
	slots    map[*key]*slot
	resolved map[string][]*key // at the root: the keys of slots, by name
	sound    map[string]bool   // capabilities known to be free of cycles here
	whole    bool              // all capabilities are known to be
}

// A slot is where the scopes below a place meet that see the same of a
// capability. A capability has a slot at the root if any scope of the tree
// resolved it.
type slot struct {
	key       *key
	place     *place
	up        *slot
	pos       int // in up.below
	below     []*slot
	now       *merged // what its audiences show; nil if it has none
	next      *merged // what the running commit will make them show, or nil
	audiences byPick[audience]
}

// A reader is a scope that resolved something, and where.
type reader struct {
	scope *Scope
	site  site
}

// byPick keeps one T for each answer about a capability.
type byPick[T any] struct {
	one, all *T
	named    map[string]*T
}

func (b *byPick[T]) get(pick string) *T {
	switch pick {
	case theOne:
		return b.one
	case everyone:
		return b.all
	}
	return b.named[pick]
}

func (b *byPick[T]) set(pick string, t *T) {
	switch pick {
	case theOne:
		b.one = t
	case everyone:
		b.all = t
	default:
		if b.named == nil {
			b.named = make(map[string]*T)
		}
		b.named[pick] = t
	}
}

// each calls f with each T that is set, in no order.
func (b *byPick[T]) each(f func(*T)) {
	if b.one != nil {
		f(b.one)
	}
	if b.all != nil {
		f(b.all)
	}
	for _, t := range b.named {
		f(t)
	}
}

// unset forgets that answer.
func (b *byPick[T]) unset(pick string) {
	switch pick {
	case theOne:
		b.one = nil
	case everyone:
		b.all = nil
	default:
		delete(b.named, pick)
	}
}

// empty reports whether nothing is set.
func (b *byPick[T]) empty() bool {
	return b.one == nil && b.all == nil && len(b.named) == 0
}

// lost drops the audience of that pick if it lost its last cell.
func (s *slot) lost(pick string) {
	if s.audiences.get(pick).size() > 0 {
		return
	}
	s.audiences.unset(pick)
	if s.empty() {
		s.now = nil
	}
}

// empty reports whether the slot has no audience.
func (s *slot) empty() bool { return s.audiences.empty() }

// merged is what a place sees of a capability.
type merged struct {
	key    *key
	where  *place
	seats  []seat
	firsts []int          // see arranged
	index  map[string]int // places in seats, made when it pays
	hints  hints          // that its errors got
}

// find returns the place in seats of the provider of that name, theOne included,
// or an error that says why there is none.
func (m *merged) find(name string) (int, error) {
	if name == theOne {
		if len(m.firsts) == 1 {
			return m.firsts[0], nil
		}
		return 0, m.noOne()
	}
	const few = 8
	if m.index == nil && len(m.seats) > few {
		m.index = make(map[string]int, len(m.seats))
		for i := range m.seats {
			m.index[m.seats[i].name] = i
		}
	}
	if m.index != nil {
		if i, ok := m.index[name]; ok {
			return i, nil
		}
		return 0, m.noSuch(name)
	}
	for i := range m.seats {
		if m.seats[i].name == name {
			return i, nil
		}
	}
	return 0, m.noSuch(name)
}

// same reports whether both show the same to every reader.
func (m *merged) same(n *merged) bool {
	return slices.Equal(m.firsts, n.firsts) &&
		slices.EqualFunc(m.seats, n.seats, func(a, b seat) bool { return a.provider == b.provider })
}

// says reports whether the place's own registry says something of k.
func (p *place) says(k *key) bool {
	l := p.reg.layers[k.name]
	return l != nil && (l.key == k || l.key == nil)
}

// root returns the place of the broadest registry.
func (p *place) root() *place {
	for p.up != nil {
		p = p.up
	}
	return p
}

// source returns the place that decides what p sees of k: the narrowest that
// says something, or once did and has its slot still.
func (p *place) source(k *key) *place {
	for p.up != nil && !p.says(k) && p.slots[k] == nil {
		p = p.up
	}
	return p
}

// layers returns what the registries say of k, narrowest first, nil where one
// says nothing.
func (p *place) layers(k *key) []*layer {
	var layers []*layer
	for ; p != nil; p = p.up {
		if p.says(k) {
			layers = append(layers, p.reg.layers[k.name])
		} else {
			layers = append(layers, nil)
		}
	}
	return layers
}

// merge computes what p sees of k, or returns a cycle of constraints.
func (p *place) merge(k *key) (*merged, []step) {
	out := arrange(k.rules, visible(k.rules, p.layers(k), nil))
	if out.cycle != nil {
		return nil, out.cycle
	}
	m := &merged{key: k, where: p, seats: out.seats, firsts: out.firsts}
	for i := range m.seats {
		m.seats[i].from = m
	}
	return m, nil
}

// look returns what p sees of k, as published if anybody reads it, or as the
// running commit will publish it.
func (p *place) look(k *key) (*merged, error) {
	p = p.source(k)
	if s := p.slots[k]; s != nil && s.next != nil {
		return s.next, nil
	} else if s != nil && s.now != nil {
		return s.now, nil
	}
	m, cycle := p.merge(k)
	if cycle != nil {
		return nil, cycleError(k, p.String(), 1, cycleText(cycle))
	}
	return m, nil
}

// look returns what the audiences of the slot show.
func (s *slot) look() *merged {
	if s.now == nil {
		s.now, _ = s.place.merge(s.key) // a cycle was refused before anybody could resolve
	}
	return s.now
}

// slotFor returns the slot where the cells of scopes at p belong.
func (p *place) slotFor(k *key) *slot {
	root := p.root()
	if root.slots[k] == nil {
		root.addSlot(&slot{key: k, place: root})
	}
	p = p.source(k)
	if p.slots[k] == nil {
		p.split(k)
	}
	return p.slots[k]
}

func (p *place) addSlot(s *slot) {
	if p.slots == nil {
		p.slots = make(map[*key]*slot)
	}
	p.slots[s.key] = s
	if p.up == nil {
		if p.resolved == nil {
			p.resolved = make(map[string][]*key)
		}
		p.resolved[s.key.name] = append(p.resolved[s.key.name], s.key)
	}
	if s.up != nil {
		s.pos = len(s.up.below)
		s.up.below = append(s.up.below, s)
	}
}

// split makes a slot at p and moves into it what belongs there of the next
// broader slot. It shows what it showed there.
func (p *place) split(k *key) *slot {
	up := p.up
	for up.slots[k] == nil {
		up = up.up
	}
	from := up.slots[k]
	s := &slot{key: k, place: p, up: from, now: from.now}
	p.addSlot(s)
	if from.empty() && len(from.below) == 1 {
		return s // there is nobody to move
	}
	stack := []*place{p}
	for len(stack) > 0 {
		q := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if lower := q.slots[k]; lower != nil && q != p {
			lower.detach()
			lower.up, lower.pos = s, len(s.below)
			s.below = append(s.below, lower)
			continue
		}
		for _, scope := range q.scopes {
			if asked := scope.asks[k.name]; asked != nil && asked.key == k {
				asked.cells.each(func(c *core) { c.move(from, s) })
			}
		}
		for _, b := range q.below {
			stack = append(stack, b)
		}
	}
	if s.empty() {
		s.now = nil
	}
	return s
}

// detach takes s out of the list of its upper slot.
func (s *slot) detach() {
	if s.up == nil {
		return
	}
	list := s.up.below
	last := len(list) - 1
	list[s.pos] = list[last]
	list[s.pos].pos = s.pos
	list[last] = nil
	s.up.below = list[:last]
}

// release removes s, and the slots up from it, if nobody needs them any more.
func (s *slot) release() {
	for s != nil && s.empty() && len(s.below) == 0 {
		up := s.up
		s.detach()
		delete(s.place.slots, s.key)
		if up == nil {
			s.place.forget(s.key)
		}
		s = up
	}
}

// forget takes k out of the keys that have a slot at the root p.
func (p *place) forget(k *key) {
	keys := p.resolved[k.name]
	if len(keys) == 1 {
		delete(p.resolved, k.name)
		return
	}
	i := slices.Index(keys, k)
	p.resolved[k.name] = slices.Delete(keys, i, i+1)
}

// open returns the place below p for r, or the root place of r if p is nil, and
// whether it was there before.
func (p *place) open(r *Registry) (*place, bool) {
	q, there := r.start, r.start != nil
	if p != nil {
		q, there = p.below[r]
	}
	if there {
		return q, true
	}
	q = &place{reg: r, up: p, pos: len(r.places)}
	r.places = append(r.places, q)
	if p == nil {
		r.start = q
	} else {
		if p.below == nil {
			p.below = make(map[*Registry]*place)
		}
		p.below[r] = q
	}
	return q, false
}

// close removes p, and the places up from it, if no scope needs them any more. It
// returns the narrowest that is left, or nil.
func (p *place) close() *place {
	for p != nil && len(p.scopes) == 0 && len(p.below) == 0 {
		list := p.reg.places
		last := len(list) - 1
		list[p.pos] = list[last]
		list[p.pos].pos = p.pos
		list[last] = nil
		p.reg.places = list[:last]
		if p.up != nil {
			delete(p.up.below, p.reg)
		} else {
			p.reg.start = nil
		}
		p = p.up
	}
	return p
}

// each calls f with p and all places below it, in no order.
func (p *place) each(f func(*place)) {
	stack := []*place{p}
	for len(stack) > 0 {
		q := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		f(q)
		for _, b := range q.below {
			stack = append(stack, b)
		}
	}
}

// eachScope calls f with all scopes at and below p, in no order.
func (p *place) eachScope(f func(*Scope)) {
	p.each(func(q *place) {
		for _, s := range q.scopes {
			f(s)
		}
	})
}

// String returns the names of the registries, as a scope has them.
func (p *place) String() string {
	var names []string
	for q := p; q != nil; q = q.up {
		if q == p || !q.reg.private {
			names = append(names, q.reg.name)
		}
	}
	return strings.Join(names, " over ")
}

// broaderKey returns a key of the same name as k that a broader registry has
// bound.
func (p *place) broaderKey(k *key) *key {
	for q := p.up; q != nil; q = q.up {
		if l := q.reg.layers[k.name]; l != nil && l.key != nil && l.key != k {
			return l.key
		}
	}
	return nil
}

// A rival is another key of the same name, and a scope that has it.
type rival struct {
	key   *key
	scope string
}

// before reports whether r is told rather than other.
func (r rival) before(other rival) bool {
	return cmp.Or(cmp.Compare(r.scope, other.scope), cmp.Compare(r.key.site.String(), other.key.site.String()),
		cmp.Compare(r.key.typ.String(), other.key.typ.String())) < 0
}

// rivals calls found with each of the keys, given by name, of which an open scope
// with p has bound or resolved a namesake. It takes time in proportion to the
// places and, at each, to the fewer of the keys and what is said and asked there.
func (p *place) rivals(keys map[string]*key, found func(*key, rival)) {
	for _, k := range keys {
		if other := p.broaderKey(k); other != nil {
			found(k, rival{other, p.String()})
		}
	}
	p.each(func(q *place) {
		note := func(k, other *key) {
			if k != nil && other != nil && other != k {
				found(k, rival{other, q.String()})
			}
		}
		if layers := q.reg.layers; len(layers) < len(keys) {
			for name, l := range layers {
				note(keys[name], l.key)
			}
		} else {
			for name, k := range keys {
				if l := layers[name]; l != nil {
					note(k, l.key)
				}
			}
		}
		for _, s := range q.scopes {
			if len(s.asks) < len(keys) {
				for name, a := range s.asks {
					note(keys[name], a.key)
				}
			} else {
				for name, k := range keys {
					if a := s.asks[name]; a != nil {
						note(k, a.key)
					}
				}
			}
		}
	})
}
