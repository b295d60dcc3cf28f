// The host against models: random graphs that start and stop, each of their instances
// going wrong in every way, and random lives of a host.

package extension_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A ware is what a machine makes and others work with.
type ware struct{ by string }

// Run makes a Runner of a ware, which no ware that is exported may be.
func (*ware) Run(_ context.Context, ready func()) error {
	ready()
	return nil
}

// Wares has a capability for each machine of a mill, Goods is one for many of them.
var (
	Wares = func() (keys [12]capability.Capability[*ware]) {
		for i := range keys {
			keys[i] = capability.New[*ware](fmt.Sprintf("ware-%d", i), "is what one machine makes")
		}
		return keys
	}()
	Goods = capability.New[*ware]("goods", "are what the mill makes")
	Scrap = capability.New[*ware]("scrap", "is what nobody asked for")
)

// A machine is an instance in a random graph.
type machine struct {
	name  string
	key   capability.Capability[*ware] // of what it makes
	kind  string                       // passive, active or background
	level int                          // the place: 0 is the broadest
	needs []int                        // whose wares it requires, each before it among the machines
	makes bool                         // goods, besides its ware
	wants bool                         // goods
	delay time.Duration                // until it is ready
	how   string                       // it looks at what it requires: all, named or leased
}

// exports reports whether the machine makes anything.
func (m machine) exports() bool { return m.kind != "background" }

// A mill is machines, each after those that it needs, and the order in which they are
// given to the host.
type mill struct {
	machines []machine
	listing  []int
}

// mills draws mills without a cycle.
var mills = rapid.Custom(func(t *rapid.T) mill {
	var w mill
	n := rapid.IntRange(3, 12).Draw(t, "machines")
	pivot := rapid.IntRange(0, n).Draw(t, "makers of goods")
	for i := range n {
		m := machine{
			name: fmt.Sprintf("m%d", i), key: Wares[i],
			kind:  rapid.SampledFrom([]string{"passive", "active", "active", "background"}).Draw(t, "kind"),
			level: rapid.IntRange(0, 2).Draw(t, "level"),
			delay: time.Duration(rapid.IntRange(0, 5).Draw(t, "delay")) * 100 * time.Millisecond,
			how:   rapid.SampledFrom([]string{"all", "named", "leased"}).Draw(t, "how"),
		}
		sees := false
		for j, other := range w.machines {
			if other.level > m.level || !other.exports() {
				continue
			}
			if rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
				m.needs = append(m.needs, j)
			}
			sees = sees || other.makes
		}
		m.makes = i < pivot && m.exports()
		m.wants = i >= pivot && sees && rapid.Bool().Draw(t, "wants")
		w.machines = append(w.machines, m)
	}
	w.listing = rapid.Permutation(rapid.SampledFrom([][]int{upTo(n)}).Draw(t, "all")).Draw(t, "listing")
	return w
})

// upTo returns the numbers from 0 to n-1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// needed returns who has to be ready before machine i, sorted as in the listing.
func (w mill) needed(i int) []int {
	m := w.machines[i]
	var list []int
	for _, j := range w.listing {
		other := w.machines[j]
		if slices.Contains(m.needs, j) || m.wants && other.makes && other.level <= m.level {
			list = append(list, j)
		}
	}
	return list
}

// order returns the documented order: that of the listing, each after those it requires.
func (w mill) order() []int {
	var list []int
	var put func(i int)
	put = func(i int) {
		if slices.Contains(list, i) {
			return
		}
		for _, j := range w.needed(i) {
			put(j)
		}
		list = append(list, i)
	}
	for _, i := range w.listing {
		put(i)
	}
	return list
}

// never is when a machine is ready that fails before.
const never = 1000 * time.Hour

// times returns when each machine starts and when it is ready, unless one fails before.
func (f *floor) times() (starts, readies []time.Duration) {
	starts, readies = make([]time.Duration, len(f.machines)), make([]time.Duration, len(f.machines))
	for i, m := range f.machines {
		for _, j := range f.needed(i) {
			starts[i] = max(starts[i], readies[j])
		}
		readies[i] = starts[i] + m.delay
		if i == f.broken && f.fault != "the name is taken" {
			readies[i] = never
		}
	}
	return starts, readies
}

// goods returns who makes goods, as a chain of all levels has them.
func (w mill) goods() []string {
	list := []string{}
	for level := 2; level >= 0; level-- {
		for _, i := range w.listing {
			if m := w.machines[i]; m.makes && m.level == level {
				list = append(list, m.name)
			}
		}
	}
	return list
}

// An event is something that happened to a machine.
type event struct {
	what, name string
	at         time.Duration
}

// A floor is where a mill runs, and what happens there.
type floor struct {
	mill
	host       *extension.Host
	registries []*capability.Registry // the broadest first
	scope      *capability.Scope      // of a consumer
	begun      time.Time
	broken     int    // which machine has a fault, -1 if none has
	fault      string // which it is

	mu       sync.Mutex
	events   []event
	problems []string
	bound    int            // bindings that New returned
	retired  map[string]int // by machine and number of the binding
}

