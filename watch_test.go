// Watches and published values: who watches gets the last value, in order, and
// nobody waits for who watches.

package capability_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
)

// A reading is what one turn of a watch yielded.
type reading[V any] struct{ Old, Now V }

// A watcher follows a watch on a goroutine of its own. While it is held, its loop
// body does not return.
type watcher[V any] struct {
	seen []reading[V]
	over bool          // the loop has ended
	turn chan struct{} // unless it is nil, the body takes one before it returns
}

// follow starts to watch. The fields of the watcher may be read once
// synctest.Wait has returned.
func follow[V any](seq iter.Seq2[V, V]) *watcher[V] {
	w := &watcher[V]{}
	go w.run(seq)
	synctest.Wait()
	return w
}

// followSlowly starts a watch whose body waits for next.
func followSlowly[V any](seq iter.Seq2[V, V]) *watcher[V] {
	w := &watcher[V]{turn: make(chan struct{})}
	go w.run(seq)
	synctest.Wait()
	return w
}

func (w *watcher[V]) run(seq iter.Seq2[V, V]) {
	for old, now := range seq {
		w.seen = append(w.seen, reading[V]{old, now})
		if w.turn != nil {
			<-w.turn
		}
	}
	w.over = true
}

// next lets a slow body return, and waits for what comes of it.
func (w *watcher[V]) next() {
	w.turn <- struct{}{}
	synctest.Wait()
}

// saw checks all that was yielded, as texts "old>now", and whether the loop has
// ended.
func (w *watcher[V]) saw(t *testing.T, over bool, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for _, r := range w.seen {
		got = append(got, show(r.Old)+">"+show(r.Now))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("yielded (-want +got):\n%s", diff)
	}
	if w.over != over {
		t.Errorf("the loop has ended: %v, want %v", w.over, over)
	}
}

// show returns a value in a few letters.
func show(v any) string {
	if c, ok := v.(capability.Chain[int]); ok {
		return strings.Join(c.Names(), ",")
	}
	return fmt.Sprint(v)
}

// A watchHouse is an engine and a narrower registry of speed limits, in one open
// scope.
type watchHouse struct {
	t            *testing.T
	engine, town *capability.Registry
	scope        *capability.Scope
}

func newWatchHouse(t *testing.T) *watchHouse {
	h := &watchHouse{t: t, engine: capability.NewRegistry(capability.Engine, "engine"), town: capability.NewRegistry(capability.Pipeline, "town")}
	accepted(t, h.engine.Apply(limits.Bind("a", 1)))
	h.scope = must1(capability.Compose(h.engine, h.town))
	return h
}

// apply commits to the engine and waits until all who watch have seen it.
func (h *watchHouse) apply(changes ...capability.Change) {
	h.t.Helper()
	accepted(h.t, h.engine.Apply(changes...))
	synctest.Wait()
}

// bubble runs the body where time stands still, with a watchHouse, and fails if
// it leaves a goroutine behind.
func bubble(t *testing.T, body func(t *testing.T, h *watchHouse)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newWatchHouse(t)
		body(t, h)
		accepted(t, h.scope.Close())
	})
}

func TestPromise9WatchOfOneProvider(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		one := follow(must1(limits.Handle(h.scope)).Watch(t.Context()))
		byName := follow(must1(limits.Named("a").Handle(h.scope)).Watch(t.Context()))
		h.apply(limits.Rebind("a", 2))
		h.apply(limits.Bind("spare", 9).Priority(-1)) // neither sees it
		accepted(t, h.town.Apply(limits.Bind("near", 7)))
		h.apply(limits.Rebind("a", 3))
		accepted(t, h.town.Apply(limits.Rebind("a", 4)))
		h.apply(limits.Rebind("a", 5)) // it is hidden
		accepted(t, h.town.Apply(limits.Unbind("near")))
		synctest.Wait()
		accepted(t, h.town.Apply(limits.Unbind("a")))
		one.saw(t, false, "0>1", "1>2", "2>7", "7>4", "4>5")
		byName.saw(t, false, "0>1", "1>2", "2>3", "3>4", "4>5")
		accepted(t, h.scope.Close())
		one.saw(t, true, "0>1", "1>2", "2>7", "7>4", "4>5")
		byName.saw(t, true, "0>1", "1>2", "2>3", "3>4", "4>5")
	})
}

