// Scenarios of a host: what is seen when, and by whom.

package extension_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A Printer prints a page.
type Printer interface{ Print() string }

type page string

func (p page) Print() string { return string(p) }

// A desk is a second contract.
type desk struct{ number int }

var (
	Printers = capability.New[Printer]("printers", "print pages")
	Desks    = capability.New[*desk]("desks", "are sat at", capability.OnlyAt(capability.Engine))
	Badges   = capability.New[Printer]("badges", "print badges", capability.OnlyLeased())
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// about returns a manifest of that name.
func about(name string, requires ...extension.Key) extension.Manifest {
	return extension.Manifest{Name: name, Version: "1", Doc: "is part of an office", URL: "https://example.org/" + name, Requires: requires}
}

// prints is an extension that prints the page it is configured with, and is ready after
// the delay.
func prints(delay time.Duration, also ...func(d extension.Dependencies)) extension.Active[page] {
	return extension.Active[page]{
		Manifest: about("printer"), Exports: []extension.Key{Printers},
		New: func(p page, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			for _, f := range also {
				f(d)
			}
			return []capability.Binding{Printers.Bind(d.Name, p)}, after(delay), nil
		},
	}
}

// after runs, and is ready after the delay.
func after(delay time.Duration) extension.RunFunc {
	return func(ctx context.Context, ready func()) error {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
		ready()
		<-ctx.Done()
		return ctx.Err()
	}
}

func newEngine() *capability.Registry {
	return capability.NewRegistry(capability.Engine, "engine")
}

// states returns the states of all instances.
func states(h *extension.Host) string {
	var list []string
	for _, s := range h.Status().Get() {
		list = append(list, fmt.Sprintf("%s %s", s.Instance, s.State))
	}
	return strings.Join(list, ", ")
}

// Exports appear together and in the order of the instances, whoever is ready first.
func TestExportsAppearTogetherInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		scope, err := capability.Compose(engine)
		must(err)
		all, err := Printers.All().Handle(scope)
		must(err)
		var seen []string
		go func() {
			for _, c := range all.Watch(t.Context()) {
				seen = append(seen, strings.Join(c.Names(), " "))
			}
		}()
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(),
			prints(3*time.Second).Instance("slow", "s").At(engine),
			prints(time.Second).Instance("fast", "f").At(engine),
			prints(2*time.Second).Instance("middling", "m").At(engine),
		))
		synctest.Wait()
		if diff := cmp.Diff([]string{"", "slow fast middling"}, seen); diff != "" {
			t.Errorf("chains (-want +got):\n%s", diff)
		}
		must(scope.Close())
		must(h.Stop(t.Context()))
		synctest.Wait()
		if got := states(h); got != "slow stopped, fast stopped, middling stopped" {
			t.Errorf("after Stop: %s", got)
		}
		must(engine.Close(t.Context()))
	})
}

// An instance is given what it requires as soon as that is ready, before anybody else
// sees it, also where only one level may bind it; and its handles follow a Replace.
func TestDependentsSeeMoreThanOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		room := extension.Passive[int]{
			Manifest: about("room"), Exports: []extension.Key{Desks},
			New: func(n int, d extension.Dependencies) ([]capability.Binding, error) {
				return []capability.Binding{Desks.Bind(d.Name, &desk{n}).OnRetire(func() error { return nil })}, nil
			},
		}
		var sits capability.Handle[*desk]
		var others int
		clerk := extension.Background[struct{}]{
			Manifest: about("clerk", Desks),
			New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
				scope, err := capability.Compose(engine)
				must(err)
				chain, err := Desks.All().Handle(scope)
				must(err)
				others = chain.Get().Len()
				must(scope.Close())
				return after(time.Second), d.Scope.Resolve(Desks.Into(&sits))
			},
		}
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(),
			clerk.Instance("clerk", struct{}{}).At(orders, engine),
			room.Instance("room", 1).At(engine),
		))
		if others != 0 || sits.Get().number != 1 {
			t.Errorf("others see %d desks before the start is over, the clerk desk %d", others, sits.Get().number)
		}
		if err := h.Replace(t.Context(), room.Instance("room", 2)); !errors.Is(err, extension.ErrNotStopped) || !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), `a plain handle of scope "clerk over orders over engine"`) {
			t.Errorf("the clerk may still sit at the old desk, and Replace says %v", err)
		}
		if n := sits.Get().number; n != 2 {
			t.Errorf("the clerk sits at desk %d", n)
		}
		if got := states(h); got != "clerk ready, room ready, room stopping" {
			t.Errorf("after Replace: %s", got)
		}
		if err := h.Remove(t.Context(), "room"); errors.Is(err, extension.ErrNotStopped) || !errors.Is(err, capability.ErrInUse) || sits.Get().number != 2 {
			t.Errorf("Remove of what the clerk requires: %v", err)
		}
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
		must(orders.Close(t.Context()))
	})
}