func newFloor(w mill) *floor {
	f := &floor{mill: w, host: extension.NewHost(extension.Options{}), begun: time.Now(), broken: -1, retired: make(map[string]int)}
	for i, name := range []string{"engine", "group", "pipeline"} {
		f.registries = append(f.registries, capability.NewRegistry(capability.Level(100*(i+1)), name))
	}
	var err error
	f.scope, err = capability.Compose(f.registries...)
	must(err)
	return f
}

func (f *floor) note(what, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, event{what, name, time.Since(f.begun)})
}

func (f *floor) wrong(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// has reports whether machine i has that fault.
func (f *floor) has(i int, fault string) bool { return f.broken == i && f.fault == fault }

// binds returns a binding that counts when it is retired.
func (f *floor) binds(m machine, b capability.Binding) capability.Binding {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.bound
	f.bound++
	return b.OnRetire(func() error {
		f.note("retired", m.name)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.retired[fmt.Sprintf("%s/%d", m.name, n)]++
		return nil
	})
}

// A runner is what of a machine runs.
type runner struct {
	f *floor
	machine
	i     int
	check func() // looks at what it requires
}

// look resolves what the machine requires, and returns a func that looks at it again.
func (f *floor) look(i int, d extension.Dependencies) (check func()) {
	m := f.machines[i]
	var checks []func()
	want := func(got *ware, by string) {
		if got == nil || got.by != by {
			f.wrong("%s has %+v, want that of %s", m.name, got, by)
		}
	}
	for _, j := range m.needs {
		other := f.machines[j]
		switch m.how {
		case "all":
			h, err := other.key.All().Handle(d.Scope)
			must(err)
			checks = append(checks, func() {
				if names := h.Get().Names(); !slices.Equal(names, []string{other.name}) {
					f.wrong("%s sees the wares of %q, want those of %s", m.name, names, other.name)
				}
			})
		case "named":
			h, err := other.key.Named(other.name).Handle(d.Scope)
			must(err)
			checks = append(checks, func() { want(h.Get(), other.name) })
		case "leased":
			h, err := other.key.Leased(d.Scope)
			must(err)
			checks = append(checks, func() {
				must(h.Use(func(got *ware) error { want(got, other.name); return nil }))
			})
		}
	}
	if m.wants {
		h, err := Goods.All().Handle(d.Scope)
		must(err)
		var makers []string
		for _, j := range f.needed(i) {
			if f.machines[j].makes {
				makers = append(makers, f.machines[j].name)
			}
		}
		slices.Sort(makers)
		checks = append(checks, func() {
			if got := slices.Sorted(slices.Values(h.Get().Names())); !slices.Equal(got, makers) {
				f.wrong("%s sees the goods of %q, want those of %q", m.name, got, makers)
			}
		})
	}
	return func() {
		for _, check := range checks {
			check()
		}
	}
}

// construct is New of machine i.
func (f *floor) construct(i int, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
	m := f.machines[i]
	f.note("new", m.name)
	if d.Name != m.name || d.Scope == nil || d.Log == nil || d.Report == nil {
		f.wrong("New of %s is given %+v", m.name, d)
	}
	var failure error
	switch {
	case f.has(i, "New panics"):
		panic("the belt is torn")
	case f.has(i, "New exits"):
		runtime.Goexit()
	case f.has(i, "New is late"):
		time.Sleep(time.Hour)
		d.Report(nil)
	case f.has(i, "New fails"):
		failure = errors.New("the belt is torn")
	case f.has(i, "New resolves more"):
		_, err := Scrap.All().Handle(d.Scope)
		must(err)
	}
	run := runner{f: f, machine: m, i: i, check: func() {}}
	if !f.has(i, "New is late") {
		run.check = f.look(i, d)
		run.check()
	}
	if m.kind == "passive" {
		time.Sleep(m.delay)
	}
	var bindings []capability.Binding
	if m.exports() {
		name, v := d.Name, &ware{m.name}
		if f.has(i, "New binds under another name") {
			name = "somebody"
		}
		switch {
		case f.has(i, "New returns no binding"):
		case f.has(i, "New returns a Rebind"):
			bindings = append(bindings, f.binds(m, m.key.Rebind(name, v)))
		default:
			bindings = append(bindings, f.binds(m, m.key.Bind(name, v)))
		}
		if f.has(i, "New returns a binding twice") {
			bindings = append(bindings, f.binds(m, m.key.Bind(name, v)))
		}
		if f.has(i, "New returns a zero binding") {
			bindings = append(bindings, capability.Binding{})
		}
		if m.makes {
			bindings = append(bindings, f.binds(m, Goods.Bind(d.Name, v)))
		}
		if f.has(i, "New returns more") {
			bindings = append(bindings, f.binds(m, Scrap.Bind(d.Name, v)))
		}
	}
	if f.has(i, "New returns no Runner") {
		return bindings, nil, nil
	}
	if f.has(i, "New exports what runs") {
		return bindings, &ware{m.name}, nil
	}
	return bindings, run, failure
}

// Run is what of the machine runs.
func (r runner) Run(ctx context.Context, ready func()) error {
	r.f.note("run", r.name)
	defer r.f.note("end", r.name)
	if r.f.has(r.i, "Run is late") {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-time.After(r.delay):
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", ctx.Err())
	}
	switch {
	case r.f.has(r.i, "Run fails"):
		return errors.New("the belt is torn")
	case r.f.has(r.i, "Run returns"):
		return nil
	case r.f.has(r.i, "Run panics"):
		panic("the belt is torn")
	case r.f.has(r.i, "Run exits"):
		runtime.Goexit()
	}
	ready()
	<-ctx.Done()
	r.check() // what it requires is there as long as it runs
	return nil
}

// instances returns the machines as instances, in the order of the listing.
func (f *floor) instances() []extension.Instance {
	list := make([]extension.Instance, 0, len(f.machines))
	for _, i := range f.listing {
		m := f.machines[i]
		manifest := extension.Manifest{Name: "machine", Doc: "is part of a mill", URL: "https://example.org/mill"}
		for _, j := range m.needs {
			manifest.Requires = append(manifest.Requires, f.machines[j].key)
		}
		if m.wants {
			manifest.Requires = append(manifest.Requires, Goods)
		}
		exports := []extension.Key{m.key}
		if m.makes {
			exports = append(exports, Goods)
		}
		var inst extension.Instance
		switch m.kind {
		case "passive":
			inst = extension.Passive[int]{Manifest: manifest, Exports: exports, New: func(i int, d extension.Dependencies) ([]capability.Binding, error) {
				bindings, _, err := f.construct(i, d)
				return bindings, err
			}}.Instance(m.name, i)
		case "active":
			inst = extension.Active[int]{Manifest: manifest, Exports: exports, New: f.construct}.Instance(m.name, i)
		case "background":
			inst = extension.Background[int]{Manifest: manifest, New: func(i int, d extension.Dependencies) (extension.Runner, error) {
				_, run, err := f.construct(i, d)
				return run, err
			}}.Instance(m.name, i)
		}
		list = append(list, inst.At(f.registries[:m.level+1]...))
	}
	return list
}

// index returns which machine has the name.
func (f *floor) index(name string) int {
	return slices.IndexFunc(f.machines, func(m machine) bool { return m.name == name })
}

// take returns what has happened, and forgets it.
func (f *floor) take() []event {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.events
	f.events = nil
	return events
}

// who returns the names of those to whom it happened, each once, in that order.
func who(events []event, what ...string) []string {
	names := []string{}
	for _, e := range events {
		if slices.Contains(what, e.what) && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	return names
}

// backward returns the names of those in the order of the mill who are among these, the last first.
func (f *floor) backward(among []string) []string {
	names := []string{}
	for _, i := range slices.Backward(f.order()) {
		if name := f.machines[i].name; slices.Contains(among, name) {
			names = append(names, name)
		}
	}
	return names
}

// tidy looks at what must hold when all is stopped: each binding was retired once, and
// nobody has ended twice.
func (f *floor) tidy(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.retired) != f.bound {
		f.problems = append(f.problems, fmt.Sprintf("%s: %d of %d bindings are retired: %v", what, len(f.retired), f.bound, f.retired))
	}
	for binding, times := range f.retired {
		if times != 1 {
			f.problems = append(f.problems, fmt.Sprintf("%s: %s is retired %d times", what, binding, times))
		}
	}
	f.bound = 0
	clear(f.retired)
}

// providers returns the names of all whom the consumer sees, sorted.
func (f *floor) providers() []string {
	names := []string{}
	for _, c := range f.scope.Snapshot().Capabilities {
		for _, p := range c.Providers {
			names = append(names, c.Name+" of "+p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// start starts all and looks at what comes of it, and whether it is all shown at once.
func (f *floor) start(ctx context.Context) {
	watching, unwatch := context.WithCancel(ctx)
	all, err := Goods.All().Handle(f.scope)
	must(err)
	f.take()
	f.begun = time.Now()
	var seen []string
	var work sync.WaitGroup
	work.Go(func() {
		for _, chain := range all.Watch(watching) {
			seen = append(seen, fmt.Sprintf("%q after %v", chain.Names(), time.Since(f.begun)))
		}
	})
	synctest.Wait()
	if err := f.host.Start(ctx, f.instances()...); err != nil {
		f.wrong("Start: %v", err)
	}
	took := time.Since(f.begun)
	synctest.Wait()
	unwatch()
	work.Wait()

	starts, readies := f.times()
	want := []string{`[] after 0s`}
	if names := f.goods(); len(names) > 0 {
		want = append(want, fmt.Sprintf("%q after %v", names, slices.Max(readies)))
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		f.wrong("chains (-want +got):\n%s", diff)
	}
	if took != slices.Max(readies) {
		f.wrong("Start takes %v, want %v", took, slices.Max(readies))
	}
	var events []event
	for _, e := range f.take() {
		if e.what == "new" {
			events = append(events, e)
		}
	}
	if len(events) != len(f.machines) {
		f.wrong("%d instances were made of %d", len(events), len(f.machines))
	}
	for _, e := range events {
		if i := f.index(e.name); e.at != starts[i] {
			f.wrong("%s is started after %v, want %v", e.name, e.at, starts[i])
		}
	}
	bound := []string{}
	for _, m := range f.machines {
		if m.exports() {
			bound = append(bound, m.key.Name()+" of "+m.name)
		}
		if m.makes {
			bound = append(bound, "goods of "+m.name)
		}
	}
	slices.Sort(bound)
	if diff := cmp.Diff(bound, f.providers()); diff != "" {
		f.wrong("bound (-want +got):\n%s", diff)
	}
	var states, ready []string
	for _, s := range f.host.Status().Get() {
		states = append(states, fmt.Sprintf("%s, %s at %s, %s", s.Instance, s.Kind, s.Place, s.State))
	}
	for _, i := range f.listing {
		m := f.machines[i]
		ready = append(ready, fmt.Sprintf("%s, %s at %s, ready", m.name, m.kind, f.registries[m.level].Name()))
	}
	if diff := cmp.Diff(ready, states); diff != "" {
		f.wrong("status (-want +got):\n%s", diff)
	}
	if err := f.host.Ready(); err != nil {
		f.wrong("Ready: %v", err)
	}
}

// stop stops all and closes everything.
func (f *floor) stop(ctx context.Context) {
	must(f.scope.Close())
	f.take()
	begun := time.Now()
	if err := f.host.Stop(ctx); err != nil {
		f.wrong("Stop: %v", err)
	}
	if took := time.Since(begun); took != 0 {
		f.wrong("Stop takes %v", took)
	}
	events := f.take()
	var all []string
	for _, m := range f.machines {
		all = append(all, m.name)
	}
	if diff := cmp.Diff(f.backward(all), who(events, "end", "retired")); diff != "" {
		f.wrong("stopped (-want +got):\n%s", diff)
	}
	for i, e := range events { // one after the other
		if i > 0 && e.name != events[i-1].name && slices.ContainsFunc(events[:i], func(o event) bool { return o.name == e.name }) {
			f.wrong("%s is stopped while another one is: %v", e.name, events)
		}
	}
	f.tidy("after Stop")
	for _, s := range f.host.Status().Get() {
		if s.State != extension.Stopped || s.Err != nil {
			f.wrong("after Stop: %v", s)
		}
	}
	for _, r := range slices.Backward(f.registries) {
		if err := r.Close(ctx); err != nil {
			f.wrong("closing %s: %v", r.Name(), err)
		}
	}
}

// inBubble runs a case in a bubble of its own, in which all goroutines have to end.
func inBubble(t *testing.T, rt *rapid.T, body func(ctx context.Context) (problems []string)) {
	var problems []string
	synctest.Test(t, func(t *testing.T) { problems = body(t.Context()) })
	if len(problems) > 0 {
		rt.Fatal(strings.Join(problems, "\n"))
	}
}

// Who requires starts after whom it requires, all others start at the same time; what
// they export appears in one commit in the order of the instances; and they stop in
// exactly the reverse order.
func TestModelOfGraphs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := mills.Draw(rt, "mill")
		inBubble(t, rt, func(ctx context.Context) []string {
			f := newFloor(w)
			f.start(ctx)
			f.stop(ctx)
			return f.problems
		})
	})
}

// faultsOf returns what can go wrong with a machine.
func faultsOf(m machine) []string {
	faults := []string{"New fails", "New panics", "New exits", "New is late", "New resolves more"}
	if m.exports() {
		faults = append(faults, "New returns no binding", "New returns a Rebind", "New binds under another name", "New returns a binding twice",
			"New returns a zero binding", "New returns more", "the name is taken")
	}
	if m.kind == "active" {
		faults = append(faults, "New exports what runs")
	}
	if m.kind != "passive" {
		faults = append(faults, "New returns no Runner", "Run is late", "Run fails", "Run returns", "Run panics", "Run exits")
	}
	return faults
}

// failing returns when machine i, which is broken, fails.
func (f *floor) failing(i int) time.Duration {
	starts, readies := f.times()
	switch f.fault {
	case "New panics", "New exits":
		return starts[i]
	case "New is late", "Run is late":
		return starts[i] + 10*time.Second
	case "the name is taken":
		return slices.Max(readies)
	}
	if m := f.machines[i]; m.kind != "passive" && strings.HasPrefix(f.fault, "New") {
		return starts[i]
	}
	return starts[i] + f.machines[i].delay
}

// broke starts all with that fault of machine i, and looks at what is left.
func (f *floor) broke(ctx context.Context, i int, fault string) {
	m := f.machines[i]
	f.broken, f.fault = i, fault
	defer func() { f.broken = -1 }()
	place := f.registries[m.level]
	if fault == "the name is taken" {
		must(place.Apply(m.key.Bind(m.name, &ware{"somebody"})))
	}
	before := f.providers()
	all, err := Goods.All().Handle(f.scope)
	must(err)
	chain := all.Get()
	f.take()
	f.begun = time.Now()
	err = f.host.Start(ctx, f.instances()...)
	took := time.Since(f.begun)
	events := f.take()
	what := fmt.Sprintf("%s of %s, which is %s", fault, m.name, m.kind)
	if err == nil {
		f.wrong("%s: Start returns no error", what)
		return
	}
	if took != f.failing(i) {
		f.wrong("%s: Start takes %v, want %v", what, took, f.failing(i))
	}
	for _, other := range f.machines {
		if named := strings.Contains(err.Error(), fmt.Sprintf("provider %q", other.name)); named != (other.name == m.name) {
			f.wrong("%s: the error names %s, %t: %v", what, other.name, named, err)
		}
	}
	// Who was made before is made, who would be later is not; at the same time either is
	// right.
	starts, readies := f.times()
	made := make(map[string]bool)
	for j, other := range f.machines {
		is := slices.Contains(who(events, "new"), other.name)
		made[other.name] = readies[j] < took || starts[j] < took && other.kind != "passive"
		if starts[j] < took && !is || starts[j] > took && is {
			f.wrong("%s: after %v %s is made: %t, which would start after %v", what, took, other.name, is, starts[j])
		}
	}
	// All who run are told to stop, and the exports of all are retired, the last first.
	if diff := cmp.Diff(slices.Sorted(slices.Values(who(events, "run"))), slices.Sorted(slices.Values(who(events, "end")))); diff != "" {
		f.wrong("%s: who has run and who has ended (-want +got):\n%s", what, diff)
	}
	// A New that is under way at that moment comes back when nobody waits any more.
	var left []event
	for _, e := range events {
		if j := f.index(e.name); j != i && made[e.name] && e.at == took && (e.what == "end" || e.what == "retired") {
			left = append(left, e)
		}
	}
	taken := who(left, "end", "retired")
	if diff := cmp.Diff(f.backward(taken), taken); diff != "" {
		f.wrong("%s: taken back (-want +got):\n%s", what, diff)
	}
	for j, other := range f.machines {
		if j != i && readies[j] < took && !slices.Contains(taken, other.name) {
			f.wrong("%s: %s is not taken back: %v", what, other.name, events)
		}
	}
	if diff := cmp.Diff(before, f.providers()); diff != "" || all.Get() != chain {
		f.wrong("%s: bound (-want +got):\n%s", what, diff)
	}
	if got := f.host.Status().Get(); len(got) > 0 {
		f.wrong("%s: the status is %v", what, got)
	}
	if err := f.host.Ready(); err != nil {
		f.wrong("%s: Ready: %v", what, err)
	}
	time.Sleep(2 * time.Hour) // who is late comes to an end
	synctest.Wait()
	f.tidy(what)
	if fault == "the name is taken" {
		must(place.Apply(m.key.Unbind(m.name)))
	}
}

// Wherever a start goes wrong, and whatever does: the error names who it was and nobody
// else, all is taken back, and the host starts the same instances again when they are
// mended.
func TestModelOfFailures(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := mills.Draw(rt, "mill")
		var faults []string
		for _, m := range w.machines {
			faults = append(faults, rapid.SampledFrom(faultsOf(m)).Draw(rt, "fault"))
		}
		inBubble(t, rt, func(ctx context.Context) []string {
			f := newFloor(w)
			for i, fault := range faults {
				f.broke(ctx, i, fault)
			}
			f.start(ctx)
			f.stop(ctx)
			return f.problems
		})
	})
}

