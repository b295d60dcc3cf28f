// Audiences: those who read the same answer, and what they may have got.

package capability

import "slices"

// An answer is what a query comes to in a view. It never changes.
type answer struct {
	value  any         // where it is: a *V; nil if there is none, or if each scope has its own
	seats  []seat      // the providers in it, those of own answers made for the scope
	held   []*resource // what is in it that will have to be retired
	strict bool        // a maker of it read what may only be leased
	own    bool        // each scope has its own, because it has its own instances
	code   Code        // why there is none
}

// answerTo returns what a comes to in the view m, and an error if that is
// nothing.
func answerTo(a question, m *merged) (answer, error) {
	seats, err := a.seats(m)
	if err != nil {
		return answer{code: err.(*Error).Code}, err // as find returns it
	}
	ans := answer{seats: seats}
	for i := range seats {
		if ans.own = seats[i].maker != nil; ans.own {
			return ans, nil
		}
	}
	ans.value = a.answer(m, seats)
	ans.note()
	return ans, nil
}

// note fills in what follows from the seats.
func (a *answer) note() {
	for i := range a.seats {
		s := &a.seats[i]
		if s.res != nil {
			a.held = append(a.held, s.res)
		}
		a.strict = a.strict || s.strict
	}
}

// same reports whether a reader cannot tell the answers apart.
func (a *answer) same(b *answer) bool {
	return a.code == b.code && slices.EqualFunc(a.seats, b.seats, func(a, b seat) bool { return a.provider == b.provider })
}

// An audience is all the cells that read the same answer: those of one query in
// the scopes that hang on one slot. It computes the answer once for all, unless
// each has its own.
type audience struct {
	ask    question
	now    answer // what the cells show
	next   answer // what the running commit will make them show
	staged bool   // the running commit will
	cells  []*core
	plains int // how many of them have a plain handle
	tapped int // how many of them a build read

	// past is what plain handles of the cells may have handed out and the cells
	// show no more, in the order of seq. A cell may have handed out those of seq
	// joined and greater.
	past []passed
	kept int    // how long past was when it was last looked through
	seq  uint64 // of the last in past
}

// passed is a resource that cells of an audience have shown.
type passed struct {
	res   *resource
	seq   uint64
	cells int // how many of them are open
}

// stage computes the answer that [audience.publish] will store, and returns why
// there is none if a handle would be left without.
func (a *audience) stage(m *merged) error {
	next, err := answerTo(a.ask, m)
	if a.staged = !next.same(&a.now); a.staged {
		a.next = next
	}
	if err == nil || !a.staged || !a.resolved() {
		return nil
	}
	return err
}

// resolved reports whether anybody resolved a handle, as opposed to builds that
// read it.
func (a *audience) resolved() bool {
	return slices.ContainsFunc(a.cells, func(c *core) bool { return c.site != 0 })
}

// disturb notes in s what has to be built anew because the staged answer is
// another.
func (a *audience) disturb(s *session) {
	if !a.staged || !a.next.own && a.tapped == 0 {
		return
	}
	s.todo = slices.Grow(s.todo, len(a.cells))
	for _, c := range a.cells {
		if a.next.own && c.site != 0 {
			s.add(c)
		}
		if c.more != nil {
			s.touch(c.more.taps)
		}
	}
}

// discard forgets the staged answer.
func (a *audience) discard() {
	if a.next.own {
		for _, c := range a.cells {
			c.extra().next, c.more.in = answer{}, nil
		}
	}
	a.staged, a.next = false, answer{}
}

// publish stores the staged answer into all cells: one pass of stores.
func (a *audience) publish() {
	if !a.staged {
		return
	}
	was := a.now
	a.now, a.next, a.staged = a.next, answer{}, false
	a.pass(was.seats, a.now.seats)
	if a.now.own {
		for _, c := range a.cells {
			c.publishOwn()
		}
		return
	}
	if was.own {
		for _, c := range a.cells {
			c.extra().now = answer{}
		}
	}
	if a.now.value != nil {
		a.cells[0].face.showAll(a.cells, a.now.value, a.now.held)
		return
	}
	for _, c := range a.cells {
		c.face.clear()
	}
}

