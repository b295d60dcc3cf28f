// Retirement against an oracle, on random worlds: after each step exactly those
// resources are retired that the design says, each once.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/model"
)

// A parcel is what the providers and builds of these worlds hand out, and all
// that the oracle knows of it. It must be retired once it has left and nobody
// holds it: no lease that saw it, no plain handle of an open scope that has shown
// it and whose grace lasts, no parcel that was made of it and is not retired.
type parcel struct {
	label string // of the binding, or of the derived query
	text  string // what a derived one says
	owner string // the registry that bound it, if one did

	capability, provider string
	scope                *parcelScope // that it was made for
	needs                []*parcel    // what it was made of
	silent               bool         // it has no OnRetire
	failed               bool         // its build failed
	grace                time.Duration
	graced               bool

	left    bool
	since   time.Time
	shownTo map[*parcelScope]bool
	leases  int // open ones that saw it

	mu     sync.Mutex
	called int // how often it was retired
}

// onRetire counts, and fails for one parcel in seven.
func (p *parcel) onRetire() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.called++
	if len(p.label)%7 == 0 {
		return errors.New("cannot close " + p.label)
	}
	return nil
}

func (p *parcel) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.called
}

// leave notes that nobody can get the parcel any more.
func (p *parcel) leave() {
	if !p.left {
		p.left, p.since = true, time.Now()
	}
}

// A parcelScope is an open or closed scope of the world.
type parcelScope struct {
	*capability.Scope
	id         int
	registries []string
	token      *parcel // what tells builds which scope they are for
	open       bool
	plain      []parcelHandle
	leased     []parcelHandle
	resolved   map[string]bool    // the derived queries that were
	derived    map[string]*parcel // the current ones
	instances  map[string]*parcel // by label of the binding
}

// A parcelHandle is a handle or a leased one, and the query it answers.
type parcelHandle struct {
	query parcelQuery
	get   func() []*parcel
	use   func(func([]*parcel) error) error
}

// A parcelQuery asks for the one ("one"), a name, a chain ("all"), or a derived
// value.
type parcelQuery struct{ capability, pick string }

// The keys of the worlds, and a key that tells builds for which scope they run.
var (
	storeParcels  = capability.New[*parcel]("parcel-store", "keeps parcels")
	filterParcels = capability.New[*parcel]("parcel-filter", "changes parcels", capability.Shadow())
	scopeTokens   = capability.New[*parcel]("scope-token", "is another one in each scope")
)

var parcelKeys = map[string]capability.Capability[*parcel]{storeParcels.Name(): storeParcels, filterParcels.Name(): filterParcels}

var parcelNames = []string{"a", "b", "c"}

// A parcelLease is a Use that has not returned.
type parcelLease struct {
	saw     []*parcel
	release chan struct{}
}

// A parcelWorld is registries, scopes and parcels, together with the model of
// order and merge, which says who is seen, and the parcels, which say who holds
// them.
type parcelWorld struct {
	state      *model.State
	registries map[string]*capability.Registry
	scopes     []*parcelScope // the open ones
	leases     []*parcelLease
	all        []*parcel          // everything accepted or made
	bound      map[string]*parcel // by label
	makers     map[string]bool    // labels of BindPerScope: whether it fails
	tokens     map[*parcel]*parcelScope
	retired    map[*parcel]bool // at the last look
	reported   map[string]int   // errors that Drain returned, by text and registry
	derive     map[string]capability.Query[*parcel]
	reads      map[string]func(*parcelReader) // what each of them reads
	made       []*parcel                      // by builds and makers of the running step
	refuse     bool                           // builds fail
	count      int
	problem    string
}

