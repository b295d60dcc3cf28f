// Queries: what a consumer asks a scope for.

package capability

// A Query is what a consumer asks a [Scope] for: one provider, all of them, or a
// value derived from several capabilities. V is the type of the answer. Queries
// are values that may be kept in package variables and asked in any number of
// scopes, by any number of goroutines. The zero Query is an [ErrInvalid] when it
// is asked.
type Query[V any] struct {
	_    [0]*V
	ask  ask[V]         // about one capability, or else
	made *derivation[V] // nil for both in the zero Query
}

// ask is the typed face of a query about a capability: how to make its answer
// from what a scope sees.
type ask[V any] interface {
	question
	tapsIn
	// answer returns where the answer is. It is called after seats returned no
	// error. For one provider it is where the provider keeps its value.
	answer(*merged) *V
}

// question is what is the same for all types of answers.
type question interface {
	about() *key
	// pick says which answer about the key it is: a provider's name, theOne or
	// everyone.
	pick() string
	// problem returns what is wrong with the name that is asked for, or "".
	problem() string
	// seats returns those of whom the answer is made, or why there is none.
	seats(*merged) ([]seat, error)
}

// The picks that are not the name of a provider. No name can be either.
const (
	theOne   = ""
	everyone = " "
)

// named asks for one provider.
type named[T any] struct {
	key      *key
	provider string
}

func (n named[T]) about() *key  { return n.key }
func (n named[T]) pick() string { return n.provider }

func (n named[T]) problem() string {
	if n.provider == theOne {
		return ""
	}
	return nameProblem(n.provider)
}

func (n named[T]) seats(m *merged) ([]seat, error) {
	i, err := m.find(n.provider)
	if err != nil {
		return nil, err
	}
	return m.seats[i : i+1], nil
}

func (n named[T]) answer(m *merged) *T {
	i, _ := m.find(n.provider)
	return m.seats[i].value.(*T)
}

func (n named[T]) tapIn(s *Scope) tappable { return cellIn[T](s, n) }

// all asks for the chain.
type all[T any] struct{ key *key }

func (a all[T]) about() *key  { return a.key }
func (a all[T]) pick() string { return everyone }

func (a all[T]) problem() string { return "" }

func (a all[T]) seats(m *merged) ([]seat, error) { return m.seats, nil }

func (a all[T]) answer(m *merged) *Chain[T] { return newChain[T](m) }

func (a all[T]) tapIn(s *Scope) tappable { return cellIn[Chain[T]](s, a) }

// Named asks for the provider of that name; "" asks for the one provider, which
// is the first of the narrow-first order. Resolving fails with [ErrNotProvided]
// if the scope sees no such provider. Asking for the one fails with
// [ErrAmbiguous] if nothing but the order of binding makes it the first.
func (c Capability[T]) Named(provider string) Query[T] {
	return Query[T]{ask: named[T]{c.key, provider}}
}