// TestPromise9WatchOfAChain proves what a change of a chain is: its providers and
// their order, and nothing else.
func TestPromise9WatchOfAChain(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		h.apply(limits.Bind("b", 2))
		w := follow(must1(limits.All().Handle(h.scope)).Watch(t.Context()))
		yields := func(why string, want int, commit func() error) {
			t.Helper()
			before := len(w.seen)
			accepted(t, commit())
			synctest.Wait()
			if got := len(w.seen) - before; got != want {
				t.Errorf("%s: yielded %d times, want %d", why, got, want)
			}
		}
		apply := func(r *capability.Registry, changes ...capability.Change) func() error {
			return func() error { return r.Apply(changes...) }
		}
		yields("a change of order", 1, apply(h.town, limits.Select("b", "a")))
		yields("the same order again", 0, apply(h.town, limits.Select("b", "a")))
		yields("the order from before", 1, apply(h.town, limits.Select()))
		yields("the same order, but it says which is the one", 0, apply(h.town, limits.Select("a", "b")))
		yields("the same order, and nothing says which is the one", 0, apply(h.town, limits.Select()))
		yields("nothing", 0, apply(h.engine))
		yields("another capability", 0, apply(h.engine, blobs.Bind("disk", new(blobStore))))
		yields("a binding that comes and goes", 0, apply(h.engine, limits.Bind("c", 3), limits.Unbind("c")))
		yields("a binding that is masked", 0, func() error {
			return capability.Commit(h.engine.Stage(limits.Bind("c", 3)), h.town.Stage(limits.Mask("c")))
		})
		yields("its end", 0, apply(h.engine, limits.Unbind("c")))
		yields("another value", 1, apply(h.engine, limits.Rebind("a", 10)))
		yields("the same value in the narrower registry", 1, apply(h.town, limits.Rebind("a", 10)))
		yields("several changes at once", 1, func() error {
			return capability.Commit(h.engine.Stage(limits.Unbind("b"), limits.Bind("d", 4)), h.town.Stage(limits.Unbind("a")))
		})
		if err := h.engine.Apply(limits.Bind("e", 5), limits.Bind("e", 6)); err == nil {
			t.Error("two bindings of one name were accepted")
		}
		w.saw(t, false, ">a,b", "a,b>b,a", "b,a>a,b", "a,b>a,b", "a,b>a,b", "a,b>a,d")
	})
}

// TestPromise9WatchOfWhatIsMade watches what builds and makers made: only what an
// accepted commit made is yielded, once for each commit.
func TestPromise9WatchOfWhatIsMade(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		h.apply(limits.Bind("low", 10), limits.Bind("high", 19))
		// It is built before the pair, and well, also in the commit that the pair
		// refuses.
		low := follow(must1(capability.Derive(limits.Named("low").In).Handle(h.scope)).Watch(t.Context()))
		pair := follow(must1(bounds.Handle(h.scope)).Watch(t.Context()))
		gap := follow(must1(spread.Handle(h.scope)).Watch(t.Context()))
		h.apply(limits.Rebind("low", 20), limits.Rebind("high", 29))
		h.apply(limits.Rebind("a", 2)) // neither has read it
		if err := h.engine.Apply(limits.Rebind("low", 99)); err == nil {
			t.Error("a failing build was accepted")
		}
		accepted(t, h.town.Apply(limits.Rebind("high", 30)))
		pair.saw(t, false, "{0 0}>{10 19}", "{10 19}>{20 29}", "{20 29}>{20 30}")
		gap.saw(t, false, "0>9", "9>9", "9>10")
		low.saw(t, false, "0>10", "10>20")
		accepted(t, h.scope.Close())
		pair.saw(t, true, "{0 0}>{10 19}", "{10 19}>{20 29}", "{20 29}>{20 30}")
		gap.saw(t, true, "0>9", "9>9", "9>10")
	})
}

