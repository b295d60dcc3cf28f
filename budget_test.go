// Budgets: what the hot path may allocate and what must inline.

package capability_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"
	"unsafe"

	"github.com/typedcap/capability"
)

// A Scorer adds to a number.
type Scorer interface{ Score(n int) (int, error) }

type plus int

func (p plus) Score(n int) (int, error) { return n + int(p), nil }

var Scorers = capability.New[Scorer]("scorer", "adds to a number")

// scorers returns handles of a chain of four and of its first.
func scorers(t testing.TB) (capability.ChainHandle[Scorer], capability.Handle[Scorer]) {
	t.Helper()
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Scorers.Bind("a", plus(1)).Priority(1), Scorers.Bind("b", plus(2)), Scorers.Bind("c", plus(3)), Scorers.Bind("d", plus(4))))
	scope, err := capability.Compose(engine)
	must(err)
	t.Cleanup(func() { must(scope.Close()) })
	var all capability.ChainHandle[Scorer]
	var one capability.Handle[Scorer]
	must(scope.Resolve(Scorers.All().Into(&all), Scorers.Into(&one)))
	return all, one
}

// Promise 11: no allocation in Get, Each, Pipe, Any, Every, Decide.
func TestPromise11NoAllocation(t *testing.T) {
	all, one := scorers(t)
	total := 0
	for name, call := range map[string]func(){
		"Get": func() { n, _ := one.Get().Score(1); total += n },
		"Each": func() {
			_ = capability.Each(all.Get(), func(s Scorer) error { n, err := s.Score(1); total += n; return err })
		},
		"Pipe": func() {
			n, _ := capability.Pipe(all.Get(), 1, func(s Scorer, n int) (int, error) { return s.Score(n) })
			total += n
		},
		"Any": func() {
			_, _ = capability.Any(all.Get(), func(s Scorer) (bool, error) { n, err := s.Score(1); total += n; return false, err })
		},
		"Every": func() {
			_, _ = capability.Every(all.Get(), func(s Scorer) (bool, error) { n, err := s.Score(1); total += n; return true, err })
		},
		"Decide": func() {
			d, _ := capability.Decide(all.Get(), func(s Scorer) (capability.Decision[int], error) {
				n, err := s.Score(1)
				if n < 5 {
					return capability.Decision[int]{}, err
				}
				return capability.Decided(n), err
			})
			total += d.Or(0) + len(d.By())
		},
	} {
		if got := testing.AllocsPerRun(100, call); got != 0 {
			t.Errorf("%s: %v allocations per call, want 0", name, got)
		}
	}
	if total == 0 {
		t.Error("no provider was called")
	}
}

// A lease allocates nothing, whether the value has to be retired or not.
func TestUseAllocatesNothing(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Scorers.Bind("kept", plus(1)),
		Scorers.Bind("retired", plus(2)).OnRetire(func() error { return nil }),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	total := 0
	for _, name := range []string{"kept", "retired"} {
		leased, err := Scorers.Named(name).Leased(scope)
		must(err)
		got := testing.AllocsPerRun(100, func() {
			_ = leased.Use(func(s Scorer) error { n, err := s.Score(1); total += n; return err })
		})
		if got != 0 {
			t.Errorf("%s: %v allocations per Use, want 0", name, got)
		}
	}
	if total == 0 {
		t.Error("no provider was called")
	}
}

// An error costs what it carries and no more.
func TestAllocationOfErrors(t *testing.T) {
	all, _ := scorers(t)
	got := testing.AllocsPerRun(100, func() {
		_ = capability.Each(all.Get(), func(Scorer) error { return capability.ErrPanic })
	})
	if got != 1 {
		t.Errorf("a failed Each: %v allocations, want 1", got)
	}
}

// A commit looks for cycles once, for all the scopes that see the same.
func TestCyclesAreLookedForOnce(t *testing.T) {
	allocations := func(scopes int) float64 {
		key := capability.New[int]("key", "is ordered")
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(key.Bind("a", 1), key.Bind("b", 2).Before("a")))
		for range scopes {
			must1(capability.Compose(engine, capability.NewRegistry(capability.Pipeline, "own")))
		}
		change := key.Rebind("a", 3)
		return testing.AllocsPerRun(10, func() { must(engine.Apply(change)) })
	}
	if one, many := allocations(1), allocations(200); many > one+50 {
		t.Errorf("%v allocations with 200 scopes, %v with one", many, one)
	}
}

// A key, a chain and a handle of either kind are one word each.
func TestSizes(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	for name, size := range map[string]uintptr{
		"Capability": unsafe.Sizeof(capability.Capability[Scorer]{}),
		"Handle":     unsafe.Sizeof(capability.Handle[Scorer]{}),
		"Chain":      unsafe.Sizeof(capability.Chain[Scorer]{}),
		"Leased":     unsafe.Sizeof(capability.Leased[Scorer]{}),
	} {
		if size != word {
			t.Errorf("%s is %d bytes, want %d", name, size, word)
		}
	}
}

// The compiler inlines Get and the verbs, both as the shape that calls use and
// as the instantiated function, and inlines the calls themselves.
func TestInlining(t *testing.T) {
	out, err := exec.Command("go", "build", "-o", t.TempDir(), "-gcflags=-m=2", "./testdata/inline").CombinedOutput()
	if err != nil {
		t.Fatalf("building testdata/inline: %v\n%s", err, out)
	}
	for _, name := range []string{`Each[`, `Pipe[`, `Any[`, `Every[`, `Decide[`, `Handle[`} {
		method := ""
		if name == `Handle[` {
			method = `\]\.Get`
		}
		name = `capability\.` + regexp.QuoteMeta(name)
		for what, pattern := range map[string]string{
			"inlinable as a shape":      `can inline ` + name + `go\.shape.*` + method + ` with cost`,
			"inlinable as instantiated": `can inline ` + name + `(capability|main)\..*` + method + ` with cost`,
			"inlined where it is used":  `main\.go:.* inlining call to ` + name + `go\.shape.*` + method,
		} {
			if !regexp.MustCompile(`(?m)` + pattern).Match(out) {
				t.Errorf("%s is not %s", name, what)
			}
		}
		if m := regexp.MustCompile(`(?m)^.*cannot inline ` + name + `.*` + method + `.*$`).Find(out); m != nil {
			t.Errorf("the compiler says: %s", m)
		}
	}
}

// A build that reads the same as the last time costs nothing for each read.
func TestSameReadsCostNothing(t *testing.T) {
	allocations := func(reads int) float64 {
		key := capability.New[int]("key", "is read")
		engine := capability.NewRegistry(capability.Engine, "engine")
		var queries []capability.Query[int]
		for i := range 100 {
			name := fmt.Sprint("p", i)
			must(engine.Apply(key.Bind(name, i)))
			queries = append(queries, key.Named(name))
		}
		scope := must1(capability.Compose(engine))
		must1(key.All().Handle(scope))
		must1(capability.Derive(func(r *capability.Resolver) (n int, err error) {
			for _, q := range queries[:reads] {
				n += must1(q.In(r))
			}
			return n, nil
		}).Handle(scope))
		change := key.Rebind("p0", 3)
		return testing.AllocsPerRun(10, func() { must(engine.Apply(change)) })
	}
	if one, many := allocations(1), allocations(100); many > one+5 {
		t.Errorf("%v allocations with 100 reads, %v with one", many, one)
	}
}
