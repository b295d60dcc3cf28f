// Exports that are used across the commit that makes them public.

package extension_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A dependent begins to use an export before that is public, and ends long after: what
// it replaced by then is neither retired nor told to stop before that, whichever way
// it is exported and used.
func TestUseAcrossTheCommit(t *testing.T) {
	type binding = func(name string, g *gauge) capability.Binding
	exports := map[string]binding{
		"nothing to retire": Gauges.Bind,
		"OnRetire": func(name string, g *gauge) capability.Binding {
			return Gauges.Bind(name, g).OnRetire(func() error { g.retired.Store(true); return nil })
		},
		"Grace": func(name string, g *gauge) capability.Binding {
			return Gauges.Bind(name, g).Grace(time.Minute).OnRetire(func() error { g.retired.Store(true); return nil })
		},
		"per scope": func(name string, g *gauge) capability.Binding {
			return Gauges.BindPerScope(name, func(r *capability.Resolver) (*gauge, error) {
				own := &gauge{of: g}
				r.OnRetire(func() error { own.retired.Store(true); return nil })
				return own, nil
			})
		},
	}
	const held = 50 * time.Second // less than Grace
	// Each keeps a gauge for that long and then reads it.
	uses := map[string]func(s *capability.Scope) (use func() error, err error){
		"leased": func(s *capability.Scope) (func() error, error) {
			l, err := Gauges.Leased(s)
			return func() error {
				return l.Use(func(g *gauge) error { time.Sleep(held); return g.read() })
			}, err
		},
		"leased chain": func(s *capability.Scope) (func() error, error) {
			l, err := Gauges.All().Leased(s)
			return func() error {
				return l.Use(func(c capability.Chain[*gauge]) error {
					time.Sleep(held)
					return capability.Each(c, (*gauge).read)
				})
			}, err
		},
		"derived and leased": func(s *capability.Scope) (func() error, error) {
			d, err := capability.Derive(func(r *capability.Resolver) (func() error, error) {
				g, err := Gauges.In(r)
				if err != nil {
					return nil, err
				}
				return g.read, nil
			}).Leased(s)
			return func() error {
				return d.Use(func(read func() error) error { time.Sleep(held); return read() })
			}, err
		},
		"plain": func(s *capability.Scope) (func() error, error) {
			h, err := Gauges.Handle(s)
			return func() error {
				g := h.Get()
				time.Sleep(held)
				return g.read()
			}, err
		},
	}
	for exported, bind := range exports {
		for used, resolve := range uses {
			if used == "plain" && exported != "Grace" {
				continue // how long it is used is not known
			}
			t.Run(exported+", "+used, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					engine := newEngine()
					first := new(gauge)
					var inUse atomic.Bool
					keeper := func(g *gauge) extension.Instance {
						return extension.Active[struct{}]{
							Manifest: about("gauge"), Exports: []extension.Key{Gauges},
							New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
								return []capability.Binding{bind(d.Name, g)}, extension.RunFunc(func(ctx context.Context, ready func()) error {
									ready()
									<-ctx.Done()
									g.over.Store(true)
									return nil
								}), nil
							},
						}.Instance("gauge", struct{}{})
					}
					reader := extension.Background[struct{}]{Manifest: about("reader", Gauges), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
						use, err := resolve(d.Scope)
						return extension.RunFunc(func(ctx context.Context, ready func()) error {
							inUse.Store(true)
							time.AfterFunc(time.Second, ready)
							if err := use(); err != nil {
								t.Error(err)
							}
							inUse.Store(false)
							<-ctx.Done()
							return nil
						}), err
					}}
					h := extension.NewHost(extension.Options{Limits: extension.Limits{Drain: time.Hour}})
					must(h.Start(t.Context(), keeper(first).At(engine), reader.Instance("reader", struct{}{}).At(engine)))
					if !inUse.Load() {
						t.Fatal("the use was over before the commit: that proves nothing")
					}
					replaced := make(chan error)
					go func() { replaced <- h.Replace(context.WithoutCancel(t.Context()), keeper(new(gauge))) }()
					synctest.Wait()
					if used == "leased" {
						engineScope, err := capability.Compose(engine)
						must(err)
						pending := engineScope.Snapshot().Pending
						if text := fmt.Sprint(pending); exported != "per scope" && !strings.Contains(text, `a lease of scope`) {
							t.Errorf("pending is %s, which does not name the lease", text)
						}
						must(engineScope.Close())
					}
					select {
					case err := <-replaced:
						synctest.Wait() // the reader has noted that its use is over
						if inUse.Load() {
							t.Errorf("Replace returns %v while the gauge is used", err)
						}
					case <-time.After(2 * time.Minute):
						t.Error("Replace waits for nobody")
					}
					must(h.Stop(t.Context()))
					must(engine.Close(t.Context()))
				})
			})
		}
	}
}