func TestPromise9WatchOfInstances(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		tolls := capability.New[int]("toll", "what a road costs")
		made := 0
		maker := func(*capability.Resolver) (int, error) {
			if made++; made == 3 {
				return 0, fmt.Errorf("the maker failed")
			}
			return made, nil
		}
		h.apply(tolls.BindPerScope("road", maker))
		one := follow(must1(tolls.Handle(h.scope)).Watch(t.Context()))
		all := follow(must1(tolls.All().Handle(h.scope)).Watch(t.Context()))
		h.apply(tolls.Bind("bridge", 50).Priority(-1)) // the instance stays
		h.apply(tolls.Unbind("road"), tolls.BindPerScope("road", maker))
		if err := h.engine.Apply(tolls.Unbind("road"), tolls.BindPerScope("road", maker)); err == nil {
			t.Error("a failing maker was accepted")
		}
		h.apply(tolls.Rebind("road", 60))
		one.saw(t, false, "0>1", "1>2", "2>60")
		all.saw(t, false, ">road", "road>road,bridge", "road,bridge>road,bridge", "road,bridge>road,bridge")
	})
}

func TestPromise9WatchOfPublishedValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h, set := capability.NewValue("red")
		w := follow(h.Watch(ctx))
		for _, v := range []string{"green", "green", "yellow"} {
			set(v)
			synctest.Wait()
		}
		w.saw(t, false, ">red", "red>green", "green>green", "green>yellow")
		cancel()
		w.saw(t, true, ">red", "red>green", "green>green", "green>yellow")
		set("red")
		w.saw(t, true, ">red", "red>green", "green>green", "green>yellow")
	})
}

// TestWatchSkips proves that who is slow gets (last yielded, current).
func TestWatchSkips(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		w := followSlowly(must1(limits.Handle(h.scope)).Watch(t.Context()))
		for v := range 5 {
			h.apply(limits.Rebind("a", 10+v))
		}
		w.saw(t, false, "0>1")
		w.next()
		w.saw(t, false, "0>1", "1>14")
		h.apply(limits.Rebind("a", 20))
		h.apply(limits.Rebind("a", 21))
		w.next()
		w.saw(t, false, "0>1", "1>14", "14>21")
		w.next()
		w.saw(t, false, "0>1", "1>14", "14>21")
	})
}

// TestWatchEndsWithContext proves that nothing is yielded once ctx ended, also if
// that comes together with a change.
func TestWatchEndsWithContext(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		handle := must1(limits.Handle(h.scope))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		follow(handle.Watch(over)).saw(t, true)

		for i := range 200 { // a select between both would choose either
			ctx, cancel := context.WithCancel(t.Context())
			w := follow(handle.Watch(ctx))
			was := show(handle.Get())
			ring := make(chan struct{})
			var ready sync.WaitGroup
			for _, end := range []func(){cancel, func() { accepted(t, h.engine.Apply(limits.Rebind("a", 100+i))) }} {
				ready.Go(func() { <-ring; end() })
			}
			close(ring)
			ready.Wait()
			synctest.Wait()
			// Both orders are right, but the change was before or after.
			now := show(handle.Get())
			if len(w.seen) == 1 {
				w.saw(t, true, "0>"+was)
			} else {
				w.saw(t, true, "0>"+was, was+">"+now)
			}
		}
		for i := range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			w := follow(handle.Watch(ctx))
			was := show(handle.Get())
			func() {
				// The watcher sleeps, so that it wakes to both.
				defer synctest.Wait()
				cancel()
				accepted(t, h.engine.Apply(limits.Rebind("a", 1000+i)))
			}()
			w.saw(t, true, "0>"+was)
		}

		// The body ends ctx and commits.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		turns := 0
		for range handle.Watch(ctx) {
			turns++
			cancel()
			accepted(t, h.engine.Apply(limits.Rebind("a", 7)))
		}
		if turns != 1 {
			t.Errorf("%d turns after ctx ended in the first", turns)
		}
	})
}

