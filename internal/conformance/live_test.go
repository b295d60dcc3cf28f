// Scenarios and replays of what happens while traffic flows: watches that join
// early and late, changes that they hear of or not, and what is made for a scope.

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// The extension points of the live part.
var (
	liveSets    = capability.New[map[string]string]("conformance.sets", "holds entries that are watched")
	liveAnswers = capability.New[float64]("conformance.answers", "is what a provider answers")
	liveTenant  = capability.New[string]("conformance.tenant", "says whom a scope belongs to")
	liveHooks   = capability.New[*liveHook]("conformance.hooks", "is made for each tenant")
	liveCalls   = capability.New[any]("conformance.calls", "is what was called last")
)

// A liveHook is an instance that a scope has of its own.
type liveHook struct{ tenant string }

// liveContext returns a context that ends when a watch that is to hear of a
// change has kept silent for too long. It does not end while all is well.
func liveContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 10*time.Second)
}

// A liveWatch is a watch that is asked for one change after the other.
type liveWatch[V any] struct {
	name string
	next func() (old, now V, ok bool)
	stop func()
}

func newLiveWatch[V any](ctx context.Context, name string, h capability.Handle[V]) liveWatch[V] {
	next, stop := iter.Pull2(h.Watch(ctx))
	return liveWatch[V]{name, next, stop}
}

// pull returns what the watch yields next, which is expected to come.
func (w liveWatch[V]) pull() (old, now V, err error) {
	old, now, ok := w.next()
	if !ok {
		err = fmt.Errorf("the watch of %q ends instead of yielding", w.name)
	}
	return old, now, err
}

// rest returns all that the watch yields until it ends, which it does once its
// scope is closed.
func (w liveWatch[V]) rest() iter.Seq2[V, V] {
	return func(yield func(V, V) bool) {
		for {
			old, now, ok := w.next()
			if !ok || !yield(old, now) {
				return
			}
		}
	}
}

// scenarioWatchOne watches three sets of entries and replaces one of them.
func scenarioWatchOne() (out vectorOutcome, err error) {
	ctx, cancel := liveContext()
	defer cancel()
	engine := capability.NewRegistry(capability.Engine, "engine")
	err = engine.Apply(
		liveSets.Bind("dp1", map[string]string{"k1": "a1", "k2": "a2"}),
		liveSets.Bind("dp2", map[string]string{"k2": "b2", "k3": "b3"}),
		liveSets.Bind("dp3", map[string]string{"k1": "c1"}),
	)
	if err != nil {
		return out, err
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		return out, err
	}
	defer scope.Close()
	var watches []liveWatch[map[string]string]
	for _, name := range []string{"dp1", "dp2", "dp3"} {
		h, err := liveSets.Named(name).Handle(scope)
		if err != nil {
			return out, err
		}
		w := newLiveWatch(ctx, name, h)
		defer w.stop()
		watches = append(watches, w)
		if _, _, err := w.pull(); err != nil {
			return out, err
		}
	}
	if err := engine.Apply(liveSets.Rebind("dp2", map[string]string{"k2": "b2x"})); err != nil {
		return out, err
	}
	if err := scope.Close(); err != nil {
		return out, err
	}
	for _, w := range watches {
		for old, now := range w.rest() {
			out.calls = append(out.calls, fmt.Sprintf("%s(old=%s;new=%s)", w.name, textOfEntries(old), textOfEntries(now)))
		}
	}
	out.result = &vectorResult{"value", "ok"}
	return out, ctx.Err()
}

// textOfEntries returns key:value of all entries, sorted.
func textOfEntries(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+":"+m[k])
	}
	return strings.Join(list, ",")
}

// ask calls the providers of a chain and notes who they are. The result is what
// they answer.
func (o *vectorOutcome) ask(c capability.Chain[float64]) {
	list := []any{}
	for name, v := range c.All() {
		o.calls = append(o.calls, name)
		list = append(list, v)
	}
	o.result = &vectorResult{"list", list}
}

