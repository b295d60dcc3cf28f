// The soak of publication: readers against committers, with scopes that come and
// go.

package stress_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/typedcap/capability"
)

// What a soak of 30 seconds has to reach, under the race detector, on two cores.
const (
	soakReads   = 50_000_000
	soakCommits = 2_000_000
)

// A counter is what one committer publishes: capabilities of its own, bound in the
// registries of its world.
type counter struct {
	*world
	quotes capability.Capability[quote]
	fees   capability.Capability[quote]
	taxes  capability.Capability[*quote]
	bills  capability.Query[bill]
	wides  int
	narrow bool // the narrower registry overrides the quote
}

// A world is registries that scopes connect. Worlds have nothing in common.
type world struct {
	engine  *capability.Registry
	regions []*capability.Registry // of the scopes that stay open
	scopes  []*capability.Scope
	opened  atomic.Int64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{engine: capability.NewRegistry(capability.Engine, "engine")}
	for _, name := range []string{"north", "south"} {
		region := capability.NewRegistry(capability.Pipeline, name)
		scope, err := capability.Compose(region, w.engine)
		if err != nil {
			tb.Fatal(err)
		}
		w.regions = append(w.regions, region)
		w.scopes = append(w.scopes, scope)
	}
	return w
}

// close ends the scopes and registries.
func (w *world) close(tb testing.TB) {
	tb.Helper()
	for _, s := range w.scopes {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	}
	for _, r := range append(w.regions, w.engine) {
		if err := r.Close(tb.Context()); err != nil {
			tb.Error(err)
		}
	}
}

var taxNames = [...]string{"city", "state", "customs"}

// errForged is what a build says of a generation that must never be seen.
var errForged = errors.New("a forged generation")

// newLane binds a counter in the world and returns what its committer and its
// readers do.
func (w *world) newLane(tb testing.TB, name string) *lane {
	tb.Helper()
	c := &counter{
		world:  w,
		quotes: capability.New[quote]("quotes-"+name, "says what a parcel costs"),
		fees:   capability.New[quote]("fees-"+name, "says what is added"),
		taxes:  capability.New[*quote]("taxes-"+name, "says what is due"),
	}
	c.bills = capability.Derive(c.build)
	changes := capability.Changes{c.quotes.Bind("list", quote{}), c.fees.Bind("list", quote{})}
	for _, tax := range taxNames {
		changes = append(changes, c.taxes.Bind(tax, new(quote)))
	}
	if err := w.engine.Apply(changes); err != nil {
		tb.Fatal(err)
	}
	l := &lane{commit: c.commit, open: c.open}
	for _, s := range w.scopes {
		v, err := c.view(s)
		if err != nil {
			tb.Fatal(err)
		}
		l.views = append(l.views, v)
	}
	return l
}

// build makes the bill. It reads two providers and a chain.
func (c *counter) build(r *capability.Resolver) (bill, error) {
	fee, err := c.fees.In(r)
	if err != nil {
		return bill{}, err
	}
	if fee.generation >= forged {
		return bill{}, errForged
	}
	taxes, err := c.taxes.All().In(r)
	if err != nil {
		return bill{}, err
	}
	b := bill{rate: fee.generation, fee: fee.again}
	for _, tax := range taxes.All() {
		if b.tax != 0 && b.tax != tax.generation {
			return bill{}, fmt.Errorf("a build meets taxes of generations %d and %d", b.tax, tax.generation)
		}
		b.tax = tax.generation
	}
	return b, nil
}

// view resolves all that is read, in one go.
func (c *counter) view(s *capability.Scope) (*view, error) {
	var one capability.Handle[quote]
	var all capability.ChainHandle[*quote]
	var derived capability.Handle[bill]
	if err := s.Resolve(c.quotes.Into(&one), c.taxes.All().Into(&all), c.bills.Into(&derived)); err != nil {
		return nil, err
	}
	return &view{
		one: one.Get,
		chain: func() iter.Seq[quote] {
			return func(yield func(quote) bool) {
				_ = capability.Each(all.Get(), func(q *quote) error { yield(*q); return nil })
			}
		},
		bill:  derived.Get,
		close: s.Close,
	}, nil
}