func newParcelWorld() *parcelWorld {
	w := &parcelWorld{
		state:      model.NewState(map[string]model.Rules{storeParcels.Name(): {}, filterParcels.Name(): {Shadow: true}}),
		registries: make(map[string]*capability.Registry),
		bound:      make(map[string]*parcel),
		makers:     make(map[string]bool),
		tokens:     make(map[*parcel]*parcelScope),
		retired:    make(map[*parcel]bool),
		reported:   make(map[string]int),
		reads:      make(map[string]func(*parcelReader)),
	}
	for _, r := range []string{"engine", "group", "orders", "returns"} {
		w.add(r)
	}
	w.derive = map[string]capability.Query[*parcel]{
		"filters": w.query("filters", false, func(r *parcelReader) {
			r.all(filterParcels)
		}),
		"stores": w.query("stores", true, func(r *parcelReader) {
			if names := r.all(storeParcels); slices.Contains(names, "a") {
				r.named(filterParcels, "b")
			} else {
				r.derived("filters")
			}
		}),
		"both": w.query("both", false, func(r *parcelReader) {
			r.derived("stores")
			if !r.named(storeParcels, "") {
				r.derived("filters")
			}
		}),
		"other": w.query("other", false, func(r *parcelReader) {
			if !slices.Contains(r.all(storeParcels), "a") {
				return
			}
			r.derived("filters")
		}),
	}
	return w
}

var parcelLevels = map[string]capability.Level{
	"engine": capability.Engine, "group": capability.Group, "orders": capability.Pipeline, "returns": capability.Pipeline,
}

// add makes a registry, under another name if there was one.
func (w *parcelWorld) add(kind string) {
	w.count++
	name := fmt.Sprint(kind, w.count)
	r := capability.NewRegistry(parcelLevels[kind], name)
	w.registries[name] = r
	w.state.Add(name, int(parcelLevels[kind]))
	must(r.Apply(scopeTokens.BindPerScope("me", func(*capability.Resolver) (*parcel, error) { return new(parcel), nil })))
}

func (w *parcelWorld) names() []string { return slices.Sorted(maps.Keys(w.registries)) }

func (w *parcelWorld) fail(format string, args ...any) {
	if len(w.problem) < 2000 {
		w.problem += fmt.Sprintf(format, args...) + "\n"
	}
}

// A parcelReader is what the derived queries of the world read with: the real
// Resolver in a build, or the model, which says what it should have said.
type parcelReader struct {
	w    *parcelWorld
	r    *capability.Resolver
	out  *parcel // what is made
	err  error
	text strings.Builder

	scope *parcelScope // if r is nil
	seen  []string     // the derived queries read
}

func (r *parcelReader) say(p *parcel, text string) {
	if p != nil {
		r.out.needs = append(r.out.needs, p)
	}
	r.text.WriteString(text + " ")
}

// all reads a chain and returns the names in it, nil if there is none.
func (r *parcelReader) all(key capability.Capability[*parcel]) []string {
	if r.r == nil {
		chain, _ := r.w.state.World(r.scope.id, key.Name()).Chain()
		if slices.ContainsFunc(chain, func(e model.Entry) bool { return r.w.makers[e.Value] }) {
			r.say(nil, "!")
			return nil
		}
		var names []string
		for _, e := range chain {
			names = append(names, e.Name)
			r.say(nil, e.Value)
		}
		return names
	}
	chain, err := key.All().In(r.r)
	if err != nil {
		r.say(nil, "!")
		return nil
	}
	for _, p := range chain.Values() {
		r.say(p, p.label)
	}
	return chain.Names()
}

// named reads a provider, or the one, and reports whether there is one.
func (r *parcelReader) named(key capability.Capability[*parcel], name string) bool {
	if r.r == nil {
		world := r.w.state.World(r.scope.id, key.Name())
		e, ok := world.Find(name)
		if name == "" {
			var answer model.Answer
			e, answer = world.One()
			ok = answer == model.Clear
		}
		if ok = ok && !r.w.makers[e.Value]; !ok {
			e.Value = "-"
		}
		r.say(nil, e.Value)
		return ok
	}
	p, err := key.Named(name).In(r.r)
	if err != nil {
		r.say(nil, "-")
		return false
	}
	r.say(p, p.label)
	return true
}

// derived reads another derived query.
func (r *parcelReader) derived(name string) {
	if r.r == nil {
		r.seen = append(r.seen, name)
		text, seen := r.w.expected(r.scope, name)
		r.seen = append(r.seen, seen...)
		r.say(nil, text)
		return
	}
	p, err := r.w.derive[name].In(r.r)
	if err != nil {
		r.err = err
		return
	}
	r.say(p, p.text)
}

