// Sessions: the builds and makers that one commit or one Resolve runs.

package capability

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
)

// A session runs builds and makers. All of them come before the commit or
// Resolve shows anything, on a goroutine of the library, so that one that ends its
// goroutine does not end the caller's. What one build needs of another is built
// first, whoever asks first.
type session struct {
	locked held // the lock under which it runs
	commit bool
	asks   asking // of the Resolve
	todo   []settler
	stack  []*product          // what is being built, the outermost first
	exited *product            // whose build, or one that it read, is ending the goroutine
	made   []*product          // what was, in that order
	fresh  map[making]producer // what there was nothing of before
	names  map[naming]*key     // of what was read for the first time
	loose  []*product          // that somebody read before and does not any more
	spare  []Resolver
	idle   []*reading
}

// settler is what a session has to compute: a product, or a cell with an answer
// of its own.
type settler interface {
	settle(s *session) error
	// verdict returns why what was settled must not be published, or nil. err
	// is what settle returned.
	verdict(err error) error
}

// making is a scope and of what it has one product: a derivation or a provider
// with a maker.
type making struct {
	scope *Scope
	of    any
}

// naming is a scope and the name of a capability.
type naming struct {
	scope *Scope
	name  string
}

// A product is what a build or maker makes for one scope.
type product struct {
	is    producer
	scope *Scope
	key   *key // of a maker
	name  resourceName
	taps  []*product // what is built of it
	now   outcome
	next  outcome
	in    *session // that makes next
	phase progress
	shown bool // now is there
}

// producer is what makes a product: a node or an instance.
type producer interface {
	settler
	// build calls what the user gave and keeps what it returns.
	build(r *Resolver) error
	open() // puts it down in its scope
	publish()
	discard()
	// resolved reports whether there are handles, and plain ones.
	resolved() (any, plain bool)
	resolvedAt() []site
	close()
	base() *product
}

// outcome is what came of a build.
type outcome struct {
	err    error
	reads  []read
	res    *resource // nil if there is nothing to retire
	strict bool      // it can only be leased
}

// progress is how far a product is in a session.
type progress string

const (
	phaseStale    progress = "stale"    // something that it read will change
	phaseBuilding progress = "building" // its build runs
	phaseBuilt    progress = "built"
)

func (p *product) base() *product { return p }

// add puts work on the list.
func (s *session) add(w settler) { s.todo = append(s.todo, w) }

// keep notes a product that there was nothing of before.
func (s *session) keep(at making, p producer) {
	if s.fresh == nil {
		s.fresh = make(map[making]producer)
	}
	s.fresh[at] = p
}

// touch notes that the products, and what was built of them, have to be built
// anew.
func (s *session) touch(list []*product) {
	for i := len(s.todo); ; i++ {
		for _, p := range list {
			if p.in != s && p.key == nil {
				p.in, p.phase = s, phaseStale
				s.add(p.is)
			}
		}
		if i == len(s.todo) {
			return
		}
		list = s.todo[i].(producer).base().taps
	}
}

// rival returns a key of the same name as k that the scope has, or that a build
// of this session has read there for the first time.
func (s *session) rival(scope *Scope, k *key) *key {
	if other := scope.rival(k, s.asks); other != nil {
		return other
	}
	at := naming{scope, k.name}
	if other := s.names[at]; other != nil && other != k {
		return other
	}
	if s.names == nil {
		s.names = make(map[naming]*key)
	}
	s.names[at] = k
	return nil
}

// run does the work on the list and reports what must not be published.
func (s *session) run(refuse func(w settler, err error)) {
	if len(s.todo) == 0 {
		return
	}
	errs := make(map[int]error)
	s.made = make([]*product, 0, len(s.todo))
	finished := make(chan struct{})
	t := &turn{
		n:     len(s.todo),
		begin: func() { s.locked.building(goroutine()) },
		task:  func(i int) error { return s.todo[i].settle(s) },
		done: func(i int, err error) {
			if err == errExited && s.exited != nil {
				err, s.exited = s.exited.next.err, nil
			}
			if err != nil {
				errs[i] = err
			}
		},
		finished: func() { close(finished) },
	}
	t.start()
	<-finished
	s.locked.building(0)
	for i, w := range s.todo {
		if err := w.verdict(errs[i]); err != nil {
			refuse(w, err)
		}
	}
}

// settle builds p unless that was done.
func (p *product) settle(s *session) error {
	switch {
	case p.in != s || s == nil:
		if p.shown && (p.now.err == nil || p.missed(s)) {
			return p.now.err
		}
	case p.phase == phaseBuilding:
		return s.cycle(p)
	case p.phase == phaseBuilt:
		return p.next.err
	}
	p.in, p.phase = s, phaseBuilding
	s.stack = append(s.stack, p)
	p.run(s.resolver(p))
	return p.next.err
}