// TestWatchEndsWithScope proves that the last value is never missed.
func TestWatchEndsWithScope(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		handle := must1(limits.Handle(h.scope))
		slow, quick := followSlowly(handle.Watch(t.Context())), follow(handle.Watch(t.Context()))
		h.apply(limits.Rebind("a", 2))
		h.apply(limits.Rebind("a", 3))
		accepted(t, h.scope.Close())
		h.apply(limits.Rebind("a", 4)) // nobody sees it any more
		quick.saw(t, true, "0>1", "1>2", "2>3")
		slow.saw(t, false, "0>1")
		slow.next()
		slow.next()
		slow.saw(t, true, "0>1", "1>3")
		for range 2 {
			follow(handle.Watch(t.Context())).saw(t, true, "0>3")
		}
	})
}

// TestWatchOfClosedScopeOfDerived is the same for what was built.
func TestWatchOfClosedScopeOfDerived(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		double := capability.Derive(func(r *capability.Resolver) (int, error) {
			v, err := limits.In(r)
			return 2 * v, err
		})
		handle := must1(double.Handle(h.scope))
		slow := followSlowly(handle.Watch(t.Context()))
		h.apply(limits.Rebind("a", 2))
		accepted(t, h.scope.Close())
		slow.next()
		slow.next()
		slow.saw(t, true, "0>2", "2>4")
		follow(handle.Watch(t.Context())).saw(t, true, "0>4")
	})
}

// TestWatchBodyMayDoAll lets the body of a loop do what elsewhere would wait for
// it. What it does to its own watch comes in its next turn.
func TestWatchBodyMayDoAll(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		handle := must1(limits.Handle(h.scope))
		var got []reading[int]
		for old, now := range handle.Watch(t.Context()) {
			got = append(got, reading[int]{old, now})
			switch now {
			case 1:
				accepted(t, h.engine.Apply(limits.Rebind("a", 2)))
			case 2: // resolves, and watches again
				for _, other := range must1(limits.Named("a").Handle(h.scope)).Watch(t.Context()) {
					if other == 2 {
						accepted(t, h.engine.Apply(limits.Rebind("a", 3)))
						continue
					}
					break
				}
			case 3: // commits and closes the scope that it watches
				accepted(t, h.engine.Apply(limits.Rebind("a", 4)))
				accepted(t, h.scope.Close())
				accepted(t, h.engine.Apply(limits.Rebind("a", 5)))
			case 4:
				accepted(t, h.town.Close(t.Context()))
			}
		}
		want := []reading[int]{{0, 1}, {1, 2}, {2, 3}, {3, 4}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("yielded (-want +got):\n%s", diff)
		}
	})
}

// TestWatchLeftByItsBody leaves loops in all the ways that Go has, with a ctx that
// never ends: a goroutine that waited for it would be left, and the bubble would
// say so.
func TestWatchLeftByItsBody(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		handle := must1(limits.All().Handle(h.scope))
		before, turns := runtime.NumGoroutine(), 0
		for range handle.Watch(context.Background()) {
			if now := runtime.NumGoroutine(); now > before {
				t.Errorf("%d goroutines in a loop, %d before", now, before)
			}
			if turns++; turns == 2 {
				break
			}
			h.apply(limits.Rebind("a", 2))
		}
		func() {
			defer func() {
				if recover() != "on fire" {
					t.Error("the panic of the body did not come through")
				}
			}()
			for range handle.Watch(context.Background()) {
				panic("on fire")
			}
		}()
		ended := make(chan bool)
		go func() {
			defer close(ended)
			for range handle.Watch(context.Background()) {
				runtime.Goexit()
			}
		}()
		<-ended
		next, stop := iter.Pull2(handle.Watch(context.Background()))
		if _, c, ok := next(); !ok || c.Len() != 1 {
			t.Error("a pulled watch does not begin with the current value")
		}
		h.apply(limits.Bind("b", 2))
		if old, c, ok := next(); !ok || old.Len() != 1 || c.Len() != 2 {
			t.Error("a pulled watch does not go on with the change")
		}
		stop()
		h.apply(limits.Bind("c", 2))
		w := follow(handle.Watch(context.Background()))
		h.apply(limits.Unbind("b"))
		accepted(t, h.scope.Close())
		w.saw(t, true, ">a,b,c", "a,b,c>a,c")
	})
}

