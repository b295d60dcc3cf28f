// Retirement: what has to be done once nobody uses a provider, or what a build
// made, any more.

package capability

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A resource is what has to be retired: a provider with OnRetire, or what a
// build or maker made if it called [Resolver.OnRetire] or read a resource.
//
// It counts who holds it: its owner, which is the registry that binds it or the
// scope that made it; the plain handles that may have handed it out, as one; each
// lease on a value it is part of that a commit replaced; and each resource that
// was made of it. Holds are added only by commits and only while the owner holds
// it, so the count comes to zero once. Whoever takes the last hold away starts
// the retirement: what was given to OnRetire runs on a goroutine of its own.
//
// The fields below state are guarded by the domain of its registries until the
// count is zero, and then by whoever brought it there.
type resource struct {
	holds   atomic.Int64
	plainly atomic.Bool // plain handles have a hold
	state   atomic.Pointer[retirement]

	funcs  []func() error // what to call, the newest first
	needs  []*resource    // what it was made of
	name   resourceName
	grace  time.Duration
	graced bool        // grace is how long plain handles hold it
	lent   bool        // it is not given up when it leaves its owner: another one has it
	owners []*Registry // whose Drain waits for it

	plain  int // cells whose plain handles may have handed it out
	shown  roll[exposure]
	leased roll[*lease]
	made   roll[*resource] // of it
	timer  *time.Timer
	mark   any // whose turn it was noted in last
}

// resourceName says what a resource is, for errors and snapshots.
type resourceName struct {
	capability, provider string
	site                 site   // of the binding or of Derive
	scope                *Scope // that it was made for, or nil
}

// A retirement is how far a resource is from being retired.
type retirement struct {
	phase phase
	since time.Time
	by    uint64        // the goroutine that runs it, once it runs
	done  chan struct{} // closed when all is done
}

type phase string

const (
	phaseHeld    phase = "held"    // nobody owns it, somebody holds it
	phaseRunning phase = "running" // OnRetire is being called
	phaseRetired phase = "retired"
)

// An exposure is plain handles that may have handed a resource out.
type exposure interface {
	// showers returns who may have got r.
	showers(r *resource) []reader
	gone() bool
}

// roll is a list that drops what is gone before it grows.
type roll[T interface{ gone() bool }] struct {
	list []T
	kept int
}

func (l *roll[T]) add(t T) {
	if len(l.list) > 2*l.kept+16 {
		l.list = slices.DeleteFunc(l.list, T.gone)
		l.kept = len(l.list)
	}
	l.list = append(l.list, t)
}

func newResource(name resourceName, funcs []func() error, needs []*resource) *resource {
	r := &resource{name: name, funcs: funcs, needs: make([]*resource, 0, len(needs))}
	r.holds.Store(1)
	for _, n := range needs {
		r.holdOn(n)
	}
	return r
}

// holdOn makes r, which has its owner, hold another one that has.
func (r *resource) holdOn(other *resource) {
	r.needs = append(r.needs, other)
	other.holds.Add(1)
	other.made.add(r)
}

// gone reports whether r is retired.
func (r *resource) gone() bool {
	s := r.state.Load()
	return s != nil && s.phase == phaseRetired
}

// show notes that n more cells may have handed r out. r has its owner.
func (r *resource) show(n int) {
	if n == 0 {
		return
	}
	if r.plain == 0 && !r.plainly.Load() {
		r.holds.Add(1)
		r.plainly.Store(true)
	}
	r.plain += n
}

