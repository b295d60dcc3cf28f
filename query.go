// Queries: what a consumer asks a scope for.

package capability

import "slices"

// A Query is what a consumer asks a [Scope] for: one provider or all of them. V
// is the type of the answer. Queries are values that may be kept in package
// variables and asked in any number of scopes, by any number of goroutines. The
// zero Query is an [ErrInvalid] when it is asked.
type Query[V any] struct {
	_   [0]*V
	ask ask[V]
}

// ask is the typed face of a query: how to make its answer from what a scope
// sees of one capability.
type ask[V any] interface {
	about() *key
	// pick says which answer about the key it is: a provider's name, theOne or
	// everyone.
	pick() string
	// problem returns what is wrong with the name that is asked for, or "".
	problem() string
	// verify returns why there is no answer, or nil.
	verify(*merged) error
	// answer returns where the answer is. It is called after verify returned
	// nil. For one provider it is where the provider keeps its value, so that
	// an answer that did not change is known by its address.
	answer(*merged) *V
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

func (n named[T]) verify(m *merged) error {
	_, err := m.find(n.provider)
	return err
}

func (n named[T]) answer(m *merged) *T {
	s, _ := m.find(n.provider)
	return s.value.(*T)
}

// all asks for the chain.
type all[T any] struct{ key *key }

func (a all[T]) about() *key  { return a.key }
func (a all[T]) pick() string { return everyone }

func (a all[T]) problem() string { return "" }

func (a all[T]) verify(*merged) error { return nil }

func (a all[T]) answer(m *merged) *Chain[T] { return newChain[T](m) }

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

// Into is the need for the one provider, as Named("").Into makes it.
func (c Capability[T]) Into(h *Handle[T]) Need { return c.Named(theOne).Into(h) }

// Handle resolves the query in s: [Scope.Resolve] for a single need.
func (q Query[V]) Handle(s *Scope) (Handle[V], error) {
	return q.handle(s, caller(1))
}

func (q Query[V]) handle(s *Scope, at site) (Handle[V], error) {
	var h Handle[V]
	err := s.resolve("Handle", []Need{q.Into(&h)}, at, true)
	return h, err
}

// Into is the need for the answer to q in *h, for [Scope.Resolve] and
// [Scope.Check]. Resolve overwrites *h, and only when it succeeds.
func (q Query[V]) Into(h *Handle[V]) Need { return into[V]{q.ask, h} }

// A Need is one thing that a consumer wants resolved. [Query.Into] makes it.
type Need interface {
	// check returns why s cannot meet the need. The lock of s is held.
	check(s *Scope, asks asking) error
	// meet attaches the handle, after check returned nil.
	meet(s *Scope, at site)
}

// into is the need for a handle.
type into[V any] struct {
	ask    ask[V]
	handle *Handle[V]
}

func (n into[V]) check(s *Scope, asks asking) error {
	if n.ask == nil {
		return &Error{Code: ErrInvalid, Scope: s.String(), Err: report("the zero Query asks for nothing: make it with Named or All")}
	}
	k := n.ask.about()
	if k == nil {
		return &Error{Code: ErrInvalid, Scope: s.String(), Err: report("the zero Capability has no providers: declare it with New")}
	}
	fail := func(code Code, provider string, err error) error {
		return &Error{Code: code, Capability: k.name, Provider: provider, Scope: s.String(), Err: err}
	}
	if n.handle == nil {
		return fail(ErrInvalid, "", report("Into was given a nil *Handle: give it the address of one"))
	}
	if problem := n.ask.problem(); problem != "" {
		return fail(ErrInvalid, shorten(n.ask.pick()), report("the name asked for %s", problem))
	}
	if other := s.rival(k, asks); other != nil {
		return fail(ErrConflict, "", report("%s", twoKeys(k, other)))
	}
	m, err := asks.look(s, k)
	if err != nil {
		return err
	}
	err = n.ask.verify(m)
	if e, ok := err.(*Error); ok {
		e.Scope = s.String()
	}
	return err
}

func (n into[V]) meet(s *Scope, at site) {
	asked := s.ask(n.ask.about())
	c, ok := asked.sockets.get(n.ask.pick()).(*cell[V])
	if !ok {
		c = &cell[V]{scope: s}
		to := s.place.slotFor(n.ask.about())
		in, ok := to.audiences.get(n.ask.pick()).(*audience[V])
		if !ok {
			in = &audience[V]{ask: n.ask}
			in.now = n.ask.answer(to.look())
			to.audiences.set(n.ask.pick(), in)
		}
		in.add(c)
		c.now.Store(in.now)
		asked.sockets.set(n.ask.pick(), c)
	}
	if !slices.Contains(c.sites, at) {
		c.sites = append(c.sites, at)
	}
	*n.handle = Handle[V]{cell: c}
}
