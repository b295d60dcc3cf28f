// Instances: what makers of BindPerScope make for one scope, and the answers of
// cells that have instances in them.

package capability

import "slices"

// An instance is what a maker of BindPerScope made for a scope.
type instance struct {
	product
	of       *provider // with the maker
	provider *provider // the same with the value
	value    any       // a *T
}

// A maker is the second half of BindPerScope. made is guarded by the domain of
// the registry that binds it.
type maker struct {
	make func(*Resolver) (any, error)
	made map[*Scope]*instance
}

// instance returns what the maker of p makes for the scope. Without a session it
// returns only what was made before.
func (s *session) instance(scope *Scope, k *key, p *provider) (*instance, error) {
	inst := scope.instances[p]
	if inst == nil && s == nil {
		return nil, ErrNotProvided
	}
	if inst == nil {
		at := making{scope, p}
		if made, ok := s.fresh[at]; ok {
			inst = made.(*instance)
		} else {
			inst = &instance{of: p}
			inst.product = product{is: inst, scope: scope, key: k, name: resourceName{k.name, p.name, p.site, scope}}
			s.keep(at, inst)
		}
	}
	if err := inst.settle(s); err != nil {
		return nil, err
	}
	if inst.provider == nil {
		out := inst.latest()
		is := *p
		is.maker, is.value, is.res, is.strict = nil, inst.value, out.res, out.strict
		if is.res != nil {
			is.res.grace, is.res.graced = p.grace, p.graced
		}
		inst.provider = &is
	}
	return inst, nil
}

func (i *instance) build(r *Resolver) error {
	v, err := i.of.maker.make(r)
	i.value = v
	return err
}

func (i *instance) open() {
	if i.scope.instances == nil {
		i.scope.instances = make(map[*provider]*instance)
	}
	i.scope.instances[i.of] = i
	if i.of.maker.made == nil {
		i.of.maker.made = make(map[*Scope]*instance)
	}
	i.of.maker.made[i.scope] = i
}

func (i *instance) publish() {}

func (i *instance) discard() {}

func (i *instance) resolved() (any, plain bool) { return false, false }

func (i *instance) resolvedAt() []site { return nil }

// close ends the instance: its binding was withdrawn or its scope closed.
func (i *instance) close() {
	delete(i.scope.instances, i.of)
	delete(i.of.maker.made, i.scope)
	i.untapAll()
	i.leave()
}

// view returns what the product sees of k: all of it, but of the capability that
// it provides itself only what broader registries say.
func (p *product) view(k *key) (*merged, error) {
	if p.key != k {
		return p.scope.place.look(k)
	}
	at := p.scope.place
	for {
		l := at.reg.layers[k.name]
		own := l != nil && l.key == k && l.get(p.name.provider) == p.is.(*instance).of
		if own {
			break
		}
		at = at.up
	}
	if at.up == nil {
		return &merged{key: k, where: at}, nil
	}
	return at.up.look(k)
}

// ownAnswer returns what a comes to in scope, given the seats of its answer for
// all: those with makers get the instances of the scope.
func ownAnswer(s *session, scope *Scope, a question, seats []seat) (answer, error) {
	m := &merged{key: a.key, where: scope.place, seats: slices.Clone(seats)}
	for i := range m.seats {
		own := &m.seats[i]
		own.from = m
		if own.maker == nil {
			continue
		}
		inst, err := s.instance(scope, m.key, own.provider)
		if err != nil {
			return answer{}, err
		}
		own.provider = inst.provider
	}
	ans := answer{value: a.answer(m, m.seats), seats: m.seats}
	ans.note()
	return ans, nil
}

// Cells of which each has an answer of its own, because the scope has instances
// of its own.

// current returns the answer that the cell will show after the session.
func (c *core) current(s *session) (*answer, error) {
	a := c.in
	now := &a.now
	if a.staged {
		now = &a.next
	}
	switch {
	case now.code != "":
		m, err := c.scope.place.look(a.ask.key)
		if err == nil {
			_, err = a.ask.seats(m)
		}
		return now, err
	case !now.own:
		return now, nil
	case !a.staged && c.extra().now.value != nil:
		return &c.more.now, nil
	case !a.staged: // a maker failed, and only a build read it
		own, err := ownAnswer(s, c.scope, a.ask, now.seats)
		return &own, err
	}
	err := c.settle(s)
	return &c.more.next, err
}

// settle computes the cell's own answer.
func (c *core) settle(s *session) error {
	m := c.extra()
	if m.in == s {
		return nil
	}
	next, err := ownAnswer(s, c.scope, c.in.ask, c.in.next.seats)
	if err == nil {
		m.next, m.in = next, s
	}
	return err
}

// verdict returns why the answer that was settled must not be published.
func (c *core) verdict(err error) error {
	if err == nil && c.more.next.strict && c.joined != 0 {
		return strictError(c.in.ask.key, c.scope, c.resolvedAt()...)
	}
	return err
}

// publishOwn makes the cell show the answer that was settled. A cell that only
// builds read has none if they did not this time, or if a maker failed.
func (c *core) publishOwn() {
	m := c.extra()
	if m.in == nil { // no handle was resolved, so nobody reads it
		m.now = answer{}
		c.face.clear()
		return
	}
	m.now, m.next, m.in = m.next, answer{}, nil
	c.face.show(m.now.value, m.now.held)
	c.keep(m.now.held)
}

// keep notes that plain handles of the cell may hand out what was made for its
// scope alone.
func (c *core) keep(held []*resource) {
	if c.joined == 0 {
		return
	}
	for _, r := range held {
		if r.name.scope == c.scope && !slices.Contains(r.shown.list, exposure(c)) {
			r.show(1)
			r.shown.add(c)
			c.scope.keeps.add(r)
		}
	}
}
