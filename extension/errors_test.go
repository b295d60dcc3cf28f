// Every error text of the package and of discover: each is provoked, compared with its
// golden line, and looked for in the source.

package extension_test

import (
	"context"
	"errors"
	flags "flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/discover"
	"github.com/typedcap/capability/extension"
	"github.com/typedcap/capability/internal/golden"
)

var updateGolden = flags.Bool("update", false, "rewrite testdata/errors.txt")

const goldenErrors = "testdata/errors.txt"

// A stage is where an error is provoked.
type stage struct {
	t             *testing.T
	engine, group *capability.Registry
	host          *extension.Host
	free          chan struct{} // closed at the end: who hangs until then hangs for good
}

// bubbled provokes an error in a bubble of its own.
func bubbled(provoke func(s *stage) error) func(t *testing.T) error {
	return func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{t, newEngine(), capability.NewRegistry(capability.Group, "group"), extension.NewHost(extension.Options{}), make(chan struct{})}
			err = provoke(s)
			close(s.free)
			synctest.Wait()
			_ = s.host.Stop(t.Context())
		})
		return err
	}
}

// started returns the error of starting what is made on the stage.
func started(list func(s *stage) []extension.Instance) func(*testing.T) error {
	return bubbled(func(s *stage) error { return s.host.Start(s.t.Context(), list(s)...) })
}

// constructed returns the error of starting a baker with that New.
func constructed(construct func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error)) func(*testing.T) error {
	return started(func(s *stage) []extension.Instance { return []extension.Instance{s.active("baker", construct)} })
}

// active is an instance that bakes, with that New.
func (s *stage) active(name string, construct func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error), of ...extension.Key) extension.Instance {
	return extension.Active[struct{}]{Manifest: about("bakery", of...), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return construct(d)
	}}.Instance(name, struct{}{}).At(s.engine)
}

// bakes is an instance that bakes and does that when it runs.
func (s *stage) bakes(name string, run extension.RunFunc, options ...func(capability.Binding) capability.Binding) extension.Instance {
	return s.active(name, func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		b := Bread.Bind(d.Name, page(d.Name))
		for _, o := range options {
			b = o(b)
		}
		return []capability.Binding{b}, run, nil
	})
}

// hangs is a Run that does not end when it is told to.
func (s *stage) hangs(ctx context.Context, ready func()) error {
	ready()
	<-s.free
	return nil
}

// retires adds an OnRetire.
func retires(f func() error) func(capability.Binding) capability.Binding {
	return func(b capability.Binding) capability.Binding { return b.OnRetire(f) }
}

// consumer is a scope that has resolved these.
func (s *stage) consumer(needs ...capability.Need) *capability.Scope {
	scope, err := capability.Compose(s.group, s.engine)
	must(err)
	must(scope.Resolve(needs...))
	return scope
}

// status is the error in the status of an instance that does that when it runs.
func status(restart func(int, error) (time.Duration, bool), run extension.RunFunc) func(*testing.T) error {
	return bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("baker", run).Within(extension.Limits{Restart: restart})))
		time.Sleep(time.Minute)
		return s.host.Status().Get()[0].Err
	})
}

// failsAfterReady is a Run.
func failsAfterReady(_ context.Context, ready func()) error {
	ready()
	time.Sleep(time.Second)
	return errJob
}

// sulking is a Run that ends with an error when it is told to.
func sulking(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return errSulks
}

// reported returns the first error or warning of validating a set.
func reported(set func(s *stage) []extension.Instance) func(*testing.T) error {
	return func(t *testing.T) error {
		s := &stage{t: t, engine: newEngine(), group: capability.NewRegistry(capability.Group, "group")}
		report := extension.Validate(set(s))
		return slices.Concat(report.Errors, report.Warnings)[0]
	}
}

// cooks returns the first error or warning of validating instances of that extension.
func cooks(e extension.Passive[struct{}], names ...string) func(*testing.T) error {
	return reported(func(s *stage) []extension.Instance {
		var list []extension.Instance
		for _, name := range names {
			list = append(list, e.Instance(name, struct{}{}).At(s.engine))
		}
		return list
	})
}

