// Publishing: a commit at engine level, seen by pipelines that inherit it.

package benchmarks

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// A fleet is an engine with pipelines below it, each with handles of its own.
type fleet struct {
	engine *capability.Registry
	keys   []capability.Capability[Check]
	scopes []*capability.Scope
	nodes  [][handles]capability.Handle[Check]
}

// handles is how many handles a pipeline holds.
const handles = 10

// newFleet makes an engine that binds one provider of each of so many
// capabilities, and pipelines that hold handles of the first ten of them.
func newFleet(tb testing.TB, capabilities, pipelines int) *fleet {
	tb.Helper()
	f := &fleet{
		engine: capability.NewRegistry(capability.Engine, "engine"),
		nodes:  make([][handles]capability.Handle[Check], pipelines),
	}
	for i := range capabilities {
		k := capability.New[Check](fmt.Sprintf("checks-%d", i), "looks at an order before it is shipped")
		f.keys = append(f.keys, k)
		if err := f.engine.Apply(k.Bind("check", makeChecks(1, false)[0])); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range f.nodes {
		pipeline := capability.NewRegistry(capability.Pipeline, fmt.Sprintf("pipeline-%d", i))
		scope, err := capability.Compose(pipeline, f.engine)
		if err != nil {
			tb.Fatal(err)
		}
		f.scopes = append(f.scopes, scope)
		f.resolve(tb, scope, &f.nodes[i])
	}
	return f
}

// resolve meets the needs of one pipeline.
func (f *fleet) resolve(tb testing.TB, scope *capability.Scope, node *[handles]capability.Handle[Check]) {
	var needs [handles]capability.Need
	for i := range needs {
		needs[i] = f.keys[i].Into(&node[i])
	}
	if err := scope.Resolve(needs[:]...); err != nil {
		tb.Fatal(err)
	}
}

func (f *fleet) close() {
	for _, s := range f.scopes {
		_ = s.Close()
	}
}

// BenchmarkPublish exchanges the provider of one capability in the engine. Each
// pipeline holds ten handles, one of which sees the change. The metric is the
// time of the whole commit for each pipeline that inherits it.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []struct {
		name                    string
		capabilities, pipelines int
	}{
		{"capabilities=10", 10, 10_000},
		{"control", 10, 10_000},
		{"capabilities=1000", 1000, 10_000},
		{"pipelines=10", 10, 10},
	} {
		b.Run(size.name, func(b *testing.B) {
			f := newFleet(b, size.capabilities, size.pipelines)
			defer f.close()
			checks := makeChecks(2, false)
			key := f.keys[3]
			runtime.GC()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := f.engine.Apply(key.Rebind("check", checks[i%2])); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size.pipelines), "ns/pipeline")
		})
	}
}

// BenchmarkMemory reports the heap that ten handles for each of 10 000 pipelines
// add, the scopes and registries being there before, and the heap that the
// scopes and registries take without handles.
func BenchmarkMemory(b *testing.B) {
	const pipelines = 10_000
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		f := newFleet(b, handles, 1)
		scopes := make([]*capability.Scope, 0, pipelines)
		nodes := make([][handles]capability.Handle[Check], pipelines)
		before := heap()
		for i := range nodes {
			pipeline := capability.NewRegistry(capability.Pipeline, fmt.Sprintf("pipeline-%d", i))
			scope, err := capability.Compose(pipeline, f.engine)
			if err != nil {
				b.Fatal(err)
			}
			scopes = append(scopes, scope)
		}
		composed := heap()
		for i, s := range scopes {
			f.resolve(b, s, &nodes[i])
		}
		resolved := heap()
		for _, s := range scopes {
			_ = s.Close()
		}
		f.close()
		runtime.KeepAlive(nodes)
		b.ReportMetric((composed-before)/pipelines, "B/pipeline")
		b.ReportMetric((resolved-composed)/pipelines/handles+8, "B/handle")
	}
}

// BenchmarkCompose composes a pipeline over an engine of a hundred capabilities
// and looks ten of them up. The metric leaves Close out, which gives the places
// back so that the next round starts from the same state.
func BenchmarkCompose(b *testing.B) {
	for _, v := range []struct {
		name   string
		others int // pipelines that resolved the same before
		single bool
	}{
		{"first", 0, false},
		{"second", 1, false},
		{"one-by-one", 1, true},
	} {
		b.Run(v.name, func(b *testing.B) {
			f := newFleet(b, 100, v.others)
			defer f.close()
			pipeline := capability.NewRegistry(capability.Pipeline, "orders")
			var node [handles]capability.Handle[Check]
			var spent time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				start := time.Now()
				scope, err := capability.Compose(pipeline, f.engine)
				if err != nil {
					b.Fatal(err)
				}
				if v.single {
					for i := range node {
						if node[i], err = f.keys[i].Handle(scope); err != nil {
							b.Fatal(err)
						}
					}
				} else {
					f.resolve(b, scope, &node)
				}
				spent += time.Since(start)
				_ = scope.Close()
			}
			b.StopTimer()
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/compose")
		})
	}
}