// A start that fails waits for who uses what was lent to him, and retires it then.
func TestRollbackWaitsForUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, g := newEngine(), new(gauge)
		var retired atomic.Int64
		keeper := extension.Passive[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
				return []capability.Binding{Gauges.Bind(d.Name, g).OnRetire(func() error {
					retired.Add(1)
					g.retired.Store(true)
					return nil
				})}, nil
			}}
		free, read := make(chan struct{}), make(chan error, 1)
		reader := extension.Background[struct{}]{Manifest: about("reader", Gauges), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
			l, err := Gauges.Leased(d.Scope)
			if err == nil {
				_, err = d.Scope.With() // and leaves it open, so that its registry cannot be closed
			}
			return extension.RunFunc(func(context.Context, func()) error { // is never ready, and hangs
				return l.Use(func(g *gauge) error { <-free; read <- g.read(); return nil })
			}), err
		}}
		h := extension.NewHost(extension.Options{Limits: extension.Limits{Start: time.Second, Drain: time.Second, Stop: time.Second}})
		err := h.Start(t.Context(), keeper.Instance("gauge", struct{}{}).At(engine), reader.Instance("reader", struct{}{}).At(engine))
		if text := fmt.Sprint(err); !strings.Contains(text, "a lease of scope") {
			t.Errorf("Start says %q, which does not name the lease", text)
		}
		close(free)
		if err := <-read; err != nil {
			t.Errorf("under a lease: %v", err)
		}
		must(h.Stop(t.Context()))
		synctest.Wait()
		if n := retired.Load(); n > 1 {
			t.Errorf("the gauge is retired %d times", n)
		}
	})
}

// Each has time of its own in a rollback: who gives up at once is not accused because
// somebody before has used up the time.
func TestRollbackAccusesOnlyWhoHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, free := newEngine(), make(chan struct{})
		gauges := extension.Passive[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
				return []capability.Binding{Gauges.Bind(d.Name, new(gauge))}, nil
			}}
		printer := extension.Active[struct{}]{Manifest: about("printer", Gauges), Exports: []extension.Key{Printers},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
				l, err := Gauges.Leased(d.Scope)
				b := Printers.Bind(d.Name, page("p")).OnRetire(func() error { return nil })
				return []capability.Binding{b}, extension.RunFunc(func(context.Context, func()) error {
					return l.Use(func(*gauge) error { <-free; return nil })
				}), err
			}}
		short := extension.Limits{Start: time.Second, Drain: time.Second, Stop: time.Second}
		err := extension.NewHost(extension.Options{Limits: short}).Start(t.Context(), gauges.Instance("gauge", struct{}{}).At(engine), printer.Instance("printer", struct{}{}).At(engine))
		if text := fmt.Sprint(err); strings.Contains(text, "printers") {
			t.Errorf("Start says %q, and nothing is wrong with the OnRetire of the printer", text)
		}
		close(free)
	})
}

