package data_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

type (
	source = data.Source[string, int]
	table  = data.Table[string, int]
	feed   = data.Feed[string, int]
	prices = map[string]int
)

var Prices = capability.New[source]("prices", "say what things cost")

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A shop is registries, a scope over them and a feed.
type shop struct {
	engine, orders *capability.Registry
	scope          *capability.Scope
	feed           *feed
}

// open opens a shop with these sources in the engine, in their order.
func open(t *testing.T, o data.Options, sources ...capability.Binding) *shop {
	t.Helper()
	s := &shop{engine: capability.NewRegistry(capability.Engine, "engine"), orders: capability.NewRegistry(capability.Pipeline, "orders")}
	for _, b := range sources {
		must(s.engine.Apply(b))
	}
	var err error
	s.scope, err = capability.Compose(s.engine, s.orders)
	must(err)
	s.feed, err = data.Open(t.Context(), s.scope, Prices, o)
	must(err)
	t.Cleanup(func() {
		must(s.feed.Close())
		must(s.scope.Close())
		must(s.orders.Close(context.Background()))
		must(s.engine.Close(context.Background()))
	})
	return s
}

// lines returns all entries of the table.
func lines(t *table) []string {
	list := []string{}
	for e := range t.All() {
		list = append(list, fmt.Sprintf("%s %s %d", e.Source, e.Key, e.Value))
	}
	return list
}

// expect waits until nothing moves and compares the table.
func (s *shop) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(append([]string{}, want...), lines(s.feed.Table().Get())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// A pushed source publishes what it is sent.
type pushed struct{ ch chan any }

func newPushed() *pushed { return &pushed{make(chan any)} }

// Run publishes maps, fails with errors, panics with strings and returns at nil.
func (p *pushed) Run(ctx context.Context, publish func(prices)) error {
	for {
		select {
		case v := <-p.ch:
			switch v := v.(type) {
			case prices:
				publish(v)
			case error:
				return v
			case string:
				panic(v)
			case nil:
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestViewsHaveOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, data.Options{},
			Prices.Bind("list", data.Static(prices{"tea": 3, "jam": 4})),
			Prices.Bind("sale", data.Static(prices{"tea": 2, "ale": 5})),
			Prices.Bind("none", data.Static(prices{})),
		)
		must(s.orders.Apply(Prices.Bind("own", data.Static(prices{"tea": 1}))))
		s.expect(t, "own tea 1", "list jam 4", "list tea 3", "sale ale 5", "sale tea 2")
		got := s.feed.Table().Get()
		if diff := cmp.Diff([]string{"ale", "jam", "tea"}, slices.Collect(got.Keys())); diff != "" || got.Len() != 3 {
			t.Errorf("%d keys (-want +got):\n%s", got.Len(), diff)
		}
		if diff := cmp.Diff([]string{"own", "list", "sale", "none"}, slices.Collect(got.Sources())); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
		var by []string
		for source, v := range got.ByKey("tea") {
			by = append(by, fmt.Sprint(source, v))
		}
		if diff := cmp.Diff([]string{"own1", "list3", "sale2"}, by); diff != "" {
			t.Errorf("by key (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(prices{"jam": 4, "tea": 3}, maps.Collect(got.BySource("list"))); diff != "" {
			t.Errorf("by source (-want +got):\n%s", diff)
		}
		if v, source, ok := got.Lookup("tea"); v != 1 || source != "own" || !ok {
			t.Errorf("tea is %d from %s, %t", v, source, ok)
		}
		if v, ok := got.Get("sale", "tea"); v != 2 || !ok {
			t.Errorf("tea of the sale is %d, %t", v, ok)
		}
		for _, c := range [][2]string{{"sale", "jam"}, {"none", "tea"}, {"nobody", "tea"}, {"list", "oil"}} {
			if v, ok := got.Get(c[0], c[1]); ok {
				t.Errorf("%s of %s is %d", c[1], c[0], v)
			}
		}
		if _, _, ok := got.Lookup("oil"); ok {
			t.Error("there is oil")
		}
	})
}

func TestNilTableIsEmpty(t *testing.T) {
	var none *table
	if _, _, ok := none.Lookup("tea"); ok || none.Len() != 0 || len(lines(none)) != 0 || len(slices.Collect(none.Keys())) != 0 ||
		len(slices.Collect(none.Sources())) != 0 || len(maps.Collect(none.ByKey("tea"))) != 0 || len(maps.Collect(none.BySource("list"))) != 0 {
		t.Error("a nil table is not empty")
	}
	if _, _, ok := data.Match(none, "tea"); ok {
		t.Error("a nil table matches")
	}
}

func TestSourcesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, data.Options{}, Prices.Bind("list", data.Static(prices{"tea": 3})))
		s.expect(t, "list tea 3")
		must(s.engine.Apply(Prices.Bind("sale", data.Static(prices{"tea": 2})).Before("list")))
		s.expect(t, "sale tea 2", "list tea 3")
		must(s.orders.Apply(Prices.Mask("list")))
		s.expect(t, "sale tea 2")
		must(s.orders.Apply(Prices.Mask(), Prices.Select("list", "sale")))
		s.expect(t, "list tea 3", "sale tea 2")
		must(s.orders.Apply(Prices.Rebind("sale", data.Static(prices{"tea": 9}))))
		s.expect(t, "list tea 3", "sale tea 9")
		must(s.orders.Apply(Prices.Unbind("sale"), Prices.Select()))
		must(s.engine.Apply(Prices.Unbind("sale"), Prices.Unbind("list")))
		s.expect(t)
	})
}

func TestReplacedSourceLeavesItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, data.Options{}, Prices.Bind("list", data.Static(prices{"tea": 3})))
		next := newPushed()
		must(s.engine.Apply(Prices.Unbind("list"), Prices.Bind("list", next)))
		s.expect(t, "list tea 3")
		next.ch <- prices{"tea": 4}
		s.expect(t, "list tea 4")
	})
}

func TestFailureKeepsTheLastGoodData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed()
		s := openWith(t, data.Options{}, p, prices{"tea": 3})
		begun := time.Now()
		for _, fault := range []any{errors.New("no paper"), "no ink", &capability.Error{Code: "40001", Err: errors.New("later")}} {
			time.Sleep(time.Minute)
			p.ch <- fault
			s.expect(t, "list tea 3")
			st := s.feed.Status()[0]
			if st.Err == nil || !strings.HasPrefix(st.Err.Error(), `capability "prices", provider "list", scope "engine": `) || !st.Good.Equal(begun) || !st.Tried.Equal(time.Now()) || st.Entries != 1 {
				t.Errorf("after %v: %+v", fault, st)
			}
			if _, panicked := fault.(string); panicked != errors.Is(st.Err, capability.ErrPanic) {
				t.Errorf("after %v: %v", fault, st.Err)
			}
		}
		time.Sleep(time.Minute)
		p.ch <- prices{"tea": 3}
		synctest.Wait()
		if st := s.feed.Status()[0]; st.Err != nil || !st.Good.Equal(time.Now()) {
			t.Errorf("after it has published: %+v", st)
		}
	})
}

// openWith opens a shop whose source list is p, which publishes the first prices.
func openWith(t *testing.T, o data.Options, p *pushed, first prices) *shop {
	t.Helper()
	go func() { p.ch <- first }()
	return open(t, o, Prices.Bind("list", p))
}

func TestNothingChangedNobodyNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed()
		s := openWith(t, data.Options{}, p, prices{"tea": 3, "jam": 4})
		var seen []*table
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, now := range s.feed.Table().Watch(ctx) {
				seen = append(seen, now)
			}
		}()
		for _, m := range []prices{{"jam": 4, "tea": 3}, {"tea": 3, "jam": 5}, {"tea": 3, "jam": 5}, {"tea": 3}} {
			synctest.Wait()
			p.ch <- m
		}
		must(s.engine.Apply(Prices.Bind("none", newPushed()))) // a source that has not published
		synctest.Wait()
		cancel()
		<-done
		if len(seen) != 3 {
			t.Errorf("told of %d tables, want 3", len(seen))
		}
	})
}

