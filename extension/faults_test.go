// Faults: broken sets, consumers that hold on, instances that hang, and calls at the
// wrong time.

package extension_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// The capabilities of a kitchen, of which each dish is made of others.
var (
	Flour = capability.New[Printer]("flour", "is milled")
	Dough = capability.New[Printer]("dough", "is kneaded")
	Bread = capability.New[Printer]("bread", "is baked")
	Toast = capability.New[Printer]("toast", "is bread again", capability.OnlyAt(capability.Pipeline))
)

// cook is a passive extension that makes that of those.
func cook(name string, makes []extension.Key, of ...extension.Key) extension.Passive[struct{}] {
	return extension.Passive[struct{}]{Manifest: about(name, of...), Exports: makes,
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			var list []capability.Binding
			for _, k := range makes {
				list = append(list, k.(capability.Capability[Printer]).Bind(d.Name, page(d.Name)))
			}
			return list, nil
		},
	}
}

func keys(list ...extension.Key) []extension.Key { return list }

// An oven is a configuration that Validate refuses in ways.
type oven string

func (o oven) Validate() error {
	switch o {
	case "cold":
		return errors.New("it is cold")
	case "ablaze":
		panic("it burns")
	}
	return nil
}

var place = regexp.MustCompile(`[^\s"(]*?([\w.-]+\.go):\d+`)

