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
