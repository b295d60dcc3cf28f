// Hosts: what starts and stops instances.

package extension

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// Options are what may be different in a [Host]. The zero value is the default.
type Options struct {
	// Limits are those of instances that have none of their own.
	Limits Limits

	// Consumers is how long Stop waits for the scopes that have resolved exports to be
	// closed, before it stops anybody; 0 stands for 10 s.
	Consumers time.Duration

	// Log is where the instances write, and the host about those that fail. Nil stands
	// for nowhere.
	Log *slog.Logger
}

// A Host runs instances. [NewHost] makes one; all that the zero Host does is to fail. Any
// number of goroutines may use it; what starts, replaces, removes or stops is done one
// after the other, and Stop interrupts what starts.
type Host struct {
	options Options
	status  capability.Handle[[]Status]
	show    func([]Status)
	busy    chan struct{} // holds one while somebody starts, replaces, removes or stops
	ending  chan struct{} // closed when Stop was called
	ended   chan struct{} // closed when it is done
	failure error         // of Stop, once ended is closed
	hurry   context.Context
	hurries context.CancelFunc // ends hurry when the time of Stop is over

	mu       sync.Mutex
	stopping bool
	units    []*unit                       // in the order of the instances
	leaving  []*unit                       // that were replaced or removed and are not stopped yet
	own      map[*capability.Registry]bool // that only one instance sees
}

// NewHost returns a host that runs nothing yet.
func NewHost(o Options) *Host {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Consumers = cmp.Or(o.Consumers, 10*time.Second)
	h := &Host{options: o, busy: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}), own: make(map[*capability.Registry]bool)}
	h.hurry, h.hurries = context.WithCancel(context.Background())
	h.status, h.show = capability.NewValue([]Status(nil))
	return h
}

// errStopped is why something ends that was under way when Stop was called.
var errStopped = &capability.Error{Code: capability.ErrClosed, Err: errors.New("the host was told to stop: start another one")}

// enter waits until nobody else changes what runs. It returns a context that ends also
// when Stop is called.
func (h *Host) enter(ctx context.Context, verb string) (context.Context, func(), error) {
	if h == nil || h.busy == nil {
		return nil, nil, zeroHost(verb)
	}
	if ctx == nil {
		return nil, nil, &capability.Error{Code: capability.ErrInvalid, Err: fmt.Errorf("%s was given a nil Context: give it one that ends when you would wait no longer", verb)}
	}
	select {
	case h.busy <- struct{}{}:
		return h.entered(ctx)
	default:
	}
	select {
	case h.busy <- struct{}{}:
		return h.entered(ctx)
	case <-h.ending:
		return nil, nil, errStopped
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("%s waited for another change of the host: %w", verb, context.Cause(ctx))
	}
}

// entered is enter when nobody else changes what runs.
func (h *Host) entered(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-h.ending:
			cancel(errStopped)
		case <-ctx.Done():
		}
	}()
	leave := func() {
		cancel(nil)
		<-h.busy
	}
	if h.isStopping() {
		leave()
		return nil, nil, errStopped
	}
	return ctx, leave, nil
}

func zeroHost(verb string) error {
	return &capability.Error{Code: capability.ErrInvalid, Err: fmt.Errorf("%s of the zero Host: make one with NewHost", verb)}
}

func (h *Host) isStopping() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopping
}

// owns notes a registry that only one instance sees.
func (h *Host) owns(r *capability.Registry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.own[r] = true
}

func (h *Host) disowns(r *capability.Registry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.own, r)
}

// owned reports whether only one instance sees the registry.
func (h *Host) owned(r any) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.own[r.(*capability.Registry)]
}

// Start validates the instances and starts them: each when those are ready that export
// what it requires, all others at the same time. When all are ready, what they export is
// bound in one commit, in the order in which they are given here, whoever was ready
// first: until then nobody sees it but those that require it. Start may be called again to
// start more. ctx is that of starting alone: Run goes on when it has ended.
//
// If one fails, panics, is late, or is not ready when ctx ends, those that have started
// are stopped again, the last first, nothing is bound, and the error says which it
// was and why. If Stop is called meanwhile, that is the reason.
func (h *Host) Start(ctx context.Context, instances ...Instance) error {
	ctx, leave, err := h.enter(ctx, "Start")
	if err != nil {
		return err
	}
	defer leave()
	if err := validate(instances, instancesOf(h.running()), nil, nil).Err(); err != nil {
		return err
	}
	units := make([]*unit, len(instances))
	for i, inst := range instances {
		units[i] = newUnit(h, inst)
	}
	before := h.running()
	all := slices.Concat(before, units)
	h.runs(all)
	order := link(all)

	err = h.startAll(ctx, units)
	if err == nil {
		err = h.bind(units)
	}
	if err == nil {
		return nil
	}
	errs := []error{err}
	for _, u := range units {
		u.park()
	}
	for _, u := range slices.Backward(order) {
		if slices.Contains(units, u) {
			errs = append(errs, u.stop(ctx))
		}
	}
	h.runs(before)
	return capability.Join(errs...)
}

// running returns the units.
func (h *Host) running() []*unit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clip(h.units)
}

// runs makes these the units.
func (h *Host) runs(units []*unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.units = units
	h.publish()
}

func instancesOf(units []*unit) []Instance {
	list := make([]Instance, len(units))
	for i, u := range units {
		list[i] = u.Instance
	}
	return list
}