// A report says all that is wrong, in the order of the instances, and nothing else.
func TestReportsOfBrokenSets(t *testing.T) {
	engine := newEngine()
	other := capability.NewRegistry(capability.Engine, "other")
	group := capability.NewRegistry(capability.Group, "group")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	bound := newEngine()
	must(bound.Apply(Flour.Bind("mill", page("flour"))))
	bakes := func(o oven) extension.Instance {
		e := extension.Background[oven]{Manifest: about("bakery"), New: func(oven, extension.Dependencies) (extension.Runner, error) {
			return after(0), nil
		}}
		return e.Instance("oven-"+string(o), o)
	}
	one := func(name string, makes, of []extension.Key) extension.Instance {
		return cook("cook", makes, of...).Instance(name, struct{}{}).At(engine)
	}
	nameless := extension.Active[struct{}]{}
	levelled := cook("picky", keys(Bread))
	levelled.Levels = []capability.Level{capability.Group, capability.Pipeline}
	const at = `, instance made at faults_test.go:N: `
	for _, c := range []struct {
		name string
		set  []extension.Instance
		uses []extension.Key
		want []string
	}{
		{"none", nil, nil, nil},
		{"sound", []extension.Instance{one("a", keys(Flour), nil), one("b", keys(Dough), keys(Flour))}, keys(Dough), nil},
		{"bound-by-hand", []extension.Instance{cook("cook", keys(Dough), Flour).Instance("b", struct{}{}).At(bound)}, keys(Dough), nil},
		{"unused", []extension.Instance{one("a", keys(Flour, Bread), nil), one("b", keys(Dough), keys(Flour))}, nil, []string{
			`warning: provider "a", scope "engine": extension "cook"` + at + `nobody requires bread (Capability[extension_test.Printer], faults_test.go:N), which it exports: name it among the uses of Validate if the program resolves it`,
			`warning: provider "b", scope "engine": extension "cook"` + at + `nobody requires dough (Capability[extension_test.Printer], faults_test.go:N), which it exports: name it among the uses of Validate if the program resolves it`,
		}},
		{"two-cycles", []extension.Instance{
			one("a", keys(Flour), keys(Dough)), one("b", keys(Dough), keys(Flour)), one("c", keys(Bread), keys(Bread, Flour)), one("d", keys(Bread), keys(Bread)),
		}, keys(Bread), []string{
			`error: provider "a", scope "engine": extension "cook"` + at + `it needs itself: "a" of "cook", made at faults_test.go:N, needs "b" of "cook", made at faults_test.go:N, needs "a" of "cook": export what one of them requires from an instance that requires less`,
			`error: provider "c", scope "engine": extension "cook"` + at + `it needs itself: "c" of "cook", made at faults_test.go:N, needs "d" of "cook", made at faults_test.go:N, needs "c" of "cook": export what one of them requires from an instance that requires less`,
		}},
		{"missing", []extension.Instance{
			one("baker", keys(Bread), keys(Dough)), one("kneader", keys(Dough), keys(Flour)), one("eater", keys(Flour), keys(Bread, Flour)).At(group),
		}, nil, []string{
			`error: provider "kneader", scope "engine": extension "cook"` + at + `it requires flour (Capability[extension_test.Printer], faults_test.go:N) at registry "engine" (engine), and only "eater" of "cook" at registry "group" (group) exports it, which is narrower: place that one broader, or this one there; needed by "baker" of "cook", made at faults_test.go:N`,
			`error: provider "eater", scope "group": extension "cook"` + at + `it requires bread (Capability[extension_test.Printer], faults_test.go:N) at registry "group" (group), and "baker" of "cook" exports it at registry "engine" (engine), which is not among the registries given to At: add it there`,
			`error: provider "eater", scope "group": extension "cook"` + at + `it requires flour (Capability[extension_test.Printer], faults_test.go:N) at registry "group" (group), and only it itself exports that: bind another one, or do not require it`,
			`warning: provider "baker", scope "engine": extension "cook"` + at + `nobody requires bread (Capability[extension_test.Printer], faults_test.go:N), which it exports: name it among the uses of Validate if the program resolves it`,
			`warning: provider "eater", scope "group": extension "cook"` + at + `nobody requires flour (Capability[extension_test.Printer], faults_test.go:N), which it exports: name it among the uses of Validate if the program resolves it`,
		}},
		{"names", []extension.Instance{one("a", keys(Flour), nil), one("a", keys(Flour), nil), one("b c", keys(Flour), nil), {}, {}}, keys(Flour), []string{
			`error: provider "a", scope "engine": extension "cook"` + at + `the name is that of the instance made at faults_test.go:N too: give each one of its own`,
			`error: provider "b c", scope "engine": extension "cook"` + at + `the name of the instance holds a space at byte 1: use printable characters without spaces`,
			`error: an Instance is zero: make it with Instance or Decode of an extension`,
			`error: an Instance is zero: make it with Instance or Decode of an extension`,
		}},
		{"places", []extension.Instance{
			bakes("a").At(), bakes("b").At(nil), bakes("c").At(engine, other), cook("cook", keys(Toast)).Instance("d", struct{}{}).At(engine), levelled.Instance("e", struct{}{}).At(engine),
		}, keys(Toast, Bread), []string{
			`error: provider "oven-a": extension "bakery"` + at + `it has no place: say with At in which registry its exports are bound`,
			`error: provider "oven-b": extension "bakery"` + at + `one of the registries given to At is nil: make registries with NewRegistry`,
			`error: provider "oven-c", scope "engine": extension "bakery"` + at + `the registries given to At do not go together: Compose at validate.go:N was given registry "engine" (engine) and registry "other" (engine), and neither is narrower: give one of them another level`,
			`error: provider "d", scope "engine": extension "cook"` + at + `it is placed at registry "engine" (engine) and exports toast (Capability[extension_test.Printer], faults_test.go:N), which is bound at pipeline only: place it there`,
			`error: provider "e", scope "engine": extension "picky"` + at + `it is placed at registry "engine" (engine): place it at group or pipeline`,
		}},
		{"configurations", []extension.Instance{
			bakes("cold").At(engine), bakes("ablaze").At(engine), bakes("warm").At(engine),
			extension.Background[oven]{Manifest: about("bakery"), New: func(oven, extension.Dependencies) (extension.Runner, error) { return nil, nil }}.
				Decode("file", func(any) error { return errors.New("line 3 is burnt") }).At(engine, orders),
		}, nil, []string{
			`error: provider "oven-cold", scope "engine": extension "bakery"` + at + `its configuration is not valid: it is cold`,
			`error: provider "oven-ablaze", scope "engine": extension "bakery"` + at + `its configuration is not valid: it panicked: it burns`,
			`error: provider "file", scope "orders": extension "bakery"` + at + `its configuration cannot be read: line 3 is burnt`,
		}},
		{"manifests", []extension.Instance{nameless.Instance("a", struct{}{}).At(engine), cook("cook", keys(Flour, nil, Flour)).Instance("b", struct{}{}).At(engine)}, keys(Flour), []string{
			`error: provider "a", scope "engine": extension ""` + at + `the Name in its manifest is empty: give it one`,
			`error: provider "a", scope "engine": extension ""` + at + `its manifest has no Doc: say in a sentence what it is for`,
			`error: provider "a", scope "engine": extension ""` + at + `its manifest has no URL: say where more is to be read`,
			`error: provider "a", scope "engine": extension ""` + at + `New is nil: give it the func that makes an instance`,
			`error: provider "a", scope "engine": extension ""` + at + `it is active and exports nothing: name its Exports, or make it a Background one`,
			`error: provider "b", scope "engine": extension "cook"` + at + `Exports has at place 2 what is no capability: give what capability.New returned`,
			`error: provider "b", scope "engine": extension "cook"` + at + `Exports has flour (Capability[extension_test.Printer], faults_test.go:N) twice: name it once`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := extension.Validate(c.set, c.uses...)
			var got []string
			if text := place.ReplaceAllString(report.String(), "$1:N"); text != "" {
				got = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			for _, err := range slices.Concat(report.Errors, report.Warnings) {
				if _, ok := err.(*capability.Error); !ok {
					t.Errorf("%T is no *Error: %v", err, err)
				}
			}
			// The host refuses what has errors, with those, and starts nothing.
			if report.Err() == nil {
				return
			}
			h := extension.NewHost(extension.Options{})
			if err := h.Start(t.Context(), c.set...); err == nil || err.Error() != report.Err().Error() || len(h.Status().Get()) > 0 {
				t.Errorf("Start says %v, %v", err, h.Status().Get())
			}
		})
	}
}

// Ten thousand instances in a row, each of which requires what the one before exports,
// are no trouble, and neither is a ring of them, whose error is short.
func TestLongChains(t *testing.T) {
	const n = 10_000
	row := make([]capability.Capability[Printer], n)
	for i := range row {
		row[i] = capability.New[Printer](fmt.Sprintf("dish-%d", i), "is a dish")
	}
	engine := newEngine()
	set := make([]extension.Instance, n)
	for i := range set {
		var of []extension.Key
		if i > 0 {
			of = keys(row[i-1])
		}
		set[n-1-i] = cook("cook", keys(row[i]), of...).Instance(fmt.Sprintf("cook-%d", i), struct{}{}).At(engine)
	}
	if report := extension.Validate(set, row[n-1]); len(report.Errors)+len(report.Warnings) > 0 {
		t.Errorf("the report of a row has %d errors and %d warnings", len(report.Errors), len(report.Warnings))
	}
	set[n-1] = cook("cook", keys(row[0]), row[n-1]).Instance("cook-0", struct{}{}).At(engine)
	report := extension.Validate(set)
	if len(report.Errors) != 1 || !errors.Is(report.Err(), capability.ErrCycle) || len(place.ReplaceAllString(report.Err().Error(), "")) > 800 {
		t.Errorf("the report of a ring: %.2000v", report)
	}
	set[n-1] = cook("cook", keys(row[0]), Flour).Instance("cook-0", struct{}{}).At(engine)
	report = extension.Validate(set, row[n-1])
	if len(report.Errors) != 1 || !errors.Is(report.Err(), capability.ErrNotProvided) || len(place.ReplaceAllString(report.Err().Error(), "")) > 800 {
		t.Errorf("the report of a row that misses something: %.2000v", report)
	}
}

// Instances that start together at several levels are seen in the order that they will
// have, so that a dependent gets the one that it keeps.
func TestDependentsSeeTheNarrowerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, group, orders := newEngine(), capability.NewRegistry(capability.Group, "group"), capability.NewRegistry(capability.Pipeline, "orders")
		var seen []string
		var one capability.Handle[Printer]
		var all capability.ChainHandle[Printer]
		look := func() { seen = append(seen, one.Get().Print()+" of "+strings.Join(all.Get().Names(), " ")) }
		eater := extension.Background[struct{}]{Manifest: about("eater", Bread), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
			if err := d.Scope.Resolve(Bread.Into(&one), Bread.All().Into(&all)); err != nil {
				return nil, err
			}
			look()
			return after(0), nil
		}}
		baker := cook("baker", keys(Bread))
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), baker.Instance("broad", struct{}{}).At(engine), baker.Instance("narrow", struct{}{}).At(group, engine),
			eater.Instance("eater", struct{}{}).At(orders, group, engine)))
		look()
		if diff := cmp.Diff([]string{"narrow of narrow broad", "narrow of narrow broad"}, seen); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
		must(h.Stop(t.Context()))
	})
}