// scenarioReordered lists the same providers in another order, and then in that
// order once more. It makes a call for each chain that a watch yields.
func scenarioReordered() (out vectorOutcome, err error) {
	ctx, cancel := liveContext()
	defer cancel()
	engine := capability.NewRegistry(capability.Engine, "engine")
	if err := engine.Apply(liveAnswers.Bind("p1", 1), liveAnswers.Bind("p2", 2), liveAnswers.Select("p1", "p2")); err != nil {
		return out, err
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		return out, err
	}
	defer scope.Close()
	h, err := liveAnswers.All().Handle(scope)
	if err != nil {
		return out, err
	}
	w := newLiveWatch(ctx, "answers", h)
	defer w.stop()
	_, first, err := w.pull()
	if err != nil {
		return out, err
	}
	out.ask(first)
	if err := engine.Apply(liveAnswers.Select("p2", "p1")); err != nil {
		return out, err
	}
	old, now, err := w.pull()
	if err != nil {
		return out, err
	}
	if !slices.Equal(old.Names(), first.Names()) {
		return out, fmt.Errorf("the watch says that the order was %v, want %v", old.Names(), first.Names())
	}
	out.ask(now)
	if err := engine.Apply(liveAnswers.Select("p2", "p1")); err != nil {
		return out, err
	}
	if err := scope.Close(); err != nil {
		return out, err
	}
	for _, more := range w.rest() {
		out.ask(more)
	}
	return out, ctx.Err()
}