// query makes a derived query of the world.
func (w *parcelWorld) query(name string, silent bool, read func(*parcelReader)) capability.Query[*parcel] {
	w.reads[name] = read
	return capability.Derive(func(r *capability.Resolver) (*parcel, error) {
		return w.make(r, &parcel{label: name, silent: silent}, read)
	})
}

// make is the body of all builds and makers.
func (w *parcelWorld) make(r *capability.Resolver, p *parcel, read func(*parcelReader)) (*parcel, error) {
	token, err := scopeTokens.Named("me").In(r)
	if err != nil {
		w.fail("a build has no token: %v", err)
		return nil, err
	}
	p.scope = w.tokens[token]
	w.made = append(w.made, p)
	if !p.silent {
		r.OnRetire(p.onRetire)
	}
	in := &parcelReader{w: w, r: r, out: p}
	read(in)
	p.text = p.label + "( " + in.text.String() + ")"
	err = in.err
	if w.refuse {
		err = errors.New("refused by the build")
	}
	p.failed = err != nil
	return p, err
}

// expected returns what a derived query should say in the scope, and which
// others are read for it.
func (w *parcelWorld) expected(s *parcelScope, name string) (string, []string) {
	r := &parcelReader{w: w, scope: s, out: new(parcel)}
	w.reads[name](r)
	return name + "( " + r.text.String() + ")", r.seen
}

// A parcelStep is a step of a case: a number off which all that it does is drawn.
// What a number means depends on the world, so steps can be left out to make a
// failing case smaller.
type parcelStep uint64

// A case is slices of steps in a slice, because a single one would mostly be
// short.
var parcelSteps = rapid.Custom(func(t *rapid.T) []parcelStep {
	step := rapid.Map(rapid.Uint64(), func(n uint64) parcelStep { return parcelStep(n) })
	return slices.Concat(rapid.SliceOfN(rapid.SliceOfN(step, 1, 12), 1, 12).Draw(t, "steps")...)
})

// draw takes a number below n off the step. It stirs the step first, because
// small numbers come up more often than others.
func (s *parcelStep) draw(n int) int {
	*s += 0x9e3779b97f4a7c15
	z := *s
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % parcelStep(n))
}

func pickOf[T any](s *parcelStep, list []T) T { return list[s.draw(len(list))] }