// Who consumes ends before who provides: Stop waits for scopes, names those that are
// not closed, and stops everybody all the same.
func TestStopWaitsForConsumers(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%t", late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newEngine()
				h := extension.NewHost(extension.Options{Consumers: time.Minute})
				stopped := time.Time{}
				p := prints(0)
				p.New = func(p page, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
					return []capability.Binding{Printers.Bind(d.Name, p)}, extension.RunFunc(func(ctx context.Context, ready func()) error {
						ready()
						<-ctx.Done()
						stopped = time.Now()
						return nil
					}), nil
				}
				must(h.Start(t.Context(), p.Instance("laser", "p").At(engine)))
				orders := capability.NewRegistry(capability.Pipeline, "orders")
				scope, err := capability.Compose(orders, engine)
				must(err)
				all, err := Printers.All().Handle(scope)
				must(err)
				begun := time.Now()
				after := 10 * time.Second
				if late {
					after = 2 * time.Minute
				}
				time.AfterFunc(after, func() {
					if (all.Get().Len() == 0) != late {
						t.Errorf("the chain has %d printers when its scope is closed", all.Get().Len())
					}
					must(scope.Close())
				})
				err = h.Stop(t.Context())
				if late {
					if err == nil || !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), `used by scope "orders over engine", which resolved it at `) {
						t.Errorf("Stop says %v", err)
					}
				} else if err != nil || stopped.Sub(begun) != after {
					t.Errorf("stopped after %v: %v", stopped.Sub(begun), err)
				}
				if stopped.IsZero() {
					t.Error("the extension was not stopped")
				}
				time.Sleep(5 * time.Minute)
				must(engine.Close(t.Context()))
			})
		})
	}
}

// Scopes that an instance makes of its own belong to it: Stop does not wait for them as
// for those of consumers.
func TestScopesOfInstancesAreNoConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		reader := extension.Background[struct{}]{
			Manifest: about("reader", Printers),
			New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
				own, err := d.Scope.With()
				must(err)
				_, err = Printers.All().Handle(own)
				must(err)
				return extension.RunFunc(func(ctx context.Context, ready func()) error {
					ready()
					<-ctx.Done()
					return own.Close()
				}), nil
			},
		}
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), prints(0).Instance("laser", "p").At(engine), reader.Instance("reader", struct{}{}).At(engine)))
		begun := time.Now()
		if err := h.Stop(t.Context()); err != nil || time.Since(begun) != 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		must(engine.Close(t.Context()))
	})
}

