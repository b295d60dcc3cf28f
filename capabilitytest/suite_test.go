// The suites: what is right passes, and each mistake is told with its rule.

package capabilitytest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
	"github.com/typedcap/capability/internal/golden"
	"github.com/typedcap/capability/observed"
)

var update = flag.Bool("update", false, "rewrite testdata/suites.txt")

const (
	soon     = 10 * time.Second       // for what is right
	nearly   = 100 * time.Millisecond // for what never comes
	tickEach = time.Millisecond
)

// What the library comes with passes, and the suites leave nothing open.
func TestSuitesPass(t *testing.T) {
	capabilitytest.NoLeaks(t)
	t.Run("Static", func(t *testing.T) {
		capabilitytest.TestSource(t, func() data.Source[string, int] { return data.Static(map[string]int{"a": 1}) }, nil)
	})
	t.Run("Func", func(t *testing.T) {
		var n atomic.Int64
		capabilitytest.TestSource(t, func() data.Source[string, int64] {
			return data.Func(tickEach, func(context.Context) (map[string]int64, error) { return map[string]int64{"n": n.Load()}, nil })
		}, func() { n.Add(1) })
	})
	t.Run("File", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "flags.json")
		n := 0
		write := func() {
			n++
			must(os.WriteFile(name+".new", fmt.Appendf(nil, `{"n": %d}`, n), 0o600))
			must(os.Rename(name+".new", name))
		}
		write()
		capabilitytest.TestSource(t, func() data.Source[string, int] { return data.File(name, tickEach, data.JSON[int]) }, write)
	})
	t.Run("FS", func(t *testing.T) {
		fsys := fstest.MapFS{"flags.json": {Data: []byte(`{"n": 1}`)}}
		capabilitytest.TestSource(t, func() data.Source[string, int] { return data.FS(fsys, "flags.json", data.JSON[int]) }, nil)
	})
	t.Run("Log", func(t *testing.T) {
		capabilitytest.TestObserver(t, func() observed.Observer { return observed.Log(slog.New(slog.DiscardHandler)) })
	})
	t.Run("extension", func(t *testing.T) {
		capabilitytest.TestExtension(t, bakery().open, bakery().options)
	})
}

// Bread is exported by bakers, who need dough.
var (
	Bread = capability.New[func() error]("bread", "is baked")
	Dough = capability.New[func() string]("dough", "is kneaded")
)

// A baking is an extension that can be made wrong.
type baking struct {
	make    func(d extension.Dependencies, open *atomic.Bool) (bread capability.Binding, run extension.RunFunc, err error)
	options capabilitytest.ExtensionOptions
}

// bakery is one that is right.
func bakery() *baking {
	b := &baking{make: func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
		bread := Bread.Bind(d.Name, func() error {
			if !open.Load() {
				return errors.New("the oven is cold")
			}
			return nil
		}).OnRetire(func() error { open.Store(false); return nil })
		return bread, func(ctx context.Context, ready func()) error {
			open.Store(true)
			ready()
			<-ctx.Done()
			return nil
		}, nil
	}}
	b.options.Provide = []capability.Binding{Dough.Bind("flour", func() string { return "dough" })}
	b.options.Use = func(s *capability.Scope) error {
		bread, err := Bread.Leased(s)
		if err != nil {
			return err
		}
		return bread.Use(func(f func() error) error { return f() })
	}
	return b
}

func (b *baking) open() extension.Instance {
	return extension.Active[struct{}]{
		Manifest: extension.Manifest{Name: "baker", Version: "1", Doc: "bakes bread", URL: "https://example.org/baker", Requires: []extension.Key{Dough}},
		Exports:  []extension.Key{Bread},
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			if _, err := Dough.Leased(d.Scope); err != nil {
				return nil, nil, err
			}
			bread, run, err := b.make(d, new(atomic.Bool))
			return []capability.Binding{bread}, run, err
		},
	}.Instance("baker", struct{}{})
}

// A told test keeps the errors of a suite.
type told struct {
	capabilitytest.TB
	mu       sync.Mutex
	problems []string
}

func (*told) Helper()             {}
func (*told) Logf(string, ...any) {}
func (*told) Name() string        { return "TestErrorTextsOfSuites" }
func (t *told) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// A sourceFunc is a source.
type sourceFunc func(ctx context.Context, publish func(map[string]*int)) error

func (f sourceFunc) Run(ctx context.Context, publish func(map[string]*int)) error {
	return f(ctx, publish)
}

// An observerFunc is an observer.
type observerFunc func(observed.Event)

func (f observerFunc) Observe(e observed.Event) { f(e) }