// A binding that another instance has got accepted is not retired by a Replace that fails.
func TestSharedBinding(t *testing.T) {
	engine := newEngine()
	var retired atomic.Int64
	shared := Gauges.Bind("gauge", new(gauge)).OnRetire(func() error { retired.Add(1); return nil })
	x := extension.Passive[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges},
		New: func(struct{}, extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{shared}, nil
		}}
	h := extension.NewHost(extension.Options{})
	must(h.Start(t.Context(), x.Instance("gauge", struct{}{}).At(engine)))
	if err := h.Replace(t.Context(), x.Instance("gauge", struct{}{})); err == nil {
		t.Error("Replace by the same binding succeeds")
	}
	if n := retired.Load(); n != 0 {
		t.Errorf("it is retired %d times while it serves", n)
	}
	must(h.Stop(t.Context()))
	must(engine.Close(t.Context()))
	if n := retired.Load(); n != 1 {
		t.Errorf("it is retired %d times", n)
	}
}

// What was lent to a dependent is not pending while all is well.
func TestNothingIsPending(t *testing.T) {
	engine := newEngine()
	var scope *capability.Scope
	keeper := extension.Passive[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges},
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{Gauges.Bind(d.Name, new(gauge))}, nil
		}}
	reader := extension.Background[struct{}]{Manifest: about("reader", Gauges), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
		scope = d.Scope
		_, err := Gauges.Handle(d.Scope)
		return after(0), err
	}}
	h := extension.NewHost(extension.Options{})
	must(h.Start(t.Context(), keeper.Instance("gauge", struct{}{}).At(engine), reader.Instance("reader", struct{}{}).At(engine)))
	if p := scope.Snapshot().Pending; len(p) > 0 {
		t.Errorf("pending is %v", p)
	}
	must(h.Stop(t.Context()))
	must(engine.Close(t.Context()))
}

// An instance that closes its scope while it runs is removed and replaced like any other.
func TestScopeClosedByItsInstance(t *testing.T) {
	engine := newEngine()
	x := extension.Active[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges},
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return []capability.Binding{Gauges.Bind(d.Name, new(gauge))}, extension.RunFunc(func(ctx context.Context, ready func()) error {
				must(d.Scope.Close())
				ready()
				<-ctx.Done()
				return nil
			}), nil
		}}
	h := extension.NewHost(extension.Options{})
	must(h.Start(t.Context(), x.Instance("gauge", struct{}{}).At(engine)))
	must(h.Replace(t.Context(), x.Instance("gauge", struct{}{})))
	must(h.Remove(t.Context(), "gauge"))
	scope, err := capability.Compose(engine)
	must(err)
	if _, err := Gauges.Handle(scope); err == nil {
		t.Error("the gauge is removed and still public")
	}
	must(scope.Close())
	must(h.Stop(t.Context()))
	must(engine.Close(t.Context()))
}

// A context that has ended is an error of one text, however often it is asked.
func TestStartWithAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		err := extension.NewHost(extension.Options{}).Start(ctx, prints(0).Instance("printer", "p").At(newEngine()))
		if err == nil || err.Error() != "context canceled" {
			t.Fatalf("Start returns %v", err)
		}
	}
}

// An export that cannot be bound is retired all the same, once.
func TestExportThatCannotBeBound(t *testing.T) {
	engine := newEngine()
	var retired atomic.Int64
	x := extension.Passive[struct{}]{Manifest: about("gauge"), Exports: []extension.Key{Gauges, Printers},
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			gone := func() error { retired.Add(1); return nil }
			return []capability.Binding{Gauges.Bind(d.Name, nil).OnRetire(gone), Printers.Bind(d.Name, page("p")).OnRetire(gone)}, nil
		}}
	h := extension.NewHost(extension.Options{})
	if err := h.Start(t.Context(), x.Instance("gauge", struct{}{}).At(engine)); err == nil {
		t.Error("a nil gauge is exported")
	}
	if n := retired.Load(); n != 2 {
		t.Errorf("%d of 2 exports are retired", n)
	}
	must(h.Stop(t.Context()))
	must(engine.Close(t.Context()))
}