// What each scope has its own of is exported like anything else, and waited for.
func TestExportPerScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		made, retired := 0, new(atomic.Int64)
		pool := extension.Active[struct{}]{
			Manifest: about("pool"), Exports: []extension.Key{Printers},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
				return []capability.Binding{Printers.BindPerScope(d.Name, func(r *capability.Resolver) (Printer, error) {
						made++
						r.OnRetire(func() error { retired.Add(1); return nil })
						return page(fmt.Sprint(made)), nil
					})}, extension.RunFunc(func(ctx context.Context, ready func()) error {
						ready()
						<-ctx.Done()
						if n := int(retired.Load()); n != made && n != 3 {
							return fmt.Errorf("stopped with %d of %d retired", n, made)
						}
						return nil
					}), nil
			},
		}
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), pool.Instance("pool", struct{}{}).At(engine)))
		var scopes []*capability.Scope
		for i := range 3 {
			s, err := capability.Compose(engine)
			must(err)
			p, err := Printers.Leased(s)
			must(err)
			must(p.Use(func(p Printer) error {
				if p.Print() != fmt.Sprint(i+1) {
					t.Errorf("scope %d prints %q", i+1, p.Print())
				}
				return nil
			}))
			scopes = append(scopes, s)
		}
		must(h.Replace(t.Context(), pool.Instance("pool", struct{}{})))
		if n := retired.Load(); made != 6 || n != 3 {
			t.Errorf("%d were made and %d retired by Replace, want 6 and 3", made, n)
		}
		for _, s := range scopes {
			must(s.Close())
		}
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
	})
}

// What Run returns decides what comes next.
func TestWhatRunReturnsDecides(t *testing.T) {
	broken := errors.New("out of paper")
	restart := func(attempt int, err error) (time.Duration, bool) {
		return time.Duration(attempt) * time.Second, attempt < 3
	}
	for _, c := range []struct {
		name    string
		restart func(int, error) (time.Duration, bool)
		returns []error // of each Run after it was ready; the last one goes on
		runs    int
		state   extension.State
		lasts   time.Duration
	}{
		{"nil", restart, []error{nil}, 1, extension.Stopped, 0},
		{"error", nil, []error{broken}, 1, extension.Failed, 0},
		{"error-and-policy", restart, []error{broken, broken}, 3, extension.Ready, 4 * time.Second},
		{"fatal", restart, []error{extension.Fatal(broken)}, 1, extension.Failed, 0},
		{"retry", nil, []error{extension.RetryAfter(time.Minute, broken)}, 2, extension.Ready, 61 * time.Second},
		{"wrapped-fatal", restart, []error{fmt.Errorf("printing: %w", extension.Fatal(broken))}, 1, extension.Failed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				begun, last := time.Now(), time.Time{}
				p := extension.Background[struct{}]{Manifest: about("job"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
					return extension.RunFunc(func(ctx context.Context, ready func()) error {
						runs++
						last = time.Now()
						ready()
						time.Sleep(time.Second)
						if runs <= len(c.returns) {
							return c.returns[runs-1]
						}
						<-ctx.Done()
						return nil
					}), nil
				}}
				h := extension.NewHost(extension.Options{Limits: extension.Limits{Restart: c.restart}})
				must(h.Start(t.Context(), p.Instance("job", struct{}{}).At(newEngine())))
				time.Sleep(time.Hour)
				synctest.Wait()
				s := h.Status().Get()[0]
				if runs != c.runs || s.State != c.state || last.Sub(begun) != c.lasts {
					t.Errorf("%d runs, the last after %v, %v", runs, last.Sub(begun), s)
				}
				if (h.Ready() == nil) != (c.state != extension.Failed) || c.state == extension.Failed && !errors.Is(h.Ready(), broken) {
					t.Errorf("Ready says %v", h.Ready())
				}
				must(h.Stop(t.Context()))
			})
		})
	}
}

// Attempts are counted while it is not ready in between.
func TestAttemptsAreCountedSinceReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []int
		runs := 0
		p := extension.Background[struct{}]{Manifest: about("job"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
			return extension.RunFunc(func(ctx context.Context, ready func()) error {
				if runs++; runs == 4 {
					ready()
				}
				if runs == 6 {
					ready()
					<-ctx.Done()
					return nil
				}
				return errors.New("out of paper")
			}), nil
		}}
		h := extension.NewHost(extension.Options{Limits: extension.Limits{Restart: func(attempt int, _ error) (time.Duration, bool) {
			attempts = append(attempts, attempt)
			return time.Second, true
		}}})
		must(h.Start(t.Context(), p.Instance("job", struct{}{}).At(newEngine())))
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := cmp.Diff([]int{1, 2, 3, 1, 2}, attempts); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if s := h.Status().Get()[0]; s.Restarts != 5 || s.State != extension.Ready {
			t.Errorf("got %v", s)
		}
		must(h.Stop(t.Context()))
	})
}