// A job is how an instance in a random life of a host behaves.
type job struct {
	start    string        // well, New fails, Run fails, stumbles
	slow     time.Duration // until it is ready, each time it runs
	restarts bool          // Run is called again twice in turn, after one and two seconds
	sulks    bool          // it returns an error when it is told to stop
}

var (
	errJob   = errors.New("the shift is over")
	errSulks = errors.New("nobody said goodbye")
	jobs     = rapid.Custom(func(t *rapid.T) job {
		return job{
			start:    rapid.SampledFrom([]string{"well", "well", "well", "well", "stumbles", "New fails", "Run fails"}).Draw(t, "start"),
			slow:     rapid.SampledFrom([]time.Duration{0, 300 * time.Millisecond}).Draw(t, "slow"),
			restarts: rapid.Bool().Draw(t, "restarts"),
			sulks:    rapid.IntRange(0, 5).Draw(t, "sulks") == 0,
		}
	})
)

// good reports whether a start with the job succeeds. A passive one has no Run to fail.
func (j job) good(name string) bool {
	return j.start != "New fails" && (j.start != "Run fails" || name == "paper")
}

// A shift is an instance that was made.
type shift struct {
	job
	told   chan string
	report func(error)
}

// An office is where a host is tried, and the model of what it has to do.
type office struct {
	host   *extension.Host
	engine *capability.Registry
	scope  *capability.Scope

	mu     sync.Mutex
	shifts map[string]*shift // the last of each name
	live   map[string]int    // Runs

	stopped bool
	lives   []*life
	said    error // by Stop
}