// missed reports whether a value that s leaves as it is was made without p, which has
// failed: who else reads p must do without it too.
func (p *product) missed(s *session) bool {
	return slices.ContainsFunc(p.taps, func(by *product) bool { return by.key == nil && by.in != s && by.now.err == nil })
}

// resolver returns a resolver that nobody has used. They are made some at a time,
// because thousands of builds may run in one commit.
func (s *session) resolver(p *product) *Resolver {
	if len(s.spare) == 0 {
		s.spare = make([]Resolver, min(64, 1+len(s.made)))
	}
	r := &s.spare[0]
	s.spare = s.spare[1:]
	if last := len(s.idle) - 1; last >= 0 {
		r.reading, s.idle = s.idle[last], s.idle[:last]
	} else {
		r.reading = new(reading)
	}
	*r.reading = reading{session: s, of: p, needs: r.reading.needs[:0]}
	return r
}

// run calls the build and puts down what came of it, even if the build ends the
// goroutine. Those that read it end with it, and their error is its error.
func (p *product) run(r *Resolver) {
	s, err, returned := r.reading.session, errExited, false
	defer func() {
		v := recover()
		switch inner := s.exited; {
		case v != nil:
			err = &PanicError{v, debug.Stack()}
		case !returned && inner != nil:
			if err = inner.next.err; inner.key == nil {
				r.reading.below = err
			}
		}
		p.built(r.reading, err)
		r.reading = nil
		if v == nil && !returned {
			s.exited = p
		}
	}()
	err = p.is.build(r)
	returned = true
}

// built puts down what came of a build.
func (p *product) built(r *reading, err error) {
	s := r.session
	p.next, p.phase = outcome{err: errExited}, phaseBuilt // if a method of err does not return
	s.idle = append(s.idle, r)
	s.stack = s.stack[:len(s.stack)-1]
	s.made = append(s.made, p)
	if r.wrong != nil {
		err = r.wrong
	}
	out := outcome{strict: r.strict}
	if out.reads = p.now.reads[:r.same]; r.changed {
		out.reads = r.reads
	}
	if p.key != nil { // a maker is not called again, but keeps what is derived
		out.reads = slices.DeleteFunc(out.reads, func(r read) bool { return r.on == nil })
	}
	needs, last := distinct(r.needs), p.now.res
	switch {
	case err == nil && len(r.funcs) == 0 && last != nil && len(last.funcs) == 0 && slices.Equal(last.needs, needs):
		out.res = last // what is held is the same
	case len(r.funcs) > 0 || len(needs) > 0 && err == nil:
		out.res = newResource(p.name, r.funcs, needs)
	}
	if err != nil {
		out.err = p.failed(s, r, err)
		if out.res != nil {
			out.res.leave(p.scope.registries...)
			out.res = nil
		}
	}
	p.next, p.phase = out, phaseBuilt
}

// distinct returns the resources, each once.
func distinct(list []*resource) []*resource {
	if len(list) < 2 {
		return list
	}
	mark := new(byte) // differs from all other marks
	return slices.DeleteFunc(list, func(r *resource) bool {
		again := r.mark == any(mark)
		r.mark = mark
		return again
	})
}

// failed returns the error of a build.
func (p *product) failed(s *session, r *reading, err error) error {
	e := &Error{Capability: p.name.capability, Provider: p.name.provider, Scope: p.scope.String()}
	e.Code, e.Priority = codeOf(err)
	what := "the build of Derive"
	if p.key != nil {
		what = "the maker bound"
	}
	switch {
	case isCycle(err), err == r.below:
		return err // it says enough
	case s.commit && r.lost:
		loss := "would take away what %s at %v needs"
		if e.Code == ErrAmbiguous {
			loss = "would leave several candidates for what %s at %v needs"
		}
		e.Code = ErrInUse
		e.Err = wrap(err, "the change "+loss+", close the scope first or Rebind instead", what, p.name.site)
	case s.commit:
		e.Err = wrap(err, "the change is refused, because %s at %v failed", what, p.name.site)
	default:
		e.Err = wrap(err, "%s at %v failed", what, p.name.site)
	}
	return e
}

// isCycle reports whether err is itself what [session.cycle] returned.
func isCycle(err error) bool {
	e, ok := err.(*Error)
	return ok && e != nil && e.Code == ErrCycle
}

// cycle says who waits for whom.
func (s *session) cycle(p *product) error {
	const budget = 290 // bytes: with names around it the error stays below 600
	round := s.stack[slices.Index(s.stack, p):]
	var b strings.Builder
	for i, q := range round {
		text := "Derive at " + q.name.site.short()
		if q.key != nil {
			text = fmt.Sprintf("%s of %s at %s", quote(cut(q.name.provider, 30)), cut(q.name.capability, 30), q.name.site.short())
		}
		if b.Len()+len(text) > budget {
			fmt.Fprintf(&b, "%d more, ", len(round)-i)
			break
		}
		b.WriteString(text + ", ")
	}
	return &Error{Code: ErrCycle, Capability: cut(p.name.capability, 60), Provider: cut(p.name.provider, 60), Scope: cut(p.scope.String(), 60), Err: report(
		"builds read each other: %sand the first again: let one of them do without", b.String())}
}

