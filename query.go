// Queries: what a consumer asks a scope for.

package capability

// A Query is what a consumer asks a [Scope] for: one provider, all of them, or a
// value derived from several capabilities. V is the type of the answer. Queries
// are values that may be kept in package variables and asked in any number of
// scopes, by any number of goroutines. The zero Query is an [ErrInvalid] when it
// is asked.
type Query[V any] struct {
	_ [0]*V
	q question
}

// question is a query of whatever type: about a capability, or derived.
type question struct {
	key  *key
	pick string // which answer about the key: a provider's name, theOne or everyone
	made *derivation
	by   askedBy
}

// askedBy is the method of a Capability, perhaps the zero one, that made a
// question.
type askedBy uint8

const (
	byNobody askedBy = iota
	byNamed
	byAll
)

// The picks that are not the name of a provider. No name can be either.
const (
	theOne   = ""
	everyone = " "
)

// problem returns why the question cannot be asked in s, whatever is bound.
func (q question) problem(s *Scope) error {
	wrong := func(format string, args ...any) error {
		return &Error{Code: ErrInvalid, Scope: s.String(), Err: report(format, args...)}
	}
	switch {
	case q.made != nil && q.made.build == nil:
		return wrong("Derive at %v was given a nil func: give it what to build", q.made.site)
	case q.made != nil:
		return nil
	case q.by == byNobody:
		return wrong("the zero Query asks for nothing: make it with Named, All or Derive")
	case q.key == nil:
		return wrong("the zero Capability has no providers: declare it with New")
	case q.pick == theOne || q.by == byAll:
		return nil
	}
	if problem := nameProblem(q.pick); problem != "" {
		return &Error{Code: ErrInvalid, Capability: q.key.name, Provider: shorten(q.pick), Scope: s.String(), Err: report("the name asked for %s", problem)}
	}
	return nil
}

// seats returns those of whom the answer is made, or why there is none.
func (q question) seats(m *merged) ([]seat, error) {
	if q.pick == everyone {
		return m.seats, nil
	}
	i, err := m.find(q.pick)
	if err != nil {
		return nil, err
	}
	return m.seats[i : i+1], nil
}

// answer returns where the answer is that seats, which are all or those of a
// part of m, make. For one provider it is where the provider keeps its value.
func (q question) answer(m *merged, seats []seat) any {
	if q.pick == everyone {
		return q.key.chain(m)
	}
	return seats[0].value
}

// Named asks for the provider of that name; "" asks for the one provider, which
// is the first of the narrow-first order. Resolving fails with [ErrNotProvided]
// if the scope sees no such provider. Asking for the one fails with
// [ErrAmbiguous] if nothing but the order of binding makes it the first.
func (c Capability[T]) Named(provider string) Query[T] {
	return Query[T]{q: question{key: c.key, pick: provider, by: byNamed}}
}

// All asks for the chain of all providers, which may be empty: this is also how
// to ask for an optional one, with [Chain.First].
func (c Capability[T]) All() Query[Chain[T]] {
	return Query[Chain[T]]{q: question{key: c.key, pick: everyone, by: byAll}}
}

// Handle resolves the one provider, as Named("").Handle does.
func (c Capability[T]) Handle(s *Scope) (Handle[T], error) {
	return c.Named(theOne).handle(s, caller(1))
}

// Leased resolves the one provider, as Named("").Leased does.
func (c Capability[T]) Leased(s *Scope) (Leased[T], error) {
	return c.Named(theOne).leased(s, caller(1))
}

// Into is the need for the one provider, as Named("").Into makes it.
func (c Capability[T]) Into(h *Handle[T]) Need { return c.Named(theOne).Into(h) }

// IntoLeased is the need for the one provider, as Named("").IntoLeased makes it.
func (c Capability[T]) IntoLeased(l *Leased[T]) Need { return c.Named(theOne).IntoLeased(l) }

// In asks for the one provider inside a build, as Named("").In does.
func (c Capability[T]) In(r *Resolver) (T, error) { return c.Named(theOne).In(r) }

// Handle resolves the query in s: [Scope.Resolve] for a single need.
func (q Query[V]) Handle(s *Scope) (Handle[V], error) { return q.handle(s, caller(1)) }

func (q Query[V]) handle(s *Scope, at site) (Handle[V], error) {
	var h Handle[V]
	err := s.resolve("Handle", []Need{q.Into(&h)}, at, true)
	return h, err
}

// Leased resolves the query in s, as [Query.Handle] does, for use under leases.
func (q Query[V]) Leased(s *Scope) (Leased[V], error) { return q.leased(s, caller(1)) }

func (q Query[V]) leased(s *Scope, at site) (Leased[V], error) {
	var l Leased[V]
	err := s.resolve("Leased", []Need{q.IntoLeased(&l)}, at, true)
	return l, err
}

// Into is the need for the answer to q in *h, for [Scope.Resolve] and
// [Scope.Check]. Resolve overwrites *h, and only when it succeeds. It is refused
// with [ErrInvalid] if the answer may only be leased; see [OnlyLeased].
func (q Query[V]) Into(h *Handle[V]) Need {
	return &need{question: q.q, plain: true, to: h, nowhere: h == nil}
}

