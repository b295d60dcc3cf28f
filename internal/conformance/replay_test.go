// The replay of conformance vectors: registries are built and the verbs called
// as a program would, and what happened is written down as an outcome.

package conformance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// vectorMisfit is what the replay panics with when a vector makes no sense.
type vectorMisfit string

// A round is a whole call, which wrappers wrap.
type vectorRound func(args []any) (any, error)

// noVectorValue is what a round returns if there is no value.
type noVectorValue struct{}

var (
	vectorSpeakers = capability.New[*vectorSpeaker]("conformance.speakers", "answers the calls of a replayed vector")
	vectorWrappers = capability.New[capability.Middleware[vectorRound]]("conformance.wrappers", "wraps the calls of a replayed vector")
	vectorOffered  = capability.New[any]("conformance.offers", "handles a request of a replayed vector")
)

// A vectorOutcome is what a replay came to.
type vectorOutcome struct {
	calls  []string
	chain  []string // who was to be asked, if nobody ended it
	ends   []int    // how many calls were noted when each round ended
	result *vectorResult
	faults []vectorFault
	build  error // a registration or a resolve that was refused

	cancelled []vectorFault // of those that were called off, which no vector lists
}

// A vectorReplay is a running replay.
type vectorReplay struct {
	vectorOutcome
	v        *vector
	lifo     bool // later registered is asked earlier, as pluggy does
	schedule vectorSchedule
	count    int // registrations so far
	registry *capability.Registry
	scope    *capability.Scope
	all      capability.ChainHandle[*vectorSpeaker]
	around   capability.ChainHandle[capability.Middleware[vectorRound]]
	subset   capability.ChainHandle[*vectorSpeaker]
	bound    map[string][]string // name in the vector → names it is bound under
	wraps    map[string]bool     // names that wrap
	firsts   []string            // bound names marked first
	subsets  []*capability.Scope // open until the replay ends

	observers capability.ChainHandle[observed.Observer]
	watching  []string       // names of the observers that were bound without one
	places    map[string]int // in the chain that is called, of who is bound under a name

	mu      sync.Mutex // guards what providers write, and calls
	made    []vectorDeed
	stopped []string // bound names of those that were called off
	odd     []string // what observers and watches saw that they should not
}

// replayVector replays v. With lifo set, what is registered later has the
// greater priority; without it the order of registration is the order. Where
// providers run at the same time, it checks that the outcome does not hang on how
// many do and in which order they begin.
func replayVector(t *testing.T, v *vector, lifo bool) (vectorOutcome, error) {
	out, err := replayOnce(t, v, lifo, vectorSchedule{})
	if err == nil && v.concurrent() {
		err = v.otherwise(t, lifo, out)
	}
	return out, err
}

// replayOnce replays v with a schedule. The clock is a fake one, so that the delays
// of providers take no time and what happens in which order is always the same.
func replayOnce(t *testing.T, v *vector, lifo bool, schedule vectorSchedule) (out vectorOutcome, err error) {
	if err := v.replayable(); err != nil {
		return out, err
	}
	synctest.Test(t, func(*testing.T) { out, err = v.once(lifo, schedule) })
	return out, err
}

// once replays v on the clock that there is.
func (v *vector) once(lifo bool, schedule vectorSchedule) (out vectorOutcome, err error) {
	r := &vectorReplay{
		v: v, lifo: lifo && v.System == "pluggy", schedule: schedule,
		registry: capability.NewRegistry(capability.Engine, "engine"),
		bound:    make(map[string][]string), wraps: make(map[string]bool),
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
			out = r.vectorOutcome
		case vectorMisfit:
			err = errors.New(string(p))
		default:
			panic(p)
		}
	}()
	switch v.Mode {
	case "select":
		r.selectOne()
	case "is_configured":
		r.isConfigured()
	case "historic":
		r.joinLate()
	case "data", "reload":
		r.followData()
	default:
		r.run()
	}
	return out, err
}

// run builds the registry, takes the steps or makes the one call.
func (r *vectorReplay) run() {
	r.scope, r.build = capability.Compose(r.registry)
	if r.build != nil {
		return
	}
	defer func() {
		for _, s := range append(r.subsets, r.scope) {
			s.Close()
		}
	}()
	r.build = r.scope.Resolve(vectorSpeakers.All().Into(&r.all), vectorWrappers.All().Into(&r.around), observed.Observers.All().Into(&r.observers))
	if r.build != nil {
		return
	}
	var changes capability.Changes
	for _, p := range r.inLayers() {
		changes = append(changes, r.bind(p)...)
	}
	if r.build = r.registry.Apply(changes); r.build != nil {
		return
	}
	switch {
	case len(r.v.Steps) == 0 && r.v.Mode == "register":
		r.result = &vectorResult{Kind: "void"}
	case len(r.v.Steps) == 0:
		r.call(r.all.Get())
	}
	for _, s := range r.v.Steps {
		if r.build = r.step(s); r.build != nil || len(r.faults) > 0 && !r.v.keepsGoing() {
			return
		}
	}
}

// inLayers returns the providers of v in the order of their layers.
func (r *vectorReplay) inLayers() []vectorProvider {
	if r.v.Layers == nil {
		return r.v.Providers
	}
	place := make(map[string]int)
	for i, raw := range r.v.Layers {
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			panic(vectorMisfit(fmt.Sprintf("layer %s is no name", raw)))
		}
		place[name] = i
	}
	for _, p := range r.v.Providers {
		if _, ok := place[p.Source]; !ok {
			panic(vectorMisfit(fmt.Sprintf("source %q of provider %q is no layer", p.Source, p.Name)))
		}
	}
	sorted := slices.Clone(r.v.Providers)
	slices.SortStableFunc(sorted, func(a, b vectorProvider) int { return place[a.Source] - place[b.Source] })
	return sorted
}

