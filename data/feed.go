// Feeds: the sources that a scope sees, running.

package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/typedcap/capability"
)

// Options are what may be different in a [Feed]. The zero value is the default.
type Options struct {
	// Backoff returns how long a source pauses that has returned from Run so many
	// times in turn, 1 the first time. The count begins anew when Run has lasted
	// longer than the last pause, and with a Reload. A pause is at least a millisecond and at most an
	// hour. Nil stands for 100 ms, doubled each time, up to 10 s.
	Backoff func(returns int) time.Duration

	// MaxSize is the size of files, in bytes, up to which File and FS read them; 0
	// stands for the constant MaxSize.
	MaxSize int64

	// StopTimeout is how long Close waits for sources to return; 0 stands for 10 s.
	StopTimeout time.Duration
}

func (o Options) pause(returns int) time.Duration {
	d := 10 * time.Second
	if returns < 8 {
		d = 50 * time.Millisecond << returns
	}
	if o.Backoff != nil {
		d = o.Backoff(returns)
	}
	return min(max(d, time.Millisecond), time.Hour)
}

// A Feed is sources that run, and the table of what they have published. Any number of
// goroutines may use it.
type Feed[K cmp.Ordered, V any] struct {
	sources capability.Capability[Source[K, V]]
	options Options
	table   capability.Handle[*Table[K, V]]
	show    func(*Table[K, V])
	ctx     context.Context // of the sources
	cancel  context.CancelFunc
	work    sync.WaitGroup // all goroutines of the feed

	mu      sync.Mutex
	scope   *capability.Scope // its own
	chain   capability.Chain[Source[K, V]]
	running []*runner[K, V] // of the chain, in its order
	now     *Table[K, V]    // of what they have published; what is shown, but for opening
	opening bool            // no table is shown yet
	closed  chan struct{}   // nil until somebody closes the feed
	failure error           // of closing it
}

