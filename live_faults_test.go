// Faults that a second reading of the code found, each told as a test.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/typedcap/capability"
)

// A provider that is masked and unmasked again and again is held by one handle,
// and saying so costs no more than once.
func TestMaskedAgainAndAgainIsHeldOnce(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	store := &blobStore{}
	must(engine.Apply(blobs.Bind("disk", store).OnRetire(store.close)))
	scope := composedOf(t, engine, orders)
	must(second(blobs.All().Handle(scope)))
	for range 500 {
		must(orders.Apply(blobs.Mask("disk")))
		must(orders.Apply(blobs.Mask()))
	}
	must(engine.Apply(blobs.Unbind("disk")))
	if got := scope.Snapshot().Pending; len(got) != 1 || len(got[0].HeldBy) != 1 {
		t.Errorf("pending %v, want one that is held once", got)
	}
	if got := testing.AllocsPerRun(1, func() { scope.Snapshot() }); got > 500 {
		t.Errorf("a snapshot makes %v allocations, want at most 500", got)
	}
	must(scope.Close())
	must(engine.Drain(t.Context()))
	if !store.closed() {
		t.Error("not retired after the scope was closed")
	}
}

// What was made for a scope of two registries waits in both, and is one.
func TestPendingIsListedOnce(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(limits.Bind("low", 0)))
	scope := composedOf(t, engine, orders)
	must(second(capability.Derive(func(r *capability.Resolver) (int, error) {
		r.OnRetire(func() error { return nil })
		return limits.In(r)
	}).Handle(scope)))
	for n := range 5 {
		must(engine.Apply(limits.Rebind("low", n+1)))
	}
	if got := len(scope.Snapshot().Pending); got != 5 {
		t.Errorf("%d are pending, want 5", got)
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
}

// A build that is called for each commit and always reads the same provider holds
// it once, not once for each commit.
func TestRebuildsThatReadTheSameLeaveNothing(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	store := &blobStore{}
	must(engine.Apply(blobs.Bind("disk", store).OnRetire(store.close), limits.Bind("low", 0)))
	scope := composedOf(t, engine)
	must(second(capability.Derive(func(r *capability.Resolver) (int, error) {
		if _, err := blobs.In(r); err != nil {
			return 0, err
		}
		return limits.In(r)
	}).Handle(scope)))
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const commits = 5000
	before := heap()
	for n := range commits {
		must(engine.Apply(limits.Rebind("low", n)))
	}
	if grown := (heap() - before) / commits; grown > 50 {
		t.Errorf("each commit leaves %d bytes behind", grown)
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
	if !store.closed() {
		t.Error("the store is not retired")
	}
}

// A build that failed where another did without it is called again for who
// resolves it, and fails, if it does, for the reason of now.
func TestFailedBuildIsCalledAgainForWhoResolvesIt(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("low", 10)))
	scope := composedOf(t, engine)
	broken := false
	inner := capability.Derive(func(r *capability.Resolver) (int, error) {
		if broken {
			return 0, errors.New("the disk is full")
		}
		return limits.Named("low").In(r)
	})
	outer, err := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := inner.In(r)
		if err != nil {
			return -1, nil
		}
		return n, nil
	}).Handle(scope)
	must(err)
	must(engine.Apply(limits.Unbind("low")))
	if _, err := inner.Handle(scope); !errors.Is(err, capability.ErrNotProvided) || errors.Is(err, capability.ErrInUse) {
		t.Errorf("without a limit: %v", err)
	}
	broken = true
	must(engine.Apply(limits.Bind("low", 11)))
	broken = false
	h, err := inner.Handle(scope)
	must(err)
	if got := [2]int{h.Get(), outer.Get()}; got != [2]int{11, 11} {
		t.Errorf("inner and outer show %v, want both 11", got)
	}
}

// A spiteful value panics when it is printed, and then again.
type spiteful struct{}

func (spiteful) String() string { panic(spiteful{}) }