// pass notes what the cells show no more.
func (a *audience) pass(was, is []seat) {
	if a.plains == 0 || !retirable(was) {
		return
	}
	mark := new(byte) // differs from all other marks
	for i := range is {
		if r := is[i].res; r != nil {
			r.mark = mark
		}
	}
	for i := range was {
		r := was[i].res
		if r == nil || r.mark == any(mark) {
			continue
		}
		if len(a.past) > 2*a.kept+16 {
			a.past = slices.DeleteFunc(a.past, func(p passed) bool { return p.cells == 0 || p.res.gone() })
			a.kept = len(a.past)
		}
		if slices.Contains(r.shown.list, exposure(a)) {
			// It came back and goes again: the new entry is for all open cells
			// that the old one is for.
			if i := slices.IndexFunc(a.past, func(p passed) bool { return p.res == r }); i >= 0 {
				r.plain -= a.past[i].cells
				a.past = slices.Delete(a.past, i, i+1)
			}
		} else {
			r.shown.add(a)
		}
		a.seq++
		a.past = append(a.past, passed{r, a.seq, a.plains})
		r.show(a.plains)
	}
}

// retirable reports whether any of the seats has to be retired.
func retirable(seats []seat) bool {
	for i := range seats {
		if seats[i].res != nil {
			return true
		}
	}
	return false
}

// showers returns whose plain handles may have handed r out.
func (a *audience) showers(r *resource) []reader {
	var all []reader
	for _, p := range a.past {
		if p.res != r || p.cells == 0 {
			continue
		}
		for _, c := range a.cells {
			if c.joined != 0 && c.joined <= p.seq {
				all = append(all, c.readers()...)
			}
		}
	}
	return all
}

// gone reports whether no cell is left.
func (a *audience) gone() bool { return len(a.cells) == 0 }

// add makes c read from a.
func (a *audience) add(c *core) {
	c.in, c.pos = a, int32(len(a.cells))
	a.cells = append(a.cells, c)
	a.count(c, 1)
}

// drop makes c read from a no more.
func (a *audience) drop(c *core) {
	last := len(a.cells) - 1
	a.cells[c.pos] = a.cells[last]
	a.cells[c.pos].pos = c.pos
	a.cells[last] = nil
	a.cells = a.cells[:last]
	a.count(c, -1)
	c.in, c.pos = nil, 0
}

// count keeps the numbers of kinds of cells.
func (a *audience) count(c *core, by int) {
	if c.joined != 0 {
		a.plains += by
	}
	if c.more != nil && len(c.more.taps) > 0 {
		a.tapped += by
	}
}

// size returns the number of cells.
func (a *audience) size() int { return len(a.cells) }

// readers returns who resolved what a answers, for an error text.
func (a *audience) readers() []reader {
	var all []reader
	for _, c := range a.cells {
		all = append(all, c.readers()...)
	}
	return all
}

// move hangs c on another slot. Its value stays what it is: the next commit
// that changes the slot stores a new one.
func (c *core) move(from, to *slot) {
	was := c.in
	pick := was.ask.pick
	in := to.audiences.get(pick)
	if in == nil {
		in = &audience{ask: was.ask, now: was.now, past: slices.Clone(was.past), seq: was.seq}
		for i := range in.past {
			in.past[i].cells = 0
			in.past[i].res.shown.add(in)
		}
		to.audiences.set(pick, in)
	}
	if c.joined != 0 {
		for i := range in.past { // which is as long as was.past until the next commit
			if in.past[i].seq >= c.joined {
				was.past[i].cells--
				in.past[i].cells++
			}
		}
	}
	was.drop(c)
	from.lost(pick)
	in.add(c)
}

// leave takes c out of its slot, for the close of its scope or because nobody
// reads it any more.
func (c *core) leave(from *slot) {
	was := c.in
	c.close()
	for i := len(was.past) - 1; c.joined != 0 && i >= 0 && was.past[i].seq >= c.joined; i-- {
		was.past[i].cells--
		was.past[i].res.hide(1)
	}
	was.drop(c)
	from.lost(was.ask.pick)
}

// showers returns whose plain handles may have handed r out.
func (c *core) showers(*resource) []reader {
	if c.gone() {
		return nil
	}
	return c.readers()
}

// gone reports whether the scope is closed.
func (c *core) gone() bool { return c.scope == nil }