// IntoLeased is the need for leases of the answer to q in *l, for
// [Scope.Resolve] and [Scope.Check]. Resolve overwrites *l, and only when it
// succeeds.
func (q Query[V]) IntoLeased(l *Leased[V]) Need {
	return &need{question: q.q, to: l, nowhere: l == nil}
}

// A Need is one thing that a consumer wants resolved. [Query.Into] and
// [Query.IntoLeased] make it.
type Need interface{ sealed() }

// need is a Need for a handle of either kind.
type need struct {
	question
	plain   bool
	to      interface{ fill(c *core) }
	nowhere bool // to is nil
}

func (n *need) sealed() {}

// check returns why the scope cannot meet the need, and puts on the list of the
// session what has to be built for it. The lock of the scope is held.
func (n *need) check(s *Scope, w *session) error {
	if err := n.problem(s); err != nil {
		return err
	}
	k := n.key
	fail := func(code Code, format string, args ...any) error {
		e := &Error{Code: code, Scope: s.String(), Err: report(format, args...)}
		if k != nil {
			e.Capability = k.name
		}
		return e
	}
	switch {
	case n.nowhere && n.plain:
		return fail(ErrInvalid, "Into was given a nil *Handle: give it the address of one")
	case n.nowhere:
		return fail(ErrInvalid, "IntoLeased was given a nil *Leased: give it the address of one")
	case n.made != nil:
		if made := w.node(s, n.made); made.now.err != nil {
			// A build that does without it read it, and nobody else; its error is
			// of then.
			w.touch([]*product{&made.product})
		} else {
			w.add(made)
		}
		return nil
	case n.plain && k.rules.onlyLeased:
		return fail(ErrInvalid, "its providers may only be leased, as OnlyLeased of the key declared at %v says: resolve it with Leased or IntoLeased, and call it in Use", k.site)
	}
	if other := s.rival(k, w.asks); other != nil {
		return fail(ErrConflict, "%s", twoKeys(k, other))
	}
	m, err := w.asks.look(s, k)
	if err != nil {
		return err
	}
	ans, err := answerTo(n.question, m)
	if e, ok := err.(*Error); ok {
		e.Scope = s.String()
		return err
	}
	if ans.own {
		w.add(&wish{s, n.question, ans.seats})
	}
	return nil
}

// A wish is an answer for which a scope may lack instances.
type wish struct {
	scope *Scope
	question
	seats []seat
}

func (w *wish) settle(s *session) error {
	_, err := ownAnswer(s, w.scope, w.question, w.seats)
	return err
}

func (w *wish) verdict(err error) error { return err }

// confirm returns why what was built does not meet the need.
func (n *need) confirm(s *Scope, w *session) error {
	switch {
	case n == nil || n.nowhere || n.problem(s) != nil:
		return nil // check said so
	case n.made != nil:
		switch out := w.node(s, n.made).latest(); {
		case out.err != nil:
			return out.err
		case n.plain && out.strict:
			return strictError(nil, s, n.made.site)
		}
		return nil
	case !n.plain:
		return nil
	}
	m, err := w.asks.look(s, n.key)
	if err != nil {
		return nil
	}
	ans, err := answerTo(n.question, m)
	if err == nil && ans.own {
		ans, err = ownAnswer(w, s, n.question, ans.seats)
	}
	if err == nil && ans.strict {
		return strictError(n.key, s)
	}
	return nil
}

// meet attaches the handle, after check and confirm returned nil.
func (n *need) meet(s *Scope, at site) {
	var c *core
	var held []*resource
	if n.made != nil {
		made := s.nodes[n.made]
		c, held = made.cell, made.held()
	} else if c = s.cell(n.question); c.in.now.own {
		held = c.more.now.held
	} else {
		held = c.in.now.held
	}
	c.resolved(at, newEra(s.generation(), !n.plain))
	switch {
	case !n.plain && c.extra().lessor == nil:
		c.more.lessor = c.face.newLessor(reader{s, at})
		c.more.lessor.put(c.face.value(), held)
	case n.plain && c.joined == 0:
		c.joined = 1
		if c.in != nil {
			c.joined = c.in.seq + 1
			c.in.plains++
		}
		c.keep(held)
	}
	n.to.fill(c)
}

// cell returns the cell of s for q, a new one if nobody has asked for it. All
// that its answer needs was built before.
func (s *Scope) cell(q question) *core {
	asked := s.ask(q.key)
	c := asked.cells.get(q.pick)
	if c == nil {
		if q.pick == everyone {
			c = q.key.cellOfAll(s)
		} else {
			c = q.key.cellOfOne(s)
		}
		to := s.place.slotFor(q.key)
		in := to.audiences.get(q.pick)
		if in == nil {
			in = &audience{ask: q}
			in.now, _ = answerTo(q, to.look())
			to.audiences.set(q.pick, in)
		}
		in.add(c)
		asked.cells.set(q.pick, c)
	}
	if !c.face.empty() {
		return c
	}
	ans := &c.in.now
	if ans.own {
		ans = &c.extra().now
		*ans, _ = ownAnswer(nil, s, q, c.in.now.seats)
	}
	if ans.value != nil {
		c.face.show(ans.value, ans.held)
	}
	return c
}
