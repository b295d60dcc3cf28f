// Derived values: what a build makes of several capabilities, anew in each commit
// that changes what it read.

package capability

import (
	"cmp"
	"slices"
)

// Derive asks for what build makes of other queries: a struct of what a consumer
// needs together, a middleware stack folded once, a table. build reads with
// [Query.In] and returns the value. It runs when the query is first resolved in a
// scope, and again inside each commit that changes something that it read the
// last time, before anybody sees the commit. So a derived value is always of one
// generation, and reading it is one load.
//
// Each call of Derive makes a query of its own, with one value for each scope,
// shared by plain and leased handles, by several consumers and by other builds
// that read it. Keep it in a package variable.
//
// build may be called for several scopes, on any goroutine, never twice at once
// for scopes that share a registry. It should be quick, because commits wait for
// it. If it fails, panics or ends its goroutine, the commit or Resolve is refused
// with an error that names scope and place; if it fails because the commit takes
// a provider away from it, with [ErrInUse] around its own error. It must not read
// a Handle that a scope resolved, which shows what was before the commit, and
// must not change or ask the registries it is built from: that is [ErrInvalid].
// To wait in it for another goroutine that commits there, or to commit elsewhere
// what makes a build there commit here, would be to wait for ever.
func Derive[V any](build func(*Resolver) (V, error)) Query[V] {
	d := &derivation{cell: newCell[V], site: caller(1)}
	if build != nil {
		d.build = func(r *Resolver) (any, error) {
			v, err := build(r)
			return &v, err
		}
	}
	return Query[V]{q: question{made: d}}
}

// derivation is what the copies of a derived query share.
type derivation struct {
	build func(*Resolver) (any, error) // returns a *V; nil if Derive was given nil
	cell  func(*Scope) *core
	site  site
}

// A Resolver is what a build or maker reads through. It is made for one call of
// it, is for its goroutine only, and is of no use once it has returned.
type Resolver struct {
	reading *reading // nil once the build has returned
}

// reading is what a Resolver notes. It is used again for the next build.
type reading struct {
	session *session
	of      *product
	same    int    // so many reads are the same as the last time, in the same order
	reads   []read // all of them, once one is not
	changed bool   // reads is what counts
	funcs   []func() error
	needs   []*resource
	strict  bool  // it read what may only be leased
	lost    bool  // it asked for a provider that the commit takes away
	below   error // the last failure of a derived query that it read
	wrong   error // the first misuse
}

// A read is a question that a build asked.
type read struct {
	question          // zero for a derived query
	on       tappable // what it tapped; nil for a key that was read for the first time
}

// tappable is what builds can read: a cell or a node.
type tappable interface {
	tap(by *product)
	untap(by *product)
}

// OnRetire adds to what has to be done when what this build makes is used no
// more: when it was built anew, or its binding was withdrawn, or its scope
// closed, and no lease is left on it, nor any plain handle of an open scope that
// may have handed it out. It is done once, on a goroutine of its own, the last
// that was added first; errors come out of [Registry.Drain] of each registry of
// the scope. If the build fails or the commit is refused, it is done at once.
// OnRetire of a Resolver whose build has returned panics.
func (r *Resolver) OnRetire(f func() error) {
	at := caller(1)
	switch {
	case r == nil || r.reading == nil:
		panic(&Error{Code: ErrInvalid, Err: report("OnRetire at %v of a Resolver whose build has returned, or of none: call it inside the build", at)})
	case f == nil:
		r.reading.wrong = cmp.Or(r.reading.wrong, error(&Error{Code: ErrInvalid, Err: report("OnRetire at %v was given a nil func: give it what to do", at)}))
	default:
		r.reading.funcs = append(r.reading.funcs, f)
	}
}

// In asks the query inside a build or maker, of the scope and the generation
// that is being built. The result is valid as long as what is built of it: a
// provider that is replaced is not retired before what was made of it is. A maker
// sees its own capability only from broader registries.
//
// An error of In need not be the end of a build: a provider that is not there may
// be done without, and when a commit brings it the build is called again. If it is
// a maker that failed, the build is called again when the capability changes, not
// when what the maker lacked comes. A derived query that failed is built again when
// it is resolved, and for a build that reads it unless a value stays that was made
// without it.
func (q Query[V]) In(r *Resolver) (V, error) {
	if r == nil || r.reading == nil {
		var none V
		return none, errNoBuild(caller(1))
	}
	v, err := r.reading.read(q.q)
	if err != nil {
		var none V
		return none, err
	}
	return *v.(*V), nil
}

func errNoBuild(at site) error {
	return &Error{Code: ErrClosed, Err: report("In at %v is given a Resolver whose build has returned, or none: use the one given to the build, while it runs", at)}
}