// step does one step.
func (w *parcelWorld) step(s parcelStep) {
	switch op := s.draw(32); {
	case op < 12:
		w.commit(&s)
	case op < 14:
		w.refuse = true
		w.commit(&s)
		w.refuse = false
	case op < 17:
		w.compose(&s, nil)
	case op < 18 && len(w.scopes) > 0:
		w.compose(&s, pickOf(&s, w.scopes))
	case op < 20 && len(w.scopes) > 0:
		w.closeScope(s.draw(len(w.scopes)))
	case op < 26 && len(w.scopes) > 0:
		w.resolve(&s)
	case op < 28:
		w.lease(&s)
	case op < 29 && len(w.leases) > 0:
		w.release(s.draw(len(w.leases)))
	case op < 31:
		pass(time.Duration(1+s.draw(40)) * time.Second)
	default:
		w.closeRegistry(pickOf(&s, w.names()))
	}
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// change draws a change for a registry, for both sides.
func (w *parcelWorld) change(s *parcelStep, registry string) (model.Change, capability.Change) {
	key := pickOf(s, []capability.Capability[*parcel]{storeParcels, storeParcels, filterParcels})
	kind := s.draw(14)
	name := parcelNames[s.draw(3)]
	c := model.Change{Capability: key.Name(), Statement: model.Statement{Name: name}}
	layer := w.state.Layer(registry, key.Name())
	own := slices.ContainsFunc(layer.Statements, func(st model.Statement) bool { return st.Name == name })
	if kind < 7 && own && kind > 0 {
		kind += 6 // a Bind would be a conflict
	}
	w.count++
	label := fmt.Sprintf("%s%d", name, w.count)
	p := &parcel{label: label, owner: registry, capability: key.Name(), provider: name}
	dressed := func(b capability.Binding, how int) capability.Binding {
		if how%4 < 3 {
			b = b.OnRetire(p.onRetire)
		} else {
			p.silent = true
		}
		if how%3 == 0 {
			p.grace, p.graced = []time.Duration{0, 10 * time.Second, time.Minute}[how/3%3], true
			b = b.Grace(p.grace)
		}
		return b
	}
	switch {
	case kind < 3:
		c.Op, c.Statement.Value = model.Bind, label
		w.bound[label] = p
		return c, dressed(key.Bind(name, p), s.draw(36))
	case kind < 7:
		c.Op, c.Statement.Value = model.Bind, label
		b, sour := w.perScope(s, key, p)
		w.bound[label], w.makers[label] = p, sour
		return c, b
	case kind < 10:
		c.Op, c.Statement.Value = model.Rebind, label
		w.bound[label] = p
		return c, dressed(key.Rebind(name, p), s.draw(36))
	case kind < 12:
		c.Op = model.Unbind
		return c, key.Unbind(name)
	}
	if s.draw(2) > 0 {
		c.Names = []string{name}
	}
	if kind == 12 {
		c.Op = model.Mask
		return c, key.Mask(c.Names...)
	}
	c.Op = model.Select
	return c, key.Select(c.Names...)
}

// perScope returns a binding of a maker, and whether the maker fails.
func (w *parcelWorld) perScope(s *parcelStep, key capability.Capability[*parcel], p *parcel) (capability.Binding, bool) {
	sour, silent, how := s.draw(3) == 2, s.draw(3) == 2, s.draw(4)
	p.silent = true // what its makers make is what has to be retired
	p.graced, p.grace = how == 3, 15*time.Second
	b := key.BindPerScope(p.provider, func(r *capability.Resolver) (*parcel, error) {
		made := &parcel{label: p.label, capability: p.capability, provider: p.provider, silent: silent, graced: p.graced, grace: p.grace}
		return w.make(r, made, func(in *parcelReader) {
			if how > 0 {
				in.all(filterParcels)
			}
			if how > 1 && key == storeParcels {
				in.all(storeParcels)
				in.derived("filters")
			}
			if sour && in.err == nil {
				in.err = errors.New("sour")
			}
		})
	})
	if p.graced {
		b = b.Grace(p.grace)
	}
	return b, sour
}

// commit makes changes to one or two registries.
func (w *parcelWorld) commit(s *parcelStep) {
	var edits []model.Edit
	var staged []capability.Edit
	var labels []string
	names := w.names()
	for range 1 + s.draw(5)/4 {
		registry := pickOf(s, names)
		e := model.Edit{Registry: registry}
		var changes capability.Changes
		for range 1 + s.draw(5)/3 {
			c, real := w.change(s, registry)
			e.Changes, changes = append(e.Changes, c), append(changes, real)
			if c.Op == model.Bind || c.Op == model.Rebind {
				labels = append(labels, c.Statement.Value)
			}
		}
		edits, staged = append(edits, e), append(staged, w.registries[registry].Stage(changes))
	}
	err := capability.Commit(staged...)
	if err == nil {
		if faults := w.state.Commit(edits...); faults != nil {
			w.fail("accepted %+v, the model says %v", edits, faults)
		}
		for _, label := range labels {
			if p := w.bound[label]; !w.perScopeLabel(label) {
				w.all = append(w.all, p)
			}
		}
	}
	w.settle(err == nil)
}

func (w *parcelWorld) perScopeLabel(label string) bool { _, ok := w.makers[label]; return ok }

// settle takes over what builds made, lets go what left, and notes what plain
// handles show.
func (w *parcelWorld) settle(accepted bool) {
	made := w.made
	w.made = nil
	for _, p := range made {
		w.all = append(w.all, p)
		if p.scope == nil {
			w.fail("%q was made for no scope", p.label)
			return
		}
		if !accepted || p.failed {
			p.leave()
			// Of what only an instance keeps, a failed build leaves nothing.
			if old := p.scope.derived[p.label]; accepted && p.capability == "" && old != nil {
				old.leave()
				delete(p.scope.derived, p.label)
			}
			continue
		}
		kept := p.scope.derived
		if p.capability != "" {
			kept = p.scope.instances
		}
		if old := kept[p.label]; old != nil {
			if p.capability != "" {
				w.fail("a second instance of %q was made for scope %v", p.label, p.scope)
			}
			old.leave()
		}
		kept[p.label] = p
	}
	bound := make(map[string]bool)
	for _, registry := range w.names() {
		for capability := range parcelKeys {
			for _, st := range w.state.Layer(registry, capability).Statements {
				bound[st.Value] = true
			}
		}
	}
	for _, p := range w.all {
		if p.owner != "" && !bound[p.label] {
			p.leave()
		}
	}
	for _, s := range w.scopes {
		for label, p := range s.instances {
			if !bound[label] {
				p.leave()
				delete(s.instances, label)
			}
		}
		// A derived value lives while it is resolved, or read by an instance or by
		// one that lives.
		alive := make(map[string]bool)
		lives := func(name string) {
			_, seen := w.expected(s, name)
			for _, other := range append(seen, name) {
				alive[other] = true
			}
		}
		for name := range s.resolved {
			lives(name)
		}
		for _, p := range s.instances {
			for _, n := range p.needs {
				if n.capability == "" && w.reads[n.label] != nil {
					lives(n.label)
				}
			}
		}
		for name, p := range s.derived {
			if !alive[name] {
				p.leave()
				delete(s.derived, name)
			}
		}
		for _, h := range s.plain {
			for _, p := range w.answer(s, h.query) {
				p.shownTo[s] = true
			}
		}
	}
}

// answer returns the parcels that a handle of the scope must show.
func (w *parcelWorld) answer(s *parcelScope, q parcelQuery) []*parcel {
	if q.capability == "" {
		p := s.derived[q.pick]
		if p == nil {
			w.fail("scope %v has no derived value %q", s, q.pick)
			return nil
		}
		p.note()
		return []*parcel{p}
	}
	world := w.state.World(s.id, q.capability)
	var chain []model.Entry
	switch q.pick {
	case "all":
		chain, _ = world.Chain()
	case "one":
		e, _ := world.One()
		chain = []model.Entry{e}
	default:
		e, _ := world.Find(q.pick)
		chain = []model.Entry{e}
	}
	var answer []*parcel
	for _, e := range chain {
		p := w.bound[e.Value]
		if w.perScopeLabel(e.Value) {
			p = s.instances[e.Value]
		}
		if p == nil {
			w.fail("scope %v holds %v, for which %q should answer, and that is not there", s, q, e.Value)
			return nil
		}
		p.note()
		answer = append(answer, p)
	}
	return answer
}

// note makes room for what is noted of p.
func (p *parcel) note() {
	if p.shownTo == nil {
		p.shownTo = make(map[*parcelScope]bool)
	}
}

// compose opens a scope, over base if that is not nil.
func (w *parcelWorld) compose(s *parcelStep, base *parcelScope) {
	var names []string
	levels := make(map[capability.Level]bool)
	for _, name := range w.names() {
		if level := w.registries[name].Level(); s.draw(3) > 0 && !levels[level] {
			levels[level] = true
			names = append(names, name)
		}
	}
	var registries []*capability.Registry
	for _, name := range names {
		registries = append(registries, w.registries[name])
	}
	w.count++
	scope := &parcelScope{id: w.count, open: true, resolved: make(map[string]bool), derived: make(map[string]*parcel), instances: make(map[string]*parcel)}
	var err error
	if base == nil {
		scope.Scope, err = capability.Compose(registries...)
	} else {
		names = append(names, base.registries...)
		scope.Scope, err = base.With(registries...)
	}
	if err != nil {
		return
	}
	if faults := w.state.Compose(scope.id, names...); faults != nil {
		w.fail("a scope of %q was accepted, the model says %v", names, faults)
	}
	scope.registries = names
	token, err := scopeTokens.Named("me").Handle(scope.Scope)
	must(err)
	scope.token = token.Get()
	w.tokens[scope.token] = scope
	w.scopes = append(w.scopes, scope)
}

func (w *parcelWorld) closeScope(i int) {
	s := w.scopes[i]
	must(s.Close())
	w.scopes = slices.Delete(w.scopes, i, i+1)
	w.state.CloseScope(s.id)
	s.open = false
	for _, p := range w.all {
		if p.scope == s {
			p.leave()
		}
	}
	w.settle(true)
}

// resolve asks a scope for a plain or leased handle, or two.
func (w *parcelWorld) resolve(s *parcelStep) {
	scope := pickOf(s, w.scopes)
	var plain, leased []parcelHandle
	var needs []capability.Need
	for range 1 + s.draw(4)/3 {
		lease := s.draw(5) > 2
		h := parcelHandle{query: parcelQuery{pick: pickOf(s, []string{"one", "all", "all", "a", "b", "filters", "stores", "both", "other"})}}
		one := func(q capability.Query[*parcel]) {
			if lease {
				l := new(capability.Leased[*parcel])
				needs = append(needs, q.IntoLeased(l))
				h.use = func(f func([]*parcel) error) error { return l.Use(func(p *parcel) error { return f([]*parcel{p}) }) }
				return
			}
			g := new(capability.Handle[*parcel])
			needs = append(needs, q.Into(g))
			h.get = func() []*parcel { return []*parcel{g.Get()} }
		}
		if q, ok := w.derive[h.query.pick]; ok {
			one(q)
		} else {
			key := pickOf(s, []capability.Capability[*parcel]{storeParcels, filterParcels})
			h.query.capability = key.Name()
			switch {
			case h.query.pick == "one":
				one(key.Named(""))
			case h.query.pick != "all":
				one(key.Named(h.query.pick))
			case lease:
				l := new(capability.Leased[capability.Chain[*parcel]])
				needs = append(needs, key.All().IntoLeased(l))
				h.use = func(f func([]*parcel) error) error {
					return l.Use(func(c capability.Chain[*parcel]) error { return f(c.Values()) })
				}
			default:
				g := new(capability.ChainHandle[*parcel])
				needs = append(needs, key.All().Into(g))
				h.get = func() []*parcel { return g.Get().Values() }
			}
		}
		if lease {
			leased = append(leased, h)
		} else {
			plain = append(plain, h)
		}
	}
	w.refuse = s.draw(12) == 11
	err := scope.Resolve(needs...)
	w.refuse = false
	if err == nil {
		scope.plain, scope.leased = append(scope.plain, plain...), append(scope.leased, leased...)
		for _, h := range slices.Concat(plain, leased) {
			if h.query.capability == "" {
				scope.resolved[h.query.pick] = true
			}
		}
	}
	w.settle(err == nil)
}

// lease begins a Use.
func (w *parcelWorld) lease(s *parcelStep) {
	var able []*parcelScope
	for _, scope := range w.scopes {
		if len(scope.leased) > 0 {
			able = append(able, scope)
		}
	}
	if len(able) == 0 {
		return
	}
	scope := pickOf(s, able)
	h := pickOf(s, scope.leased)
	how := s.draw(5)
	l := &parcelLease{release: make(chan struct{})}
	began := false
	go func() {
		defer func() { recover() }()
		_ = h.use(func(saw []*parcel) error {
			l.saw, began = saw, true
			<-l.release
			if how == 4 {
				panic("on fire")
			}
			return nil
		})
	}()
	synctest.Wait()
	if !began {
		w.fail("Use of %v in scope %v did not begin", h.query, scope)
		return
	}
	if diff := cmp.Diff(labelsOf(w.answer(scope, h.query)), labelsOf(l.saw)); diff != "" {
		w.fail("a lease of %v in scope %v sees (-want +got):\n%s", h.query, scope, diff)
	}
	for _, p := range l.saw {
		p.leases++
	}
	w.leases = append(w.leases, l)
}

func (w *parcelWorld) release(i int) {
	l := w.leases[i]
	w.leases = slices.Delete(w.leases, i, i+1)
	close(l.release)
	for _, p := range l.saw {
		p.leases--
	}
}

// closeRegistry closes a registry and opens another of its kind.
func (w *parcelWorld) closeRegistry(name string) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r := w.registries[name]
	err := r.Close(ended)
	var e *capability.Error
	if errors.As(err, &e) && strings.Contains(err.Error(), "open scope") {
		if w.state.CloseRegistry(name) == nil {
			w.fail("Close of %v: %v, the model accepts it", r, err)
		}
		return
	}
	if faults := w.state.CloseRegistry(name); faults != nil {
		w.fail("closed %v, the model says %v", r, faults)
	}
	w.settle(true)
	synctest.Wait()
	w.drained(r, err, false)
	if err := r.Apply(storeParcels.Bind("late", new(parcel)).OnRetire(func() error { w.fail("a refused binding was retired"); return nil })); !errors.Is(err, capability.ErrClosed) {
		w.fail("a closed registry accepts: %v", err)
	}
	w.add(strings.TrimRight(name, "0123456789"))
}

