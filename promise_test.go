// The promises of the package, each a test of that name. What a test would miss
// is shown by the twins of internal/zoo: broken copies of the code that it must
// catch.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A Gauge is a provider that is nothing but its version.
type Gauge int

var Gauges = capability.New[Gauge]("gauge", "shows which version is bound")

// fleet is an engine, groups under it and pipelines under those, all composed.
type fleet struct {
	engine    *capability.Registry
	groups    []*capability.Registry
	pipelines []*capability.Registry
	scopes    []*capability.Scope
}

func newFleet(t testing.TB, groups, pipelines int) *fleet {
	t.Helper()
	f := &fleet{engine: capability.NewRegistry(capability.Engine, "engine")}
	for g := range groups {
		group := capability.NewRegistry(capability.Group, fmt.Sprint("group", g))
		f.groups = append(f.groups, group)
		for p := range pipelines {
			pipeline := capability.NewRegistry(capability.Pipeline, fmt.Sprint("pipeline", g, "-", p))
			scope, err := capability.Compose(group, pipeline, f.engine)
			must(err)
			f.pipelines = append(f.pipelines, pipeline)
			f.scopes = append(f.scopes, scope)
		}
	}
	t.Cleanup(func() {
		for _, s := range f.scopes {
			must(s.Close())
		}
	})
	return f
}

func TestPromise1CommittedIsVisible(t *testing.T) {
	f := newFleet(t, 3, 4)
	must(f.engine.Apply(Gauges.Bind("g", 0)))
	must(f.groups[1].Apply(Gauges.Bind("near", 1_000_000)))
	type reader struct {
		all   capability.ChainHandle[Gauge]
		named capability.Handle[Gauge]
	}
	readers := make([]reader, len(f.scopes))
	for i, s := range f.scopes {
		must(s.Resolve(Gauges.All().Into(&readers[i].all), Gauges.Named("g").Into(&readers[i].named)))
	}
	for version := Gauge(1); version <= 200; version++ {
		must(f.engine.Apply(Gauges.Rebind("g", version)))
		if version == 50 { // a pipeline that inherited begins to say something itself
			must(f.pipelines[2].Apply(Gauges.Bind("own", 7)))
		}
		if version == 100 { // and stops again
			must(f.pipelines[2].Apply(Gauges.Unbind("own")))
		}
		for i, r := range readers {
			g, _ := r.all.Get().Find("g")
			if got := [2]Gauge{g, r.named.Get()}; got != [2]Gauge{version, version} {
				t.Fatalf("after the commit of version %d, scope %v reads %v", version, f.scopes[i], got)
			}
			_, own := r.all.Get().Find("own")
			if want := i == 2 && version >= 50 && version < 100; own != want {
				t.Fatalf("after the commit of version %d, scope %v sees a provider of its own: %v, want %v", version, f.scopes[i], own, want)
			}
		}
	}
}