// A constructor that comes back too late finds nobody who waits, and what it made is
// retired.
func TestConstructorThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		retired := 0
		slow := extension.Passive[struct{}]{Manifest: about("slow"), Exports: []extension.Key{Printers},
			New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
				time.Sleep(time.Minute)
				return []capability.Binding{Printers.Bind(d.Name, page("p")).OnRetire(func() error { retired++; return nil })}, nil
			},
		}
		h := extension.NewHost(extension.Options{})
		begun := time.Now()
		err := h.Start(t.Context(), prints(0).Instance("laser", "p").At(engine), slow.Instance("slow", struct{}{}).At(engine))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `provider "slow"`) || strings.Contains(err.Error(), "laser") || time.Since(begun) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if n := len(h.Status().Get()); n != 0 {
			t.Errorf("%d instances are left", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if retired != 1 {
			t.Errorf("what it made was retired %d times", retired)
		}
		must(h.Start(t.Context(), prints(0).Instance("laser", "p").At(engine)))
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
	})
}

// Stop interrupts a start and takes it back; nothing can be started after it.
func TestStopDuringStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		done := make(chan error, 2)
		go func() {
			done <- h.Start(t.Context(), prints(0).Instance("fast", "f").At(engine), prints(time.Hour).Instance("slow", "s").At(engine).Within(extension.Limits{Start: 2 * time.Hour}))
		}()
		synctest.Wait()
		go func() { done <- h.Stop(t.Context()) }()
		must(h.Stop(t.Context()))
		synctest.Wait()
		var errs []error
		errs = append(errs, <-done, <-done)
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		if errs[0] != nil || !errors.Is(errs[1], capability.ErrClosed) || !strings.Contains(errs[1].Error(), `"slow"`) {
			t.Errorf("got %v", errs)
		}
		if err := h.Start(t.Context()); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("Start after Stop: %v", err)
		}
		if err := h.Ready(); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("Ready after Stop: %v", err)
		}
		must(engine.Close(t.Context()))
	})
}

// An instance may say that it works but not well.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var report func(error)
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), prints(0, func(d extension.Dependencies) {
			report = d.Report
			report(errors.New("too early"))
		}).Instance("laser", "p").At(newEngine())))
		must(h.Ready())
		report(errors.New("toner is low"))
		if s := h.Status().Get()[0]; s.State != extension.Degraded || !strings.Contains(h.Ready().Error(), "toner is low") {
			t.Errorf("got %v", s)
		}
		report(nil)
		must(h.Ready())
		must(h.Stop(t.Context()))
		report(errors.New("too late"))
		if got := states(h); got != "laser stopped" {
			t.Errorf("got %s", got)
		}
	})
}

// An export that the program itself has unbound is none that Stop or Remove would miss.
func TestExportThatIsUnboundByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), prints(0).Instance("laser", "p").At(engine), prints(0).Instance("inkjet", "q").At(engine)))
		must(engine.Apply(Printers.Unbind("laser"), Printers.Unbind("inkjet")))
		must(h.Remove(t.Context(), "inkjet"))
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
	})
}

// Who is stopped because another one failed to start has its time for that.
func TestRollbackGivesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := extension.Background[struct{}]{Manifest: about("slow"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
			return extension.RunFunc(func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				time.Sleep(5 * time.Second)
				return nil
			}), nil
		}}
		broken := extension.Passive[struct{}]{Manifest: about("broken"), Exports: []extension.Key{Printers}, New: func(struct{}, extension.Dependencies) ([]capability.Binding, error) {
			time.Sleep(time.Second)
			return nil, errors.New("out of paper")
		}}
		h := extension.NewHost(extension.Options{})
		err := h.Start(t.Context(), slow.Instance("slow", struct{}{}).At(newEngine()), broken.Instance("broken", struct{}{}).At(newEngine()))
		if err == nil || strings.Contains(err.Error(), "slow") {
			t.Errorf("got %v", err)
		}
		must(h.Stop(t.Context()))
	})
}