// TestWatchManyRanges ranges over one iterator at once and again: each range is a
// watch of its own.
func TestWatchManyRanges(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		seq := must1(limits.Handle(h.scope)).Watch(t.Context())
		slow, quick := followSlowly(seq), follow(seq)
		h.apply(limits.Rebind("a", 2))
		late := follow(seq)
		h.apply(limits.Rebind("a", 3))
		slow.next()
		slow.saw(t, false, "0>1", "1>3")
		quick.saw(t, false, "0>1", "1>2", "2>3")
		late.saw(t, false, "0>2", "2>3")
		for range 3 {
			for old, now := range seq {
				if old != 0 || now != 3 {
					t.Errorf("a new range begins with %d>%d", old, now)
				}
				break
			}
		}
		accepted(t, h.scope.Close())
		slow.next()
		for range 3 {
			follow(seq).saw(t, true, "0>3")
		}
	})
}

// TestWatchOfZeroHandle panics where the mistake is, not in the loop.
func TestWatchOfZeroHandle(t *testing.T) {
	panicsWith(t, capability.ErrInvalid, func() { capability.Handle[int]{}.Watch(t.Context()) })
	panicsWith(t, capability.ErrInvalid, func() { capability.ChainHandle[int]{}.Watch(t.Context()) })
}

// TestWatchOfCellsThatMove watches while a narrower registry begins and ends to say
// something of the capability.
func TestWatchOfCellsThatMove(t *testing.T) {
	bubble(t, func(t *testing.T, h *watchHouse) {
		wide := must1(capability.Compose(h.engine))
		all, here := must1(limits.All().Handle(wide)), must1(limits.All().Handle(h.scope))
		broad, narrow := follow(all.Watch(t.Context())), follow(here.Watch(t.Context()))
		for range 3 { // the slot of the town comes and goes
			accepted(t, h.town.Apply(limits.Bind("near", 7)))
			synctest.Wait()
			h.apply(limits.Rebind("a", 2))
			accepted(t, h.town.Apply(limits.Unbind("near")))
			synctest.Wait()
		}
		broad.saw(t, false, ">a", "a>a", "a>a", "a>a")
		narrow.saw(t, false, ">a", "a>near,a", "near,a>near,a", "near,a>a", "a>near,a", "near,a>near,a", "near,a>a", "a>near,a", "near,a>near,a", "near,a>a")
		accepted(t, wide.Close())
		h.apply(limits.Bind("b", 1))
		broad.saw(t, true, ">a", "a>a", "a>a", "a>a")
		if got := narrow.seen[len(narrow.seen)-1].Now.Names(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("the last chain is %v", got)
		}
	})
}

// TestPromise9StuckWatcherHoldsNobodyUp lets one of ten thousand watchers stick in
// its body. A committer that waited for it would never go on, and the bubble
// would say so.
func TestPromise9StuckWatcherHoldsNobodyUp(t *testing.T) {
	const watchers, scopes, commits = 10_000, 100, 20
	bubble(t, func(t *testing.T, h *watchHouse) {
		fixed := make(chan struct{})
		var open []*capability.Scope
		last := make([]int, watchers)
		turns := make([]int, watchers)
		for i := range scopes {
			town := capability.NewRegistry(capability.Pipeline, fmt.Sprint("town", i))
			s := must1(capability.Compose(h.engine, town))
			open = append(open, s)
			handle := must1(limits.Handle(s))
			for j := range watchers / scopes {
				n := i*(watchers/scopes) + j
				go func() {
					for _, now := range handle.Watch(t.Context()) {
						if turns[n]++; n == watchers/2 {
							<-fixed
						}
						last[n] = now
					}
				}()
			}
		}
		synctest.Wait()
		for v := range commits {
			accepted(t, h.engine.Apply(limits.Rebind("a", 100+v)))
		}
		synctest.Wait()
		check := func(stuck int) {
			t.Helper()
			wrong := 0
			for n, v := range last {
				want := 100 + commits - 1
				if n == watchers/2 {
					want = stuck
				}
				if v != want {
					wrong++
				}
			}
			if wrong > 0 {
				t.Errorf("%d watchers have not the value that they should", wrong)
			}
		}
		check(0)
		close(fixed)
		synctest.Wait()
		check(100 + commits - 1)
		if got := turns[watchers/2]; got != 2 {
			t.Errorf("who was stuck had %d turns, want 2", got)
		}
		for _, s := range open {
			accepted(t, s.Close())
		}
	})
}