// A life is what the model knows of an instance.
type life struct {
	name     string
	job      job
	state    extension.State
	troubled bool // the status has an error
	reported bool // because it was reported
	restarts int
	attempts int
	running  bool
	readyAt  time.Time // zero if it is ready or does not run
	againAt  time.Time // zero if it does not pause
}

// officeExports is what each instance exports.
var officeExports = map[string]capability.Capability[*ware]{"ink": Wares[0], "press": Wares[1], "paper": Wares[2]}

func newOffice() *office {
	o := &office{host: extension.NewHost(extension.Options{}), engine: newEngine(), shifts: make(map[string]*shift), live: make(map[string]int)}
	var err error
	o.scope, err = capability.Compose(o.engine)
	must(err)
	return o
}

// instance returns an instance of that name: the press requires ink, paper does not run,
// mail exports nothing.
func (o *office) instance(name string, j job) extension.Instance {
	construct := func(j job, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		if name == "press" {
			ink, err := Wares[0].All().Leased(d.Scope)
			must(err)
			must(ink.Use(func(c capability.Chain[*ware]) error {
				if names := c.Names(); !slices.Equal(names, []string{"ink"}) {
					return fmt.Errorf("the press sees the ink of %q", names)
				}
				return nil
			}))
		}
		if j.start == "New fails" {
			return nil, nil, errJob
		}
		s := &shift{j, make(chan string), d.Report}
		if j.good(name) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.shifts[name] = s
		}
		var bindings []capability.Binding
		if key, ok := officeExports[name]; ok {
			bindings = append(bindings, key.Bind(d.Name, &ware{d.Name}))
		}
		first := true
		return bindings, extension.RunFunc(func(ctx context.Context, ready func()) error {
			was := first
			first = false
			return o.run(ctx, name, s, was, ready)
		}), nil
	}
	var inst extension.Instance
	switch about := about(name); name {
	case "paper":
		inst = extension.Passive[job]{Manifest: about, Exports: []extension.Key{Wares[2]}, New: func(j job, d extension.Dependencies) ([]capability.Binding, error) {
			bindings, _, err := construct(j, d)
			return bindings, err
		}}.Instance(name, j)
	case "mail":
		inst = extension.Background[job]{Manifest: about, New: func(j job, d extension.Dependencies) (extension.Runner, error) {
			_, run, err := construct(j, d)
			return run, err
		}}.Instance(name, j)
	case "press":
		about.Requires = []extension.Key{Wares[0]}
		inst = extension.Active[job]{Manifest: about, Exports: []extension.Key{Wares[1]}, New: construct}.Instance(name, j)
	case "ink":
		inst = extension.Active[job]{Manifest: about, Exports: []extension.Key{Wares[0]}, New: construct}.Instance(name, j)
	}
	limits := extension.Limits{}
	if j.restarts {
		limits.Restart = func(attempt int, err error) (time.Duration, bool) {
			return time.Duration(attempt) * time.Second, attempt <= 2
		}
	}
	return inst.At(o.engine).Within(limits)
}

