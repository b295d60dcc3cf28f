// Match against naive versions: one that looks at all keys, and one that looks at all
// prefixes of the name.

package data_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// tableOf returns the table of sources with these entries, the first in front.
func tableOf(sources ...prices) *table {
	engine := capability.NewRegistry(capability.Engine, "engine")
	for i, m := range sources {
		must(engine.Apply(Prices.Bind(fmt.Sprintf("s%d", i), data.Static(m))))
	}
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(context.Background(), scope, Prices, data.Options{})
	must(err)
	must(f.Close())
	must(scope.Close())
	must(engine.Close(context.Background()))
	return f.Table().Get()
}

// A matched is what Match returns.
type matched struct {
	Value   int
	Pattern string
	OK      bool
}

func match(t *table, name string) matched {
	v, pattern, ok := data.Match(t, name)
	return matched{v, pattern, ok}
}

// naiveMatch looks at all keys of all sources.
func naiveMatch(name string, sources []prices) matched {
	for _, m := range sources {
		if v, ok := m[name]; ok {
			return matched{v, name, true}
		}
	}
	var best matched
	for _, m := range sources {
		for k, v := range m {
			prefix, isPattern := strings.CutSuffix(k, "*")
			if isPattern && strings.HasPrefix(name, prefix) && (!best.OK || len(k) > len(best.Pattern)) {
				best = matched{v, k, true}
			}
		}
	}
	return best
}

// prefixMatch looks at all prefixes of the name, the longest first.
func prefixMatch(name string, sources []prices) matched {
	keys := []string{name}
	for n := len(name); n >= 0; n-- {
		keys = append(keys, name[:n]+"*")
	}
	for _, k := range keys {
		for _, m := range sources {
			if v, ok := m[k]; ok {
				return matched{v, k, true}
			}
		}
	}
	return matched{}
}

// collidingNames have few letters, so that they are each other's prefixes: among them
// stars, bytes that are no UTF-8, and letters of two bytes that begin alike.
func collidingNames(longest int) *rapid.Generator[string] {
	letters := rapid.SampledFrom([]string{"a", "b", "*", "/", "\x80", "\xff", "é", "è", "\x00"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(letters, 0, longest).Draw(t, "letters"), "")
	})
}

func TestModelOfMatch(t *testing.T) {
	keys := rapid.Custom(func(t *rapid.T) string {
		return collidingNames(6).Draw(t, "key") + rapid.SampledFrom([]string{"*", "*", "", "**"}).Draw(t, "star")
	})
	source := rapid.MapOfN(keys, rapid.IntRange(1, 1<<20), 0, 20)
	rapid.Check(t, func(rt *rapid.T) {
		sources := rapid.SliceOfN(source, 1, 3).Draw(rt, "sources")
		table := tableOf(sources...)
		names := rapid.SliceOfN(collidingNames(9), 1, 30).Draw(rt, "names")
		for _, m := range sources {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				prefix := strings.TrimSuffix(k, "*")
				names = append(names, k, prefix, prefix+"a", k+"a", prefix+"\xff", prefix[:len(prefix)/2])
			}
		}
		for _, name := range names {
			want := naiveMatch(name, sources)
			if other := prefixMatch(name, sources); other != want {
				rt.Fatalf("the two naive versions differ for %q: %+v and %+v", name, want, other)
			}
			if got := match(table, name); got != want {
				rt.Fatalf("%q is %+v, want %+v", name, got, want)
			}
		}
	})
}

// Tens of thousands of patterns, in two sources, many of them prefixes of others.
func TestMatchAmongManyPatterns(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 8))
	word := func(most int) string {
		b := make([]byte, random.IntN(most+1))
		for i := range b {
			b[i] = "ab*/cdefgh\x80\xff"[random.IntN(12)]
		}
		return string(b)
	}
	sources := []prices{{}, {"*": 1}}
	for i := range 60_000 {
		m := sources[i%2]
		k := word(3) + word(3) + word(20)
		m[k+"*"] = i + 10
		if i%10 == 0 {
			m[k] = i + 10
		}
	}
	table := tableOf(sources...)
	keys := slices.Collect(table.Keys())
	if len(keys) < 40_000 {
		t.Fatalf("%d keys", len(keys))
	}
	slices.Sort(keys)
	exact, longer := 0, 0
	for i := range 60_000 {
		name := word(6) + word(20)
		if i%2 == 0 {
			name = strings.TrimSuffix(keys[random.IntN(len(keys))], "*") + word(4)
		}
		want := prefixMatch(name, sources)
		if got := match(table, name); got != want {
			t.Fatalf("%q is %+v, want %+v", name, got, want)
		}
		switch {
		case want.Pattern == name:
			exact++
		case len(want.Pattern) > 8:
			longer++
		}
	}
	if exact < 1000 || longer < 1000 {
		t.Errorf("%d names were keys and %d had long patterns: too few to prove anything", exact, longer)
	}
}

func TestMatchAtTheEdges(t *testing.T) {
	sources := []prices{
		{"": 1, "*": 2, "**": 3, "a*": 4, "a*b": 5, "\xff*": 6, "\xc3*": 7, "é*": 8, "\x00*": 9, "***": 10},
		{"": 11, "*": 12, "**": 13, "only*": 14, "é": 15},
	}
	all := tableOf(sources...)
	for name, want := range map[string]matched{
		"": {1, "", true}, "x": {2, "*", true}, "*": {2, "*", true}, "*x": {3, "**", true}, "**": {3, "**", true},
		"**x": {10, "***", true}, "***": {10, "***", true}, "a": {4, "a*", true}, "ab": {4, "a*", true}, "a*": {4, "a*", true},
		"a*b": {5, "a*b", true}, "a*bc": {4, "a*", true}, "\xff": {6, "\xff*", true}, "\xff\xff": {6, "\xff*", true}, "\xfe": {2, "*", true},
		"è": {7, "\xc3*", true}, "é": {15, "é", true}, "éa": {8, "é*", true}, "\x00": {9, "\x00*", true}, "only": {14, "only*", true},
		"onl": {2, "*", true}, strings.Repeat("a", 1<<20): {4, "a*", true},
	} {
		if got := match(all, name); got != want {
			t.Errorf("%.20q is %+v, want %+v", name, got, want)
		}
	}
	if got := match(tableOf(prices{"a*": 1}), ""); got != (matched{}) {
		t.Errorf("the empty name is %+v", got)
	}
	if got := match(tableOf(prices{"tea": 1}), "teas"); got != (matched{}) {
		t.Errorf("without patterns it is %+v", got)
	}
	if got := match(tableOf(), "tea"); got != (matched{}) {
		t.Errorf("without sources it is %+v", got)
	}
	long := strings.Repeat("é", 1<<15)
	if got := match(tableOf(prices{long + "*": 1, "é*": 2}), long); got.Value != 1 {
		t.Errorf("a long pattern gives %d", got.Value)
	}
	if got := match(tableOf(prices{long + "*": 1, "é*": 2}), long[:len(long)-1]); got.Value != 2 {
		t.Errorf("a name that lacks a byte of a long pattern gives %d", got.Value)
	}
}