// scenarioRemoved withdraws a provider, waits until it is retired, and makes a
// call.
func scenarioRemoved() (out vectorOutcome, err error) {
	ctx, cancel := liveContext()
	defer cancel()
	engine := capability.NewRegistry(capability.Engine, "engine")
	retired := 0
	err = engine.Apply(
		liveAnswers.Bind("p1", 1).OnRetire(func() error { retired++; return nil }),
		liveAnswers.Bind("p2", 2),
	)
	if err != nil {
		return out, err
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		return out, err
	}
	defer scope.Close()
	l, err := liveAnswers.All().Leased(scope)
	if err != nil {
		return out, err
	}
	err = l.Use(func(c capability.Chain[float64]) error {
		if err := engine.Apply(liveAnswers.Unbind("p1")); err != nil {
			return err
		}
		short, stop := context.WithCancel(ctx)
		stop()
		if err := engine.Drain(short); !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), "held by a lease") {
			return fmt.Errorf("of the provider in use Drain says %v, want ErrInUse and that a lease holds it", err)
		}
		if !slices.Equal(c.Names(), []string{"p1", "p2"}) {
			return fmt.Errorf("the call that runs goes on with %v, want p1 and p2", c.Names())
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	if err := engine.Drain(ctx); err != nil {
		return out, err
	}
	if retired != 1 {
		return out, fmt.Errorf("the withdrawn provider is retired %d times, want once", retired)
	}
	err = l.Use(func(c capability.Chain[float64]) error { out.ask(c); return nil })
	return out, err
}

// scenarioWatcherPanic watches with a body that panics, at the first value and at
// a change, beside a watch that behaves. The panics are recovered around the
// loops, which is where they are to arrive.
func scenarioWatcherPanic() (out vectorOutcome, err error) {
	ctx, cancel := liveContext()
	defer cancel()
	engine := capability.NewRegistry(capability.Engine, "engine")
	if err := engine.Apply(liveAnswers.Bind("limit", 1)); err != nil {
		return out, err
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		return out, err
	}
	defer scope.Close()
	h, err := liveAnswers.Handle(scope)
	if err != nil {
		return out, err
	}
	calm := newLiveWatch(ctx, "calm", h)
	defer calm.stop()
	note := func(who string, now float64) { out.calls = append(out.calls, fmt.Sprintf("%s(%v)", who, now)) }
	var reached []any
	crash := func(at float64, before func() error) (err error) {
		defer func() {
			if r := recover(); r != nil {
				reached = append(reached, r)
			}
		}()
		for _, now := range h.Watch(ctx) {
			note("hasty", now)
			if now == at {
				panic("hasty gives up")
			}
			if err := before(); err != nil {
				return err
			}
		}
		return errors.New("the watch that is to panic ends")
	}
	hear := func() error {
		_, now, err := calm.pull()
		if err == nil {
			note("calm", now)
		}
		return err
	}
	change := func() error { return engine.Apply(liveAnswers.Rebind("limit", 2)) }
	for _, step := range []func() error{
		func() error { return crash(1, change) },
		hear,
		func() error { return crash(2, change) },
		hear,
		func() error { return engine.Apply(liveAnswers.Rebind("limit", 3)) },
		hear,
		scope.Close,
		func() error { return engine.Close(ctx) },
	} {
		if err := step(); err != nil {
			return out, err
		}
	}
	out.result = &vectorResult{"value", map[string]any{"reached_its_loop": reached, "afterwards": h.Get()}}
	return out, nil
}

// scenarioPerScope resolves what is made for each scope, in two scopes and
// several times.
func scenarioPerScope() (out vectorOutcome, err error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	err = engine.Apply(liveHooks.BindPerScope("keyed", func(r *capability.Resolver) (*liveHook, error) {
		tenant, err := liveTenant.In(r)
		out.calls = append(out.calls, "factory:"+tenant)
		return &liveHook{tenant}, err
	}))
	if err != nil {
		return out, err
	}
	scopes := make(map[string]*capability.Scope)
	for _, name := range []string{"k1", "k2"} {
		own := capability.NewRegistry(capability.Pipeline, name)
		if err := own.Apply(liveTenant.Bind("owner", name)); err != nil {
			return out, err
		}
		scope, err := capability.Compose(own, engine)
		if err != nil {
			return out, err
		}
		defer scope.Close()
		scopes[name] = scope
	}
	if len(out.calls) > 0 {
		return out, fmt.Errorf("%v are called before anybody asks", out.calls)
	}
	made := make(map[string][]*liveHook)
	for _, name := range []string{"k1", "k1", "k2", "k1"} {
		one, err := liveHooks.Handle(scopes[name])
		if err != nil {
			return out, err
		}
		all, err := liveHooks.All().Handle(scopes[name])
		if err != nil {
			return out, err
		}
		made[name] = append(append(made[name], one.Get()), all.Get().Values()...)
	}
	same := func(name string) bool { return len(slices.Compact(slices.Clone(made[name]))) == 1 }
	out.result = &vectorResult{"value", map[string]any{
		"same":     same("k1") && same("k2"),
		"distinct": made["k1"][0] != made["k2"][0] && made["k1"][0].tenant == "k1" && made["k2"][0].tenant == "k2",
	}}
	return out, nil
}

// joinLate replays calls that those who join later hear of. What is called is
// published, and who joins watches it: it gets the current call first, if there
// is any, and then each change. After each step all who watch are asked for what
// they heard.
func (r *vectorReplay) joinLate() {
	ctx, cancel := liveContext()
	defer cancel()
	r.scope, r.build = capability.Compose(r.registry)
	if r.build != nil {
		return
	}
	defer r.scope.Close()
	h, err := liveCalls.All().Handle(r.scope)
	if err != nil {
		r.build = err
		return
	}
	type watch = liveWatch[capability.Chain[any]]
	var watches []watch
	defer func() {
		for _, w := range watches {
			w.stop()
		}
	}()
	hear := func(w watch, c capability.Chain[any]) {
		if v, ok := c.First(); ok {
			r.note(fmt.Sprintf("%s(%s)", w.name, textOfValue(v)))
		}
	}
	pull := func(w watch) {
		_, now, err := w.pull()
		if err != nil {
			panic(vectorMisfit(err.Error()))
		}
		hear(w, now)
	}
	for _, s := range r.v.Steps {
		switch {
		case s.Op == "call_historic" && !s.Callback:
			change := liveCalls.Rebind("latest", s.Arg)
			if h.Get().Len() == 0 {
				change = liveCalls.Bind("latest", s.Arg)
			}
			if r.build = r.registry.Apply(change); r.build != nil {
				return
			}
			for _, w := range watches {
				pull(w)
			}
		case s.Op == "register":
			w := newLiveWatch(ctx, s.Name, h)
			watches = append(watches, w)
			pull(w)
		default:
			panic(vectorMisfit(fmt.Sprintf("step %q cannot be replayed by who joins late", s.Op)))
		}
		r.ends = append(r.ends, len(r.calls))
	}
	r.build = r.scope.Close()
	for _, w := range watches {
		for _, more := range w.rest() {
			hear(w, more)
		}
	}
	r.result = &vectorResult{Kind: "void"}
}