// What is put in the place of another keeps it, in one step, and so does the status.
func TestReplaceKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		baker := cook("baker", keys(Bread, Dough))
		must(h.Start(t.Context(), baker.Instance("a", struct{}{}).At(engine), baker.Instance("b", struct{}{}).At(engine)))
		scope, err := capability.Compose(engine)
		must(err)
		all, err := Bread.All().Leased(scope)
		must(err)
		ctx, cancel := context.WithCancel(t.Context())
		var chains []string
		var work sync.WaitGroup
		other, err := capability.Compose(engine)
		must(err)
		plain, err := Bread.All().Handle(other)
		must(err)
		work.Go(func() {
			for _, c := range plain.Watch(ctx) {
				chains = append(chains, strings.Join(c.Names(), " "))
			}
		})
		synctest.Wait()
		go func() { time.Sleep(time.Second); must(other.Close()) }()
		fresh := cook("toaster", keys(Bread))
		must(h.Replace(t.Context(), fresh.Instance("a", struct{}{})))
		time.Sleep(2 * time.Second) // until nobody uses the one before any more
		synctest.Wait()
		must(all.Use(func(c capability.Chain[Printer]) error {
			if names := strings.Join(c.Names(), " "); names != "a b" || states(h) != "a ready, b ready" {
				t.Errorf("after Replace: %s; %s", names, states(h))
			}
			return nil
		}))
		cancel()
		work.Wait()
		if diff := cmp.Diff([]string{"a b", "a b"}, chains); diff != "" {
			t.Errorf("chains (-want +got):\n%s", diff)
		}
		for _, c := range scope.Snapshot().Capabilities {
			if c.Name == Dough.Name() && (len(c.Providers) != 1 || c.Providers[0].Name != "b") {
				t.Errorf("what the new one does not export stays: %+v", c.Providers)
			}
		}
		must(scope.Close())
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
	})
}