// changed returns an extension with a change.
func changed(e extension.Passive[struct{}], change func(e *extension.Passive[struct{}])) extension.Passive[struct{}] {
	change(&e)
	return e
}

// configured returns the error of an oven.
func configured(o oven, decode func(any) error) func(*testing.T) error {
	return reported(func(s *stage) []extension.Instance {
		e := extension.Background[oven]{Manifest: about("oven"), New: func(oven, extension.Dependencies) (extension.Runner, error) { return after(0), nil }}
		if o == "" {
			return []extension.Instance{e.Decode("oven", decode).At(s.engine)}
		}
		return []extension.Instance{e.Instance("oven", o).At(s.engine)}
	})
}

// discovered is the error of all that can be wrong with what was added. What was added
// stays.
var discovered = sync.OnceValue(func() error {
	discover.Add(nil)
	discover.Add(cook("", keys(Flour)))
	discover.Add(cook("twin", keys(Flour)))
	discover.Add(cook("twin", keys(Flour)))
	discover.Add(cook("dough", keys(Dough), Bread))
	discover.Add(cook("bread", keys(Bread), Dough))
	_, err := discover.All()
	return err
})

var none context.Context

// provoked are the ways to see each text, by the name of its golden line.
var provoked = map[string]func(t *testing.T) error{
	"validate-zero":          func(*testing.T) error { return extension.Validate([]extension.Instance{{}}).Err() },
	"validate-name":          cooks(cook("cook", keys(Bread)), "b c"),
	"validate-name-twice":    cooks(cook("cook", keys(Bread)), "a", "a"),
	"validate-unused":        cooks(cook("cook", keys(Bread)), "a"),
	"validate-manifest-name": cooks(cook("", keys(Bread)), "a"),
	"validate-no-doc":        cooks(changed(cook("cook", keys(Bread)), func(e *extension.Passive[struct{}]) { e.Doc = "" }), "a"),
	"validate-no-url":        cooks(changed(cook("cook", keys(Bread)), func(e *extension.Passive[struct{}]) { e.URL = "" }), "a"),
	"validate-no-new":        cooks(changed(cook("cook", keys(Bread)), func(e *extension.Passive[struct{}]) { e.New = nil }), "a"),
	"validate-no-exports":    cooks(cook("cook", nil), "a"),
	"validate-no-capability": cooks(cook("cook", keys(nil)), "a"),
	"validate-key-twice":     cooks(cook("cook", keys(Bread), Dough, Dough), "a"),
	"validate-level": cooks(changed(cook("cook", keys(Bread)), func(e *extension.Passive[struct{}]) {
		e.Levels = []capability.Level{capability.Pipeline, capability.Node}
	}), "a"),
	"validate-only-at":      cooks(cook("cook", keys(Toast)), "a"),
	"validate-no-place":     reported(func(s *stage) []extension.Instance { return []extension.Instance{s.bakes("a", nil).At()} }),
	"validate-nil-registry": reported(func(s *stage) []extension.Instance { return []extension.Instance{s.bakes("a", nil).At(nil)} }),
	"validate-one-level": reported(func(s *stage) []extension.Instance {
		return []extension.Instance{s.bakes("a", nil).At(s.engine, newEngine())}
	}),
	"validate-missing": cooks(cook("cook", keys(Bread), Dough), "a"),
	"validate-self":    cooks(cook("cook", keys(Bread), Bread), "a"),
	"validate-cycle":   cooks(cook("cook", keys(Bread), Bread), "a", "b"),
	"validate-missing-narrower": reported(func(s *stage) []extension.Instance {
		return []extension.Instance{cook("cook", keys(Bread), Dough).Instance("a", struct{}{}).At(s.engine), cook("cook", keys(Dough)).Instance("b", struct{}{}).At(s.group)}
	}),
	"validate-missing-elsewhere": reported(func(s *stage) []extension.Instance {
		return []extension.Instance{cook("cook", keys(Bread), Dough).Instance("a", struct{}{}).At(s.engine), cook("cook", keys(Dough)).Instance("b", struct{}{}).At(newEngine())}
	}),
	"validate-missing-chain": reported(func(s *stage) []extension.Instance {
		return []extension.Instance{cook("cook", keys(Dough), Flour).Instance("a", struct{}{}).At(s.engine), cook("cook", keys(Bread), Dough).Instance("b", struct{}{}).At(s.engine)}
	}),
	"validate-long-cycle": reported(func(s *stage) []extension.Instance {
		var list []extension.Instance
		for i := range 9 {
			list = append(list, cook("cook", keys(Wares[i]), Wares[(i+1)%9]).Instance(fmt.Sprint("m", i), struct{}{}).At(s.engine))
		}
		return list
	}),
	"validate-config":        configured("cold", nil),
	"validate-config-panics": configured("ablaze", nil),
	"validate-decode":        configured("", func(any) error { return errors.New("line 3 is burnt") }),
	"validate-decode-nil":    configured("", nil),

	"start-nil-context": func(*testing.T) error { return extension.NewHost(extension.Options{}).Start(none) },
	"zero-host":         func(*testing.T) error { return new(extension.Host).Start(none) },
	"zero-host-stop":    func(*testing.T) error { return (*extension.Host)(nil).Stop(none) },
	"zero-host-ready":   func(*testing.T) error { return new(extension.Host).Ready() },
	"stop-nil-context":  func(*testing.T) error { return extension.NewHost(extension.Options{}).Stop(none) },
	"start-stopped": bubbled(func(s *stage) error {
		must(s.host.Stop(s.t.Context()))
		return s.host.Start(s.t.Context())
	}),
	"start-waits": bubbled(func(s *stage) error {
		go func() { _ = s.host.Start(s.t.Context(), s.bakes("slow", after(time.Second))) }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(s.t.Context())
		cancel(errors.New("no time"))
		return s.host.Start(ctx)
	}),
	"start-ends": bubbled(func(s *stage) error {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		return s.host.Start(ctx, s.bakes("slow", after(2*time.Second)))
	}),
	"start-late": started(func(s *stage) []extension.Instance { return []extension.Instance{s.bakes("slow", after(time.Minute))} }),
	"run-nil": started(func(s *stage) []extension.Instance {
		return []extension.Instance{s.bakes("a", func(context.Context, func()) error { return nil })}
	}),
	"run-fails": started(func(s *stage) []extension.Instance {
		return []extension.Instance{s.bakes("a", func(context.Context, func()) error { return errJob })}
	}),
	"run-panics":     started(func(s *stage) []extension.Instance { return []extension.Instance{s.bakes("a", nil)} }),
	"run-again":      status(func(int, error) (time.Duration, bool) { return time.Hour, true }, failsAfterReady),
	"restart-panics": status(func(int, error) (time.Duration, bool) { panic("no idea") }, failsAfterReady),
	"new-fails":      constructed(func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) { return nil, nil, errJob }),
	"new-panics":     constructed(func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) { panic("no flour") }),
	"new-no-runner": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind(d.Name, page("p"))}, nil, nil
	}),
	"new-no-binding": constructed(func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return nil, after(0), nil
	}),
	"new-zero": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{{}, Bread.Bind(d.Name, page("p"))}, after(0), nil
	}),
	"new-other-name": constructed(func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind("bob", page("p"))}, after(0), nil
	}),
	"new-rebind": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Rebind(d.Name, page("p"))}, after(0), nil
	}),
	"new-twice": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind(d.Name, page("p")), Bread.Bind(d.Name, page("p"))}, after(0), nil
	}),
	"new-closes-scope": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		must(d.Scope.Close())
		return []capability.Binding{Bread.Bind(d.Name, page("p"))}, after(0), nil
	}),
	"new-more": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind(d.Name, page("p")), Dough.Bind(d.Name, page("p"))}, after(0), nil
	}),
	"new-exports-run": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind(d.Name, &printing{})}, printing{}, nil
	}),
	"new-resolves": constructed(func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		_, err := Dough.All().Handle(d.Scope)
		must(err)
		return []capability.Binding{Bread.Bind(d.Name, page("p"))}, after(0), nil
	}),
	"start-bind": started(func(s *stage) []extension.Instance {
		must(s.engine.Apply(Bread.Bind("baker", page("p"))))
		return []extension.Instance{s.bakes("baker", after(0))}
	}),
	"start-compose": started(func(s *stage) []extension.Instance {
		closes := extension.Passive[struct{}]{Manifest: about("closes"), Exports: keys(Dough), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			must(s.group.Close(context.Background()))
			return []capability.Binding{Dough.Bind(d.Name, page("p"))}, nil
		}}
		return []extension.Instance{closes.Instance("closes", struct{}{}).At(s.engine), cook("cook", keys(Bread), Dough).Instance("cook", struct{}{}).At(s.group, s.engine)}
	}),
	"start-show": started(func(s *stage) []extension.Instance {
		ahead := func(of string) func(capability.Binding) capability.Binding {
			return func(b capability.Binding) capability.Binding { return b.Before(of) }
		}
		return []extension.Instance{s.bakes("a", after(0), ahead("b")), s.bakes("b", after(0), ahead("a")), cook("cook", keys(Toast), Bread).Instance("cook", struct{}{}).At(capability.NewRegistry(capability.Pipeline, "orders"), s.engine)}
	}),
	"rollback-retire": started(func(s *stage) []extension.Instance {
		return []extension.Instance{s.bakes("a", func(context.Context, func()) error { return errJob }, retires(func() error { return errors.New("it is stuck") }))}
	}),
	"rollback-retire-hangs": started(func(s *stage) []extension.Instance {
		return []extension.Instance{s.bakes("a", func(context.Context, func()) error { return errJob }, retires(func() error { <-s.free; return nil }))}
	}),

	"unfit-retire": constructed(func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		return []capability.Binding{Bread.Bind("bob", page("p")).OnRetire(func() error { return errors.New("it is stuck") })}, after(0), nil
	}),
	"unfit-retire-hangs": started(func(s *stage) []extension.Instance {
		return []extension.Instance{s.active("baker", func(extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return []capability.Binding{Bread.Bind("bob", page("p")).OnRetire(func() error { <-s.free; return nil })}, after(0), nil
		})}
	}),

	"ready-stopped": bubbled(func(s *stage) error {
		must(s.host.Stop(s.t.Context()))
		return s.host.Ready()
	}),
	"ready-starting": bubbled(func(s *stage) error {
		go func() { _ = s.host.Start(s.t.Context(), s.bakes("slow", after(time.Second))) }()
		synctest.Wait()
		defer time.Sleep(2 * time.Second)
		return s.host.Ready()
	}),
	"ready-degraded": bubbled(func(s *stage) error {
		var report func(error)
		must(s.host.Start(s.t.Context(), s.active("baker", func(d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			report = d.Report
			return []capability.Binding{Bread.Bind(d.Name, page("p"))}, after(0), nil
		})))
		report(errors.New("the flour is damp"))
		return s.host.Ready()
	}),

	"replace-unknown": bubbled(func(s *stage) error { return s.host.Replace(s.t.Context(), s.bakes("baker", nil)) }),
	"remove-unknown": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("b", after(0)), s.bakes("a", after(0))))
		return s.host.Remove(s.t.Context(), "baker")
	}),
	"replace-place": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		return s.host.Replace(s.t.Context(), s.bakes("a", after(0)).At(s.group))
	}),
	"replace-bind": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), cook("cook", keys(Bread, Dough)).Instance("a", struct{}{}).At(s.engine)))
		var held capability.Handle[Printer]
		defer s.consumer(Dough.Into(&held)).Close()
		return s.host.Replace(s.t.Context(), s.bakes("a", after(0)))
	}),
	"new-undeclared": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		must(s.host.Stop(s.t.Context()))
		h := extension.NewHost(extension.Options{})
		defer h.Stop(s.t.Context())
		eats := extension.Background[struct{}]{Manifest: about("guest"), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
			_, err := Bread.Handle(d.Scope)
			return after(0), err
		}}
		return h.Start(s.t.Context(), s.bakes("b", after(time.Second)), eats.Instance("guest", struct{}{}).At(s.engine))
	}),
	"replace-held": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		var held capability.Handle[Printer]
		defer s.consumer(Bread.Into(&held)).Close()
		return s.host.Replace(s.t.Context(), s.bakes("a", after(0)))
	}),
	"replace-last-words": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", sulking)))
		return s.host.Replace(s.t.Context(), s.bakes("a", after(0)))
	}),
	"remove-required": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0)), cook("cook", keys(Dough), Bread).Instance("b", struct{}{}).At(s.engine)))
		return s.host.Remove(s.t.Context(), "a")
	}),
	"remove-held": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		var held capability.Handle[Printer]
		defer s.consumer(Bread.Into(&held)).Close()
		return s.host.Remove(s.t.Context(), "a")
	}),

	"stop-hangs": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", s.hangs)))
		return s.host.Stop(s.t.Context())
	}),
	"stop-run-fails": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", sulking)))
		return s.host.Stop(s.t.Context())
	}),
	"stop-waits": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", s.hangs)))
		go func() { _ = s.host.Stop(s.t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		return s.host.Stop(ctx)
	}),
	"stop-consumers": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		var held capability.Handle[Printer]
		defer s.consumer(Bread.Into(&held)).Close()
		return s.host.Stop(s.t.Context())
	}),
	"stop-many-consumers": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0))))
		for i := range 6 {
			scope, err := capability.Compose(capability.NewRegistry(capability.Pipeline, fmt.Sprint("orders-", i)), s.engine)
			must(err)
			_, err = Bread.All().Handle(scope)
			must(err)
			defer scope.Close()
		}
		return s.host.Stop(s.t.Context())
	}),
	"stop-retire-hangs": bubbled(func(s *stage) error {
		must(s.host.Start(s.t.Context(), s.bakes("a", after(0), retires(func() error { <-s.free; return nil }))))
		return s.host.Stop(s.t.Context())
	}),
	"stop-not-given-up": bubbled(func(s *stage) error {
		maker := extension.Passive[struct{}]{Manifest: about("mill"), Exports: keys(Dough), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{Dough.BindPerScope(d.Name, func(r *capability.Resolver) (Printer, error) {
				r.OnRetire(func() error { <-s.free; return nil })
				return page("dough"), nil
			})}, nil
		}}
		user := extension.Background[struct{}]{Manifest: about("user", Dough), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
			_, err := Dough.Handle(d.Scope)
			return after(0), err
		}}
		must(s.host.Start(s.t.Context(), maker.Instance("mill", struct{}{}).At(s.engine), user.Instance("user", struct{}{}).At(s.engine)))
		return s.host.Stop(s.t.Context())
	}),

	"discover": func(*testing.T) error { return discovered() },
}

