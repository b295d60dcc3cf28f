// Registries, changes and transactions: the write side.

package capability

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
)

// A Level says how broad a registry is. The greater level is the narrower one,
// and the narrower wins. Programs may use levels of their own between, above
// and below the named ones.
type Level int

// The levels of an engine that runs groups of pipelines of nodes. They lie apart
// so that there is room between them.
const (
	Engine   Level = 100
	Group    Level = 200
	Pipeline Level = 300
	Node     Level = 400
)

// String returns the name of a named level and the number of any other.
func (l Level) String() string {
	switch l {
	case Engine:
		return "engine"
	case Group:
		return "group"
	case Pipeline:
		return "pipeline"
	case Node:
		return "node"
	}
	return fmt.Sprintf("level %d", int(l))
}

// A Registry is one layer of providers at one level: the write side. What it
// holds is seen through the scopes that compose it. All its methods may be
// called by any number of goroutines; commits to registries that open scopes
// connect are done one after the other, all others never wait for each other.
type Registry struct {
	level   Level
	name    string
	private bool // narrower than others of its level, and not bound by OnlyAt
	domain  atomic.Pointer[domain]
	left    atomic.Pointer[chan struct{}] // of who waits for a scope to be closed

	// The rest is guarded by the domain.

	closed    bool
	layers    map[string]*layer // by name of the capability
	ordered   map[string]bool   // the layers that may hold constraints
	places    []*place          // where open scopes compose it
	start     *place            // the one of them that is a root, or nil
	unchecked []claim           // made while no scope was there to check them in
	kept      int               // how many of unchecked stood when they were last looked through
	commits   uint64            // how many transactions changed it

	retiring retirements // has a lock of its own
}

// NewRegistry returns an empty registry. A name that is empty, longer than 200
// bytes, not UTF-8 or holds anything but printable characters without spaces is
// reported by the first Apply or Compose.
func NewRegistry(level Level, name string) *Registry {
	r := &Registry{level: level, name: name, layers: make(map[string]*layer), ordered: make(map[string]bool)}
	r.domain.Store(newDomain())
	noteOpened(r, 0)
	return r
}

// Level returns the level.
func (r *Registry) Level() Level { return r.level }

// Name returns the name.
func (r *Registry) Name() string { return r.name }

// String returns name and level.
func (r *Registry) String() string {
	if r == nil {
		return "nil registry"
	}
	return fmt.Sprintf("registry %s (%v)", quote(r.name), r.level)
}

// A Change is one step of a transaction. [Capability.Bind] and its sisters make
// changes; nobody else can.
type Change interface {
	stage(t *transaction, r *Registry)
}

// Changes is several changes as one.
type Changes []Change

// Apply makes the changes, in the order written, as one transaction: all of
// them or, if it returns an error, none. When Apply returns, every handle of
// every scope that the changes touch shows the new value; readers never wait
// for it.
//
// The error holds all mistakes that the changes make. Once there are none, it
// holds all that open scopes suffer from them: an [ErrCycle] for each cycle of
// constraints, and an [ErrInUse] for each provider that a scope has resolved
// and would lose.
//
// Names given to Mask, Select and Rebind must be bound in a broader registry of
// an open scope, or the registry's own where that makes sense. While no open
// scope has the registry, nobody can tell, and the next Compose checks them.
func (r *Registry) Apply(changes ...Change) error {
	if r == nil || r.layers == nil {
		return zeroRegistry("Apply", caller(1))
	}
	at := caller(1)
	return commit("Apply", at, Edit{r, changes, at})
}

// Stage keeps the changes for [Commit]. Nothing is checked before. [Changes]
// among them are not copied, so they must stay as they are until then.
func (r *Registry) Stage(changes ...Change) Edit {
	return Edit{r, slices.Clone(changes), caller(1)}
}

// An Edit is what one registry contributes to a transaction over several.
type Edit struct {
	registry *Registry
	changes  []Change
	site     site
}

// Commit makes the edits as one transaction over several registries: all of
// them or, if it returns an error, none. It is [Registry.Apply] in every other
// respect. Edits may name registries in any order, and one more than once.
func Commit(edits ...Edit) error { return commit("Commit", caller(1), edits...) }