// What other capabilities bind under the name of an instance does not go with it.
func TestNamesakesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		must(engine.Apply(Flour.Bind("main", page("by hand"))))
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), cook("baker", keys(Bread)).Instance("main", struct{}{}).At(engine), cook("kneader", keys(Dough), Flour).Instance("k", struct{}{}).At(engine)))
		if err := h.Replace(t.Context(), cook("baker", keys(Bread)).Instance("main", struct{}{})); err != nil {
			t.Errorf("Replace: %v", err)
		}
		if err := h.Remove(t.Context(), "main"); err != nil {
			t.Errorf("Remove: %v", err)
		}
		must(h.Stop(t.Context()))
	})
}

// holds are the ways in which a consumer holds an export, until free is closed if a call
// is under way.
var holds = []struct {
	name   string
	hold   func(s *capability.Scope, free <-chan struct{}) error
	refuse bool // it cannot be withdrawn from under the consumer
}{
	{"plain", func(s *capability.Scope, _ <-chan struct{}) error { _, err := Bread.Handle(s); return err }, true},
	{"named", func(s *capability.Scope, _ <-chan struct{}) error { _, err := Bread.Named("b").Handle(s); return err }, true},
	{"chain", func(s *capability.Scope, _ <-chan struct{}) error { _, err := Bread.All().Handle(s); return err }, false},
	{"derived", func(s *capability.Scope, _ <-chan struct{}) error {
		_, err := capability.Derive(func(r *capability.Resolver) (string, error) {
			b, err := Bread.In(r)
			if err != nil {
				return "", err
			}
			return b.Print(), nil
		}).Handle(s)
		return err
	}, true},
	{"leased", func(s *capability.Scope, free <-chan struct{}) error {
		l, err := Bread.Leased(s)
		go func() { _ = l.Use(func(Printer) error { <-free; return nil }) }()
		return err
	}, true},
	{"leased-chain", func(s *capability.Scope, free <-chan struct{}) error {
		l, err := Bread.All().Leased(s)
		go func() { _ = l.Use(func(capability.Chain[Printer]) error { <-free; return nil }) }()
		return err
	}, false},
}

// Whoever still holds what is exported when the time of Stop is over: it is named, and
// all are stopped all the same.
func TestConsumersAtStop(t *testing.T) {
	for _, c := range holds {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newEngine()
				orders := capability.NewRegistry(capability.Pipeline, "orders")
				h := extension.NewHost(extension.Options{Consumers: time.Minute, Limits: extension.Limits{Drain: 20 * time.Second}})
				var ended []string
				run := func(name string) extension.Instance {
					return extension.Active[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
						return []capability.Binding{Bread.Bind(d.Name, page(d.Name)).OnRetire(func() error { ended = append(ended, "retired "+name); return nil }).Priority(len(ended))},
							extension.RunFunc(func(ctx context.Context, ready func()) error {
								ready()
								<-ctx.Done()
								ended = append(ended, "ended "+name)
								return nil
							}), nil
					}}.Instance(name, struct{}{})
				}
				must(h.Start(t.Context(), run("b").At(engine), run("spare").At(capability.NewRegistry(capability.Engine, "spare"))))
				scope, err := capability.Compose(orders, engine)
				must(err)
				free := make(chan struct{})
				must(c.hold(scope, free))
				synctest.Wait()
				begun := time.Now()
				err = h.Stop(t.Context())
				took := time.Since(begun)
				want := time.Minute
				if !c.refuse {
					want += 20 * time.Second // it is withdrawn, and waited for
				}
				if took != want || !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), `"orders over engine"`) || strings.Contains(err.Error(), `provider "spare"`) {
					t.Errorf("after %v, want %v: %v", took, want, err)
				}
				if diff := cmp.Diff([]string{"retired spare", "ended spare", "ended b"}, ended); diff != "" {
					t.Errorf("what ended (-want +got):\n%s", diff)
				}
				if again := h.Stop(t.Context()); again != err {
					t.Errorf("the second Stop says %v", again)
				}
				if err := engine.Close(t.Context()); !errors.Is(err, capability.ErrInUse) {
					t.Errorf("the registry is closed under a scope: %v", err)
				}
				close(free)
				must(scope.Close())
				must(engine.Close(t.Context()))
				if !slices.Contains(ended, "retired b") {
					t.Error("b is never retired")
				}
			})
		})
	}
}

