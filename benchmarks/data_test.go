// Data: reading a table against reading a map, and what a reload costs.

package benchmarks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/viper"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// Quotas is the capability of the sources.
var Quotas = capability.New[data.Source[string, int]]("quotas", "say how much of something is allowed")

// openFeed opens a feed of sources that are named a, b and so on.
func openFeed(tb testing.TB, sources ...data.Source[string, int]) *data.Feed[string, int] {
	tb.Helper()
	engine := capability.NewRegistry(capability.Engine, "engine")
	for i, s := range sources {
		if err := engine.Apply(Quotas.Bind(string(rune('a'+i)), s)); err != nil {
			tb.Fatal(err)
		}
	}
	scope, err := capability.Compose(engine)
	if err != nil {
		tb.Fatal(err)
	}
	feed, err := data.Open(context.Background(), scope, Quotas, data.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = feed.Close()
		_ = scope.Close()
	})
	return feed
}

// quotas returns n entries and the first thousand of their keys, again and again if
// there are fewer.
func quotas(n int, format string) (map[string]int, []string) {
	m := make(map[string]int)
	var keys []string
	for i := range n {
		key := fmt.Sprintf(format, i)
		m[key] = i
		keys = append(keys, key)
	}
	asked := make([]string, 1024)
	for i := range asked {
		asked[i] = keys[i%n]
	}
	return m, asked
}

//go:noinline
func readMap(m map[string]int, keys []string, n int) (sum int) {
	for i := range n {
		sum += m[keys[i&1023]]
	}
	return sum
}

//go:noinline
func readMapControl(m map[string]int, keys []string, n int) (sum int) {
	for i := range n {
		sum += m[keys[i&1023]]
	}
	return sum
}

//go:noinline
func readLookup(table capability.Handle[*data.Table[string, int]], keys []string, n int) (sum int) {
	for i := range n {
		v, _, _ := table.Get().Lookup(keys[i&1023])
		sum += v
	}
	return sum
}

//go:noinline
func readGet(table capability.Handle[*data.Table[string, int]], keys []string, n int) (sum int) {
	for i := range n {
		v, _ := table.Get().Get("b", keys[i&1023])
		sum += v
	}
	return sum
}

//go:noinline
func readMatch(table capability.Handle[*data.Table[string, int]], keys []string, n int) (sum int) {
	for i := range n {
		v, _, _ := data.Match(table.Get(), keys[i&1023])
		sum += v
	}
	return sum
}

// BenchmarkDataRead reads a table of two sources that have no key in common, and a map
// of the entries of the second.
func BenchmarkDataRead(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		m, keys := quotas(n, "limit/%06d")
		other, _ := quotas(n/10, "other/%06d")
		table := openFeed(b, data.Static(other), data.Static(m)).Table()
		for _, v := range []struct {
			name string
			read func(n int) int
		}{
			{"map", func(n int) int { return readMap(m, keys, n) }},
			{"control", func(n int) int { return readMapControl(m, keys, n) }},
			{"lookup", func(n int) int { return readLookup(table, keys, n) }},
			{"get", func(n int) int { return readGet(table, keys, n) }},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, v.name), func(b *testing.B) {
				b.ReportAllocs()
				sink += v.read(b.N)
			})
		}
	}
}

// BenchmarkDataMatch looks names up that a pattern of a hundred matches each, against a
// map of a thousand keys as long as the names.
func BenchmarkDataMatch(b *testing.B) {
	m, names := quotas(1000, "shards/%08d/orders")
	for _, v := range []struct {
		name string
		read func(n int) int
	}{
		{"map", func(n int) int { return readMap(m, names, n) }},
		{"control", func(n int) int { return readMapControl(m, names, n) }},
	} {
		b.Run(v.name, func(b *testing.B) { sink += v.read(b.N) })
	}
	for _, n := range []int{10, 1000, 100_000} {
		patterns, _ := quotas(n, "shards/%08d/*")
		table := openFeed(b, data.Static(patterns)).Table()
		_, names := quotas(n, "shards/%08d/orders")
		b.Run(fmt.Sprintf("match-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			sink += readMatch(table, names, b.N)
		})
	}
}

