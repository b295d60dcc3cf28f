// Budgets: what reading a table may allocate.

package data_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// Reading allocates nothing, whether there is something or not.
func TestReadingAllocatesNothing(t *testing.T) {
	list, sale := prices{"jam": 4, "*": 1, "tea/*": 3, "tea/black/*": 5}, prices{"jam": 3, "ale": 7}
	for i := range 1000 {
		list[fmt.Sprintf("tea/%d/*", i)] = i
		list[fmt.Sprintf("spice/%d", i)] = i
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("list", data.Static(list)), Prices.Bind("sale", data.Static(sale))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, Prices, data.Options{})
	must(err)
	t.Cleanup(func() {
		must(f.Close())
		must(scope.Close())
		must(engine.Close(context.Background()))
	})
	none := tableOf(prices{"jam": 4})
	long := "tea/black/" + strings.Repeat("x", 1000)
	got, found := 0, 0
	note := func(v int, ok bool) {
		got++
		if ok && v > 0 {
			found++
		}
	}
	for _, c := range []struct {
		name string
		call func(*table) (int, bool)
		ok   bool
	}{
		{"Lookup", func(t *table) (int, bool) { v, _, ok := t.Lookup("jam"); return v, ok }, true},
		{"Lookup of nothing", func(t *table) (int, bool) { v, _, ok := t.Lookup("oil"); return v, ok }, false},
		{"Get of the first source", func(t *table) (int, bool) { return t.Get("list", "jam") }, true},
		{"Get of another source", func(t *table) (int, bool) { return t.Get("sale", "jam") }, true},
		{"Get of nothing", func(t *table) (int, bool) { return t.Get("sale", "spice/7") }, false},
		{"Get of nobody", func(t *table) (int, bool) { return t.Get("nobody", "jam") }, false},
		{"Match of a key", func(t *table) (int, bool) { v, _, ok := data.Match(t, "jam"); return v, ok }, true},
		{"Match of a pattern", func(t *table) (int, bool) { v, _, ok := data.Match(t, "tea/77/x"); return v, ok }, true},
		{"Match of a long name", func(t *table) (int, bool) { v, _, ok := data.Match(t, long); return v, ok }, true},
		{"Match of all", func(t *table) (int, bool) { v, _, ok := data.Match(t, ""); return v, ok }, true},
	} {
		found = 0
		allocs := testing.AllocsPerRun(100, func() { note(c.call(f.Table().Get())) })
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want 0", c.name, allocs)
		}
		if found > 0 != c.ok {
			t.Errorf("%s: found %d times", c.name, found)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() {
		v, _, ok := data.Match(none, "tea")
		note(v, ok)
		v, _, ok = data.Match[int](nil, "tea")
		note(v, ok)
		v, _, ok = (*table)(nil).Lookup("tea")
		note(v, ok)
		note((*table)(nil).Get("list", "tea"))
	}); allocs != 0 {
		t.Errorf("where there is nothing: %v allocations, want 0", allocs)
	}
	if got == 0 {
		t.Error("nothing was read")
	}
}

// So it is with keys that are no texts and values of many words.
func TestReadingLargeValuesAllocatesNothing(t *testing.T) {
	type tariff struct {
		Zones [20]float64
		Notes []string
	}
	tariffs := capability.New[data.Source[int, tariff]]("tariffs", "say what the post costs")
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(tariffs.Bind("post", data.Static(map[int]tariff{7: {Notes: []string{"by air"}}}))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, tariffs, data.Options{})
	must(err)
	notes := 0
	allocs := testing.AllocsPerRun(100, func() {
		table := f.Table().Get()
		v, _, _ := table.Lookup(7)
		w, _ := table.Get("post", 7)
		notes += len(v.Notes) + len(w.Notes)
	})
	if allocs != 0 || notes == 0 {
		t.Errorf("%v allocations, want 0; %d notes", allocs, notes)
	}
	must(f.Close())
	must(scope.Close())
	must(engine.Close(t.Context()))
}