// A scope that is closed while Stop waits is not named, whichever registries it composes.
func TestStopNamesWhoIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, group := newEngine(), capability.NewRegistry(capability.Group, "group")
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), cook("baker", keys(Bread)).Instance("broad", struct{}{}).At(engine), cook("baker", keys(Bread)).Instance("narrow", struct{}{}).At(group)))
		for _, r := range []*capability.Registry{engine, group} {
			scope, err := capability.Compose(r)
			must(err)
			_, err = Bread.Handle(scope)
			must(err)
			closes := time.Second
			if r == group {
				closes = time.Hour
			}
			time.AfterFunc(closes, func() { must(scope.Close()) })
		}
		if err := h.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), `"narrow"`) || strings.Contains(err.Error(), `"broad"`) {
			t.Errorf("Stop says %v", err)
		}
		time.Sleep(2 * time.Hour)
	})
}

// orders notes who was told to stop, and when.
type orders struct {
	mu sync.Mutex
	at map[string]time.Time
}

func newOrders() *orders { return &orders{at: make(map[string]time.Time)} }

func (o *orders) note(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at[name] = time.Now()
}

// told returns when each was told.
func (o *orders) told() map[string]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.at)
}

// hanging are three instances, of which one does not return from Run until free is
// closed.
func hanging(which int, free <-chan struct{}, told *orders) []extension.Instance {
	engine := newEngine()
	var list []extension.Instance
	for i, name := range []string{"first", "middle", "last"} {
		list = append(list, extension.Active[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return []capability.Binding{Bread.Bind(d.Name, page(d.Name))}, extension.RunFunc(func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				told.note(name)
				if i == which {
					<-free
				}
				return ctx.Err()
			}), nil
		}}.Instance(name, struct{}{}).At(engine))
	}
	return list
}

// Stop reaches everybody though one hangs, whichever it is and however little time
// there is; it names that one, and since when.
func TestStopThoughOneHangs(t *testing.T) {
	for which, name := range []string{"first", "middle", "last"} {
		for _, ended := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ended=%t", name, ended), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					free := make(chan struct{})
					orders := newOrders()
					h := extension.NewHost(extension.Options{Limits: extension.Limits{Stop: 7 * time.Second}})
					must(h.Start(t.Context(), hanging(which, free, orders)...))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					patience := 7 * time.Second
					if ended {
						cancel()
						patience = time.Second
					}
					begun := time.Now()
					err := h.Stop(ctx)
					if took := time.Since(begun); took != patience {
						t.Errorf("Stop takes %v, want %v", took, patience)
					}
					if told := orders.told(); len(told) != 3 || told["last"].After(told["middle"]) || told["middle"].After(told["first"]) {
						t.Errorf("told were %v", told)
					}
					since := "since its context ended at " + orders.told()[name].UTC().Format(time.RFC3339)
					if !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), since) || strings.Count(err.Error(), "provider ") != 1 || !strings.Contains(err.Error(), fmt.Sprintf("provider %q", name)) {
						t.Errorf("Stop says %v", err)
					}
					for _, s := range h.Status().Get() {
						if want := s.Instance != name; (s.State == extension.Stopped) != want {
							t.Errorf("after Stop: %v", s)
						}
					}
					close(free)
					synctest.Wait()
				})
			})
		}
	}
}