// BenchmarkDataReload reloads a file of 100 000 entries of which one has changed; the
// base decodes it with encoding/json.
func BenchmarkDataReload(b *testing.B) {
	m, _ := quotas(100_000, "limit/%06d")
	path := filepath.Join(b.TempDir(), "limits.json")
	var texts [2][]byte
	for i := range texts {
		m["limit/000500"] = i
		var err error
		if texts[i], err = json.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
	write := func(i int) {
		if err := os.WriteFile(path, texts[i%2], 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write(1)
	feed := openFeed(b, data.File(path, 0, data.JSON[int]))
	decode := func(i int) {
		got := make(map[string]int)
		if err := json.Unmarshal(texts[i%2], &got); err != nil {
			b.Fatal(err)
		}
	}
	for _, v := range []struct {
		name string
		do   func(i int)
	}{
		{"decode", decode},
		{"control", decode},
		{"reload", func(int) {
			if err := feed.Reload(context.Background()); err != nil {
				b.Fatal(err)
			}
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			for i := range b.N {
				b.StopTimer()
				write(i)
				runtime.GC()
				b.StartTimer()
				v.do(i)
			}
		})
	}
}

// BenchmarkDataMemory reports the heap that 100 000 entries take, less what their keys
// take, which all share.
func BenchmarkDataMemory(b *testing.B) {
	const n = 100_000
	_, keys := quotas(1, "")
	keys = keys[:0]
	for i := range n {
		keys = append(keys, fmt.Sprintf("limit/%06d", i))
	}
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	entries := func() map[string]int {
		m := make(map[string]int)
		for i, k := range keys {
			m[k] = i
		}
		return m
	}
	for _, v := range []struct {
		name string
		hold func(b *testing.B) any
	}{
		{"map", func(*testing.B) any { return entries() }},
		{"control", func(*testing.B) any { return entries() }},
		{"table", func(b *testing.B) any {
			return openFeed(b, data.Func(0, func(context.Context) (map[string]int, error) { return entries(), nil }))
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				held := v.hold(b)
				b.ReportMetric((heap()-before)/n, "B/entry")
				runtime.KeepAlive(held)
			}
		})
	}
	runtime.KeepAlive(keys)
}

// BenchmarkDataReader reads a table while another goroutine keeps a processor busy: in
// the variant it publishes another table of a thousand entries again and again, in
// the base it makes maps of as many.
func BenchmarkDataReader(b *testing.B) {
	m, keys := quotas(1000, "limit/%06d")
	for _, v := range []struct {
		name      string
		read      func(capability.Handle[*data.Table[string, int]], []string, int) int
		reloading bool
	}{
		{"making", readLookup, false}, {"control", readLookupControl, false}, {"reloading", readLookup, true},
	} {
		b.Run(v.name, func(b *testing.B) {
			var done atomic.Bool
			var changes atomic.Int64
			idle := make(chan struct{})
			feed := openFeed(b, source(func(ctx context.Context, publish func(map[string]int)) error {
				publish(m)
				for i := 0; !done.Load(); i++ {
					next := make(map[string]int)
					for k, v := range m {
						next[k] = v + i
					}
					if v.reloading {
						publish(next)
					}
					changes.Add(1)
				}
				close(idle)
				<-ctx.Done()
				return nil
			}))
			table := feed.Table()
			b.ResetTimer()
			began := time.Now()
			sink += v.read(table, keys, b.N)
			b.StopTimer()
			b.ReportMetric(float64(changes.Load())/time.Since(began).Seconds(), "changes/s")
			done.Store(true)
			<-idle
		})
	}
}

//go:noinline
func readLookupControl(table capability.Handle[*data.Table[string, int]], keys []string, n int) (sum int) {
	for i := range n {
		v, _, _ := table.Get().Lookup(keys[i&1023])
		sum += v
	}
	return sum
}

// A source is one that is a func.
type source func(context.Context, func(map[string]int)) error

func (s source) Run(ctx context.Context, publish func(map[string]int)) error { return s(ctx, publish) }

// BenchmarkDataPeers reads a number out of a thousand that were loaded before.
func BenchmarkDataPeers(b *testing.B) {
	m, keys := quotas(1000, "limit-%06d")
	table := openFeed(b, data.Static(m)).Table()
	loaded := make(map[string]any)
	for k, v := range m {
		loaded[k] = v
	}
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(loaded, "."), nil); err != nil {
		b.Fatal(err)
	}
	v := viper.New()
	if err := v.MergeConfigMap(loaded); err != nil {
		b.Fatal(err)
	}
	for _, peer := range []struct {
		name string
		get  func(key string) int
	}{
		{"table", func(key string) int { v, _, _ := table.Get().Lookup(key); return v }},
		{"control", func(key string) int { v, _, _ := table.Get().Lookup(key); return v }},
		{"koanf", k.Int},
		{"viper", v.GetInt},
	} {
		b.Run(peer.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				sink += peer.get(keys[i&1023])
			}
		})
	}
}
