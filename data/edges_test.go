//go:build unix

// Edges: what sources, errors and values do that nobody expects of them.

package data_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// A source bound with BindPerScope is made anew with a change of the chain, and not again
// and again.
func TestPerScopeSourcesAreMadeOncePerChange(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var made atomic.Int64
	must(engine.Apply(Prices.Bind("gone", data.Static(prices{"a": 1})), Prices.BindPerScope("own", func(*capability.Resolver) (source, error) {
		made.Add(1)
		return data.Static(prices{"b": 1}), nil
	})))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, Prices, data.Options{})
	must(err)
	before := made.Load()
	must(engine.Apply(Prices.Unbind("gone")))
	pause(t.Context(), time.Second)
	if n := made.Load() - before; n > 2 {
		t.Errorf("the maker was called %d times after one source was unbound", n)
	}
	must(f.Close())
	must(scope.Close())
	must(engine.Close(context.Background()))
}

// Reload may end while sources publish.
func TestReloadsThatEndEarly(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("list", data.Func(0, func(context.Context) (prices, error) { return nil, errors.New("no") }))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, Prices, data.Options{})
	must(err)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5000 {
		_ = f.Reload(over)
	}
	must(f.Close())
	must(scope.Close())
	must(engine.Close(context.Background()))
}

// The methods of the error of a source may ask the feed.
func TestErrorThatAsksTheFeed(t *testing.T) {
	var at atomic.Pointer[feed]
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("list", data.Func(0, func(context.Context) (prices, error) { return nil, curious{&at} }))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, Prices, data.Options{})
	must(err)
	at.Store(f)
	defer f.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Reload(t.Context())
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("Reload hangs, and with it Status and Close: Unwrap of the error asks the feed for its status")
	}
}

type curious struct{ at *atomic.Pointer[feed] }

func (curious) Error() string { return "curious" }
func (c curious) Unwrap() error {
	if f := c.at.Load(); f != nil {
		f.Status()
	}
	return nil
}

// A named pipe behind FS is refused and not waited for.
func TestPipeBehindFS(t *testing.T) {
	dir := t.TempDir()
	must(syscall.Mkfifo(filepath.Join(dir, "prices.json"), 0o644))
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("list", data.FS(os.DirFS(dir), "prices.json", data.JSON[int]))))
	scope, err := capability.Compose(engine)
	must(err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f, err := data.Open(ctx, scope, Prices, data.Options{StopTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatalf("got %v", err)
	}
	must(f.Close())
}

// A text that ends inside a name, a number or an escape ends too early.
func TestEndInsideAName(t *testing.T) {
	for _, text := range []string{`{"a": tru`, `{"a": -`, `{"a": "\`, `{"a": 1e`} {
		_, err := data.JSON[any]([]byte(text))
		if want := "1:" + string(rune('0'+len(text)+1)) + ": unexpected end of JSON input"; len(text) < 9 && err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		if want := "1:10: unexpected end of JSON input"; len(text) == 9 && err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// Keys that differ in case are two in raw JSON.
func TestCaseInRawJSON(t *testing.T) {
	if _, err := data.JSON[json.RawMessage]([]byte(`{"x": {"a": 1, "A": 2}}`)); err != nil {
		t.Error(err)
	}
}

// A value that is NaN is no change as long as it is.
func TestNaNEqualsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := capability.New[data.Source[string, float64]]("rates", "name rates")
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(key.Bind("a", data.Func(time.Second, func(context.Context) (map[string]float64, error) { return map[string]float64{"x": math.NaN()}, nil }))))
		scope, err := capability.Compose(engine)
		must(err)
		f, err := data.Open(t.Context(), scope, key, data.Options{})
		must(err)
		a := f.Table().Get()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if f.Table().Get() != a {
			t.Error("nothing has changed, and there is another table")
		}
		must(f.Close())
	})
}

// A value whose MarshalJSON panics has a version like any other.
func TestVersionOfWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := capability.New[data.Source[string, shy]]("shy", "hold values that nobody may write")
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(key.Bind("a", data.Static(map[string]shy{"x": {}}))))
		scope, err := capability.Compose(engine)
		must(err)
		f, err := data.Open(t.Context(), scope, key, data.Options{})
		must(err)
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("Status panicked: %v", r)
				}
			}()
			f.Status()
		}()
		if v := f.Status()[0].Version; v == "" {
			t.Error("the version is empty")
		}
		must(f.Close())
	})
}

type shy struct{}

func (shy) MarshalJSON() ([]byte, error) { panic("shy") }

// The same source under a new binding goes on running, and the old binding is retired.
func TestSameSourceUnderANewBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := data.Static(prices{"tea": 3})
		s := open(t, data.Options{}, Prices.Bind("list", list).OnRetire(func() error { return nil }))
		must(s.engine.Apply(Prices.Unbind("list"), Prices.Bind("list", list).Priority(1)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.engine.Drain(ctx); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// A source around a Static may change what that publishes.
func TestStaticKeepsItsMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := data.Static(prices{"tea": 3})
		s := open(t, data.Options{}, Prices.Bind("dear", runFunc(func(ctx context.Context, publish func(prices)) error {
			return list.Run(ctx, func(m prices) {
				for k := range m {
					m[k] *= 2
				}
				publish(m)
			})
		})))
		s.expect(t, "dear tea 6")
		must(s.feed.Reload(t.Context()))
		s.expect(t, "dear tea 6")
	})
}

// A nosy value asks the feed that it is in while it is written.
type nosy struct {
	feed *atomic.Pointer[data.Feed[string, nosy]]
}

func (n nosy) MarshalJSON() ([]byte, error) {
	if f := n.feed.Swap(nil); f != nil {
		f.Status()
	}
	return []byte("1"), nil
}

// The methods of a value may ask the feed.
func TestValueThatAsksTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := capability.New[data.Source[string, nosy]]("secrets", "hold what nobody should know")
		engine := capability.NewRegistry(capability.Engine, "engine")
		var at atomic.Pointer[data.Feed[string, nosy]]
		must(engine.Apply(key.Bind("a", data.Static(map[string]nosy{"x": {&at}}))))
		scope, err := capability.Compose(engine)
		must(err)
		f, err := data.Open(t.Context(), scope, key, data.Options{})
		must(err)
		at.Store(f)
		if st := f.Status()[0]; st.Version == "" || at.Load() != nil {
			t.Errorf("got %+v", st)
		}
		must(f.Close())
		must(scope.Close())
	})
}

// A file that was broken for long is read as often as any other, so that its repair is
// seen at once; and Reload begins the pauses of other sources anew.
func TestRepairIsSeenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "prices.json")
		must(os.WriteFile(path, []byte("{"), 0o600))
		var tries atomic.Int64
		s := open(t, data.Options{},
			Prices.Bind("file", data.File(path, 50*time.Millisecond, data.JSON[int])),
			Prices.Bind("shut", runFunc(func(context.Context, func(prices)) error { tries.Add(1); return errors.New("shut") })),
		)
		time.Sleep(time.Minute)
		must(os.WriteFile(path, []byte(`{"tea": 1}`), 0o600))
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		s.expect(t, "file tea 1")
		_ = s.feed.Reload(t.Context())
		tries.Store(0)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := tries.Load(); n != 3 { // after 100, 200 and 400 ms
			t.Errorf("it was tried %d times in the second after Reload", n)
		}
	})
}