// A start that is taken back reaches everybody too.
func TestRollbackThoughOneHangs(t *testing.T) {
	for which, name := range []string{"first", "middle", "last"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				orders := newOrders()
				h := extension.NewHost(extension.Options{})
				bad := extension.Background[struct{}]{Manifest: about("bad"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
					return extension.RunFunc(func(context.Context, func()) error { time.Sleep(time.Second); return errJob }), nil
				}}
				set := append(hanging(which, free, orders), bad.Instance("bad", struct{}{}).At(newEngine()))
				begun := time.Now()
				err := h.Start(t.Context(), set...)
				if took := time.Since(begun); took != 11*time.Second || len(orders.told()) != 3 {
					t.Errorf("after %v %d were told to stop", took, len(orders.told()))
				}
				if !errors.Is(err, errJob) || !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("provider %q", name)) || strings.Count(err.Error(), "provider ") != 2 {
					t.Errorf("Start says %v", err)
				}
				close(free)
				synctest.Wait()
				must(h.Stop(t.Context()))
			})
		})
	}
}

// What was replaced and is stopped at last, and hangs, does not keep a Stop that has no
// time either.
func TestStopThoughOneThatWasReplacedHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		orders := newOrders()
		set := hanging(0, free, orders)[:1]
		h := extension.NewHost(extension.Options{Limits: extension.Limits{Stop: time.Hour}})
		engine := newEngine()
		must(h.Start(t.Context(), set[0].At(engine)))
		scope, err := capability.Compose(engine)
		must(err)
		_, err = Bread.Handle(scope)
		must(err)
		if err := h.Replace(t.Context(), cook("cook", keys(Bread)).Instance("first", struct{}{})); !errors.Is(err, capability.ErrInUse) || !errors.Is(err, extension.ErrNotStopped) {
			t.Errorf("Replace: %v", err)
		}
		must(scope.Close())
		synctest.Wait()
		if len(orders.told()) != 1 {
			t.Error("who is used no more runs on")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		if err := h.Stop(ctx); err == nil || !strings.Contains(err.Error(), `provider "first"`) || time.Since(begun) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		close(free)
		synctest.Wait()
	})
}

// An OnRetire that misbehaves when a start is taken back is told, and keeps nobody.
func TestRetirementsOfARollback(t *testing.T) {
	free := make(chan struct{})
	for name, retire := range map[string]func() error{
		"fails":  func() error { return errJob },
		"panics": func() error { panic(errJob) },
		"exits":  func() error { runtime.Goexit(); return nil },
		"hangs":  func() error { <-free; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free = make(chan struct{})
				h := extension.NewHost(extension.Options{})
				first := extension.Passive[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
					return []capability.Binding{Bread.Bind(d.Name, page("p")).OnRetire(retire)}, nil
				}}
				bad := extension.Background[struct{}]{Manifest: about("bad", Bread), New: func(struct{}, extension.Dependencies) (extension.Runner, error) { return nil, errSulks }}
				engine := newEngine()
				begun := time.Now()
				done := make(chan error, 1)
				go func() {
					done <- h.Start(t.Context(), first.Instance("first", struct{}{}).At(engine), bad.Instance("bad", struct{}{}).At(engine))
				}()
				time.Sleep(time.Minute)
				select {
				case err := <-done:
					if !errors.Is(err, errSulks) || !strings.Contains(err.Error(), `provider "first"`) {
						t.Errorf("Start says %v", err)
					}
				default:
					t.Errorf("Start has not returned after %v", time.Since(begun))
				}
				close(free)
				synctest.Wait()
				must(h.Stop(t.Context()))
				must(engine.Close(t.Context()))
			})
		})
	}
}

// An OnRetire that hangs at Stop is what the error says.
func TestRetirementThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		baker := extension.Passive[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{Bread.Bind(d.Name, page("p")).OnRetire(func() error { <-free; return nil })}, nil
		}}
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), baker.Instance("baker", struct{}{}).At(newEngine())))
		if err := h.Stop(t.Context()); !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), "OnRetire that has not returned") {
			t.Errorf("Stop says %v", err)
		}
		close(free)
		synctest.Wait()
	})
}

// The reason why a context has ended is that of Start, and the other changes.
func TestEndedContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errJob)
		h := extension.NewHost(extension.Options{})
		engine := newEngine()
		baker := cook("baker", keys(Bread)).Instance("baker", struct{}{}).At(engine)
		if err := h.Start(ended, baker); !errors.Is(err, errJob) || len(h.Status().Get()) != 0 {
			t.Errorf("Start says %v", err)
		}
		must(h.Start(t.Context(), baker))
		if err := h.Replace(ended, baker); !errors.Is(err, errJob) || states(h) != "baker ready" {
			t.Errorf("Replace says %v: %s", err, states(h))
		}
		must(h.Stop(ended)) // nobody needs any time
		if err := h.Start(t.Context(), baker); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("Start after Stop says %v", err)
		}
	})
}

