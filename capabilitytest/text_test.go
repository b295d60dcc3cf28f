package capabilitytest_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability/capabilitytest"
)

// A menu has fields of all kinds, none of which is exported.
type menu struct {
	dish   string
	prices map[string][]float64
	next   *menu
	extra  any
	sizes  [2]int8
	hot    bool
	ratio  complex64
	count  uint
}

// Values that differ anywhere have different texts, and those that do not have the same.
func TestTextsOfValues(t *testing.T) {
	soup := func() *menu {
		return &menu{"soup", map[string][]float64{"small": {2, 2.5}, "large": {4}}, &menu{dish: "cake"}, &menu{dish: "tea"}, [2]int8{1, 2}, true, 1i, 7}
	}
	plain := capabilitytest.TextOf(soup())
	if got := capabilitytest.TextOf(soup()); got != plain {
		t.Errorf("the same value is %s and %s", plain, got)
	}
	for name, change := range map[string]func(*menu){
		"string":    func(m *menu) { m.dish = "stew" },
		"slice":     func(m *menu) { m.prices["small"][1] = 3 },
		"map":       func(m *menu) { delete(m.prices, "large") },
		"pointer":   func(m *menu) { m.next.dish = "pie" },
		"end":       func(m *menu) { m.next = nil },
		"interface": func(m *menu) { m.extra.(*menu).dish = "milk" },
		"type":      func(m *menu) { m.extra = *m.extra.(*menu) },
		"array":     func(m *menu) { m.sizes[1] = 3 },
		"bool":      func(m *menu) { m.hot = false },
		"complex":   func(m *menu) { m.ratio = 2i },
		"uint":      func(m *menu) { m.count++ },
	} {
		m := soup()
		change(m)
		if got := capabilitytest.TextOf(m); got == plain {
			t.Errorf("another %s does not show in %s", name, got)
		}
	}
	if one, other := make(chan int), make(chan int); capabilitytest.TextOf(one) == capabilitytest.TextOf(other) {
		t.Error("two channels are the same")
	}
	if got := capabilitytest.TextOf(nil); got != "nil" {
		t.Errorf("nil is %s", got)
	}
}

// What holds itself, is deep or is long has a text that ends.
func TestTextsEnd(t *testing.T) {
	m := &menu{dish: "soup"}
	m.next = m
	type list []any
	l := list{nil, nil, nil}
	l[0], l[1], l[2] = l, &l, l
	self := map[string]any{"n": 1}
	self["self"] = self
	if got, want := capabilitytest.TextOf(self), `map["n":int(1) "self":map[string]interface {}(…)]`; got != want {
		t.Errorf("what holds itself is %s, want %s", got, want)
	}
	var deep any
	for range 1000 {
		deep = []any{deep, deep}
	}
	for _, v := range []any{m, l, self, deep, make([]int, 1<<22)} {
		if n := len(capabilitytest.TextOf(v)); n > 1<<21 {
			t.Errorf("a text of %T is %d long", v, n)
		}
	}
}

// What has a lock or an atomic is where it is: nobody may read it without the lock.
func TestTextsOfWhatIsGuarded(t *testing.T) {
	type counter struct {
		mu sync.Mutex
		n  int
	}
	type oven struct {
		name  string
		baked [1]struct{ n atomic.Int64 }
	}
	c, o, at := &counter{n: 1}, &oven{name: "left"}, time.Now()
	before := capabilitytest.TextOf([]any{c, o, at})
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	o.baked[0].n.Add(1)
	_ = at.Local().String()
	if after := capabilitytest.TextOf([]any{c, o, at}); after != before {
		t.Errorf("the text was %s and is %s", before, after)
	}
	if one, other := (&counter{n: 1}), (&counter{n: 1}); capabilitytest.TextOf(one) == capabilitytest.TextOf(other) {
		t.Error("two counters are the same")
	}
}

// Long texts are told where they differ.
func TestTextsApart(t *testing.T) {
	long := strings.Repeat("a", 1000)
	a, b := capabilitytest.Apart(long+"1"+long, long+"2"+long)
	around := strings.Repeat("a", 100)
	if a != "…"+around+"1"+around[1:]+"…" || b != strings.Replace(a, "1", "2", 1) {
		t.Errorf("the texts are told as %s and %s", a, b)
	}
	if a, b = capabilitytest.Apart("1", "12"); a != "1" || b != "12" {
		t.Errorf("short ones are told as %s and %s", a, b)
	}
}