// run is Run of a shift: it does as it is told.
func (o *office) run(ctx context.Context, name string, s *shift, first bool, ready func()) error {
	count := func(n int) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.live[name] += n
	}
	count(1)
	defer count(-1)
	switch {
	case s.start == "Run fails":
		return extension.Fatal(errJob)
	case s.start == "stumbles" && first:
		return extension.RetryAfter(time.Second, errJob)
	}
	slow := time.NewTimer(s.slow)
	defer slow.Stop()
	for {
		select {
		case <-slow.C:
			ready()
		case <-ctx.Done():
			o.mu.Lock()
			defer o.mu.Unlock()
			if s.sulks {
				return errSulks
			}
			return ctx.Err()
		case what := <-s.told:
			switch what {
			case "fails":
				return errJob
			case "is fatal":
				return fmt.Errorf("printing: %w", extension.Fatal(errJob))
			case "asks for time":
				return extension.RetryAfter(3*time.Second, errJob)
			case "panics":
				panic(errJob)
			case "exits":
				runtime.Goexit()
			}
			return nil
		}
	}
}

// find returns the life of that name, nil if there is none.
func (o *office) find(name string) *life {
	if i := slices.IndexFunc(o.lives, func(l *life) bool { return l.name == name }); i >= 0 {
		return o.lives[i]
	}
	return nil
}