// verdict returns why what was built must not be published.
func (p *product) verdict(error) error {
	any, plain := p.is.resolved()
	switch out := p.latest(); {
	case !any:
		return nil // those who read it have decided what it means to them
	case out.err != nil:
		return out.err
	case out.strict && plain:
		return strictError(nil, p.scope, p.is.resolvedAt()...)
	}
	return nil
}

// latest returns what came of the last build.
func (p *product) latest() *outcome {
	if p.in != nil && p.phase == phaseBuilt {
		return &p.next
	}
	return &p.now
}

// publish shows what was made, and taps what it was made of. Nothing in it can
// fail.
func (s *session) publish() {
	for _, p := range s.made {
		was := p.now
		p.now, p.next, p.in = p.next, outcome{}, nil
		if p.key != nil && p.now.err != nil {
			continue // an instance that was not made
		}
		if !p.shown {
			p.shown = true
			p.is.open()
		}
		p.is.publish()
		s.retap(p, was.reads)
		if was.res != nil && was.res != p.now.res {
			was.res.leave(p.scope.registries...)
		}
	}
}

// sweep closes what was built for nobody who stays.
func (s *session) sweep() {
	for _, p := range slices.Concat(s.made, s.loose) {
		p.closeUnused()
	}
}

// discard retires what was made, and forgets it, the last first.
func (s *session) discard() {
	for _, p := range slices.Backward(s.made) {
		p.is.discard()
		if res := p.next.res; res != nil && res != p.now.res {
			res.leave(p.scope.registries...)
		}
		p.next, p.in = outcome{}, nil
	}
}

// retap makes p tap what it read, and no more what it read before only.
func (s *session) retap(p *product, was []read) {
	now := p.now.reads
	if len(now) == len(was) && (len(now) == 0 || &now[0] == &was[0]) {
		return
	}
	kept := make(map[tappable]bool, len(now))
	for i := range now {
		r := &now[i]
		if r.on == nil {
			r.on = p.scope.cell(r.question)
		}
		r.on.tap(p)
		kept[r.on] = true
	}
	for _, r := range was {
		if !kept[r.on] {
			r.on.untap(p)
			if n, ok := r.on.(*node); ok {
				s.loose = append(s.loose, &n.product) // others may have begun to read it
			}
		}
	}
}

func (p *product) tap(by *product) {
	if !slices.Contains(p.taps, by) {
		p.taps = append(p.taps, by)
	}
}

func (p *product) untap(by *product) {
	p.taps = slices.DeleteFunc(p.taps, func(q *product) bool { return q == by })
}

// closeUnused closes a derived value that nobody resolved or reads.
func (p *product) closeUnused() {
	any, _ := p.is.resolved()
	if p.key != nil || !p.shown || any || len(p.taps) > 0 {
		return
	}
	p.is.close()
	p.untapAll()
	p.leave()
}

// untapAll makes p tap nothing.
func (p *product) untapAll() {
	for _, r := range p.now.reads {
		r.on.untap(p)
		if n, ok := r.on.(*node); ok {
			n.closeUnused()
		}
	}
}

// leave gives up what the product made.
func (p *product) leave() {
	if res := p.now.res; res != nil {
		res.leave(p.scope.registries...)
	}
}

func (c *core) tap(by *product) {
	m := c.extra()
	if slices.Contains(m.taps, by) {
		return
	}
	if len(m.taps) == 0 {
		c.in.tapped++
	}
	m.taps = append(m.taps, by)
}

func (c *core) untap(by *product) {
	m := c.more
	i := slices.Index(m.taps, by)
	if i < 0 {
		return // a build that reads it twice taps it once
	}
	m.taps = slices.Delete(m.taps, i, i+1)
	if len(m.taps) > 0 {
		return
	}
	c.in.tapped--
	if c.site == 0 {
		c.scope.forget(c.in.ask.key, c.in.ask.pick)
	}
}

// closeProducts closes what was built and made for the scope.
func (s *Scope) closeProducts() {
	nodes := slices.Collect(maps.Values(s.nodes))
	for _, n := range nodes {
		n.close()
	}
	for _, r := range s.keeps.list {
		r.hide(1)
	}
	for _, n := range nodes {
		n.base().leave()
	}
	for _, i := range slices.Collect(maps.Values(s.instances)) {
		i.close()
	}
	s.keeps.list, s.nodes = nil, nil
}
