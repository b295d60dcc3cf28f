// The guard lets noise pass, and nothing else.

package main

import (
	"io"
	"strings"
	"testing"
)

// measured returns what a run of three layouts gives if all is within its budget.
func measured() results {
	r := results{}
	for layout := range 3 {
		for _, f := range families {
			if !f.guarded {
				continue
			}
			for _, unit := range f.units {
				set := func(name string, figure float64) { r[sample{layout, f.name + "/" + name, unit}] = figure }
				set(f.base, 10)
				set("control", 10)
				for _, v := range f.variants {
					set(v.name, 10)
				}
				for _, b := range f.bars {
					set(b.peer, 10*b.least)
				}
			}
		}
	}
	return r
}

func TestGuard(t *testing.T) {
	set := func(name string, figures ...float64) func(results) {
		return func(r results) {
			for layout, figure := range figures {
				r[sample{layout, name, "ns/op"}] = figure
			}
		}
	}
	for _, c := range []struct {
		what   string
		change func(results)
		want   string // in the error, none if it is empty
	}{
		{"all in order", func(results) {}, ""},
		{"two noisy layouts", set("Lookup/capability", 90, 90, 10), ""},
		{"slow in all layouts", set("Lookup/capability", 90, 90, 22), "Lookup/capability to field is 2.200 in the best layout, where 2.1 is the limit"},
		{"a peer is near in two layouts", set("PeersLookup/do", 10, 10, 300), ""},
		{"a peer is near", set("PeersLookup/do", 10, 20, 30), "PeersLookup/do to capability is 3.000 in the best layout, where 25 is the limit"},
		{"a peer of another name", func(r results) {
			for layout := range 3 {
				delete(r, sample{layout, "PeersLookup/do", "ns/op"})
			}
		}, "PeersLookup/do to capability was not measured"},
		{"not measured", func(r results) {
			for s := range r {
				if strings.HasPrefix(s.name, "Span/") {
					delete(r, s)
				}
			}
		}, "nothing of the benchmark Span was measured"},
	} {
		r := measured()
		c.change(r)
		err := r.guard(io.Discard)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%s: the guard says %v, want %s", c.what, err, c.want)
		}
	}
}