// born is an instance that has been started.
func born(name string, j job) *life {
	l := &life{name: name, job: j, state: extension.Ready, running: name != "paper"}
	if j.start == "stumbles" && l.running {
		l.restarts = 1
	}
	return l
}

// advance lets time pass in the model.
func (l *life) advance(now time.Time) {
	if !l.againAt.IsZero() && !l.againAt.After(now) {
		l.running, l.readyAt, l.againAt = true, l.againAt.Add(l.job.slow), time.Time{}
	}
	if !l.readyAt.IsZero() && !l.readyAt.After(now) {
		l.state, l.troubled, l.reported, l.attempts, l.readyAt = extension.Ready, false, false, 0, time.Time{}
	}
}

// ends says what comes of a Run that ends so.
func (l *life) ends(what string, now time.Time) {
	l.running, l.reported, l.readyAt = false, false, time.Time{}
	if what == "returns" {
		l.state, l.troubled = extension.Stopped, false
		return
	}
	l.troubled = true
	l.attempts++
	pause := time.Duration(0)
	switch {
	case what == "asks for time":
		pause = 3 * time.Second
	case what != "is fatal" && l.job.restarts && l.attempts <= 2:
		pause = time.Duration(l.attempts) * time.Second
	}
	if pause == 0 {
		l.state = extension.Failed
		return
	}
	l.restarts++
	l.state, l.againAt = extension.Degraded, now.Add(pause)
}

// A move is a step in the life of a host.
type move struct {
	do    string
	names []string
	jobs  []job
	pause time.Duration
}

