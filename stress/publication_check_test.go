// What readers and committers of published generations check.

package stress_test

import (
	"iter"
	"runtime"
	"sync/atomic"
	"time"
)

// A quote is what is published: a generation, twice, in plain memory. The race
// detector sees a reader that is not ordered after the commit, and the second
// number a reader that gets half a quote.
type quote struct{ generation, again uint64 }

func quoteOf(g uint64) quote { return quote{g, g} }

// A bill is a derived value: the generations of all that its build read.
type bill struct{ rate, fee, tax uint64 }

// forged is the least generation that no accepted commit publishes.
const forged = 1 << 40

// A view is how one scope sees a lane.
type view struct {
	one   func() quote           // changed by each commit
	chain func() iter.Seq[quote] // a dispatch; changed by wide commits
	bill  func() bill            // derived; changed by wide commits
	close func() error
}

// A lane is what one committer publishes. Its generations count from 1.
type lane struct {
	// commit publishes generation g: a wide one everywhere, a narrow one only as
	// the one quote. Before it, a commit of a forged generation may be tried
	// that must be refused.
	commit func(g uint64, wide bool) error
	views  []*view
	open   func() (*view, error) // a view of a new scope

	_        [64]byte
	narrow   atomic.Uint64 // the greatest generation whose commit returned
	wide     atomic.Uint64 // the same of wide commits
	_        [48]byte
	distance uint64 // how many commits there are to a wide one
	paced    bool   // the committer pauses after each wide commit
}

// pace is the time between two visits, and between bursts of a paced committer.
const pace = 2 * time.Millisecond

// readsPerCommit is how far readers run ahead of the committers before they leave
// them the processor.
const readsPerCommit = 26

// A seen is the last of what a goroutine read through a view.
type seen struct{ one, chain, bill uint64 }

// A publication is a soak of readers and committers.
type publication struct {
	*run
	lanes   []*lane
	reads   atomic.Int64
	commits atomic.Int64
	visits  atomic.Int64 // scopes opened and closed
}

// readOne reads the one quote n times. floor is a generation whose commit
// returned before the first read began. The loop keeps all but the quote in
// local variables, which the race detector need not look at.
func (p *publication) readOne(v *view, s *seen, floor uint64, n int) {
	get, last := v.one, max(s.one, floor)
	for range n {
		q := get()
		if q.generation < last || q.generation != q.again || q.generation >= forged {
			p.judge(q, s.one, last)
		}
		last = q.generation
	}
	s.one = last
}

// judge says what is wrong with a quote, given the greatest generation that was
// read before the last reads, and the least that may be read.
func (p *publication) judge(q quote, before, least uint64) {
	switch g := q.generation; {
	case g != q.again:
		p.fail("a quote is half of generation %d, half of %d", g, q.again)
	case g >= forged:
		p.fail("a refused commit is seen")
	case g < before:
		p.fail("a handle went back from generation %d to %d", before, g)
	default:
		p.fail("a handle reads generation %d after the commit or a read of %d returned", g, least)
	}
}

// readChain dispatches over the chain, and returns how many providers it called.
func (p *publication) readChain(v *view, s *seen, floor uint64) (n int) {
	var first uint64
	for q := range v.chain() {
		switch g := q.generation; {
		case n > 0 && g != first:
			p.fail("a dispatch meets generations %d and %d", first, g)
		case g != q.again:
			p.fail("a quote is half of generation %d, half of %d", g, q.again)
		case g >= forged:
			p.fail("a refused commit is seen in a chain")
		case g < s.chain:
			p.fail("a chain went back from generation %d to %d", s.chain, g)
		case g < floor:
			p.fail("a chain is of generation %d after the commit of %d returned", g, floor)
		default:
			first = g
		}
		n++
	}
	s.chain = first
	if n == 0 {
		p.fail("a dispatch meets an empty chain")
	}
	return n
}

