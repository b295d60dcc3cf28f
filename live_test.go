// What the core does while traffic flows: watches, published and derived values,
// instances, leases and retirement, each in the plain case.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
)

// A blobStore keeps blobs. It can be closed.
type blobStore struct {
	name string
	shut atomic.Bool
}

func (s *blobStore) close() error {
	if s.shut.Swap(true) {
		return errors.New("closed twice")
	}
	return nil
}

func (s *blobStore) closed() bool { return s.shut.Load() }

var (
	blobs  = capability.New[*blobStore]("blob-store", "keeps blobs")
	strict = capability.New[*blobStore]("strict-store", "keeps blobs that have to be closed promptly", capability.OnlyLeased())
	limits = capability.New[int]("limit", "how much is allowed")
)

// rebound is the change that puts a fresh store in the place of "disk".
func rebound(s *blobStore) capability.Change {
	return blobs.Rebind("disk", s).OnRetire(s.close)
}

func TestPlainHandleHoldsWhatItHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		first, second := &blobStore{name: "first"}, &blobStore{name: "second"}
		must(engine.Apply(blobs.Bind("disk", first).OnRetire(first.close)))
		scope, err := capability.Compose(engine)
		must(err)
		h, err := blobs.Handle(scope)
		must(err)
		must(engine.Apply(rebound(second)))
		synctest.Wait()
		if first.closed() || h.Get() != second {
			t.Errorf("first closed %v while the scope is open; handle shows %q", first.closed(), h.Get().name)
		}
		must(scope.Close())
		synctest.Wait()
		if !first.closed() || second.closed() {
			t.Errorf("after the scope was closed: first closed %v, second closed %v", first.closed(), second.closed())
		}
		must(engine.Close(t.Context()))
		if !second.closed() {
			t.Error("Close of the registry did not retire the second")
		}
	})
}

func TestGraceEndsThePlainHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		first := &blobStore{}
		must(engine.Apply(blobs.Bind("disk", first).OnRetire(first.close).Grace(time.Minute)))
		scope, err := capability.Compose(engine)
		must(err)
		defer scope.Close()
		_, err = blobs.All().Handle(scope)
		must(err)
		must(engine.Apply(blobs.Unbind("disk")))
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if first.closed() {
			t.Error("closed before its grace had passed")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if !first.closed() {
			t.Error("not closed after its grace")
		}
		must(engine.Drain(t.Context()))
	})
}

func TestLeaseHoldsUntilUseReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		first, second := &blobStore{}, &blobStore{}
		must(engine.Apply(strict.Bind("disk", first).OnRetire(first.close)))
		scope, err := capability.Compose(engine)
		must(err)
		if _, err := strict.Handle(scope); !errors.Is(err, capability.ErrInvalid) {
			t.Errorf("plain handle of an OnlyLeased capability: %v", err)
		}
		l, err := strict.Leased(scope)
		must(err)
		all, err := strict.All().Leased(scope)
		must(err)
		must(l.Use(func(s *blobStore) error {
			must(all.Use(func(capability.Chain[*blobStore]) error {
				must(engine.Apply(strict.Rebind("disk", second).OnRetire(second.close)))
				return nil
			}))
			synctest.Wait()
			if first.closed() {
				t.Error("closed in use")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := engine.Drain(ctx)
			if !errors.Is(err, capability.ErrInUse) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Drain: %v", err)
			}
			t.Log(err)
			return nil
		}))
		must(engine.Drain(t.Context()))
		if !first.closed() {
			t.Error("not closed after the lease")
		}
		func() {
			defer func() { recover() }()
			_ = l.Use(func(*blobStore) error { panic("on fire") })
		}()
		must(engine.Apply(strict.Rebind("disk", first)))
		must(engine.Drain(t.Context()))
		if !second.closed() {
			t.Error("a lease that panicked was left open")
		}
		must(scope.Close())
		if err := l.Use(func(*blobStore) error { return nil }); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("Use after Close: %v", err)
		}
	})
}

// limitsOf is a pair that one commit changes together.
type limitsOf struct{ low, high int }

var bounds = capability.Derive(func(r *capability.Resolver) (limitsOf, error) {
	low, err := limits.Named("low").In(r)
	if err != nil {
		return limitsOf{}, err
	}
	high, err := limits.Named("high").In(r)
	if err != nil {
		return limitsOf{}, err
	}
	if low > high {
		return limitsOf{}, fmt.Errorf("low %d is above high %d", low, high)
	}
	return limitsOf{low, high}, nil
})

