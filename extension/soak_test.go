// A soak: an instance is replaced again and again under traffic. It is worth most under
// the race detector.

package extension_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A gauge is read by traffic. Nobody may read one that was retired, or whose Run has
// been told to stop.
type gauge struct {
	number        int
	of            *gauge // that of the instance, if this one is of a scope
	retired, over atomic.Bool
}

// read returns what is wrong with reading the gauge now.
func (g *gauge) read() error {
	if g.of != nil {
		return cmp.Or(g.of.read(), g.only())
	}
	return g.only()
}

func (g *gauge) only() error {
	if g.retired.Load() || g.over.Load() {
		return fmt.Errorf("gauge %d is read, and retired: %t, stopped: %t", g.number, g.retired.Load(), g.over.Load())
	}
	return nil
}

var Gauges = capability.New[*gauge]("gauges", "are read by traffic")

// A workshop makes gauges, and counts them.
type workshop struct {
	grace                      time.Duration
	made, ran, ended, retired  atomic.Int64
	mu                         sync.Mutex
	alive, most                int // gauges from New to the return of Run
	calls, failed, replacement atomic.Int64
	problem                    atomic.Pointer[string] // the first
}

func (w *workshop) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.problem.CompareAndSwap(nil, &text)
}

func (w *workshop) lives(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive += n
	w.most = max(w.most, w.alive)
	return w.alive
}

// called counts a call of the traffic.
func (w *workshop) called(err error) {
	w.calls.Add(1)
	if err != nil {
		w.failed.Add(1)
		w.wrong("%v", err)
	}
}

// errRefused is why a replacement is none.
var errRefused = errors.New("the gauge is out of true")

// gauge is an instance, which is ready after the delay, and goes wrong as said: in New,
// in Run or not at all.
func (w *workshop) gauge(delay time.Duration, wrong string) extension.Instance {
	return extension.Active[string]{
		Manifest: about("gauge"), Exports: []extension.Key{Gauges},
		New: func(wrong string, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			g := &gauge{number: int(w.made.Add(1))}
			if wrong == "New" {
				return nil, nil, errRefused
			}
			w.lives(1)
			b := Gauges.Bind(d.Name, g).OnRetire(func() error {
				if g.retired.Swap(true) {
					w.wrong("gauge %d is retired twice", g.number)
				}
				w.retired.Add(1)
				return nil
			})
			if w.grace > 0 {
				b = b.Grace(w.grace)
			}
			return []capability.Binding{b}, extension.RunFunc(func(ctx context.Context, ready func()) error {
				w.ran.Add(1)
				defer w.ended.Add(1)
				defer w.lives(-1)
				defer g.over.Store(true)
				if wrong == "Run" {
					return errRefused
				}
				if delay > 0 {
					time.Sleep(delay)
				}
				ready()
				<-ctx.Done()
				if !g.retired.Load() {
					w.wrong("gauge %d is told to stop and not retired", g.number)
				}
				return nil
			}), nil
		},
	}.Instance("gauge", wrong)
}

// replace replaces the gauge n times, each time after some call of the traffic. Each tenth
// one goes wrong.
func (w *workshop) replace(ctx context.Context, h *extension.Host, n int, delay time.Duration) {
	for i := range n {
		for before := w.calls.Load(); delay == 0 && w.calls.Load() == before; {
			runtime.Gosched()
		}
		wrong := ""
		switch i % 20 {
		case 9:
			wrong = "New"
		case 19:
			wrong = "Run"
		}
		err := h.Replace(ctx, w.gauge(delay, wrong))
		if wrong == "" && err != nil || wrong != "" && !errors.Is(err, errRefused) {
			w.wrong("Replace %d, which goes wrong in %q: %v", i, wrong, err)
			return
		}
		w.replacement.Add(1)
	}
}

// finish looks at what is left when the host was stopped.
func (w *workshop) finish(t *testing.T, n int) {
	t.Helper()
	if p := w.problem.Load(); p != nil {
		t.Errorf("%d of %d calls failed; the first problem: %s", w.failed.Load(), w.calls.Load(), *p)
	}
	good := int64(n - n/20 + 1) // New of the others failed
	if w.most > 2 || w.lives(0) != 0 || w.ran.Load() != good || w.ended.Load() != good || w.retired.Load() != good {
		t.Errorf("at most %d alive and %d left; %d ran, %d ended and %d were retired, want %d", w.most, w.alive, w.ran.Load(), w.ended.Load(), w.retired.Load(), good)
	}
	t.Logf("%d gauges, %d calls", w.made.Load(), w.calls.Load())
}