// Open runs the sources of the capability that the scope sees, and follows their chain: one that
// is bound later is run then, one that is unbound is stopped and its data go, one that
// is replaced leaves its data until the new one has published. One whose type
// cannot be compared is started anew with each change of the chain. Open returns when
// each source has published or failed for the first time; that one failed is
// seen in [Feed.Status]. If ctx ends before, Open fails and names those it waited for;
// later it has no effect.
//
// The feed has a scope of its own over the registries of scope, so it works on when
// scope is closed: close the feed before the registries. Two feeds run a source twice,
// each for itself, and may for a while hold what it said at different times: parts of a
// program that have to agree share a feed. A source that was unbound is retired when its Run
// has returned. One bound with BindPerScope is made anew with each change of the chain.
// Capabilities with [capability.OnlyLeased] are refused, as Run lasts too long for a
// lease.
func Open[K cmp.Ordered, V any](ctx context.Context, scope *capability.Scope, sources capability.Capability[Source[K, V]], o Options) (*Feed[K, V], error) {
	if ctx == nil {
		return nil, &capability.Error{Code: capability.ErrInvalid, Capability: sources.Name(), Err: errors.New("ctx is nil: give context.Background() if nothing ends the wait")}
	}
	f := &Feed[K, V]{sources: sources, options: o, now: new(Table[K, V]), opening: true}
	f.table, f.show = capability.NewValue(f.now)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if o.MaxSize > 0 {
		f.ctx = context.WithValue(f.ctx, sizeKey{}, o.MaxSize)
	}
	own, chain, err := f.resolve(scope)
	if err != nil {
		f.cancel()
		return nil, err
	}
	f.scope = own
	waits, _ := f.follow(chain.Get())
	f.work.Go(func() { f.watch(own, chain) })
	if late := waits.wait(ctx); len(late) > 0 {
		return nil, errors.Join(&capability.Error{
			Capability: sources.Name(), Scope: scope.String(),
			Err: fmt.Errorf("opening ended before %s had published or failed: %w", names(late), context.Cause(ctx)),
		}, f.Close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opening = false
	f.show(f.now)
	return f, nil
}

// resolve returns a scope over the registries of another, and the sources it sees.
func (f *Feed[K, V]) resolve(scope *capability.Scope) (*capability.Scope, capability.ChainHandle[Source[K, V]], error) {
	own, err := scope.With()
	if err != nil {
		return nil, capability.ChainHandle[Source[K, V]]{}, err
	}
	chain, err := f.sources.All().Handle(own)
	if err != nil {
		return nil, chain, errors.Join(err, own.Close())
	}
	return own, chain, nil
}

// watch follows the chain of sources. After each change it goes on in a scope made anew,
// and closes the one before once the sources that are gone have ended: that is when they
// may be retired.
func (f *Feed[K, V]) watch(own *capability.Scope, chain capability.ChainHandle[Source[K, V]]) {
	for again := true; again; {
		again = false
		for _, c := range chain.Watch(f.ctx) {
			if f.follows(c) {
				continue
			}
			next, sees, err := f.resolve(own)
			if err != nil {
				f.follow(c) // in the scope that it has
				continue
			}
			// What is made for each scope is gone with the scope before.
			_, gone := f.follow(sees.Get())
			before := own
			own, chain, again = next, sees, true
			f.mu.Lock()
			f.scope = own
			f.mu.Unlock()
			f.work.Go(func() {
				for _, r := range gone {
					<-r.ended
				}
				_ = before.Close() // all else is held in the new one
			})
			break
		}
	}
}

// follows reports whether it is the sources of that chain that run.
func (f *Feed[K, V]) follows(chain capability.Chain[Source[K, V]]) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chain == chain
}

// follow makes the sources of the chain those that run. It returns what to wait for
// until all new ones have begun well, and those that were there and are gone.
func (f *Feed[K, V]) follow(chain capability.Chain[Source[K, V]]) (waits[K, V], []*runner[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed != nil {
		return nil, nil
	}
	before := f.running
	f.chain = chain
	f.running = make([]*runner[K, V], 0, chain.Len())
	var fresh waits[K, V]
	for name, s := range chain.All() {
		i := slices.IndexFunc(before, func(r *runner[K, V]) bool { return r.name == name })
		if i >= 0 && same(before[i].source, s) {
			f.running = append(f.running, before[i])
			continue
		}
		r := newRunner(f, name, s, chain.Blame)
		if i >= 0 {
			r.part = before[i].part
		}
		f.running = append(f.running, r)
		fresh = append(fresh, r.await())
		f.work.Go(r.run)
	}
	gone := slices.DeleteFunc(before, func(r *runner[K, V]) bool { return slices.Contains(f.running, r) })
	for _, r := range gone {
		r.stop()
	}
	f.make(nil, nil)
	return fresh, gone
}

// make makes the table of what the sources have published, if it is another one, and
// shows it. m is what fresh holds; what the others hold is in the table there is. f.mu
// is held.
func (f *Feed[K, V]) make(fresh *part[K], m map[K]V) {
	if f.closed != nil {
		return
	}
	var parts []*part[K]
	for _, r := range f.running {
		if r.part != nil {
			parts = append(parts, r.part)
		}
	}
	if slices.Equal(parts, f.now.parts) {
		return
	}
	before := f.now
	f.now = newTable(parts, func(p *part[K], key K) V {
		if p == fresh {
			return m[key]
		}
		v, _ := before.Get(p.source, key)
		return v
	})
	if !f.opening {
		f.show(f.now)
	}
}

// Table returns the handle of the table. Get never returns nil. After Close it keeps the
// last table, and those who watch it wait until their ctx ends.
func (f *Feed[K, V]) Table() capability.Handle[*Table[K, V]] { return f.table }

// Reload starts all sources anew and waits until each has published or failed. It
// returns the errors of those that failed, and of those that had done neither when
// ctx ended. When it returns nil, the table shows what they published. A Run that calls
// it waits for itself.
func (f *Feed[K, V]) Reload(ctx context.Context) error {
	f.mu.Lock()
	var all waits[K, V]
	for _, r := range f.running {
		all = append(all, r.await())
		r.restart()
	}
	closed := f.closed != nil
	f.mu.Unlock()
	if closed {
		return &capability.Error{Code: capability.ErrClosed, Capability: f.sources.Name(), Err: errors.New("the feed was closed before: open another")}
	}
	late := all.wait(ctx)
	var errs []error
	for _, b := range all {
		if slices.Contains(late, b.of) {
			errs = append(errs, b.of.blame(b.of.name, fmt.Errorf("it has not published since it was started anew: %w", context.Cause(ctx))))
		} else {
			errs = append(errs, b.err)
		}
	}
	return capability.Join(errs...)
}

// A SourceStatus says how a source does.
type SourceStatus struct {
	Source  string
	Entries int       // that it has in the table
	Good    time.Time // when it last published; zero if it never has
	Tried   time.Time // when it last published or failed
	Version string    // a hash of its entries, as JSON shows them; empty if it never published
	Err     error     // why it failed after that, with its name; nil if it is well
}

// Status returns how the sources do, in chain order. The first call after a change
// computes the version, which takes about as long as writing the entries as JSON.
func (f *Feed[K, V]) Status() []SourceStatus {
	f.mu.Lock()
	now := f.now
	list := make([]SourceStatus, len(f.running))
	for i, r := range f.running {
		list[i] = SourceStatus{Source: r.name, Good: r.good, Tried: r.tried, Err: r.err}
	}
	f.mu.Unlock()
	for i := range list {
		if n := now.index(list[i].Source); n >= 0 {
			list[i].Entries, list[i].Version = len(now.parts[n].keys), now.version(n)
		}
	}
	return list
}

// Close stops the sources and waits until they have returned, or for StopTimeout: then
// its error names those that have not. It may be called twice and by several at once;
// all get the same error.
func (f *Feed[K, V]) Close() error {
	f.mu.Lock()
	if f.closed != nil {
		closed := f.closed
		f.mu.Unlock()
		<-closed
		return f.failure
	}
	closed := make(chan struct{})
	f.closed = closed
	running := f.running
	for _, r := range running {
		r.stop()
	}
	f.mu.Unlock()
	defer close(closed)
	f.cancel()

	ended := make(chan struct{})
	go func() {
		f.work.Wait()
		close(ended)
	}()
	timeout := time.NewTimer(cmp.Or(f.options.StopTimeout, 10*time.Second))
	defer timeout.Stop()
	select {
	case <-ended:
		f.failure = f.scope.Close()
	case <-timeout.C:
		go func() {
			<-ended
			_ = f.scope.Close() // nobody waits any more
		}()
		f.failure = f.stuck(running)
	}
	return f.failure
}

// stuck is the error that some sources have not returned.
func (f *Feed[K, V]) stuck(running []*runner[K, V]) error {
	var late []*runner[K, V]
	for _, r := range running {
		select {
		case <-r.ended:
		default:
			late = append(late, r)
		}
	}
	which := "a source that was unbound before"
	if len(late) > 0 {
		which = names(late)
	}
	f.mu.Lock()
	scope := f.scope
	f.mu.Unlock()
	return &capability.Error{
		Code: capability.ErrInUse, Capability: f.sources.Name(), Scope: scope.String(),
		Err: fmt.Errorf("%s did not return from Run after its context had ended: return when it ends", which),
	}
}

// names returns the names of sources, quoted.
func names[K cmp.Ordered, V any](list []*runner[K, V]) string {
	var quoted []string
	for _, r := range list {
		quoted = append(quoted, fmt.Sprintf("%q", r.name))
	}
	slices.Sort(quoted)
	return strings.Join(quoted, ", ")
}