// A printing is both what prints and what runs, which is refused.
type printing struct{}

func (printing) Print() string                     { return "" }
func (printing) Run(context.Context, func()) error { return nil }

func TestErrorTexts(t *testing.T) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(provoked)) {
		err := provoked[name](t)
		if err == nil {
			t.Errorf("%s: there is no error", name)
			continue
		}
		code := ""
		if e, ok := errors.AsType[*capability.Error](err); ok {
			code = string(e.Code)
		}
		lines = append(lines, golden.Line(name, code, err))
	}
	golden.Compare(t, goldenErrors, lines, *updateGolden)
}

// Every text in the source is that of a golden line.
func TestEveryErrorTextIsGolden(t *testing.T) {
	lines := golden.Read(t, goldenErrors)
	for _, text := range golden.Texts(t, []string{".", "../discover"}, map[string]string{
		"reference.go":                             "the text of references, which are no errors",
		"catalogue.go":                             "the text of catalogues, which are no errors",
		", %s at %s) is %s since %s":               "the text of a Status",
		", restarted %d times":                     "the text of a Status",
		"the instance was late":                    "a cause that becomes another text",
		"an extension failed":                      "what is logged, with the error",
		"an extension failed and is started again": "what is logged, with the error",
		"an extension that was replaced or removed could not be stopped": "what is logged, with the error",
		"another instance could not be started":                          "a cause of which nobody hears",
	}) {
		if !text.In(lines) {
			t.Errorf("%s: no golden line has the text %q: provoke it in errors_test.go", text.At, text.Format)
		}
	}
	for _, line := range lines {
		if strings.Count(line, " | ") < 2 {
			t.Errorf("malformed line %q", line)
		}
	}
}