var moves = rapid.Custom(func(t *rapid.T) move {
	all := []string{"ink", "press", "paper", "mail"}
	m := move{do: rapid.SampledFrom([]string{
		"start", "start", "replace", "replace", "remove", "report", "recover", "wait", "wait",
		"returns", "fails", "fails", "fails", "is fatal", "is fatal", "asks for time", "panics", "exits",
	}).Draw(t, "do")}
	switch m.do {
	case "start":
		m.names = rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4, rapid.ID[string]).Draw(t, "names")
	case "wait":
		m.pause = time.Duration(rapid.IntRange(1, 14).Draw(t, "pause")) * 250 * time.Millisecond
	default:
		m.names = []string{rapid.SampledFrom(all).Draw(t, "name")}
	}
	for range m.names {
		m.jobs = append(m.jobs, jobs.Draw(t, "job"))
	}
	return m
})

// call makes a change of the host.
func (o *office) call(ctx context.Context, m move) error {
	switch m.do {
	case "start":
		var list []extension.Instance
		for i, name := range m.names {
			list = append(list, o.instance(name, m.jobs[i]))
		}
		return o.host.Start(ctx, list...)
	case "replace":
		return o.host.Replace(ctx, o.instance(m.names[0], m.jobs[0]))
	case "remove":
		return o.host.Remove(ctx, m.names[0])
	}
	return nil
}

// verdict returns what such a change must come to: the errors that it has, none if it
// succeeds, and what then changes in the model.
func (o *office) verdict(m move) (want []error, changes func()) {
	if o.stopped {
		return []error{capability.ErrClosed}, nil
	}
	name := m.names[0]
	switch m.do {
	case "start":
		for i, name := range m.names {
			if o.find(name) != nil {
				want = append(want, capability.ErrConflict)
			}
			if name == "press" && o.find("ink") == nil && !slices.Contains(m.names, "ink") {
				want = append(want, capability.ErrNotProvided)
			}
			if !m.jobs[i].good(name) {
				defer func() {
					if len(want) == 0 {
						want = []error{errJob}
					}
				}()
			}
		}
		return want, func() {
			for i, name := range m.names {
				o.lives = append(o.lives, born(name, m.jobs[i]))
			}
		}
	case "replace":
		switch {
		case o.find(name) == nil:
			want = append(want, capability.ErrUnknown)
		case !m.jobs[0].good(name):
			want = append(want, errJob)
		}
		return want, func() { *o.find(name) = *born(name, m.jobs[0]) }
	case "remove":
		switch {
		case o.find(name) == nil:
			want = append(want, capability.ErrUnknown)
		case name == "ink" && o.find("press") != nil:
			want = append(want, capability.ErrInUse)
		}
		return want, func() {
			o.lives = slices.DeleteFunc(o.lives, func(l *life) bool { return l.name == name })
		}
	}
	return nil, nil
}

// move does the next step, and returns what is wrong with what comes of it.
func (o *office) move(ctx context.Context, m move) string {
	var life *life
	var shift *shift
	if len(m.names) > 0 {
		life, shift = o.find(m.names[0]), o.shifts[m.names[0]]
	}
	switch m.do {
	case "start", "replace", "remove":
		if life != nil && m.do != "start" {
			o.mu.Lock()
			shift.sulks = false // what that one says is told elsewhere
			o.mu.Unlock()
			life.job.sulks = false
		}
		want, changes := o.verdict(m)
		err := o.call(ctx, m)
		if (err == nil) != (len(want) == 0) {
			return fmt.Sprintf("the verdict is %v, want %v", err, want)
		}
		for _, w := range want {
			if !errors.Is(err, w) {
				return fmt.Sprintf("the verdict is %v, want %v", err, want)
			}
		}
		if err == nil {
			changes()
		}
	case "report", "recover":
		if shift == nil {
			break
		}
		// What an instance says that is no longer there is heard by nobody.
		why := map[string]error{"report": errJob}[m.do]
		shift.report(why)
		switch {
		case life == nil || o.stopped:
		case why != nil && (life.state == extension.Ready || life.reported):
			life.state, life.troubled, life.reported = extension.Degraded, true, true
		case why == nil && life.reported:
			life.state, life.troubled, life.reported = extension.Ready, false, false
		}
	case "wait":
		time.Sleep(m.pause)
	default:
		if life != nil && life.running && !o.stopped {
			shift.told <- m.do
			life.ends(m.do, time.Now())
		}
	}
	return ""
}