// hide notes that n of the cells are closed.
func (r *resource) hide(n int) {
	r.plain -= n
	if r.plain > 0 {
		return
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	r.endPlain()
}

// endPlain takes the hold of the plain handles away.
func (r *resource) endPlain() {
	yield("plain-end")
	if r.plainly.Swap(false) {
		r.drop()
	}
}

// drop takes a hold away and retires r if it was the last.
func (r *resource) drop() {
	yield("drop")
	if r.holds.Add(-1) == 0 {
		yield("last-drop")
		r.retire()
	}
}

// leave takes the hold of the owner away. The commit has made sure that nobody
// can get r any more.
func (r *resource) leave(owners ...*Registry) {
	r.owners = owners
	r.state.Store(&retirement{phase: phaseHeld, since: time.Now(), done: make(chan struct{})})
	if len(r.funcs) > 0 {
		for _, o := range owners {
			o.retiring.add(r)
		}
	}
	if r.graced && r.plainly.Load() {
		if r.grace <= 0 {
			r.endPlain()
		} else {
			r.timer = after(r.grace, r.endPlain)
		}
	}
	r.drop()
}

// retire calls what was given to OnRetire and then gives up what r was made of.
func (r *resource) retire() {
	if len(r.funcs) == 0 {
		r.retired(nil)
		return
	}
	var errs []error
	held, last := r.state.Load(), len(r.funcs)-1
	t := &turn{
		n: len(r.funcs),
		begin: func() {
			r.state.Store(&retirement{phase: phaseRunning, since: held.since, by: goroutine(), done: held.done})
		},
		task: func(i int) error { return r.funcs[last-i]() },
		done: func(_ int, err error) {
			if err != nil {
				errs = append(errs, r.name.errorOf("OnRetire", err))
			}
		},
		finished: func() { r.retired(Join(errs...)) },
	}
	t.start()
}

// retired ends the retirement.
func (r *resource) retired(err error) {
	was := r.state.Load()
	r.state.Store(&retirement{phase: phaseRetired, since: was.since, done: was.done})
	if len(r.funcs) > 0 {
		for _, o := range r.owners {
			o.retiring.remove(r, err)
		}
	}
	close(was.done)
	needs := r.needs
	r.funcs, r.needs = nil, nil // lists of what it was made of may keep r for a while
	for _, n := range needs {
		n.drop()
	}
}

// errorOf returns err, which came out of what the user gave for the resource, as
// an Error that says so.
func (n resourceName) errorOf(what string, err error) error {
	e := &Error{Capability: n.capability, Provider: n.provider, Scope: n.scopeName()}
	e.Code, e.Priority = codeOf(err)
	e.Err = wrap(err, "%s of %s", what, n.what())
	return e
}

// what says what it is, and where it comes from.
func (n resourceName) what() string {
	what := "what is bound"
	switch {
	case n.provider == "":
		what = "what Derive made"
	case n.scope != nil:
		what = "what BindPerScope made"
	}
	return fmt.Sprintf("%s at %v", what, n.site)
}

func (n resourceName) scopeName() string {
	if n.scope == nil {
		return ""
	}
	return n.scope.String()
}

// retirements is what a registry has yet to see retired. Its lock is held for
// moments only and never while anything else is waited for.
type retirements struct {
	mu      sync.Mutex
	pending map[*resource]bool
	errs    []error // of those that are done, until a Drain takes them
	dropped int     // how many more there were
}

// maxErrors is how many errors of retirements a registry keeps for a Drain that
// may never come.
const maxErrors = 256

func (t *retirements) add(r *resource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = make(map[*resource]bool)
	}
	t.pending[r] = true
}

func (t *retirements) remove(r *resource, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, r)
	switch {
	case err == nil:
	case len(t.errs) < maxErrors:
		t.errs = append(t.errs, err)
	default:
		t.dropped++
	}
}

// list returns what is pending, in no order.
func (t *retirements) list() []*resource {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.pending))
}

// takeErrors returns the errors that no Drain has returned yet.
func (t *retirements) takeErrors(r *Registry) []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	errs := t.errs
	if t.dropped > 0 {
		errs = append(errs, &Error{Err: report("%v: %s of OnRetire were not kept: call Drain more often", r, plural(t.dropped, "more error"))})
	}
	t.errs, t.dropped = nil, 0
	return errs
}

// Drain waits until all is retired that left the registry before the call: the
// providers that it bound, and what makers and builds made for scopes that it is
// part of. It returns the errors of OnRetire that no Drain or Close has returned
// yet. If ctx ends first, the error wraps its cause, has the code [ErrInUse] and
// says of what is left who holds it, since when.
//
// Who waits in Drain holds no lock. A Drain that is called by an OnRetire of the
// same registry would wait for itself and is an [ErrInvalid].
func (r *Registry) Drain(ctx context.Context) error {
	at := caller(1)
	if r == nil || r.layers == nil {
		return zeroRegistry("Drain", at)
	}
	if ctx == nil {
		return r.noContext("Drain", at)
	}
	h, err := enter("Drain", at, r)
	if err != nil {
		return err
	}
	h.unlock() // a commit that was running is done
	return r.drain(ctx, "Drain", at)
}