// TestPromise9ConcurrentWriters lets writers publish at once. All who watch see
// values of one order: each writer's in its order, none twice, and any two
// watchers those that both saw in the same order; the last is what is there.
func TestPromise9ConcurrentWriters(t *testing.T) {
	const writers, watchers, writes, rounds = 4, 4, 100, 30
	type write struct{ By, No int }
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			h, set := capability.NewValue(write{})
			var all []*watcher[write]
			for range watchers {
				all = append(all, follow(h.Watch(ctx)))
			}
			var wg sync.WaitGroup
			for by := range writers {
				wg.Go(func() {
					for no := range writes {
						set(write{by + 1, no + 1})
						if no%10 == by {
							runtime.Gosched()
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
			final := h.Get()
			orders := make([]map[write]int, watchers)
			for i, w := range all {
				orders[i] = make(map[write]int)
				var old write
				newest := make([]int, writers+1)
				for n, r := range w.seen {
					if n > 0 && r.Old != old {
						t.Errorf("turn %d: old is %v, want %v", n, r.Old, old)
					}
					if n > 0 && r.Now.No <= newest[r.Now.By] {
						t.Errorf("turn %d: %v after number %d of the same writer", n, r.Now, newest[r.Now.By])
					}
					newest[r.Now.By] = r.Now.No
					old = r.Now
					orders[i][r.Now] = n
				}
				if old != final {
					t.Errorf("the last value yielded is %v, want %v", old, final)
				}
			}
			for i := range all {
				for j := range i {
					at := -1
					for _, r := range all[i].seen {
						n, both := orders[j][r.Now]
						if both && n < at {
							t.Errorf("two watchers disagree about the order of %v", r.Now)
						}
						if both {
							at = n
						}
					}
				}
			}
			cancel()
		})
	}
}

// TestPromise9NoWakeUpIsLost races one write with one look, many times: whichever
// comes first, the watcher ends up with the value.
func TestPromise9NoWakeUpIsLost(t *testing.T) {
	const rounds = 20_000
	synctest.Test(t, func(t *testing.T) {
		h, set := capability.NewValue(0)
		ctx, cancel := context.WithCancel(t.Context())
		back := make(chan int)
		go func() {
			for _, now := range h.Watch(ctx) {
				back <- now
			}
			close(back)
		}()
		for n := range rounds {
			if n > 0 {
				go set(n)
			}
			if got := <-back; got != n {
				t.Errorf("yielded %d, want %d", got, n)
				break
			}
		}
		cancel()
		synctest.Wait()
		if _, ok := <-back; ok {
			t.Error("more was yielded than was published")
		}
	})
}

// TestPromise9LawOfWatches draws publications, slow watchers and ends. The law:
// what a watch yields are values that were published, in order, each old the now
// before; and once it is left alone it has yielded the last.
func TestPromise9LawOfWatches(t *testing.T) {
	const (
		publish = iota
		begin
		release
		cancelOne
		closeScope
	)
	type step struct{ Do, Which int }
	type follower struct {
		*watcher[int]
		cancel  context.CancelFunc
		began   int // how many values had been published then
		stopped int // as many when its ctx ended, or -1
	}
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		do := rapid.SampledFrom([]int{publish, publish, publish, publish, begin, begin, release, release, release, cancelOne, closeScope}).Draw(t, "do")
		return step{do, rapid.IntRange(0, 7).Draw(t, "which")}
	}), 1, 60)
	// The values published are 1, 2, 3 …, or, by the build, their doubles.
	sources := map[string]struct {
		times int
		open  func(h *watchHouse) (capability.Handle[int], func(v int))
	}{
		"value": {1, func(*watchHouse) (capability.Handle[int], func(int)) { return capability.NewValue(1) }},
		"one": {1, func(h *watchHouse) (capability.Handle[int], func(int)) {
			return must1(limits.Handle(h.scope)), func(v int) { accepted(h.t, h.engine.Apply(limits.Rebind("a", v))) }
		}},
		"hidden": {1, func(h *watchHouse) (capability.Handle[int], func(int)) {
			return must1(limits.Handle(h.scope)), func(v int) { accepted(h.t, h.town.Apply(limits.Unbind("a"), limits.Rebind("a", v))) }
		}},
		"derived": {2, func(h *watchHouse) (capability.Handle[int], func(int)) {
			q := capability.Derive(func(r *capability.Resolver) (int, error) { v, err := limits.In(r); return 2 * v, err })
			return must1(q.Handle(h.scope)), func(v int) { accepted(h.t, h.engine.Apply(limits.Rebind("a", v))) }
		}},
		"instance": {1, func(h *watchHouse) (capability.Handle[int], func(int)) {
			mk := func(v int) capability.Change {
				return limits.BindPerScope("a", func(*capability.Resolver) (int, error) { return v, nil })
			}
			accepted(h.t, h.engine.Apply(limits.Unbind("a"), mk(1)))
			return must1(limits.Handle(h.scope)), func(v int) { accepted(h.t, h.engine.Apply(limits.Unbind("a"), mk(v))) }
		}},
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				plan := steps.Draw(rt, "steps")
				var broken []string
				bubble(t, func(t *testing.T, h *watchHouse) {
					if name == "hidden" {
						accepted(t, h.town.Apply(limits.Rebind("a", 1)))
					}
					handle, set := source.open(h)
					published, last, closed := 1, 1, false
					var all []*follower
					for _, s := range plan {
						switch {
						case s.Do == publish:
							published++
							set(published)
							if !closed || name == "value" {
								last = published
							}
						case s.Do == begin || len(all) == 0:
							ctx, cancel := context.WithCancel(t.Context())
							f := &follower{followSlowly(handle.Watch(ctx)), cancel, last, -1}
							all = append(all, f)
						case s.Do == closeScope:
							if s.Which == 0 {
								accepted(t, h.scope.Close())
								closed = true
							}
						case s.Do == cancelOne:
							if f := all[s.Which%len(all)]; f.stopped < 0 {
								f.cancel()
								f.stopped = last
							}
						default:
							select {
							case all[s.Which%len(all)].turn <- struct{}{}:
							default:
							}
						}
						synctest.Wait()
					}
					for i, f := range all {
						for more := true; more; synctest.Wait() {
							select {
							case f.turn <- struct{}{}:
							default:
								more = false
							}
						}
						at, old := f.began, 0
						for n, r := range f.seen {
							v := r.Now / source.times
							if n == 0 && v != f.began || n > 0 && v <= at || v > last || r.Old != old {
								broken = append(broken, fmt.Sprintf("watch %d, turn %d: %v, after value %d", i, n, r, at))
							}
							at, old = v, r.Now
						}
						if f.stopped < 0 && at != last {
							broken = append(broken, fmt.Sprintf("watch %d ends with %d, the last is %d", i, at, last))
						}
						if f.stopped >= 0 && at > f.stopped {
							broken = append(broken, fmt.Sprintf("watch %d yielded %d after its ctx had ended at %d", i, at, f.stopped))
						}
						if ends := f.stopped >= 0 || closed && name != "value"; ends != f.over {
							broken = append(broken, fmt.Sprintf("watch %d is over: %v, want %v", i, f.over, ends))
						}
						f.cancel()
					}
				})
				if len(broken) > 0 {
					rt.Error(strings.Join(broken, "\n"))
				}
			})
		})
	}
}