func TestPanicsWithValuesThatCannotBePrinted(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope := composedOf(t, engine)
	_, err := capability.Derive(func(*capability.Resolver) (int, error) { panic(spiteful{}) }).Handle(scope)
	if !errors.Is(err, capability.ErrPanic) {
		t.Errorf("a build: %v", err)
	}
	must(engine.Apply(limits.Bind("low", 1).OnRetire(func() error { panic(spiteful{}) }), limits.Unbind("low")))
	if err := engine.Drain(t.Context()); !errors.Is(err, capability.ErrPanic) {
		t.Errorf("an OnRetire: %v", err)
	}
}

// A leaver is an error whose text ends the goroutine that asks for it.
type leaver struct{}

func (leaver) Error() string { runtime.Goexit(); return "" }

func TestErrorsWhoseTextExits(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("low", 1)))
	scope := composedOf(t, engine)
	h, err := capability.Derive(func(r *capability.Resolver) (int, error) {
		n, err := limits.In(r)
		if n == 2 {
			return 0, leaver{}
		}
		return n, err
	}).Handle(scope)
	must(err)
	if err := engine.Apply(limits.Rebind("low", 2)); !errors.Is(err, capability.ErrPanic) || h.Get() != 1 {
		t.Errorf("Apply returns %v and the handle shows %d", err, h.Get())
	}
	must(engine.Apply(limits.Rebind("low", 3)))
	must(engine.Apply(limits.Bind("gone", 1).Priority(-1).OnRetire(func() error { return leaver{} }), limits.Unbind("gone")))
	if err := engine.Drain(t.Context()); !errors.Is(err, capability.ErrPanic) {
		t.Errorf("Drain returns %v", err)
	}
}

// A curious context does something when it is asked for a value.
type curious struct {
	context.Context
	asked func()
}

func (c curious) Value(any) any { c.asked(); return nil }

func TestDrainAsksItsContextBeforeItLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		stuck := make(chan struct{})
		must(engine.Apply(limits.Bind("low", 1).OnRetire(func() error { <-stuck; return nil }), limits.Unbind("low")))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		applied := 0
		err := engine.Drain(curious{over, func() {
			applied++
			must(engine.Apply(limits.Bind(fmt.Sprint("n", applied), 1)))
		}})
		if !errors.Is(err, context.Canceled) || applied == 0 {
			t.Errorf("Drain returns %v after %d questions", err, applied)
		}
		close(stuck)
		must(engine.Close(t.Context()))
	})
}

// The error of a maker is shared by all who ask for its provider, so asking again
// writes nothing to it. The race detector would see that.
func TestErrorOfAMakerIsNotWrittenTo(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.BindPerScope("low", func(*capability.Resolver) (int, error) { return 0, errors.New("the disk is full") })))
	scope := composedOf(t, engine)
	logged := make(chan string)
	must(second(capability.Derive(func(r *capability.Resolver) (int, error) {
		_, err := limits.Named("low").In(r)
		go func() { logged <- fmt.Sprint(err) }()
		_, _ = limits.Named("low").In(r)
		return 1, nil
	}).Handle(scope)))
	if <-logged == "" {
		t.Error("the error has no text")
	}
}

// A build that reads a provider twice and is dropped leaves the others that read
// it as they were.
func TestBuildThatReadsTwiceLeavesOthersAlone(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(limits.Bind("turn", 1), limits.Bind("low", 10)))
	scope := composedOf(t, engine)
	plain, err := limits.Named("low").Handle(scope)
	must(err)
	twice := capability.Derive(func(r *capability.Resolver) (int, error) {
		if _, err := limits.Named("low").In(r); err != nil {
			return 0, err
		}
		return limits.Named("low").In(r)
	})
	must(second(capability.Derive(func(r *capability.Resolver) (int, error) {
		if turn, err := limits.Named("turn").In(r); turn != 1 {
			return 0, err
		}
		return twice.In(r)
	}).Handle(scope)))
	must(engine.Apply(limits.Rebind("turn", 2)))
	later, err := capability.Derive(limits.Named("low").In).Handle(scope)
	must(err)
	must(engine.Apply(limits.Rebind("low", 11)))
	if got := [2]int{plain.Get(), later.Get()}; got != [2]int{11, 11} {
		t.Errorf("plain and derived show %v, want both 11", got)
	}
}