func TestDiff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed()
		s := openWith(t, data.Options{}, p, prices{"tea": 3, "jam": 4})
		old := s.feed.Table().Get()
		p.ch <- prices{"tea": 2, "ale": 5}
		must(s.engine.Apply(Prices.Bind("sale", data.Static(prices{"tea": 1})).Priority(1)))
		s.expect(t, "sale tea 1", "list ale 5", "list tea 2")
		now := s.feed.Table().Get()
		changes := func(old, now *table) []string {
			list := []string{}
			value := func(v *int) string {
				if v == nil {
					return "-"
				}
				return fmt.Sprint(*v)
			}
			for c := range data.Diff(old, now) {
				list = append(list, fmt.Sprintf("%s %s %s→%s", c.Source, c.Key, value(c.Old), value(c.New)))
			}
			return list
		}
		for _, c := range []struct {
			name     string
			old, now *table
			want     []string
		}{
			{"forward", old, now, []string{"sale tea -→1", "list ale -→5", "list jam 4→-", "list tea 3→2"}},
			{"backward", now, old, []string{"list ale 5→-", "list jam -→4", "list tea 2→3", "sale tea 1→-"}},
			{"same", now, now, []string{}},
			{"from nothing", nil, old, []string{"list jam -→4", "list tea -→3"}},
			{"to nothing", old, nil, []string{"list jam 4→-", "list tea 3→-"}},
		} {
			if diff := cmp.Diff(c.want, changes(c.old, c.now)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

func TestMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, data.Options{},
			Prices.Bind("own", data.Static(prices{"tea/green": 1, "tea/*": 2, "*": 0})),
			Prices.Bind("list", data.Static(prices{"tea/*": 9, "tea/black*": 3, "tea/b*": 4, "jam*": 5, "jam": 6, "jam*x": 7})),
		)
		for _, c := range []struct {
			name, pattern string
			v             int
		}{
			{"tea/green", "tea/green", 1}, {"tea/greens", "tea/*", 2}, {"tea/", "tea/*", 2}, {"tea", "*", 0}, {"", "*", 0},
			{"tea/blackberry", "tea/black*", 3}, {"tea/blue", "tea/b*", 4}, {"tea/b", "tea/b*", 4}, {"jam", "jam", 6},
			{"jams", "jam*", 5}, {"jam*x", "jam*x", 7}, {"jam*xy", "jam*", 5}, {"jam*", "jam*", 5}, {"ja", "*", 0},
		} {
			v, pattern, ok := data.Match(s.feed.Table().Get(), c.name)
			if v != c.v || pattern != c.pattern || !ok {
				t.Errorf("%q is %d by %q, %t; want %d by %q", c.name, v, pattern, ok, c.v, c.pattern)
			}
		}
		must(s.orders.Apply(Prices.Mask("own")))
		s.expect(t, "list jam 6", "list jam* 5", "list jam*x 7", "list tea/* 9", "list tea/b* 4", "list tea/black* 3")
		if v, pattern, ok := data.Match(s.feed.Table().Get(), "oil"); ok {
			t.Errorf("oil is %d by %q", v, pattern)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var price atomic.Int64
		var fails atomic.Bool
		price.Store(1)
		read := func(context.Context) (prices, error) {
			if fails.Load() {
				return nil, errors.New("the shop is closed")
			}
			return prices{"tea": int(price.Load())}, nil
		}
		s := open(t, data.Options{}, Prices.Bind("once", data.Func(0, read)), Prices.Bind("fixed", data.Static(prices{"jam": 4})))
		price.Store(2)
		time.Sleep(time.Hour)
		s.expect(t, "once tea 1", "fixed jam 4")
		must(s.feed.Reload(t.Context()))
		if diff := cmp.Diff([]string{"once tea 2", "fixed jam 4"}, lines(s.feed.Table().Get())); diff != "" {
			t.Errorf("at the return of Reload (-want +got):\n%s", diff)
		}
		fails.Store(true)
		err := s.feed.Reload(t.Context())
		if want := `capability "prices", provider "once", scope "engine": the shop is closed`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		s.expect(t, "once tea 2", "fixed jam 4")
		fails.Store(false)
		price.Store(3)
		must(s.feed.Reload(t.Context())) // while it pauses
		s.expect(t, "once tea 3", "fixed jam 4")

		must(s.engine.Apply(Prices.Bind("mute", newPushed())))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = s.feed.Reload(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `provider "mute"`) || strings.Contains(err.Error(), "once") {
			t.Errorf("got %v", err)
		}
	})
}

func TestFuncPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := open(t, data.Options{}, Prices.Bind("clock", data.Func(time.Minute, func(context.Context) (prices, error) {
			n++
			if n == 3 {
				return nil, errors.New("the clock stands")
			}
			return prices{"n": n}, nil
		})))
		s.expect(t, "clock n 1")
		time.Sleep(time.Minute)
		s.expect(t, "clock n 2")
		time.Sleep(time.Minute)
		s.expect(t, "clock n 2") // it has failed
		if s.feed.Status()[0].Err == nil {
			t.Error("the failure is not shown")
		}
		time.Sleep(100 * time.Millisecond)
		s.expect(t, "clock n 4")
	})
}