func commit(verb string, at site, edits ...Edit) error {
	var errs []error
	var registries []*Registry
	var seen map[*Registry]bool
	if len(edits) > 1 {
		seen = make(map[*Registry]bool, len(edits))
	}
	for i, e := range edits {
		switch {
		case e.registry == nil || e.registry.layers == nil:
			errs = append(errs, &Error{Code: ErrInvalid, Err: report("edit %d of Commit at %v is of no registry: make registries with NewRegistry and edits with Stage", i+1, at)})
		case !seen[e.registry]:
			if seen != nil {
				seen[e.registry] = true
			}
			registries = append(registries, e.registry)
			if err := e.registry.nameError(); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 || len(edits) == 0 {
		return Join(errs...)
	}
	h, err := enter(verb, at, registries...)
	if err != nil {
		return err
	}
	defer h.unlock()
	t := newTransaction(registries, h)
	defer t.end()
	return t.run(edits)
}

// nameError returns what is wrong with the name.
func (r *Registry) nameError() error {
	if problem := nameProblem(r.name); problem != "" {
		return &Error{Code: ErrInvalid, Err: report("the name of %v %s", r, problem)}
	}
	return nil
}

func zeroRegistry(verb string, at site) error {
	return &Error{Code: ErrInvalid, Err: report("%s at %v of a nil or zero Registry: make registries with NewRegistry", verb, at)}
}

// closedError is what a closed registry answers.
func (r *Registry) closedError(at site) error {
	return &Error{Code: ErrClosed, Err: report("%v was closed before its use at %v: use it before Close, or make another", r, at)}
}

// Close ends the registry: it can be changed and composed no more. It refuses
// with [ErrInUse] while open scopes compose it, and names them. Otherwise it
// gives up all providers and waits, as [Registry.Drain] does and with the same
// result, until they are retired. If ctx ends before, the registry is closed all
// the same, and Drain or Close may wait for the rest. To close it twice, or at
// once, is no mistake. Close that is called by an OnRetire of the registry is an
// [ErrInvalid].
func (r *Registry) Close(ctx context.Context) error {
	at := caller(1)
	if r == nil || r.layers == nil {
		return zeroRegistry("Close", at)
	}
	if ctx == nil {
		return r.noContext("Close", at)
	}
	if err := r.close(at); err != nil {
		return err
	}
	return r.drain(ctx, "Close", at)
}

func (r *Registry) close(at site) error {
	h, err := enter("Close", at, r)
	if err != nil {
		return err
	}
	defer h.unlock()
	if err := r.ownRetirement(r.retiring.list(), "Close", at); err != nil {
		return err
	}
	if len(r.places) > 0 {
		var scopes []string
		for _, p := range r.places {
			p.eachScope(func(s *Scope) { scopes = append(scopes, s.String()) })
		}
		slices.Sort(scopes)
		return &Error{Code: ErrInUse, Err: report("%v is part of %s, %s: close the scopes first", r, plural(len(scopes), "open scope"), quoteAll(scopes))}
	}
	r.closed = true
	noteClosed(r)
	for _, l := range r.layers {
		for _, p := range l.providers {
			if p != nil && p.res != nil {
				p.res.leave(r)
			}
		}
	}
	clear(r.layers)
	clear(r.ordered)
	r.unchecked = nil
	return nil
}

// A transaction changes layers in place, remembers how to take that back, and
// computes what the scopes will see before it lets anybody see it.
type transaction struct {
	errs    []error
	undo    []func() // run backwards if the transaction fails
	touched []touch
	place   map[*layer]int // where in touched, once that is long
	claims  []claim
	failed  map[failure]bool // nil if there is none
	edited  []*Registry
	staged  []*slot
	session session
	gone    []goner
	lent    []*acceptance // of what was lent and is bound now
	few     struct {      // room for what most transactions have
		undo    [4]func()
		touched [1]touch
		staged  [1]*slot
		gone    [1]goner
	}
	hints hints
	lists int // how many lists of changes were begun
	done  bool
}

func newTransaction(registries []*Registry, h held) *transaction {
	t := &transaction{edited: registries, session: session{locked: h, commit: true}}
	t.undo, t.touched, t.staged, t.gone = t.few.undo[:0], t.few.touched[:0], t.few.staged[:0], t.few.gone[:0]
	return t
}

// A touch is a layer that the transaction changed. fresh says that its registry
// did not speak of the capability before.
type touch struct {
	registry *Registry
	layer    *layer
	fresh    bool
}

// A failure is a binding with a mistake. That its name is missing then is no
// mistake of those who count on it.
type failure struct{ capability, provider string }

// A goner is a provider that the transaction takes out of its registry.
type goner struct {
	is   *provider
	from *Registry
}

// touchOf returns the place of l in touched, where it puts it if it is not there.
func (t *transaction) touchOf(r *Registry, l *layer) *touch {
	const few = 8
	if t.place == nil {
		for i := range t.touched {
			if t.touched[i].layer == l {
				return &t.touched[i]
			}
		}
		if len(t.touched) == few {
			t.place = make(map[*layer]int)
			for i := range t.touched {
				t.place[t.touched[i].layer] = i
			}
		}
	} else if i, ok := t.place[l]; ok {
		return &t.touched[i]
	}
	if t.place != nil {
		t.place[l] = len(t.touched)
	}
	t.touched = append(t.touched, touch{registry: r, layer: l})
	return &t.touched[len(t.touched)-1]
}

// missing notes that a binding failed.
func (t *transaction) missing(capability, provider string) {
	if t.failed == nil {
		t.failed = make(map[failure]bool)
	}
	t.failed[failure{capability, provider}] = true
}

// fail notes a mistake.
func (t *transaction) fail(err error) { t.errs = append(t.errs, err) }

// run does the transaction. All mistakes that the changes make by themselves are
// found together. What the scopes would see is asked only of changes without
// such mistakes, because the answer would be noise.
//
// These properties make it atomic. All checks and all user code, which is only
// what the caller passed in, come before the first store. From the first store
// on nothing can fail. A reader sees one cell, which is stored once. The lock is
// held from the first check to the last store, so that no other commit comes
// between, and whoever locks it next sees layers and cells that agree.
func (t *transaction) run(edits []Edit) error {
	for _, e := range edits {
		if e.registry.closed {
			t.fail(e.registry.closedError(e.site))
			continue
		}
		t.stageAll(e.registry, e.changes, e.site, nil)
	}
	t.checkLayers()
	t.checkNames()
	t.checkClaims()
	if len(t.errs) == 0 {
		t.compute()
	}
	if len(t.errs) > 0 {
		return Join(t.errs...)
	}
	t.publish()
	return nil
}

// maxNesting is how deep Changes may be nested, and maxLists how many of them a
// transaction may hold: lists that hold each other many times come to an end.
const maxNesting, maxLists = 16, 1 << 16

// stageAll stages changes and what is nested in them. open is the first places
// of the lists that it is nested in.
func (t *transaction) stageAll(r *Registry, changes []Change, at site, open []*Change) {
	if len(changes) == 0 {
		return
	}
	if t.lists++; t.lists > maxLists || len(open) > maxNesting || slices.Contains(open, &changes[0]) {
		t.fail(&Error{Code: ErrInvalid, Err: report("the changes of %v at %v hold themselves, are nested more than %d deep or are more than %d lists: take them apart", r, at, maxNesting, maxLists)})
		return
	}
	open = append(open, &changes[0])
	for i, c := range changes {
		switch c := c.(type) {
		case Changes:
			t.stageAll(r, c, at, open)
		case Binding, unbind, list:
			c.stage(t, r)
		case nil:
			t.fail(&Error{Code: ErrInvalid, Err: report("change %d of %v at %v is nil: make changes with Bind, Rebind, Unbind, Mask or Select", i+1, r, at)})
		default:
			t.fail(&Error{Code: ErrInvalid, Err: report("change %d of %v at %v is a %T: give what Bind, Rebind, Unbind, Mask and Select return as it is", i+1, r, at, c)})
		}
	}
}

// stage makes Changes a Change; stageAll takes it apart.
func (c Changes) stage(*transaction, *Registry) {}

// end takes everything back unless the transaction was published.
func (t *transaction) end() {
	if t.done {
		return
	}
	t.session.discard()
	for _, s := range t.staged {
		s.next = nil
		s.audiences.each((*audience).discard)
	}
	for _, undo := range slices.Backward(t.undo) {
		undo()
	}
}

// layer returns the layer of that name to write to, or nil after a conflict. k
// is nil if only the name is known.
func (t *transaction) layer(r *Registry, k *key, name string) *layer {
	l := r.layers[name]
	fresh := false
	if l == nil {
		l = &layer{name: name, index: make(map[string]int)}
		r.layers[name] = l
		t.undo = append(t.undo, func() { delete(r.layers, name) })
	}
	if k != nil && l.key != k {
		if l.key != nil && !l.empty() {
			t.fail(&Error{Code: ErrConflict, Capability: name, Err: report("in %v, %s", r, twoKeys(l.key, k))})
			return nil
		}
		before := l.key
		l.key, fresh = k, true
		t.undo = append(t.undo, func() { l.key = before })
	}
	at := t.touchOf(r, l)
	at.fresh = at.fresh || fresh
	return l
}

// stage checks the binding and puts it down.
func (b Binding) stage(t *transaction, r *Registry) {
	p, k := b.is, b.key
	verb := "Bind"
	if p.rebind {
		verb = "Rebind"
	}
	if k == nil {
		t.fail(zeroKey(verb, r, p.site))
		return
	}
	wrong := func(code Code, format string, args ...any) {
		t.missing(k.name, p.name)
		t.fail(&Error{Code: code, Capability: k.name, Provider: shorten(p.name), Err: report(format, args...)})
	}
	mistakes := len(t.errs)
	if problem := nameProblem(p.name); problem != "" {
		wrong(ErrInvalid, "the provider's name, given at %v, %s", p.site, problem)
	}
	if p.value == nil && p.maker == nil {
		wrong(ErrInvalid, "%s at %v was given a nil %v: give it a value", verb, p.site, k.typ)
	}
	if only := k.rules.onlyAt; only != nil && !slices.Contains(only, r.level) && !r.private {
		wrong(ErrInvalid, "%s at %v in %v is at the wrong level: bind it at %v, as OnlyAt of the key says", verb, p.site, r, levels(only))
	}
	for _, problem := range p.problems(verb) {
		wrong(ErrInvalid, "%s", problem)
	}
	if p.rebind && p.ordered {
		wrong(ErrInvalid, "Rebind at %v sets priority or constraints: it takes those of the provider whose place it takes, so leave them out or use Bind", p.site)
	}
	for _, c := range []struct {
		verb  string
		names []string
	}{{"Before", p.before}, {"After", p.after}} {
		for _, name := range c.names {
			if problem := nameProblem(name); problem != "" {
				wrong(ErrInvalid, "%s, at %v, names %s, which %s", c.verb, p.site, quote(name), problem)
			} else if name == p.name {
				wrong(ErrInvalid, "%s, at %v, names the provider itself: name a peer", c.verb, p.site)
			}
		}
	}
	if len(t.errs) > mistakes {
		return
	}
	l := t.layer(r, k, k.name)
	if l == nil {
		t.missing(k.name, p.name)
		return
	}
	old := l.get(p.name)
	if !p.rebind && old != nil {
		wrong(ErrConflict, "%v binds it at %v and again at %v: use Rebind to replace it, or Unbind it first", r, old.site, p.site)
		return
	}
	if p.maker != nil {
		p.maker = &maker{make: p.maker.make} // a binding may be applied more than once
	}
	if !t.accept(&p, k) {
		wrong(ErrInvalid, "%s at %v has an OnRetire that was accepted before, so that it would be called twice: make a new binding for each Apply", verb, p.site)
		return
	}
	switch {
	case old != nil:
		replaced := *old
		replaced.value, replaced.meta, replaced.site = p.value, p.meta, p.site
		replaced.maker, replaced.res, replaced.lender = p.maker, p.res, p.lender
		t.set(r, l, l.index[p.name], &replaced)
		if old.rebind {
			t.claims = append(t.claims, claim{r, l, claimRebind, []string{p.name}, p.site})
		}
	default:
		p := p // the only copy that stays
		if p.before != nil || p.after != nil {
			k.constrained.Store(true)
			r.ordered[k.name] = true
		}
		if p.rebind {
			t.claims = append(t.claims, claim{r, l, claimRebind, []string{p.name}, p.site})
		}
		t.add(l, &p)
	}
}

// accept takes over what has to be done when the provider is retired, and reports
// whether that is the first time.
func (t *transaction) accept(p *provider, k *key) bool {
	if len(p.retire) == 0 {
		return true
	}
	funcs := make([]func() error, len(p.retire))
	for i, r := range p.retire {
		funcs[i] = r.call
	}
	p.res = newResource(resourceName{k.name, p.name, p.site, nil}, funcs, nil)
	p.res.grace, p.res.graced = p.grace, p.graced
	for _, r := range p.retire {
		ok, lent := r.accepted.take(p.res)
		if !ok {
			return false
		}
		t.undo = append(t.undo, r.accepted.giveBack)
		if lent {
			t.lent = append(t.lent, r.accepted)
		}
	}
	if p.lender != nil {
		p.res.lent = true
		t.undo = append(t.undo, p.lender.lend(p.res))
	}
	return true
}

// add appends a provider to the layer.
func (t *transaction) add(l *layer, p *provider) {
	l.index[p.name] = len(l.providers)
	l.providers = append(l.providers, p)
	l.count(p, 1)
	t.undo = append(t.undo, func() {
		l.count(p, -1)
		l.providers = l.providers[:len(l.providers)-1]
		delete(l.index, p.name)
	})
}

// set puts another provider in a place of the layer, or nil.
func (t *transaction) set(r *Registry, l *layer, i int, p *provider) {
	old := l.providers[i]
	t.gone = append(t.gone, goner{old, r})
	l.put(i, p, old)
	t.undo = append(t.undo, func() { l.put(i, old, p) })
}

// put puts is in the place of was; one of them may be nil.
func (l *layer) put(i int, is, was *provider) {
	l.providers[i] = is
	l.count(was, -1)
	l.count(is, 1)
	if is == nil {
		delete(l.index, was.name)
	} else {
		l.index[is.name] = i
	}
}

// count keeps the number of bindings.
func (l *layer) count(p *provider, by int) {
	if p != nil && !p.rebind {
		l.binds += by
	}
}

// unbind withdraws a provider.
type unbind struct {
	key  *key
	name string
	site site
}

func (u unbind) stage(t *transaction, r *Registry) {
	if u.key == nil {
		t.fail(zeroKey("Unbind", r, u.site))
		return
	}
	if problem := nameProblem(u.name); problem != "" {
		t.fail(&Error{Code: ErrInvalid, Capability: u.key.name, Provider: shorten(u.name), Err: report("the provider's name, given to Unbind at %v, %s", u.site, problem)})
		return
	}
	l := r.layers[u.key.name]
	if l != nil && l.key == u.key && l.get(u.name) != nil {
		l = t.layer(r, u.key, u.key.name)
		t.set(r, l, l.index[u.name], nil)
		return
	}
	hint := t.hints.bind(u.name, func() []string {
		if l == nil || l.key != u.key {
			return nil
		}
		return l.names()
	})
	t.fail(&Error{Code: ErrUnknown, Capability: u.key.name, Provider: shorten(u.name), Err: report(
		"Unbind at %v names what %v does not bind: %s", u.site, r, hint)})
}

// names returns what the layer binds or rebinds, sorted.
func (l *layer) names() []string {
	return slices.Sorted(maps.Keys(l.index))
}

// list is the change of Mask and Select.
type list struct {
	kind       claimKind
	key        *key
	zero       bool   // it was made by the zero Capability
	capability string // if key is nil
	providers  []string
	site       site
}

const maskList, selectList = claimMask, claimSelect

func (c list) stage(t *transaction, r *Registry) {
	name := c.capability
	if c.key != nil {
		name = c.key.name
	} else if c.zero {
		t.fail(zeroKey(c.kind.String(), r, c.site))
		return
	} else if problem := nameProblem(name); problem != "" {
		t.fail(&Error{Code: ErrInvalid, Capability: shorten(name), Err: report("the name of the capability, given to %v at %v in %v, %s", c.kind, c.site, r, problem)})
		return
	}
	mistakes := len(t.errs)
	seen := make(map[string]bool, len(c.providers))
	for _, p := range c.providers {
		if problem := nameProblem(p); problem != "" {
			t.fail(&Error{Code: ErrInvalid, Capability: name, Provider: shorten(p), Err: report("%v at %v is given a name that %s", c.kind, c.site, problem)})
		} else if seen[p] {
			t.fail(&Error{Code: ErrInvalid, Capability: name, Provider: p, Err: report("%v at %v names it twice: name it once", c.kind, c.site)})
		}
		seen[p] = true
	}
	if len(t.errs) > mistakes {
		return
	}
	l := t.layer(r, c.key, name)
	if l == nil {
		return
	}
	list := c.providers
	if len(list) == 0 {
		list = nil
		t.claims = append(t.claims, claim{r, l, claimCapability, []string{c.kind.String()}, c.site})
	} else {
		t.claims = append(t.claims, claim{r, l, c.kind, list, c.site})
	}
	at := &l.mask
	if c.kind == selectList {
		at = &l.pick
	}
	old := *at
	*at = names{list, c.site, c.key != nil}
	t.undo = append(t.undo, func() { *at = old })
}

// checkLayers refuses what two statements of one registry make impossible.
func (t *transaction) checkLayers() {
	for _, touched := range t.touched {
		l := touched.layer
		for _, name := range l.mask.list {
			if p := l.get(name); p != nil && p.rebind {
				t.fail(&Error{Code: ErrConflict, Capability: l.name, Provider: name, Err: report(
					"%v masks it at %v and rebinds it at %v: do one of both", touched.registry, l.mask.site, p.site)})
			}
		}
	}
}

// checkNames refuses a second key of one name in any open scope.
func (t *transaction) checkNames() {
	if !slices.ContainsFunc(t.touched, func(at touch) bool { return at.fresh }) {
		return
	}
	fresh := make(map[*Registry]map[string]*key)
	for _, touched := range t.touched {
		if r := touched.registry; touched.fresh && len(r.places) > 0 {
			if fresh[r] == nil {
				fresh[r] = make(map[string]*key)
			}
			fresh[r][touched.layer.name] = touched.layer.key
		}
	}
	others := make(map[*key]map[*Registry]rival)
	for r, keys := range fresh {
		for _, p := range r.places {
			p.rivals(keys, func(k *key, other rival) {
				if others[k] == nil {
					others[k] = make(map[*Registry]rival)
				}
				if was, ok := others[k][r]; !ok || other.before(was) {
					others[k][r] = other
				}
			})
		}
	}
	for _, touched := range t.touched {
		if other, ok := others[touched.layer.key][touched.registry]; ok {
			t.fail(&Error{Code: ErrConflict, Capability: other.key.name, Scope: other.scope, Err: report("%s", twoKeys(other.key, touched.layer.key))})
		}
	}
}

// tidy drops layers that say nothing and closes gaps, after a transaction was
// published.
func (t *transaction) tidy() {
	for _, r := range t.edited {
		if len(r.unchecked) > 2*r.kept+16 {
			r.unchecked = standing(r.unchecked)
			r.kept = len(r.unchecked)
		}
	}
	for _, touched := range t.touched {
		r, l := touched.registry, touched.layer
		if l.empty() {
			delete(r.layers, l.name)
			delete(r.ordered, l.name)
			continue
		}
		if len(l.index) == 0 && !l.mask.byKey && !l.pick.byKey {
			l.key = nil // only lists by name are left
		}
		if gaps := len(l.providers) - len(l.index); gaps > 16 && gaps > len(l.index) {
			l.providers = slices.DeleteFunc(l.providers, func(p *provider) bool { return p == nil })
			for i, p := range l.providers {
				l.index[p.name] = i
			}
		}
	}
}