// A Restart that misbehaves makes the failure final.
func TestRestartThatMisbehaves(t *testing.T) {
	for name, restart := range map[string]func(int, error) (time.Duration, bool){
		"panics": func(int, error) (time.Duration, bool) { panic("no idea") },
		"exits":  func(int, error) (time.Duration, bool) { runtime.Goexit(); return 0, true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := extension.NewHost(extension.Options{Limits: extension.Limits{Restart: restart}})
				bad := extension.Background[struct{}]{Manifest: about("bad"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
					return extension.RunFunc(func(_ context.Context, ready func()) error { ready(); time.Sleep(time.Second); return errJob }), nil
				}}
				must(h.Start(t.Context(), bad.Instance("bad", struct{}{}).At(newEngine())))
				time.Sleep(time.Minute)
				if s := h.Status().Get()[0]; s.State != extension.Failed || !errors.Is(s.Err, errJob) || !strings.Contains(s.Err.Error(), "Restart") {
					t.Errorf("got %v", s)
				}
				must(h.Stop(t.Context()))
			})
		})
	}
}

// What Run says that is told to stop is told by who stops it, once, and it has stopped.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sulks := func(name string) extension.Instance {
			return extension.Active[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
				return []capability.Binding{Bread.Bind(d.Name, page(d.Name))}, extension.RunFunc(sulking), nil
			}}.Instance(name, struct{}{})
		}
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		must(h.Start(t.Context(), sulks("a").At(engine), sulks("b").At(engine)))
		for range 3 {
			if err := h.Replace(t.Context(), sulks("a")); !errors.Is(err, errSulks) || !errors.Is(err, extension.ErrNotStopped) {
				t.Errorf("Replace says %v", err)
			}
		}
		if err := h.Remove(t.Context(), "b"); !errors.Is(err, errSulks) || !errors.Is(err, extension.ErrNotStopped) {
			t.Errorf("Remove says %v", err)
		}
		if got := states(h); got != "a ready" {
			t.Errorf("after it was replaced three times: %s", got)
		}
		if err := h.Stop(t.Context()); !errors.Is(err, errSulks) || strings.Count(err.Error(), errSulks.Error()) != 1 {
			t.Errorf("Stop says %v", err)
		}
		if s := h.Status().Get()[0]; s.State != extension.Stopped || !errors.Is(s.Err, errSulks) {
			t.Errorf("after Stop: %v", s)
		}
	})
}

// An instance that is done while it is used goes on to be stopped, and never back.
func TestStatesNeverGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		brief := extension.Active[struct{}]{Manifest: about("baker"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return []capability.Binding{Bread.Bind(d.Name, page(d.Name))}, extension.RunFunc(func(_ context.Context, ready func()) error {
				ready()
				time.Sleep(3 * time.Second)
				return nil
			}), nil
		}}
		must(h.Start(t.Context(), brief.Instance("brief", struct{}{}).At(engine)))
		scope, err := capability.Compose(engine)
		must(err)
		_, err = Bread.All().Handle(scope)
		must(err)
		var seen []string
		go func() {
			for range h.Status().Watch(t.Context()) {
				seen = append(seen, states(h))
			}
		}()
		synctest.Wait()
		time.AfterFunc(5*time.Second, func() { must(scope.Close()) })
		must(h.Remove(t.Context(), "brief"))
		synctest.Wait()
		seen = slices.Compact(seen)
		if i := slices.Index(seen, "brief stopped"); i >= 0 && slices.Contains(seen[i:], "brief stopping") {
			t.Errorf("the states are %q", seen)
		}
		must(h.Stop(t.Context()))
	})
}