// howMany is how often a soak replaces.
func howMany() int {
	if testing.Short() {
		return 200
	}
	return 1000
}

// Traffic through leased handles, of consumers and of another instance, never meets a
// gauge that is retired, whatever is replaced.
func TestSoakReplaceUnderLeases(t *testing.T) {
	const replacers, readers = 2, 4
	n := howMany()
	w := new(workshop)
	engine := newEngine()
	h := extension.NewHost(extension.Options{})
	inside := extension.Background[struct{}]{Manifest: about("inside", Gauges), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
		gauges, err := Gauges.Leased(d.Scope)
		return extension.RunFunc(func(ctx context.Context, ready func()) error {
			ready()
			for ctx.Err() == nil {
				w.called(gauges.Use((*gauge).read))
				runtime.Gosched()
			}
			return nil
		}), err
	}}
	must(h.Start(t.Context(), w.gauge(0, "").At(engine), inside.Instance("inside", struct{}{}).At(engine)))

	over := make(chan struct{})
	var traffic, work sync.WaitGroup
	for i := range readers {
		traffic.Go(func() {
			orders := capability.NewRegistry(capability.Pipeline, fmt.Sprintf("orders-%d", i))
			scope, err := capability.Compose(orders, engine)
			must(err)
			one, err := Gauges.Named("gauge").Leased(scope)
			must(err)
			all, err := Gauges.All().Leased(scope)
			must(err)
			for {
				select {
				case <-over:
					must(scope.Close())
					must(orders.Close(context.Background()))
					return
				default:
				}
				w.called(one.Use(func(g *gauge) error {
					if err := g.read(); err != nil {
						return err
					}
					runtime.Gosched()
					return g.read()
				}))
				w.called(all.Use(func(c capability.Chain[*gauge]) error {
					if c.Len() != 1 {
						return fmt.Errorf("there are %d gauges", c.Len())
					}
					return capability.Each(c, (*gauge).read)
				}))
				runtime.Gosched()
			}
		})
	}
	for range replacers {
		work.Go(func() { w.replace(t.Context(), h, n/replacers, 0) })
	}
	work.Wait()
	close(over)
	traffic.Wait()
	if got := states(h); got != "gauge ready, inside ready" {
		t.Errorf("after %d replacements: %s", w.replacement.Load(), got)
	}
	must(h.Stop(t.Context()))
	must(engine.Close(t.Context()))
	w.finish(t, n)
	if calls := w.calls.Load(); calls < int64(n) {
		t.Errorf("%d calls in %d replacements: that proves nothing", calls, n)
	}
}

// Traffic through plain handles, which uses what it has got for less than its Grace,
// never meets a gauge that is retired either.
func TestSoakReplaceWithGrace(t *testing.T) {
	n := howMany()
	synctest.Test(t, func(t *testing.T) {
		w := &workshop{grace: time.Second}
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), w.gauge(0, "").At(engine)))
		scope, err := capability.Compose(engine)
		must(err)
		one, err := Gauges.Handle(scope)
		must(err)
		over := make(chan struct{})
		var traffic sync.WaitGroup
		for i := range 3 {
			traffic.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-over:
						return
					default:
					}
					g := one.Get()
					time.Sleep(time.Duration(1+(k*(i+7))%999) * time.Millisecond)
					w.called(g.read())
				}
			})
		}
		begun := time.Now()
		w.replace(t.Context(), h, n, 10*time.Millisecond)
		took := time.Since(begun)
		close(over)
		traffic.Wait()
		must(scope.Close())
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
		w.finish(t, n)
		if want := time.Duration(n-n/10) * (time.Second + 10*time.Millisecond); took != want {
			t.Errorf("%d replacements take %v, want %v", n, took, want)
		}
		if calls := w.calls.Load(); calls < int64(n) {
			t.Errorf("%d calls in %d replacements: that proves nothing", calls, n)
		}
	})
}