func (r *Registry) noContext(verb string, at site) error {
	return &Error{Code: ErrInvalid, Err: report("%s of %v at %v was given a nil Context: give it one that ends when you would wait no longer", verb, r, at)}
}

func (r *Registry) drain(ctx context.Context, verb string, at site) error {
	pending := r.retiring.list()
	if err := r.ownRetirement(pending, verb, at); err != nil {
		return err
	}
	for i, p := range pending {
		select {
		case <-p.state.Load().done:
			continue
		default:
		}
		select {
		case <-p.state.Load().done:
		case <-ctx.Done():
			left := r.leftErrors(context.Cause(ctx), pending[i:], verb, at)
			return Join(append(r.retiring.takeErrors(r), left...)...)
		}
	}
	return Join(r.retiring.takeErrors(r)...)
}

// ownRetirement refuses to wait on a goroutine that it would wait for.
func (r *Registry) ownRetirement(pending []*resource, verb string, at site) error {
	if len(pending) == 0 {
		return nil
	}
	me := goroutine()
	for _, p := range pending {
		if p.state.Load().by == me {
			return &Error{Code: ErrInvalid, Capability: p.name.capability, Provider: p.name.provider, Scope: p.name.scopeName(), Err: report(
				"%s of %v at %v is called by an OnRetire that it would wait for: return from OnRetire, and drain elsewhere", verb, r, at)}
		}
	}
	return nil
}

// leftErrors says who holds what is left when a ctx ended.
func (r *Registry) leftErrors(cause error, pending []*resource, verb string, at site) []error {
	ended := textOf(cause) // before the lock, because it may be foreign code
	h := lock(r)
	defer h.unlock()
	pending = slices.DeleteFunc(pending, (*resource).gone)
	slices.SortFunc(pending, byName)
	const most = 8
	var errs []error
	for i, p := range pending {
		if i == most {
			errs = append(errs, &Error{Code: ErrInUse, Err: &because{fmt.Sprintf("%v: %s not retired either when %s at %v ended: %s",
				r, plural(len(pending)-most, "more provider"), verb, at, ended), cause}})
			break
		}
		s := p.state.Load()
		errs = append(errs, &Error{Code: ErrInUse, Capability: p.name.capability, Provider: p.name.provider, Scope: p.name.scopeName(), Err: &because{fmt.Sprintf(
			"not retired when %s of %v at %v ended: %s was given up at %s and %s: %s",
			verb, r, at, p.name.what(), s.since.UTC().Format(time.RFC3339), p.holdersText(), ended), cause}})
	}
	return errs
}

func byName(a, b *resource) int {
	an, bn := a.name, b.name
	return strings.Compare(
		fmt.Sprint(an.capability, " ", an.provider, " ", an.scopeName(), " ", an.site),
		fmt.Sprint(bn.capability, " ", bn.provider, " ", bn.scopeName(), " ", bn.site))
}

// holdersText says who holds r.
func (r *resource) holdersText() string {
	if r.state.Load().phase == phaseRunning {
		return "its OnRetire has not returned, so let that end"
	}
	holders := r.holders()
	if len(holders) == 0 {
		return "is about to be retired"
	}
	const most = 3
	if more := len(holders) - most; more > 0 {
		holders = append(holders[:most], fmt.Sprintf("%d more", more))
	}
	return "is held by " + strings.Join(holders, ", ") + "; return from its Uses and close the scopes of plain handles, or bind it with a Grace"
}

// holders says who holds r, each once and sorted. The lock of its registries is
// held.
func (r *resource) holders() []string {
	var holders []string
	note := func(kind string, who reader) {
		holders = append(holders, fmt.Sprintf("%s of scope %s resolved at %v", kind, quote(who.scope.String()), who.site))
	}
	for _, l := range r.leased.list {
		if !l.gone() {
			note("a lease", l.by)
		}
	}
	if r.plainly.Load() {
		for _, e := range r.shown.list {
			for _, who := range e.showers(r) {
				note("a plain handle", who)
			}
		}
	}
	for _, m := range r.made.list {
		switch what := "what Derive"; {
		case m.gone():
		case m.lent:
			holders = append(holders, m.holders()...)
		default:
			if m.name.provider != "" {
				what = "what the maker of " + quote(m.name.provider)
			}
			holders = append(holders, fmt.Sprintf("%s at %v made for scope %s", what, m.name.site, quote(m.name.scopeName())))
		}
	}
	slices.Sort(holders)
	return slices.Compact(holders)
}