// All asks for the chain of all providers, which may be empty: this is also how
// to ask for an optional one, with [Chain.First].
func (c Capability[T]) All() Query[Chain[T]] {
	return Query[Chain[T]]{ask: all[T]{c.key}}
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
func (c Capability[T]) In(r *Resolver) (T, error) { return c.Named(theOne).in(r) }

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
func (q Query[V]) Into(h *Handle[V]) Need { return into[V]{q, h} }

// IntoLeased is the need for leases of the answer to q in *l, for
// [Scope.Resolve] and [Scope.Check]. Resolve overwrites *l, and only when it
// succeeds.
func (q Query[V]) IntoLeased(l *Leased[V]) Need { return intoLeased[V]{q, l} }

// A Need is one thing that a consumer wants resolved. [Query.Into] and
// [Query.IntoLeased] make it.
type Need interface {
	// check returns why the scope cannot meet the need, and puts on the list of
	// the session what has to be built for it. The lock of the scope is held.
	check(s *Scope, w *session) error
	// confirm returns why what was built does not meet the need.
	confirm(s *Scope, w *session) error
	// meet attaches the handle, after both returned nil.
	meet(s *Scope, at site)
}

// into is the need for a plain handle.
type into[V any] struct {
	query  Query[V]
	handle *Handle[V]
}

func (n into[V]) check(s *Scope, w *session) error {
	return n.query.check(s, w, n.handle == nil, true)
}

func (n into[V]) confirm(s *Scope, w *session) error { return n.query.confirm(s, w, true) }

func (n into[V]) meet(s *Scope, at site) {
	c, ans := n.query.cellIn(s)
	c.resolved(at)
	if c.joined == 0 {
		c.joined = 1
		if c.in != nil {
			c.joined = c.in.seq + 1
			c.in.plains++
		}
		c.keep(ans.held)
	}
	*n.handle = Handle[V]{cell: c}
}

// intoLeased is the need for a leased handle.
type intoLeased[V any] struct {
	query  Query[V]
	leased *Leased[V]
}

func (n intoLeased[V]) check(s *Scope, w *session) error {
	return n.query.check(s, w, n.leased == nil, false)
}

func (n intoLeased[V]) confirm(s *Scope, w *session) error { return n.query.confirm(s, w, false) }

func (n intoLeased[V]) meet(s *Scope, at site) {
	c, ans := n.query.cellIn(s)
	c.resolved(at)
	m := c.extra()
	if m.lessor == nil {
		m.lessor = &lessor[V]{by: reader{s, at}}
		m.lessor.put(&ans)
	}
	*n.leased = Leased[V]{from: m.lessor}
}

// questionError returns why q cannot be asked, whatever is bound.
func questionError[V any](q ask[V], s *Scope) error {
	if q == nil {
		return &Error{Code: ErrInvalid, Scope: s.String(), Err: report("the zero Query asks for nothing: make it with Named, All or Derive")}
	}
	k := q.about()
	if k == nil {
		return &Error{Code: ErrInvalid, Scope: s.String(), Err: report("the zero Capability has no providers: declare it with New")}
	}
	if problem := q.problem(); problem != "" {
		return &Error{Code: ErrInvalid, Capability: k.name, Provider: shorten(q.pick()), Scope: s.String(), Err: report("the name asked for %s", problem)}
	}
	return nil
}

// check is the check of both kinds of needs. none says that there is nowhere to
// put the handle, plain that it is a plain one.
func (q Query[V]) check(s *Scope, w *session, none, plain bool) error {
	fail := func(code Code, format string, args ...any) error {
		e := &Error{Code: code, Scope: s.String(), Err: report(format, args...)}
		if q.ask != nil {
			e.Capability = q.ask.about().name
		}
		return e
	}
	if q.made == nil {
		if err := questionError(q.ask, s); err != nil {
			return err
		}
	} else if q.made.build == nil {
		return fail(ErrInvalid, "Derive at %v was given a nil func: give it what to build", q.made.site)
	}
	switch {
	case none && plain:
		return fail(ErrInvalid, "Into was given a nil *Handle: give it the address of one")
	case none:
		return fail(ErrInvalid, "IntoLeased was given a nil *Leased: give it the address of one")
	case q.made != nil:
		w.add(nodeOf(w, s, q.made))
		return nil
	}
	k := q.ask.about()
	if plain && k.rules.onlyLeased {
		return fail(ErrInvalid, "its providers may only be leased, as OnlyLeased of the key says: resolve it with Leased or IntoLeased, and call it in Use")
	}
	if other := s.rival(k, w.asks); other != nil {
		return fail(ErrConflict, "%s", twoKeys(k, other))
	}
	m, err := w.asks.look(s, k)
	if err != nil {
		return err
	}
	ans, err := answerTo(q.ask, m)
	if e, ok := err.(*Error); ok {
		e.Scope = s.String()
		return err
	}
	if ans.own {
		w.add(&wish[V]{s, q.ask, ans.seats})
	}
	return nil
}

// A wish is an answer for which a scope may lack instances.
type wish[V any] struct {
	scope *Scope
	ask   ask[V]
	seats []seat
}

func (w *wish[V]) settle(s *session) error {
	_, err := ownAnswer(s, w.scope, w.ask, w.seats)
	return err
}

func (w *wish[V]) verdict(err error) error { return err }

// confirm is the confirm of both kinds of needs.
func (q Query[V]) confirm(s *Scope, w *session, plain bool) error {
	if q.made != nil {
		switch out := nodeOf(w, s, q.made).latest(); {
		case out.err != nil:
			return out.err
		case plain && out.strict:
			return strictError(nil, s, q.made.site)
		}
		return nil
	}
	if !plain {
		return nil
	}
	m, err := w.asks.look(s, q.ask.about())
	if err != nil {
		return err
	}
	ans, err := answerTo(q.ask, m)
	if err == nil && ans.own {
		ans, err = ownAnswer(w, s, q.ask, ans.seats)
	}
	if err == nil && ans.strict {
		err = strictError(q.ask.about(), s, 0)
	}
	return err
}

// cellIn returns the cell of s for q, and what it shows. All that it needs was
// built before.
func (q Query[V]) cellIn(s *Scope) (*cell[V], answer[V]) {
	if q.made != nil {
		n := s.nodes[q.made].(*node[V])
		return &n.cell, n.answer(n.cell.now.Load())
	}
	c := cellIn(s, q.ask)
	if c.in.now.own {
		return c, c.more.now
	}
	return c, c.in.now
}

// cellIn returns the cell of s for q, a new one if nobody has asked for it.
func cellIn[V any](s *Scope, q ask[V]) *cell[V] {
	asked := s.ask(q.about())
	c, ok := asked.sockets.get(q.pick()).(*cell[V])
	if !ok {
		c = &cell[V]{scope: s}
		to := s.place.slotFor(q.about())
		in, ok := to.audiences.get(q.pick()).(*audience[V])
		if !ok {
			in = &audience[V]{ask: q}
			in.now, _ = answerTo(q, to.look())
			to.audiences.set(q.pick(), in)
		}
		in.add(c)
		asked.sockets.set(q.pick(), c)
	}
	if c.now.Load() != nil {
		return c
	}
	ans := &c.in.now
	if ans.own {
		ans = &c.extra().now
		*ans, _ = ownAnswer(nil, s, q, c.in.now.seats)
	}
	c.now.Store(ans.value)
	return c
}