// The pauses between failures are what Backoff says, within bounds.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name    string
		backoff func(int) time.Duration
		want    []time.Duration
	}{
		{"default", nil, []time.Duration{100e6, 200e6, 400e6, 800e6, 1600e6, 3200e6, 6400e6, 10e9, 10e9}},
		{"given", func(n int) time.Duration { return time.Duration(n) * time.Second }, []time.Duration{1e9, 2e9, 3e9}},
		{"never", func(int) time.Duration { return 1 << 62 }, []time.Duration{time.Hour, time.Hour}},
		{"at once", func(int) time.Duration { return -1 }, []time.Duration{1e6, 1e6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				s := open(t, data.Options{Backoff: c.backoff}, Prices.Bind("list", data.Func(0, func(context.Context) (prices, error) {
					at = append(at, time.Now())
					return nil, errors.New("no")
				})))
				for _, pause := range c.want {
					time.Sleep(pause)
				}
				synctest.Wait()
				must(s.feed.Close())
				var got []time.Duration
				for i := range c.want {
					got = append(got, at[i+1].Sub(at[i]))
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("pauses (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A source that returns without an error is run again; it has not failed.
func TestSourceThatReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := open(t, data.Options{}, Prices.Bind("short", runFunc(func(_ context.Context, publish func(prices)) error {
			n++
			publish(prices{"n": n})
			return nil
		})), Prices.Bind("empty", runFunc(func(context.Context, func(prices)) error { return nil })))
		s.expect(t, "short n 1")
		time.Sleep(100 * time.Millisecond)
		s.expect(t, "short n 2")
		for _, st := range s.feed.Status() {
			if st.Err != nil {
				t.Errorf("%+v", st)
			}
		}
	})
}

// A runFunc is a source that is a func.
type runFunc func(context.Context, func(prices)) error

func (f runFunc) Run(ctx context.Context, publish func(prices)) error { return f(ctx, publish) }

func TestFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "prices.json")
		write := func(text string) { must(os.WriteFile(path, []byte(text), 0o644)) }
		s := open(t, data.Options{}, Prices.Bind("file", data.File(path, time.Second, data.JSON[int])))
		fails := func(want string) {
			t.Helper()
			synctest.Wait()
			if err := s.feed.Status()[0].Err; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		s.expect(t)
		fails("no such file")
		write(`{"tea": 3}`)
		time.Sleep(time.Second)
		s.expect(t, "file tea 3")
		info, err := os.Stat(path)
		must(err)
		write(`{"tea": 4}`)
		must(os.Chtimes(path, info.ModTime(), info.ModTime())) // same size, same time
		time.Sleep(time.Second)
		s.expect(t, "file tea 4")
		write("{\n\"tea\": 4,")
		time.Sleep(time.Second)
		s.expect(t, "file tea 4")
		fails(path + ":2:10: unexpected end of JSON input")
		must(os.Remove(path))
		must(os.Mkdir(path, 0o755))
		time.Sleep(time.Minute)
		s.expect(t, "file tea 4")
		fails("is a directory: name a regular file, or a link to one")
		must(os.Remove(path))
		write(`{"tea": 5}`)
		time.Sleep(time.Minute)
		s.expect(t, "file tea 5")
		if st := s.feed.Status()[0]; st.Err != nil {
			t.Errorf("%+v", st)
		}
	})
}

func TestMaxSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := fstest.MapFS{"small": {Data: []byte(`{"tea": 3}`)}, "large": {Data: []byte(`{"tea": 3 }`)}}
		s := open(t, data.Options{MaxSize: 10},
			Prices.Bind("small", data.FS(fsys, "small", data.JSON[int])),
			Prices.Bind("large", data.FS(fsys, "large", data.JSON[int])),
			Prices.Bind("dir", data.FS(fsys, ".", data.JSON[int])),
			Prices.Bind("missing", data.FS(fsys, "missing", data.JSON[int])),
		)
		s.expect(t, "small tea 3")
		want := []string{"", "large has more than 10 bytes: make it smaller, or say in Options how large it may be", ". is a directory: name a regular file, or a link to one", "open missing: file does not exist"}
		for i, st := range s.feed.Status() {
			if got := fmt.Sprint(st.Err); want[i] == "" && st.Err != nil || !strings.HasSuffix(got, want[i]) && st.Err != nil {
				t.Errorf("%s: %v, want %s", st.Source, st.Err, want[i])
			}
		}
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := open(t, data.Options{}, Prices.Bind("list", data.Static(prices{"tea": 3})), Prices.Bind("same", data.Static(prices{"tea": 3})),
			Prices.Bind("other", data.Static(prices{"tea": 4})), Prices.Bind("broken", runFunc(func(context.Context, func(prices)) error { return errors.New("no") })))
		got := s.feed.Status()
		if got[0].Version == "" || got[0].Version != got[1].Version || got[0].Version == got[2].Version || got[3].Version != "" {
			t.Errorf("versions of %+v", got)
		}
		for i := range got {
			got[i].Version = ""
		}
		want := []data.SourceStatus{
			{Source: "list", Entries: 1, Good: begun, Tried: begun}, {Source: "same", Entries: 1, Good: begun, Tried: begun},
			{Source: "other", Entries: 1, Good: begun, Tried: begun}, {Source: "broken", Tried: begun, Err: got[3].Err},
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" || got[3].Err == nil {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	})
}

// What is unbound is retired once its Run has returned, while the feed goes on.
func TestUnboundSourceIsRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		noted := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		slow := runFunc(func(ctx context.Context, publish func(prices)) error {
			publish(prices{"tea": 3})
			<-ctx.Done()
			time.Sleep(time.Minute)
			note("returned")
			return nil
		})
		s := open(t, data.Options{}, Prices.Bind("kept", data.Static(prices{"jam": 4})),
			Prices.Bind("slow", slow).OnRetire(func() error { note("retired"); return nil }))
		must(s.scope.Close()) // the feed has its own
		must(s.engine.Apply(Prices.Unbind("slow")))
		s.expect(t, "kept jam 4")
		if got := noted(); len(got) != 0 {
			t.Errorf("%v, want nothing yet", got)
		}
		must(s.engine.Drain(t.Context()))
		if diff := cmp.Diff([]string{"returned", "retired"}, noted()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must(s.engine.Apply(Prices.Bind("late", data.Static(prices{"ale": 1}))))
		s.expect(t, "kept jam 4", "late ale 1")
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed()
		s := openWith(t, data.Options{}, p, prices{"tea": 3})
		must(s.feed.Close())
		must(s.feed.Close())
		s.expect(t, "list tea 3")
		must(s.engine.Apply(Prices.Bind("late", data.Static(prices{"ale": 1}))))
		s.expect(t, "list tea 3")
		if err := s.feed.Reload(t.Context()); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("reloaded: %v", err)
		}
	})
}

func TestCloseNamesWhoHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		engine := capability.NewRegistry(capability.Engine, "engine")
		hangs := runFunc(func(_ context.Context, publish func(prices)) error { publish(nil); <-free; return nil })
		must(engine.Apply(Prices.Bind("hangs", hangs), Prices.Bind("fine", data.Static(prices{}))))
		scope, err := capability.Compose(engine)
		must(err)
		f, err := data.Open(t.Context(), scope, Prices, data.Options{StopTimeout: time.Minute})
		must(err)
		begun := time.Now()
		err = f.Close()
		if !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), `"hangs" did not return from Run`) || strings.Contains(err.Error(), "fine") || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		close(free)
		synctest.Wait()
		must(scope.Close())
		must(engine.Close(t.Context()))
	})
}

func TestOpenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(Prices.Bind("mute", newPushed()), Prices.Bind("fine", data.Static(prices{}))))
		scope, err := capability.Compose(engine)
		must(err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = data.Open(ctx, scope, Prices, data.Options{})
		if want := `capability "prices", scope "engine": opening ended before "mute" had published or failed: context deadline exceeded`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		must(scope.Close())
		must(engine.Close(t.Context()))
		var none context.Context
		for what, open := range map[string]func() (*feed, error){
			"closed scope": func() (*feed, error) { return data.Open(t.Context(), scope, Prices, data.Options{}) },
			"nil scope":    func() (*feed, error) { return data.Open(t.Context(), nil, Prices, data.Options{}) },
			"nil context":  func() (*feed, error) { return data.Open(none, scope, Prices, data.Options{}) },
			"zero key": func() (*feed, error) {
				return data.Open(t.Context(), scope, capability.Capability[source]{}, data.Options{})
			},
		} {
			if f, err := open(); f != nil || err == nil {
				t.Errorf("%s: %v, %v", what, f, err)
			}
		}
	})
}