// Each mistake is told, with the rule that it breaks. Each is made in a bubble, where time
// passes only when all wait, so that the machine may be as busy as it likes.
func TestErrorTextsOfSuites(t *testing.T) {
	one := func() map[string]*int { n := 1; return map[string]*int{"n": &n} }
	source := func(d time.Duration, run sourceFunc, change func()) func(*told) {
		return func(t *told) {
			capabilitytest.SourceWithin(t, d, func() data.Source[string, *int] { return run }, change)
		}
	}
	observer := func(d time.Duration, f observerFunc) func(*told) {
		return func(t *told) { capabilitytest.ObserverWithin(t, d, func() observed.Observer { return f }) }
	}
	baker := func(d time.Duration, change func(b *baking)) func(*told) {
		return func(t *told) {
			b := bakery()
			change(b)
			capabilitytest.ExtensionWithin(t, d, b.open, b.options)
		}
	}
	// run returns a bakery whose Run is another one.
	run := func(d time.Duration, run func(ctx context.Context, ready func(), open *atomic.Bool) error) func(*told) {
		return baker(d, func(b *baking) {
			was := b.make
			b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				bread, _, err := was(d, open)
				return bread, func(ctx context.Context, ready func()) error { return run(ctx, ready, open) }, err
			}
		})
	}
	var free chan struct{} // of the bubble, closed at the end
	var lines []string
	for name, broken := range map[string]func(*told){
		"source-silent": source(nearly, func(ctx context.Context, _ func(map[string]*int)) error { <-ctx.Done(); return nil }, nil),
		"source-fails":  source(soon, func(context.Context, func(map[string]*int)) error { return errors.New("no such table") }, nil),
		"source-panics": source(soon, func(context.Context, func(map[string]*int)) error { panic("no such table") }, nil),
		"source-returns": source(soon, func(_ context.Context, publish func(map[string]*int)) error {
			publish(one())
			return nil
		}, nil),
		"source-stale": source(nearly, func(ctx context.Context, publish func(map[string]*int)) error {
			publish(one())
			<-ctx.Done()
			return nil
		}, func() {}),
		"source-stale-at-last": func(t *told) {
			changed := make(chan map[string]*int, 2)
			source(nearly, func(ctx context.Context, publish func(map[string]*int)) error {
				publish(one())
				select {
				case m := <-changed:
					publish(m)
				case <-ctx.Done():
				}
				<-ctx.Done()
				return nil
			}, func() { n := 2; changed <- map[string]*int{"n": &n} })(t)
		},
		"source-stale-after-two": source(nearly, func(ctx context.Context, publish func(map[string]*int)) error {
			publish(nil)
			time.Sleep(tickEach)
			publish(one())
			<-ctx.Done()
			return nil
		}, func() {}),
		"source-leaves-registry": source(nearly, func(ctx context.Context, publish func(map[string]*int)) error {
			publish(one())
			capability.NewRegistry(capability.Engine, "oven")
			<-ctx.Done()
			return nil
		}, nil),
		"source-hangs": source(nearly, func(_ context.Context, publish func(map[string]*int)) error {
			publish(one())
			<-free
			return nil
		}, nil),
		"source-mutates": source(soon, func(ctx context.Context, publish func(map[string]*int)) error {
			m := one()
			publish(m)
			<-ctx.Done()
			*m["n"]++
			return nil
		}, nil),
		"source-publishes-later": source(soon, func(ctx context.Context, publish func(map[string]*int)) error {
			publish(one())
			<-ctx.Done()
			time.AfterFunc(tickEach, func() { publish(one()) })
			return nil
		}, nil),
		"source-once": func() func(*told) {
			var taken atomic.Bool
			return source(nearly, func(ctx context.Context, publish func(map[string]*int)) error {
				if !taken.Swap(true) {
					publish(one())
				}
				<-ctx.Done()
				return nil
			}, nil)
		}(),
		"source-leaves-goroutine": source(soon, func(ctx context.Context, publish func(map[string]*int)) error {
			publish(one())
			go func() { <-free }()
			<-ctx.Done()
			return nil
		}, nil),
		"observer-panics": observer(soon, func(e observed.Event) {
			if e.Verb == "Collect" && e.End {
				panic("no such counter")
			}
		}),
		"observer-new-verb": observer(soon, func(e observed.Event) {
			if !slices.Contains([]string{"", "Each", "Collect", "Any", "Every", "Pipe", "Decide"}, e.Verb) {
				panic("no such verb")
			}
		}),
		"observer-ends-goroutine": observer(soon, func(observed.Event) { runtime.Goexit() }),
		"observer-hangs":          observer(nearly, func(observed.Event) { <-free }),
		"extension-not-valid":     baker(soon, func(b *baking) { b.options.Provide = nil }),
		"extension-new-fails": baker(soon, func(b *baking) {
			b.make = func(extension.Dependencies, *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				return capability.Binding{}, nil, errors.New("the oven is broken")
			}
		}),
		"extension-ready-too-soon": run(soon, func(ctx context.Context, ready func(), _ *atomic.Bool) error {
			ready()
			<-ctx.Done()
			return nil
		}),
		"extension-use-panics": baker(soon, func(b *baking) {
			b.options.Use = func(*capability.Scope) error { panic("no teeth") }
		}),
		"extension-use-ends-goroutine": baker(soon, func(b *baking) {
			b.options.Use = func(*capability.Scope) error { runtime.Goexit(); return nil }
		}),
		"extension-use-hangs": baker(nearly, func(b *baking) {
			b.options.Use = func(*capability.Scope) error { <-free; return nil }
		}),
		"extension-use-hangs-while-replaced": baker(nearly, func(b *baking) {
			was := b.make
			var made atomic.Int64
			b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				bread, run, err := was(d, open)
				if made.Add(1) == 4 { // the other one
					bread = Bread.Bind(d.Name, func() error { <-free; return nil })
				}
				return bread, run, err
			}
			use := b.options.Use
			b.options.Use = func(s *capability.Scope) error { time.Sleep(2 * tickEach); return use(s) }
		}),
		"extension-fails-later": run(soon, func(_ context.Context, ready func(), open *atomic.Bool) error {
			open.Store(true)
			ready()
			time.Sleep(5 * tickEach)
			return errors.New("the oven has burnt out")
		}),
		"extension-leaves-registry": baker(nearly, func(b *baking) {
			was := b.make
			b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				_, err := capability.Compose(capability.NewRegistry(capability.Engine, "oven"))
				must(err)
				return was(d, open)
			}
		}),
		"extension-provided-wrong": baker(soon, func(b *baking) { b.options.Provide = []capability.Binding{{}} }),
		"extension-hangs": run(nearly, func(_ context.Context, ready func(), open *atomic.Bool) error {
			open.Store(true)
			ready()
			<-free
			return nil
		}),
		"extension-stop-fails": run(soon, func(ctx context.Context, ready func(), open *atomic.Bool) error {
			open.Store(true)
			ready()
			<-ctx.Done()
			return errors.New("the oven is hot")
		}),
		"extension-leaves-goroutine": run(soon, func(ctx context.Context, ready func(), open *atomic.Bool) error {
			open.Store(true)
			go func() { <-free }()
			ready()
			<-ctx.Done()
			return nil
		}),
		"extension-leaves-scope": baker(soon, func(b *baking) {
			was := b.make
			b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				_, err := d.Scope.With()
				must(err)
				return was(d, open)
			}
		}),
		"extension-blocks-start": baker(nearly, func(b *baking) {
			was := b.make
			var started atomic.Int64
			b.make = func(d extension.Dependencies, open *atomic.Bool) (capability.Binding, extension.RunFunc, error) {
				if started.Add(1) > 4 { // the start that is interrupted
					<-free
				}
				return was(d, open)
			}
		}),
		"extension-rolls-back-late": func() func(*told) {
			var started atomic.Int64
			return run(nearly, func(ctx context.Context, ready func(), open *atomic.Bool) error {
				if started.Add(1) > 4 {
					<-free
					return nil
				}
				open.Store(true)
				ready()
				<-ctx.Done()
				return nil
			})
		}(),
		"extension-exclusive": func() func(*told) {
			var port atomic.Bool
			return run(soon, func(ctx context.Context, ready func(), open *atomic.Bool) error {
				if port.Swap(true) {
					return errors.New("the port is taken")
				}
				defer port.Store(false)
				open.Store(true)
				ready()
				<-ctx.Done()
				return nil
			})
		}(),
		"extension-once": func() func(*told) {
			var lit atomic.Bool
			return run(soon, func(ctx context.Context, ready func(), open *atomic.Bool) error {
				if lit.Swap(true) {
					return errors.New("the oven was lit before")
				}
				open.Store(true)
				ready()
				<-ctx.Done()
				return nil
			})
		}(),
	} {
		it := new(told)
		synctest.Test(t, func(*testing.T) {
			free = make(chan struct{})
			defer close(free)
			broken(it)
		})
		if len(it.problems) == 0 {
			t.Errorf("%s passes", name)
		}
		lines = append(lines, golden.Line(name, "", errors.New(tidy(it.problems))))
	}
	slices.Sort(lines)
	golden.Compare(t, "testdata/suites.txt", lines, *update)
}

// tidy returns the problems, each once, without what differs from run to run.
func tidy(problems []string) string {
	var all []string
	for _, p := range problems {
		p = regexp.MustCompile(`( at )\S*/(\w+\.go:\d+)`).ReplaceAllString(p, "$1$2")
		p = regexp.MustCompile(`, called by .*`).ReplaceAllString(p, ", called by …")
		p = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z`).ReplaceAllString(p, "…")
		p = regexp.MustCompile(`(?s)goroutine \d+ \[.*`).ReplaceAllString(p, "…")
		p = regexp.MustCompile(`(TestErrorTextsOfSuites\.)[\w.]+`).ReplaceAllString(p, "$1…")
		p = strings.ReplaceAll(p, "\n", " / ")
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return strings.Join(all, "\n")
}