var spread = capability.Derive(func(r *capability.Resolver) (int, error) {
	b, err := bounds.In(r)
	return b.high - b.low, err
})

func TestDerivedValuesFollow(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(limits.Bind("low", 1), limits.Bind("high", 9)))
	scope, err := capability.Compose(engine, orders)
	must(err)
	var s capability.Handle[int]
	var b capability.Handle[limitsOf]
	must(scope.Resolve(spread.Into(&s), bounds.Into(&b)))
	check := func(want limitsOf) {
		t.Helper()
		if b.Get() != want || s.Get() != want.high-want.low {
			t.Errorf("bounds %v, spread %d, want %v", b.Get(), s.Get(), want)
		}
	}
	check(limitsOf{1, 9})
	must(orders.Apply(limits.Rebind("low", 3)))
	check(limitsOf{3, 9})
	err = engine.Apply(limits.Rebind("high", 2))
	if err == nil || !strings.Contains(err.Error(), "above") {
		t.Errorf("a failing build: %v", err)
	}
	t.Log(err)
	check(limitsOf{3, 9})
	err = engine.Apply(limits.Unbind("high"))
	if !errors.Is(err, capability.ErrInUse) || !errors.Is(err, capability.ErrNotProvided) {
		t.Errorf("a lost provider: %v", err)
	}
	t.Log(err)
	must(capability.Commit(engine.Stage(limits.Rebind("high", 20)), orders.Stage(limits.Rebind("low", 10))))
	check(limitsOf{10, 20})
	must(scope.Close())
	must(engine.Close(t.Context()))
}

func TestBuildsThatMisbehave(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("low", 1)))
	scope, err := capability.Compose(engine)
	must(err)
	for name, build := range map[string]func(*capability.Resolver) (int, error){
		"panic":  func(*capability.Resolver) (int, error) { panic("on fire") },
		"exit":   func(*capability.Resolver) (int, error) { runtime.Goexit(); return 0, nil },
		"commit": func(*capability.Resolver) (int, error) { return 0, engine.Apply(limits.Bind("x", 1)) },
		"close":  func(*capability.Resolver) (int, error) { return 0, scope.Close() },
		"resolve": func(*capability.Resolver) (int, error) {
			_, err := limits.Handle(scope)
			return 0, err
		},
	} {
		_, err := capability.Derive(build).Handle(scope)
		want := capability.ErrPanic
		if name != "panic" && name != "exit" {
			want = capability.ErrInvalid
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		t.Log(err)
	}
	must(engine.Apply(limits.Bind("x", 1)))
	must(scope.Close())
}

func TestInstancesForEachScope(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	made, retired := 0, 0
	maker := func(r *capability.Resolver) (*blobStore, error) {
		made++
		r.OnRetire(func() error { retired++; return nil })
		low, err := limits.In(r)
		return &blobStore{name: fmt.Sprint(made, low)}, err
	}
	must(engine.Apply(limits.Bind("low", 1), blobs.BindPerScope("own", maker)))
	a, err := capability.Compose(engine)
	must(err)
	b, err := capability.Compose(engine, orders)
	must(err)
	ha, err := blobs.Handle(a)
	must(err)
	hb, err := blobs.All().Handle(b)
	must(err)
	hb1, err := blobs.Handle(b)
	must(err)
	own, _ := hb.Get().First()
	if ha.Get() == own || own != hb1.Get() || made != 2 {
		t.Errorf("%d made; a %v, b %v and %v", made, ha.Get(), own, hb1.Get())
	}
	must(orders.Apply(blobs.Bind("more", &blobStore{name: "more"}).Priority(-1), blobs.Select("own", "more")))
	if got := hb.Get().Names(); !slices.Equal(got, []string{"own", "more"}) || made != 2 {
		t.Errorf("chain %v, %d made", got, made)
	}
	must(a.Close())
	must(engine.Drain(t.Context()))
	if retired != 1 {
		t.Errorf("%d retired after one scope was closed", retired)
	}
	must(b.Close())
	must(engine.Close(t.Context()))
	if retired != 2 {
		t.Errorf("%d retired after both scopes were closed", retired)
	}
}