// readBill reads the derived value.
func (p *publication) readBill(v *view, s *seen, floor uint64) {
	b := v.bill()
	switch g := b.rate; {
	case g != b.fee || g != b.tax:
		p.fail("a derived value mixes generations: %+v", b)
	case g >= forged:
		p.fail("a refused commit is seen in a derived value")
	case g < s.bill:
		p.fail("a derived value went back from generation %d to %d", s.bill, g)
	case g < floor:
		p.fail("a derived value is of generation %d after the commit of %d returned", g, floor)
	default:
		s.bill = g
	}
}

// readAll reads everything once.
func (p *publication) readAll(v *view, s *seen, narrow, wide uint64) {
	p.readOne(v, s, narrow, 1)
	p.readChain(v, s, wide)
	p.readBill(v, s, wide)
}

// read reads all views of all lanes until the run ends. It asks only now and then
// which commits have returned, so that most reads are not ordered by anything but
// what they read.
func (p *publication) read() {
	last := make([][]seen, len(p.lanes))
	for i, l := range p.lanes {
		last[i] = make([]seen, len(l.views))
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for !p.ended.Load() {
		n := int64(0)
		for i, l := range p.lanes {
			wide, narrow := l.wide.Load(), l.narrow.Load()
			for j, v := range l.views {
				s := &last[i][j]
				p.readOne(v, s, narrow, 64)
				n += 64 + int64(p.readChain(v, s, wide)) + 1
				p.readBill(v, s, wide)
			}
		}
		for p.reads.Add(n) > readsPerCommit*p.commits.Load() && !p.ended.Load() {
			<-tick.C
			n = 0
		}
	}
}

// commit publishes generations until the run ends, and reads each through all
// views.
func (p *publication) commit(l *lane) {
	last := make([]seen, len(l.views))
	lastWide := uint64(0)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for g := l.narrow.Load() + 1; !p.ended.Load(); g++ {
		wide := g%l.distance == 0
		if err := l.commit(g, wide); err != nil {
			p.fail("commit of generation %d: %w", g, err)
			return
		}
		if wide {
			lastWide = g
			l.wide.Store(g)
		}
		l.narrow.Store(g)
		for i, v := range l.views {
			p.readOne(v, &last[i], g, 1)
			if wide {
				p.readChain(v, &last[i], lastWide)
				p.readBill(v, &last[i], lastWide)
			}
		}
		if wide {
			p.commits.Add(int64(l.distance))
			p.reads.Add(int64(l.distance) * int64(len(l.views)))
			if l.paced {
				<-tick.C
			}
		}
	}
}

// visit opens and closes scopes until the run ends. What a scope shows must not
// be older than what was committed before it was opened, and what its handles
// show must not go back when it is closed.
func (p *publication) visit() {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 0; !p.ended.Load(); i++ {
		l := p.lanes[i%len(p.lanes)]
		wide, narrow := l.wide.Load(), l.narrow.Load()
		v, err := l.open()
		if err != nil {
			p.fail("a scope could not be opened: %w", err)
			return
		}
		var s seen
		p.readAll(v, &s, narrow, wide)
		runtime.Gosched()
		wide, narrow = l.wide.Load(), l.narrow.Load()
		p.readAll(v, &s, narrow, wide)
		if err := v.close(); err != nil {
			p.fail("a scope could not be closed: %w", err)
			return
		}
		p.readAll(v, &s, narrow, wide)
		p.visits.Add(1)
		for range 4 { // a visit costs as much as many commits
			<-tick.C
		}
	}
}

// soak runs a committer for each lane, so many readers and so many visitors.
func (p *publication) soak(readers, visitors int, d time.Duration) error {
	for _, l := range p.lanes {
		if l.distance == 0 {
			l.distance = 256
		}
		// The first generation is wide, so that all views agree.
		if err := l.commit(1, true); err != nil {
			return err
		}
		l.narrow.Store(1)
		l.wide.Store(1)
	}
	for range readers {
		p.group.Go(p.read)
	}
	for range visitors {
		p.group.Go(p.visit)
	}
	for _, l := range p.lanes {
		p.group.Go(func() { p.commit(l) })
	}
	return p.wait(d)
}