// A Run may stop the host, replace others and replace itself: it waits for itself until
// its time is over, and hangs nobody else.
func TestCallsFromRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		call   func(ctx context.Context, h *extension.Host) error
		hangs  bool // since it waits for itself
		states string
	}{
		{"stop", func(ctx context.Context, h *extension.Host) error { return h.Stop(context.WithoutCancel(ctx)) }, true, ""},
		{"stop-with-its-context", func(ctx context.Context, h *extension.Host) error { return h.Stop(ctx) }, true, ""},
		{"replace-itself", func(ctx context.Context, h *extension.Host) error {
			return h.Replace(context.WithoutCancel(ctx), cook("other", keys(Dough)).Instance("caller", struct{}{}))
		}, true, "caller ready, other ready"},
		{"replace-another", func(ctx context.Context, h *extension.Host) error {
			return h.Replace(ctx, cook("other", keys(Bread)).Instance("other", struct{}{}))
		}, false, "caller ready, other ready"},
		{"remove-another", func(ctx context.Context, h *extension.Host) error { return h.Remove(ctx, "other") }, false, "caller ready"},
		{"start-another", func(ctx context.Context, h *extension.Host) error {
			return h.Start(ctx, cook("other", keys(Dough)).Instance("third", struct{}{}).At(newEngine()))
		}, false, "caller ready, other ready, third ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := extension.NewHost(extension.Options{Limits: extension.Limits{Stop: 4 * time.Second}})
				var said error
				var took time.Duration
				caller := extension.Background[struct{}]{Manifest: about("caller"), New: func(struct{}, extension.Dependencies) (extension.Runner, error) {
					return extension.RunFunc(func(ctx context.Context, ready func()) error {
						ready()
						time.Sleep(time.Second)
						begun := time.Now()
						said = c.call(ctx, h)
						took = time.Since(begun)
						<-ctx.Done()
						return ctx.Err()
					}), nil
				}}
				engine := newEngine()
				must(h.Start(t.Context(), caller.Instance("caller", struct{}{}).At(engine), cook("other", keys(Bread)).Instance("other", struct{}{}).At(engine)))
				time.Sleep(time.Minute)
				synctest.Wait()
				if c.hangs != errors.Is(said, capability.ErrInUse) || c.hangs != (said != nil) || c.hangs != (took > 0) || took > 4*time.Second {
					t.Errorf("after %v: %v", took, said)
				}
				if c.states != "" && !strings.HasPrefix(states(h), c.states) {
					t.Errorf("the states are %s", states(h))
				}
				again := make(chan error, 1)
				go func() { again <- h.Stop(t.Context()) }()
				time.Sleep(time.Minute)
				select {
				case err := <-again:
					if !c.hangs && err != nil {
						t.Errorf("Stop says %v", err)
					}
				default:
					t.Error("Stop hangs")
				}
			})
		})
	}
}

// Ready may be called twice, by any goroutine, and after its Run; Report at any time.
func TestReadyAndReportAtTheWrongTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var readies []func()
		var report func(error)
		runs := 0
		job := extension.Background[struct{}]{Manifest: about("job"), New: func(_ struct{}, d extension.Dependencies) (extension.Runner, error) {
			report = d.Report
			report(errJob) // it is not ready
			return extension.RunFunc(func(ctx context.Context, ready func()) error {
				readies = append(readies, ready)
				if runs++; runs == 1 {
					go func() { ready(); ready() }()
					time.Sleep(time.Minute)
					return errJob
				}
				<-ctx.Done()
				return nil
			}), nil
		}}
		h := extension.NewHost(extension.Options{Limits: extension.Limits{Restart: func(int, error) (time.Duration, bool) { return time.Minute, true }}})
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := states(h); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
		must(h.Start(t.Context(), job.Instance("job", struct{}{}).At(newEngine())))
		expect("ready by another goroutine, twice", "job ready")
		report(errJob)
		expect("reported", "job degraded")
		readies[0]()
		expect("ready once more, which says nothing", "job degraded")
		report(nil)
		expect("well again", "job ready")
		time.Sleep(90 * time.Second) // Run has returned and will be called again
		expect("pausing", "job degraded")
		go readies[0]()
		report(nil)
		expect("ready by a Run that has returned", "job degraded")
		time.Sleep(time.Minute) // Run was called again
		synctest.Wait()
		readies[0]()
		report(nil)
		expect("ready by the Run before", "job degraded")
		if runs != 2 {
			t.Errorf("Run was called %d times", runs)
		}
		readies[1]()
		expect("ready by this Run", "job ready")
		must(h.Stop(t.Context()))
		readies[1]()
		report(errJob)
		report(nil)
		expect("after Stop", "job stopped")
	})
}

// A ready that comes when the start is given up does nothing.
func TestReadyAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		h := extension.NewHost(extension.Options{})
		var late func()
		slow := extension.Active[struct{}]{Manifest: about("slow"), Exports: keys(Bread), New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			return []capability.Binding{Bread.Bind(d.Name, page("p"))}, extension.RunFunc(func(ctx context.Context, ready func()) error {
				late = ready
				<-ctx.Done()
				ready()
				return nil
			}), nil
		}}
		begun := time.Now()
		err := h.Start(t.Context(), slow.Instance("slow", struct{}{}).At(engine).Within(extension.Limits{Start: 3 * time.Second}))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		late()
		scope, err := capability.Compose(engine)
		must(err)
		if n := len(scope.Snapshot().Capabilities); n != 0 || len(h.Status().Get()) != 0 {
			t.Errorf("%d capabilities are bound, %v", n, h.Status().Get())
		}
		must(scope.Close())
		must(h.Stop(t.Context()))
		must(engine.Close(t.Context()))
	})
}