// link notes who of the units needs whom, and returns them in the order in which they
// start. Whoever calls it is the one who changes what runs.
func link(all []*unit) []*unit {
	p := new(plan)
	units := make(map[*node]*unit, len(all))
	for _, u := range all {
		n := &node{Instance: u.Instance, sound: true}
		p.nodes = append(p.nodes, n)
		units[n] = u
	}
	p.link()
	for _, n := range p.nodes {
		u := units[n]
		u.needs = nil
		for _, other := range n.needs {
			u.needs = append(u.needs, units[other])
		}
	}
	order := make([]*unit, 0, len(all))
	for _, n := range p.order() {
		order = append(order, units[n])
	}
	return order
}

// startAll starts the units, and returns why one of them could not be.
func (h *Host) startAll(ctx context.Context, units []*unit) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(units))
	var work sync.WaitGroup
	for i, u := range units {
		work.Go(func() {
			for _, other := range u.needs {
				select {
				case <-other.begun:
				case <-ctx.Done():
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			err := u.start(ctx)
			if err == nil || errors.Is(context.Cause(ctx), errRolledBack) {
				return // it failed because another one did
			}
			errs[i] = err
			cancel(errRolledBack)
		})
	}
	work.Wait()
	if err := capability.Join(errs...); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range units {
		if u.now.State == Failed {
			return u.failure // since it was ready
		}
	}
	return nil
}

// errRolledBack is why others are not waited for once one has failed.
var errRolledBack = errors.New("another instance could not be started")

// bind shows what the units export to all, in one commit, which takes away what only those
// who require it saw before.
func (h *Host) bind(units []*unit) error {
	var edits []capability.Edit
	for _, u := range units {
		edits = append(append(edits, u.target().Stage(changes(u.shown)...)), u.staged...)
	}
	if err := capability.Commit(edits...); err != nil {
		return fmt.Errorf("all are ready, but what they export cannot be bound: %w", err)
	}
	for _, u := range units {
		u.bound.Store(public)
	}
	return nil
}

func changes(bindings []capability.Binding) []capability.Change {
	list := make([]capability.Change, len(bindings))
	for i, b := range bindings {
		list[i] = b
	}
	return list
}

// Stop ends all. It first waits, until ctx ends or for as long as Options.Consumers says,
// for the scopes that have resolved what is exported to be closed, so that who consumes
// ends before who provides. Then it stops the instances one after the other, in the
// exact reverse of the order in which they start, which is that of the instances, but each
// just after those that it requires: it withdraws the exports, waits until nobody uses
// them, ends the context of Run and waits for its return, each for as long as [Limits]
// say. Everybody is reached, whoever hangs: when ctx has ended, each is still told, and
// waited for up to a second for its users and another for Run.
//
// The error says which scopes were not closed, who hung and since when, and what Run
// returned that was told to stop. Stop may be called at any time, twice, and by several
// at once: all get the same error. A start that is under way is interrupted and
// taken back. After Stop nothing can be started. A Run that calls it waits for itself,
// until its time to stop has passed.
func (h *Host) Stop(ctx context.Context) error {
	if h == nil || h.busy == nil {
		return zeroHost("Stop")
	}
	if ctx == nil {
		return &capability.Error{Code: capability.ErrInvalid, Err: errors.New("Stop was given a nil Context: give it one that ends when you would wait no longer")}
	}
	h.mu.Lock()
	first := !h.stopping
	if first {
		h.stopping = true
		close(h.ending)
	}
	h.mu.Unlock()
	if !first {
		select {
		case <-h.ended:
			return h.failure
		case <-ctx.Done():
			return fmt.Errorf("Stop waited for another Stop of the host: %w", context.Cause(ctx))
		}
	}
	defer close(h.ended)
	defer context.AfterFunc(ctx, h.hurries)()
	h.busy <- struct{}{} // whoever changes something is interrupted
	defer func() { <-h.busy }()

	units := h.running()
	errs := h.consumers(ctx, units)
	h.mu.Lock()
	all := slices.Concat(units, h.leaving) // who requires those may use these still
	h.mu.Unlock()
	for _, u := range slices.Backward(link(all)) {
		errs = append(errs, u.stop(ctx))
	}
	h.mu.Lock()
	h.leaving = slices.DeleteFunc(slices.Clone(h.leaving), func(u *unit) bool { return u.now.State == Stopped })
	h.publish()
	h.mu.Unlock()
	h.failure = capability.Join(errs...)
	return h.failure
}

// consumers waits for the scopes that have resolved exports to be closed, and returns an
// error for each instance that is still used.
func (h *Host) consumers(ctx context.Context, units []*unit) []error {
	ctx, cancel := context.WithTimeout(ctx, h.options.Consumers)
	defer cancel()
	for over := false; ; {
		var left <-chan struct{}
		var errs []error
		for _, u := range units {
			// It is asked for before, so that no scope that is closed meanwhile is missed.
			next := inside.Left(u.target())
			if by := u.users(); len(by) > 0 {
				left = next
				errs = append(errs, u.errorf(capability.ErrInUse, "it is stopped although its exports are used by %s: close the scopes before Stop, or give it more time for Consumers", some(by)))
			}
		}
		if len(errs) == 0 || over {
			return errs
		}
		select {
		case <-left:
		case <-ctx.Done():
			over = true // and once more, for those of other registries
		}
	}
}

// users returns who uses the exports of the unit, but for other instances.
func (u *unit) users() []string {
	var by []string
	for _, b := range u.made.exports {
		is, _ := inside.BindingOf(b)
		by = append(by, inside.Users(u.target(), is.Key.Name, u.name, u.host.owned)...)
	}
	slices.Sort(by)
	return slices.Compact(by)
}

// some returns the first few of a list, and how many more there are.
func some(list []string) string {
	const most = 4
	if more := len(list) - most; more > 0 {
		list = append(slices.Clone(list[:most]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}