// due returns what must be retired by now.
func (w *parcelWorld) due() map[*parcel]bool {
	due := make(map[*parcel]bool)
	for again := true; again; {
		again = false
		for _, p := range w.all {
			if !due[p] && w.free(p, due) {
				due[p], again = true, true
			}
		}
	}
	return due
}

// free reports whether nobody holds p, given what is retired.
func (w *parcelWorld) free(p *parcel, due map[*parcel]bool) bool {
	if !p.left || p.leases > 0 {
		return false
	}
	if !p.graced || time.Since(p.since) < p.grace {
		for s := range p.shownTo {
			if s.open {
				return false
			}
		}
	}
	for _, by := range w.all {
		if slices.Contains(by.needs, p) && !due[by] {
			return false
		}
	}
	return true
}

// check compares everything with the oracle.
func (w *parcelWorld) check() {
	synctest.Wait()
	due := w.due()
	for _, p := range w.all {
		want := 0
		if due[p] && !p.silent {
			want = 1
		}
		if got := p.calls(); got != want {
			w.fail("%s was retired %d times, want %d: %s", p, got, want, w.story(p, due))
		}
		if w.retired[p] && !due[p] {
			w.fail("the oracle takes back that %s was retired", p)
		}
	}
	w.retired = due
	for label, p := range w.bound {
		if p.calls() > 0 && !slices.Contains(w.all, p) {
			w.fail("%s, of a refused commit, was retired", label)
		}
	}
	for _, s := range w.scopes {
		for _, h := range s.plain {
			want, got := w.answer(s, h.query), h.get()
			if diff := cmp.Diff(labelsOf(want), labelsOf(got)); diff != "" || !slices.Equal(want, got) {
				w.fail("scope %v reads for %v (-want +got):\n%s", s, h.query, diff)
			}
		}
		for name, p := range s.derived {
			if want, _ := w.expected(s, name); want != p.text {
				w.fail("scope %v has the derived value %q, want %q", s, p.text, want)
			}
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range w.names() {
		w.drained(w.registries[name], w.registries[name].Drain(ended), true)
	}
}

// story says who holds p.
func (w *parcelWorld) story(p *parcel, due map[*parcel]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "left %v %v ago, grace %v %v, %d leases", p.left, time.Since(p.since), p.graced, p.grace, p.leases)
	for s := range p.shownTo {
		fmt.Fprintf(&b, ", shown to %v (open %v)", s, s.open)
	}
	for _, by := range w.all {
		if slices.Contains(by.needs, p) {
			fmt.Fprintf(&b, ", needed by %s (due %v)", by, due[by])
		}
	}
	return b.String()
}

func (p *parcel) String() string { return fmt.Sprintf("%s %s of %v", p.label, p.text, p.scope) }

func (s *parcelScope) String() string {
	if s == nil {
		return "all scopes"
	}
	return fmt.Sprint(s.id, " ", s.Scope)
}

func labelsOf(list []*parcel) []string {
	labels := []string{}
	for _, p := range list {
		labels = append(labels, p.label+" "+p.text)
	}
	return labels
}

// owned reports whether Drain of the registry waits for p.
func (p *parcel) owned(registry string) bool {
	if p.scope != nil {
		return slices.Contains(p.scope.registries, registry)
	}
	return p.owner == registry
}

// drained compares what Drain or Close of a registry, with a context that has
// ended, returns with what the oracle says is pending, and keeps errors of
// OnRetire. Of more than eight only the number is said.
func (w *parcelWorld) drained(r *capability.Registry, err error, compare bool) {
	var want, got []string
	for _, p := range w.all {
		if p.left && !p.silent && p.owned(r.Name()) && !w.retired[p] {
			scope := ""
			if p.scope != nil {
				scope = p.scope.Scope.String()
			}
			want = append(want, fmt.Sprintf("%s/%s/%s", p.capability, p.provider, scope))
		}
	}
	more := 0
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		var e *capability.Error
		switch {
		case !errors.As(err, &e):
			w.fail("Drain returns %T: %v", err, err)
		case e.Code != capability.ErrInUse:
			_, text, _ := strings.Cut(err.Error(), "cannot close ")
			w.reported[r.Name()+" "+text]++
		case strings.Contains(err.Error(), "more provider"):
			more = len(want) - 8
		default:
			if !errors.Is(err, context.Canceled) {
				w.fail("Drain does not wrap the cause: %v", err)
			}
			got = append(got, fmt.Sprintf("%s/%s/%s", e.Capability, e.Provider, e.Scope))
		}
	}
	if err != nil {
		walk(err)
	}
	if !compare {
		return
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) > 8 {
		if len(got) != 8 || more <= 0 {
			w.fail("Drain of %v names %d, and more %d, of %d", r, len(got), more, len(want))
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.fail("Drain of %v names (-want +got):\n%s", r, diff)
	}
}

// end closes everything in some order, and expects that everything is retired
// and every error was returned once.
func (w *parcelWorld) end(s *parcelStep) {
	for len(w.scopes)+len(w.leases) > 0 {
		if n := len(w.leases); n > 0 && (s.draw(2) == 0 || len(w.scopes) == 0) {
			w.release(s.draw(n))
		} else {
			w.closeScope(s.draw(len(w.scopes)))
		}
		w.check()
	}
	for _, name := range w.names() {
		err := w.registries[name].Close(context.Background())
		w.state.CloseRegistry(name)
		w.settle(true)
		w.retired = w.due()
		w.drained(w.registries[name], err, true)
	}
	w.check()
	reports := make(map[string]int)
	for _, p := range w.all {
		if !w.retired[p] {
			w.fail("%s was never retired", p)
		}
		if err := p.failure(); err != "" {
			for _, name := range w.names() {
				if p.owned(name) {
					reports[name+" "+err]++
				}
			}
		}
	}
	if diff := cmp.Diff(reports, w.reported); diff != "" {
		w.fail("errors of OnRetire, by registry (-want +got):\n%s", diff)
	}
}

// failure returns the end of the error of the parcel's OnRetire, "" if it has none.
func (p *parcel) failure() string {
	if p.silent || len(p.label)%7 != 0 {
		return ""
	}
	return p.label
}

// begin binds a few providers and composes scopes of them.
func (w *parcelWorld) begin(s *parcelStep) {
	first := w.names()
	for i, name := range first[:2] {
		for _, key := range []capability.Capability[*parcel]{storeParcels, filterParcels} {
			p := &parcel{label: fmt.Sprint("first", i, key.Name()), owner: name, capability: key.Name(), provider: parcelNames[i]}
			w.bound[p.label] = p
			w.all = append(w.all, p)
			must(w.registries[name].Apply(key.Bind(parcelNames[i], p).OnRetire(p.onRetire)))
			w.state.Commit(model.Edit{Registry: name, Changes: []model.Change{{Op: model.Bind, Capability: key.Name(), Statement: model.Statement{Name: parcelNames[i], Value: p.label}}}})
		}
	}
	for range 3 {
		w.compose(s, nil)
	}
	for range 3 * min(len(w.scopes), 1) {
		w.resolve(s)
	}
}

// run runs a case and returns what went wrong.
func (w *parcelWorld) run(steps []parcelStep) (problem string) {
	defer func() {
		if p := recover(); p != nil {
			problem = fmt.Sprint("panic: ", p)
		}
		for _, l := range w.leases {
			close(l.release)
		}
	}()
	w.begin(&steps[0])
	for i, s := range steps {
		w.step(s)
		w.check()
		if w.problem != "" {
			return fmt.Sprintf("after step %d of %d, %d: %s", i+1, len(steps), s, w.problem)
		}
	}
	w.end(&steps[0])
	return w.problem
}

// TestPromise6RetiredExactlyWhenNobodyHoldsIt commits, is refused, composes,
// resolves, leases, closes and lets time pass, and asks an oracle after each step
// what is retired and what is pending.
func TestPromise6RetiredExactlyWhenNobodyHoldsIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := parcelSteps.Draw(rt, "steps")
		problem := ""
		synctest.Test(t, func(*testing.T) { problem = newParcelWorld().run(steps) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}