// open composes a scope with a registry of its own. That registry keeps all taxes
// in another order, so that the scope shares the chain with nobody from then on:
// since before the scope, since before the chain was resolved, since after it, or
// never.
func (c *counter) open() (*view, error) {
	n := c.opened.Add(1)
	guest := capability.NewRegistry(capability.Pipeline, fmt.Sprintf("guest-%d", n))
	reorder := func(turn int64) error {
		if n%4 != turn {
			return nil
		}
		return guest.Apply(c.taxes.Select("customs", "city", "state"))
	}
	if err := reorder(0); err != nil {
		return nil, err
	}
	s, err := capability.Compose(guest, c.engine)
	if err != nil {
		return nil, err
	}
	if err := reorder(1); err != nil {
		return nil, err
	}
	v, err := c.view(s)
	if err != nil {
		return nil, err
	}
	v.close = func() error {
		return errors.Join(s.Close(), guest.Close(context.Background()))
	}
	return v, reorder(2)
}

// commit publishes generation g. Every sixteenth wide commit makes the first region
// override the quote, and the next takes that back. Some commits are preceded by
// one that is refused, for a mistake in its changes or by a build.
func (c *counter) commit(g uint64, wide bool) error {
	if !wide {
		if c.narrow {
			return capability.Commit(c.engine.Stage(c.quotes.Rebind("list", quoteOf(g))), c.regions[0].Stage(c.quotes.Rebind("list", quoteOf(g))))
		}
		return c.engine.Apply(c.quotes.Rebind("list", quoteOf(g)))
	}
	c.wides++
	switch c.wides % 4 {
	case 1:
		if err := c.engine.Apply(c.quotes.Rebind("list", quoteOf(forged)), c.quotes.Mask("nobody")); !errors.Is(err, capability.ErrUnknown) {
			return fmt.Errorf("masking an unknown name returns %v", err)
		}
	case 3:
		if err := c.engine.Apply(c.quotes.Rebind("list", quoteOf(forged)), c.fees.Rebind("list", quoteOf(forged))); !errors.Is(err, errForged) {
			return fmt.Errorf("a commit that a build refuses returns %v", err)
		}
	}
	changes := capability.Changes{
		c.quotes.Rebind("list", quoteOf(g)),
		c.fees.Unbind("list"), c.fees.Bind("list", quoteOf(g)),
	}
	for _, tax := range taxNames {
		q := quoteOf(g)
		changes = append(changes, c.taxes.Rebind(tax, &q))
	}
	region := capability.Changes{c.quotes.Rebind("list", quoteOf(g))}
	if c.narrow = c.wides%16 == 0; !c.narrow {
		region = append(region, c.quotes.Unbind("list"))
	}
	return capability.Commit(c.regions[0].Stage(region), c.engine.Stage(changes))
}

// TestSoakPublication runs two worlds: one with a committer of its own and one in
// which two committers contend, the second of them in bursts.
func TestSoakPublication(t *testing.T) {
	quiet, busy := newWorld(t), newWorld(t)
	p := &publication{run: newRun(), lanes: []*lane{
		quiet.newLane(t, "quiet"),
		busy.newLane(t, "first"),
		busy.newLane(t, "second"),
	}}
	p.lanes[2].paced, p.lanes[2].distance = true, 32
	if err := p.soak(1, 1, *duration); err != nil {
		t.Error(err)
	}
	t.Logf("%d reads, %d commits, %d scopes opened and closed in %v", p.reads.Load(), p.commits.Load(), p.visits.Load(), *duration)
	atLeast(t, "reads", p.reads.Load(), share(soakReads, *duration))
	atLeast(t, "commits", p.commits.Load(), share(soakCommits, *duration))
	atLeast(t, "visits", p.visits.Load(), share(300, *duration))
	quiet.close(t)
	busy.close(t)
}