// differs returns how the host and the model differ.
func (o *office) differs() string {
	synctest.Wait()
	var want, got []string
	running, bound := make(map[string]int), []string{}
	well := !o.stopped
	for _, l := range o.lives {
		if !o.stopped {
			l.advance(time.Now())
		}
		want = append(want, fmt.Sprintf("%s is %s, restarted %d times, error %t", l.name, l.state, l.restarts, l.troubled))
		if l.running {
			running[l.name] = 1
		}
		if key, ok := officeExports[l.name]; ok && !o.stopped {
			bound = append(bound, key.Name()+" of "+l.name)
		}
		well = well && (l.state == extension.Ready || l.state == extension.Stopped)
	}
	for _, s := range o.host.Status().Get() {
		got = append(got, fmt.Sprintf("%s is %s, restarted %d times, error %t", s.Instance, s.State, s.Restarts, s.Err != nil))
	}
	slices.Sort(bound)
	o.mu.Lock()
	defer o.mu.Unlock()
	live := make(map[string]int)
	for name, n := range o.live {
		if n != 0 {
			live[name] = n
		}
	}
	ready := o.host.Ready()
	switch {
	case !slices.Equal(want, got):
		return cmp.Diff(want, got)
	case !cmp.Equal(running, live):
		return "Runs: " + cmp.Diff(running, live)
	case !cmp.Equal(bound, (&floor{scope: o.scope}).providers()):
		return "bound: " + cmp.Diff(bound, (&floor{scope: o.scope}).providers())
	case well != (ready == nil) || o.stopped != errors.Is(ready, capability.ErrClosed):
		return fmt.Sprintf("Ready says %v", ready)
	}
	return ""
}

// stop stops the host while others go on with these changes, and returns what is wrong
// with what comes of it.
func (o *office) stop(ctx context.Context, meanwhile []move, pause time.Duration) string {
	var work sync.WaitGroup
	var mu sync.Mutex
	problem := ""
	for _, m := range meanwhile {
		work.Go(func() {
			want, _ := o.verdict(m)
			err := o.call(ctx, m)
			if slices.ContainsFunc(m.jobs, func(j job) bool { return j.start != "well" }) {
				want = append(want, errJob) // the other change may be what keeps it from an earlier fault
			}
			for _, other := range append(want, capability.ErrClosed, capability.ErrConflict, capability.ErrUnknown, capability.ErrNotProvided, capability.ErrInUse, errSulks) {
				if err == nil || errors.Is(err, other) {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			problem = fmt.Sprintf("%v meanwhile: %v", m, err)
		})
	}
	if len(meanwhile) > 0 {
		time.Sleep(pause)
	}
	sulks := false
	for _, l := range o.lives {
		l.advance(time.Now())
		sulks = sulks || l.running && l.job.sulks
	}
	err := o.host.Stop(ctx)
	work.Wait()
	synctest.Wait()
	o.stopped, o.said = true, err
	if problem != "" {
		return problem
	}
	if len(meanwhile) > 0 {
		// Which came first is not known, but all has ended.
		o.lives = nil
		for _, s := range o.host.Status().Get() {
			if s.State != extension.Stopped {
				return fmt.Sprintf("after Stop: %v", s)
			}
			o.lives = append(o.lives, &life{name: s.Instance, state: s.State, restarts: s.Restarts, troubled: s.Err != nil})
		}
		if err != nil && !errors.Is(err, errSulks) {
			return fmt.Sprintf("Stop says %v", err)
		}
		return ""
	}
	for _, l := range o.lives {
		l.troubled = l.state == extension.Failed || l.running && l.job.sulks
		l.running, l.reported, l.state = false, false, extension.Stopped
	}
	if sulks != errors.Is(err, errSulks) || sulks != (err != nil) {
		return fmt.Sprintf("Stop says %v, want a sulk: %t", err, sulks)
	}
	return ""
}

// Whatever is done to a host, also while it is stopped: each call has the verdict of the
// model, and how the instances do, what is bound and what runs is as the model says.
func TestModelOfHosts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.SliceOfN(moves, 5, 30).Draw(rt, "before")
		if rapid.Bool().Draw(rt, "all run") {
			all := move{do: "start", names: []string{"mail", "press", "ink", "paper"}}
			for range all.names {
				all.jobs = append(all.jobs, job{start: "well", slow: 300 * time.Millisecond, restarts: true})
			}
			before = slices.Insert(before, 0, all)
		}
		meanwhile := rapid.SliceOfN(moves.Filter(func(m move) bool {
			return m.do == "start" || m.do == "replace" || m.do == "remove"
		}), 0, 2).Draw(rt, "meanwhile")
		pause := rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond, time.Second}).Draw(rt, "pause")
		after := rapid.SliceOfN(moves, 0, 4).Draw(rt, "after")
		inBubble(t, rt, func(ctx context.Context) []string {
			o := newOffice()
			problem := ""
			for i, m := range before {
				if problem = o.move(ctx, m); problem == "" {
					problem = o.differs()
				}
				if problem != "" {
					problem = fmt.Sprintf("step %d, %s %q: %s", i, m.do, m.names, problem)
					break
				}
			}
			stopping := o.stop(ctx, meanwhile, pause)
			if stopping == "" {
				stopping = o.differs()
			}
			for _, m := range after {
				if stopping == "" {
					stopping = o.move(ctx, m)
				}
				if stopping == "" {
					stopping = o.differs()
				}
			}
			if err := o.host.Stop(ctx); err != o.said && stopping == "" {
				stopping = fmt.Sprintf("the second Stop says %v, the first said %v", err, o.said)
			}
			must(o.scope.Close())
			if err := o.engine.Close(ctx); err != nil && stopping == "" {
				stopping = fmt.Sprintf("closing the registry: %v", err)
			}
			var problems []string
			for _, p := range []string{problem, stopping} {
				if p != "" {
					problems = append(problems, p)
				}
			}
			return problems
		})
	})
}