// read reads the answer to a question, a *V.
func (r *reading) read(q question) (any, error) {
	var c *core
	switch {
	case q.made != nil && q.made.build != nil:
		return r.readDerived(q.made)
	case q.key != nil && r.again(q.key, q.pick, nil):
		c = r.of.now.reads[r.same-1].on.(*core)
	default:
		if err := q.problem(r.of.scope); err != nil {
			return nil, err
		}
		if other := r.session.rival(r.of.scope, q.key); other != nil {
			return nil, &Error{Code: ErrConflict, Capability: q.key.name, Scope: r.of.scope.String(), Err: report("%s", twoKeys(q.key, other))}
		}
		r.diverge(read{question: q})
		if asked := r.of.scope.asks[q.key.name]; asked != nil && r.of.key != q.key {
			c = asked.cells.get(q.pick)
		}
	}
	var ans *answer
	var err error
	if c != nil {
		ans, err = c.current(r.session)
		r.lost = r.lost || c.in.now.code == "" && c.in.next.code != ""
	} else {
		ans, err = r.view(q)
	}
	if e, ok := err.(*Error); ok && e.Provider == q.pick {
		// Not the part of it where the answer was looked for. The error of a maker
		// says so already, and is shared.
		if scope := r.of.scope.String(); e.Scope != scope {
			e.Scope = scope
		}
	}
	if err != nil {
		return nil, err
	}
	r.needs = append(r.needs, ans.held...)
	r.strict = r.strict || ans.strict || q.key.rules.onlyLeased
	return ans.value, nil
}

// readDerived reads a derived query.
func (r *reading) readDerived(d *derivation) (any, error) {
	n := r.session.node(r.of.scope, d)
	if !r.again(nil, "", n) {
		r.diverge(read{on: n})
	}
	if err := n.settle(r.session); err != nil {
		r.below = err
		return nil, err
	}
	now := n.latest()
	if now.res != nil {
		r.needs = append(r.needs, now.res)
	}
	r.strict = r.strict || now.strict
	if n.in == r.session {
		return n.made, nil
	}
	return n.cell.face.value(), nil
}

// view returns the answer to what the scope has no cell for.
func (r *reading) view(q question) (*answer, error) {
	m, err := r.of.view(q.key)
	if err != nil {
		return nil, err
	}
	m.hints = 0
	ans, err := answerTo(q, m)
	if ans.code == ErrNotProvided && q.key == r.of.key {
		return nil, &Error{Code: ErrNotProvided, Capability: q.key.name, Provider: q.pick, Scope: r.of.scope.String(), Err: report(
			"no broader registry provides it, and a maker sees its own capability only from there: bind a provider in a broader registry, or let the maker do without")}
	}
	if err == nil && ans.own {
		ans, err = ownAnswer(r.session, r.of.scope, q, ans.seats)
	}
	return &ans, err
}

// again reports whether this read is the same as at this point of the last
// build. Most builds read the same each time.
func (r *reading) again(k *key, pick string, on tappable) bool {
	last := r.of.now.reads
	if r.changed || r.same == len(last) {
		return false
	}
	l := &last[r.same]
	if l.key != k || l.pick != pick || k == nil && l.on != on {
		return false
	}
	r.same++
	return true
}

// diverge notes a read that the last build did not do here.
func (r *reading) diverge(d read) {
	if !r.changed {
		r.reads, r.changed = slices.Clone(r.of.now.reads[:r.same]), true
	}
	r.reads = append(r.reads, d)
}

// A node is a derived value in a scope.
type node struct {
	product
	cell *core
	of   *derivation
	made any // what the running session built, a *V
}

// node returns the node of d in scope, a new one if there is none.
func (s *session) node(scope *Scope, d *derivation) *node {
	if n := scope.nodes[d]; n != nil {
		return n
	}
	at := making{scope, d}
	if n, ok := s.fresh[at]; ok {
		return n.(*node)
	}
	n := &node{of: d, cell: d.cell(scope)}
	n.product = product{is: n, scope: scope, name: resourceName{site: d.site, scope: scope}}
	s.keep(at, n)
	return n
}

func (n *node) build(r *Resolver) (err error) {
	n.made, err = n.of.build(r)
	return err
}

func (n *node) open() {
	if n.scope.nodes == nil {
		n.scope.nodes = make(map[*derivation]*node)
	}
	n.scope.nodes[n.of] = n
}

func (n *node) publish() {
	v := n.made
	n.made = nil
	if n.now.err != nil {
		return // nobody has resolved it
	}
	held := n.held()
	n.cell.face.show(v, held)
	n.cell.keep(held)
}

// held returns what is in the value that will have to be retired.
func (n *node) held() []*resource {
	if n.now.res == nil {
		return nil
	}
	return []*resource{n.now.res}
}

func (n *node) discard() { n.made = nil }

func (n *node) resolved() (any, plain bool) { return n.cell.site != 0, n.cell.joined != 0 }

func (n *node) resolvedAt() []site { return n.cell.resolvedAt() }

func (n *node) close() {
	n.shown = false
	delete(n.scope.nodes, n.of)
	n.cell.close()
}