func TestPromise1CommittedIsVisibleToOtherGoroutines(t *testing.T) {
	f := newFleet(t, 1, 8)
	must(f.engine.Apply(Gauges.Bind("g", 0)))
	var committed atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	for _, s := range f.scopes {
		h, err := Gauges.Handle(s)
		must(err)
		group.Go(func() {
			for !stop.Load() {
				least := Gauge(committed.Load())
				if got := h.Get(); got < least {
					t.Errorf("version %d was read after the commit of %d had returned", got, least)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for version := range 5_000 {
		must(f.engine.Apply(Gauges.Rebind("g", Gauge(version))))
		committed.Store(int64(version))
	}
	stop.Store(true)
	group.Wait()
}

func TestPromise2NeverBack(t *testing.T) {
	f := newFleet(t, 2, 2)
	must(f.engine.Apply(Gauges.Bind("engine", 0)))
	for _, g := range f.groups {
		must(g.Apply(Gauges.Bind("group", 0)))
	}
	var stop atomic.Bool
	var writers, readers sync.WaitGroup
	for _, s := range f.scopes {
		h, err := Gauges.All().Handle(s)
		must(err)
		readers.Go(func() {
			var last [2]Gauge
			for !stop.Load() {
				c := h.Get()
				broad, _ := c.Find("engine")
				near, _ := c.Find("group")
				if broad < last[0] || near < last[1] {
					t.Errorf("scope %v went back from %v to %v", s, last, [2]Gauge{broad, near})
					return
				}
				last = [2]Gauge{broad, near}
				runtime.Gosched()
			}
		})
	}
	for i, r := range append([]*capability.Registry{f.engine}, f.groups...) {
		name := "group"
		if i == 0 {
			name = "engine"
		}
		writers.Go(func() {
			for version := range 2_000 {
				must(r.Apply(Gauges.Rebind(name, Gauge(version))))
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}

func TestPromise4RefusedChangesNothing(t *testing.T) {
	f := newFleet(t, 2, 2)
	needed := capability.New[Gauge]("needed", "is resolved by everybody")
	must(f.engine.Apply(Gauges.Bind("a", 1), Gauges.Bind("b", 2).After("a"), needed.Bind("n", 1)))
	must(f.groups[0].Apply(Gauges.Rebind("a", 3), Gauges.Mask("b")))
	state := func() []string {
		var all []string
		for _, s := range f.scopes {
			all = append(all, s.Snapshot().String())
			for _, r := range s.Snapshot().Registries {
				all = append(all, fmt.Sprint(r))
			}
		}
		return all
	}
	handles := make([]capability.ChainHandle[Gauge], len(f.scopes))
	for i, s := range f.scopes {
		var one capability.Handle[Gauge]
		must(s.Resolve(Gauges.All().Into(&handles[i]), needed.Into(&one)))
	}
	chains := func() []capability.Chain[Gauge] {
		var all []capability.Chain[Gauge]
		for _, h := range handles {
			all = append(all, h.Get())
		}
		return all
	}
	before, chainsBefore := state(), chains()
	good := []capability.Change{
		Gauges.Bind("c", 9).Before("a"), Gauges.Rebind("a", 8), Gauges.Unbind("b"), Gauges.Mask(),
	}
	for name, bad := range map[string]struct {
		change capability.Change
		code   capability.Code
	}{
		"a second Bind":      {Gauges.Bind("c", 1), capability.ErrConflict},
		"an unknown name":    {Gauges.Unbind("z"), capability.ErrUnknown},
		"a nil change":       {nil, capability.ErrInvalid},
		"a cycle":            {Gauges.Bind("d", 1).Before("c").After("a"), capability.ErrCycle},
		"a lost provider":    {needed.Unbind("n"), capability.ErrInUse},
		"an ambiguous one":   {needed.Bind("m", 2), capability.ErrInUse},
		"an unknown mask":    {Gauges.Select("a", "z"), capability.ErrUnknown},
		"another of a name":  {capability.New[Gauge]("gauge", "is not the one").Bind("x", 1), capability.ErrConflict},
		"a constraint on it": {Gauges.Bind("e", 1).After("e"), capability.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			err := capability.Commit(
				f.pipelines[3].Stage(Gauges.Bind("p", 5)),
				f.engine.Stage(append(append([]capability.Change{}, good...), bad.change)...),
				f.groups[1].Stage(Gauges.Bind("q", 6)),
			)
			if !errors.Is(err, bad.code) {
				t.Errorf("got %v, want %s", err, bad.code)
			}
			if diff := cmp.Diff(before, state()); diff != "" {
				t.Errorf("a refused commit changed what the scopes see (-before +after):\n%s", diff)
			}
			for i, c := range chains() {
				if c != chainsBefore[i] {
					t.Errorf("a refused commit published to scope %v", f.scopes[i])
				}
			}
		})
	}
	if err := f.engine.Apply(good...); err != nil {
		t.Errorf("the changes are good without the bad one, but: %v", err)
	}
}

// One error holds the mistakes of all edits, and blames nobody for the mistakes
// of others: whoever selects what failed to be bound made none.
func TestAllMistakesTogether(t *testing.T) {
	f := newFleet(t, 1, 1)
	must(f.engine.Apply(Gauges.Bind("a", 1)))
	err := capability.Commit(
		f.pipelines[0].Stage(Gauges.Select("b", "x"), Scorers.Mask("y"), nil),
		f.engine.Stage(Gauges.Bind("a", 2), Gauges.Bind("b", 1).After("b"), Scorers.Bind("s", nil)),
		f.groups[0].Stage(Gauges.Rebind("a", 3), Gauges.Mask("a"), Gauges.Unbind("z")),
	)
	var got []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *capability.Error
		errors.As(err, &e)
		got = append(got, fmt.Sprint(e.Code, " ", e.Provider))
	}
	want := []string{
		"invalid ", "conflict a", "invalid b", "invalid s", "unknown z", // as the edits are written
		"conflict a", "unknown x", "unknown y", // what they take for granted
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// A name that failed to be bound because its capability has a namesake is nobody else's
// mistake either.
func TestNamesakesAreTheOnlyMistake(t *testing.T) {
	f := newFleet(t, 1, 1)
	namesake := capability.New[string]("gauge", "has the name of another")
	must(f.engine.Apply(Gauges.Bind("a", 1)))
	err := capability.Commit(f.engine.Stage(namesake.Bind("b", "")), f.pipelines[0].Stage(capability.Mask("gauge", "b")))
	if !errors.Is(err, capability.ErrConflict) || mistakes(err) != 1 {
		t.Errorf("want one conflict, got %v", err)
	}
}

// Each mistake is told once, in however many capabilities a transaction makes one.
func TestMistakesInManyCapabilities(t *testing.T) {
	const n = 12
	var rebinds, masks capability.Changes
	for i := range n {
		key := capability.New[int](fmt.Sprint("key", i), "is one of many")
		rebinds, masks = append(rebinds, key.Rebind("a", 1)), append(masks, key.Mask("a"))
	}
	err := capability.NewRegistry(capability.Engine, "engine").Apply(rebinds, masks)
	several, _ := err.(interface{ Unwrap() []error })
	if mistakes(err) != n {
		t.Fatalf("want %d conflicts, got %v", n, err)
	}
	for i, err := range several.Unwrap() {
		var e *capability.Error
		if !errors.As(err, &e) || e.Code != capability.ErrConflict || e.Capability != fmt.Sprint("key", i) {
			t.Errorf("mistake %d is %v", i, err)
		}
	}
}

func TestPromise5OneChainInADispatch(t *testing.T) {
	f := newFleet(t, 1, 1)
	names := []string{"a", "b", "c", "d"}
	edit := func(version Gauge) (changes capability.Changes) {
		for _, name := range names {
			changes = append(changes, Gauges.Rebind(name, version))
		}
		return changes
	}
	for _, name := range names {
		must(f.engine.Apply(Gauges.Bind(name, 0)))
	}
	h, err := Gauges.All().Handle(f.scopes[0])
	must(err)

	// Deterministic: each provider's call replaces all providers.
	version := Gauge(0)
	seen, err := capability.Collect(h.Get(), func(g Gauge) (Gauge, error) {
		version++
		return g, f.engine.Apply(edit(version))
	})
	must(err)
	if diff := cmp.Diff([]Gauge{0, 0, 0, 0}, seen); diff != "" {
		t.Errorf("a dispatch saw changes made during it (-want +got):\n%s", diff)
	}

	// And while another goroutine commits.
	var stop atomic.Bool
	var group sync.WaitGroup
	group.Go(func() {
		for !stop.Load() {
			c := h.Get()
			first, _ := c.First()
			_ = capability.Each(c, func(g Gauge) error {
				if g != first {
					t.Errorf("a dispatch mixed version %d and %d", first, g)
				}
				return nil
			})
			runtime.Gosched()
		}
	})
	for version := range 2_000 {
		must(f.engine.Apply(edit(Gauge(version))))
	}
	stop.Store(true)
	group.Wait()
}

func TestPromise8HeldHandleHasItsProvider(t *testing.T) {
	f := newFleet(t, 1, 2)
	must(f.engine.Apply(Gauges.Bind("a", 1)))
	one, err := Gauges.Handle(f.scopes[0])
	must(err)
	named, err := Gauges.Named("a").Handle(f.scopes[1])
	must(err)
	for name, try := range map[string]func() error{
		"unbind":             func() error { return f.engine.Apply(Gauges.Unbind("a")) },
		"mask":               func() error { return f.pipelines[0].Apply(Gauges.Mask("a")) },
		"mask of the named":  func() error { return f.groups[0].Apply(Gauges.Mask("a")) },
		"rival":              func() error { return f.engine.Apply(Gauges.Bind("b", 2)) },
		"select":             func() error { return f.pipelines[1].Apply(Gauges.Bind("c", 1), Gauges.Select("c")) },
		"close the registry": func() error { return f.engine.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := try(); !errors.Is(err, capability.ErrInUse) {
				t.Errorf("got %v, want %s", err, capability.ErrInUse)
			}
			if one.Get() != 1 || named.Get() != 1 {
				t.Errorf("the handles read %d and %d, want 1 and 1", one.Get(), named.Get())
			}
		})
	}
	must(f.engine.Apply(Gauges.Unbind("a"), Gauges.Bind("a", 5)))
	must(f.pipelines[0].Apply(Gauges.Bind("narrow", 6)))
	if one.Get() != 6 || named.Get() != 5 {
		t.Errorf("the handles read %d and %d, want 6 and 5", one.Get(), named.Get())
	}
}

func TestPromise13ClosingInAnyOrder(t *testing.T) {
	for round := range 50 {
		f := newFleet(t, 2, 3)
		must(f.engine.Apply(Gauges.Bind("g", 1)))
		handles := make([]capability.Handle[Gauge], len(f.scopes))
		for i, s := range f.scopes {
			must(s.Resolve(Gauges.Into(&handles[i])))
		}
		registries := append(append([]*capability.Registry{f.engine}, f.groups...), f.pipelines...)
		var group sync.WaitGroup
		for i := range f.scopes {
			s := f.scopes[(i*5+round)%len(f.scopes)]
			for range 2 {
				group.Go(func() { must(s.Close()) })
			}
			group.Go(func() {
				var h capability.Handle[Gauge]
				if err := s.Resolve(Gauges.Into(&h)); err != nil && !errors.Is(err, capability.ErrClosed) && !errors.Is(err, capability.ErrNotProvided) {
					t.Errorf("resolving in a closing scope: %v", err)
				}
			})
		}
		for _, r := range registries {
			group.Go(func() {
				for r.Close(context.Background()) != nil {
					runtime.Gosched()
				}
				must(r.Close(context.Background()))
			})
		}
		group.Go(func() {
			if err := f.engine.Apply(Gauges.Rebind("g", 1)); err != nil && !errors.Is(err, capability.ErrClosed) {
				t.Errorf("committing to a closing registry: %v", err)
			}
		})
		group.Wait()
		for i, h := range handles {
			if h.Get() != 1 {
				t.Errorf("a handle of closed scope %v reads %d", f.scopes[i], h.Get())
			}
		}
		if _, err := capability.Compose(f.engine); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("composing a closed registry: %v", err)
		}
	}
}

// Closed scopes leave nothing behind.
func TestClosedScopesAreGone(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Gauges.Bind("g", 1), Scorers.Bind("s", plus(1))))
	keep, err := capability.Compose(engine)
	must(err)
	defer keep.Close()
	cycle := func() {
		var scopes []*capability.Scope
		for i := range 1000 {
			group := capability.NewRegistry(capability.Group, "group")
			pipeline := capability.NewRegistry(capability.Pipeline, "pipeline")
			s, err := capability.Compose(engine, group, pipeline)
			must(err)
			scopes = append(scopes, s)
			var g capability.Handle[Gauge]
			var all capability.ChainHandle[Scorer]
			must(s.Resolve(Gauges.Into(&g), Scorers.All().Into(&all)))
			must(pipeline.Apply(Scorers.Bind("own", plus(i))))
			if i%3 == 0 {
				must(group.Apply(Gauges.Bind("near", 2)))
			}
		}
		for i := range scopes {
			must(scopes[(i*7)%len(scopes)].Close())
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	cycle()
	before := heap()
	for range 5 {
		cycle()
	}
	if after := heap(); after > before+64<<10 {
		t.Errorf("5000 scopes opened and closed left %d bytes", after-before)
	}
}

// Promise 12: a panic in a provider leaves everything usable, whichever verb called
// it and whatever it had begun.
func TestPromise12ProvidersThatPanic(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Scorers.Bind("sound", plus(1)).Priority(1),
		Scorers.Bind("rotten", fragile{}),
	))
	scope := composedOf(t, engine)
	all, err := Scorers.All().Handle(scope)
	must(err)
	score := func(s Scorer) error { return second(s.Score(1)) }
	for name, dispatch := range map[string]func(){
		"Each":    func() { _ = capability.Each(all.Get(), score) },
		"Collect": func() { _, _ = capability.Collect(all.Get(), func(s Scorer) (int, error) { return s.Score(1) }) },
		"Any":     func() { _, _ = capability.Any(all.Get(), func(s Scorer) (bool, error) { return false, score(s) }) },
		"Every":   func() { _, _ = capability.Every(all.Get(), func(s Scorer) (bool, error) { return true, score(s) }) },
		"Pipe":    func() { _, _ = capability.Pipe(all.Get(), 1, func(s Scorer, n int) (int, error) { return s.Score(n) }) },
		"Decide": func() {
			_, _ = capability.Decide(all.Get(), func(s Scorer) (capability.Decision[int], error) {
				return capability.Decision[int]{}, score(s)
			})
		},
	} {
		panicked := func() (v any) {
			defer func() { v = recover() }()
			dispatch()
			return nil
		}()
		if panicked != errFragile {
			t.Errorf("%s: the panic that reached the caller is %v, want %v", name, panicked, errFragile)
		}
	}
	must(engine.Apply(Scorers.Rebind("rotten", plus(2))))
	if got, err := capability.Pipe(all.Get(), 0, func(s Scorer, n int) (int, error) { return s.Score(n) }); got != 3 || err != nil {
		t.Errorf("after the panics the chain scores %d, %v, want 3", got, err)
	}
}

var errFragile = errors.New("on fire")

// fragile panics when it is called.
type fragile struct{}

func (fragile) Score(int) (int, error) { panic(errFragile) }