// bind makes the changes that register p, as often as it says. Where the other
// system lets several have one name, the later ones get names of their own.
func (r *vectorReplay) bind(p vectorProvider) []capability.Change {
	var changes []capability.Change
	for range max(1, p.Repeat) {
		name := p.Name
		if n := len(r.bound[p.Name]); n > 0 && (r.v.System == "tapable" || p.Repeat > 1) {
			name += "#" + strconv.Itoa(n+1)
		}
		r.bound[p.Name] = append(r.bound[p.Name], name)
		r.wraps[name] = p.isWrapper()
		s := &vectorSpeaker{vectorProvider: p, replay: r, bound: name}
		var b capability.Binding
		if p.isWrapper() {
			b = vectorWrappers.Bind(name, s.wrap)
		} else {
			b = vectorSpeakers.Bind(name, s)
			if p.First {
				r.firsts = append(r.firsts, name)
			}
		}
		changes = append(changes, b.Priority(r.priority(p)).Before(r.peers(p)...))
	}
	return changes
}

// priority returns the priority of p: three bands, and within them the stages.
func (r *vectorReplay) priority(p vectorProvider) int {
	const band = 1 << 24
	later := 0
	if r.lifo {
		r.count++
		later = r.count
	}
	switch {
	case p.First:
		return band + later - p.stage()
	case p.Last:
		return -band - later - p.stage()
	}
	return later - p.stage()
}

// peers returns the names that p is to come before as they are bound, or will
// be.
func (r *vectorReplay) peers(p vectorProvider) []string {
	var peers []string
	for _, name := range p.before() {
		peers = append(peers, name)
		if name == p.Name {
			continue
		}
		n := 0
		for _, q := range r.v.providersAndSteps() {
			if q.Name != name {
				continue
			}
			for range max(1, q.Repeat) {
				if n++; n > 1 {
					peers = append(peers, name+"#"+strconv.Itoa(n))
				}
			}
		}
	}
	return peers
}

// step takes one step and returns the error of a registration.
func (r *vectorReplay) step(s vectorStep) error {
	switch s.Op {
	case "register", "register_wrapper", "tap":
		return r.registry.Apply(r.bind(s.provider(r.v))...)
	case "unregister":
		return r.unregister(s.Name)
	case "call":
		r.call(r.all.Get())
	case "subset":
		return r.without(s.Exclude, func(sub *capability.Scope) error {
			return sub.Resolve(vectorSpeakers.All().Into(&r.subset))
		})
	case "call_subset":
		if r.subset == (capability.ChainHandle[*vectorSpeaker]{}) {
			panic(vectorMisfit("call_subset comes before subset"))
		}
		r.call(r.subset.Get())
	case "subset_call":
		return r.without(s.Exclude, r.callIn)
	case "call_with_extra":
		return r.withExtra(s.Extra)
	case "monitor", "intercept":
		return r.observe(s)
	case "undo":
		return r.stopObserving(s.Name)
	default:
		panic(vectorMisfit(fmt.Sprintf("step %q cannot be replayed", s.Op)))
	}
	return nil
}

// unregister withdraws whatever is bound under the name.
func (r *vectorReplay) unregister(name string) error {
	names := r.bound[name]
	if len(names) == 0 {
		names = []string{name}
	}
	var changes capability.Changes
	for _, bound := range names {
		if r.wraps[bound] {
			changes = append(changes, vectorWrappers.Unbind(bound))
		} else {
			changes = append(changes, vectorSpeakers.Unbind(bound))
		}
	}
	if err := r.registry.Apply(changes); err != nil {
		return err
	}
	delete(r.bound, name)
	r.firsts = slices.DeleteFunc(r.firsts, func(first string) bool { return slices.Contains(names, first) })
	return nil
}

// without gives f a scope that masks the named providers. It stays open, so that
// what f resolves in it goes on following the registry.
func (r *vectorReplay) without(names []string, f func(*capability.Scope) error) error {
	mask := capability.NewRegistry(capability.Node, "subset")
	if err := mask.Apply(vectorSpeakers.Mask(names...)); err != nil {
		return err
	}
	sub, err := r.scope.With(mask)
	if err != nil {
		return err
	}
	r.subsets = append(r.subsets, sub)
	return f(sub)
}

// withExtra makes a call with providers that are there for this call only: they
// are bound in a narrower registry, behind those marked first.
func (r *vectorReplay) withExtra(names []string) error {
	extra := capability.NewRegistry(capability.Node, "extra")
	for _, name := range names {
		p := vectorProvider{Name: name, Behaviour: vectorBehaviour{Op: "return", Value: name}}
		s := &vectorSpeaker{vectorProvider: p, replay: r, bound: name}
		if err := extra.Apply(vectorSpeakers.Bind(name, s).Priority(r.priority(p)).After(r.firsts...)); err != nil {
			return err
		}
	}
	sub, err := r.scope.With(extra)
	if err != nil {
		return err
	}
	defer sub.Close()
	return r.callIn(sub)
}

// callIn makes a call over what the scope sees.
func (r *vectorReplay) callIn(s *capability.Scope) error {
	h, err := vectorSpeakers.All().Handle(s)
	if err == nil {
		r.call(h.Get())
	}
	return err
}

// shown returns the name that the vector gives to what is bound under name.
func (r *vectorReplay) shown(name string) string {
	for shown, bound := range r.bound {
		if slices.Contains(bound, name) {
			return shown
		}
	}
	return name
}

// note writes down that a body or a phase began or ended.
func (r *vectorReplay) note(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, event)
}
