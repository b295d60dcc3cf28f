// The order against a model, and that it does not depend on that of the additions.

package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// goods are the capabilities that drawn extensions require and export.
var goods = func() []extension.Key {
	var all []extension.Key
	for i := range 8 {
		all = append(all, capability.New[int](fmt.Sprintf("goods-%d", i), "are sold"))
	}
	return all
}()

// A trader is an extension as plain data.
type trader struct {
	Name     string
	Site     string
	Nil      bool
	Requires []int
	Exports  []int
}

func (tr trader) found() found {
	if tr.Nil {
		return found{nil, tr.Site}
	}
	pick := func(numbers []int) []extension.Key {
		var list []extension.Key
		for _, n := range numbers {
			list = append(list, goods[n])
		}
		return list
	}
	return found{part(tr.Name, pick(tr.Requires), pick(tr.Exports)), tr.Site}
}

// needs reports whether another trader exports what tr requires.
func (tr trader) needs(other trader) bool {
	return slices.ContainsFunc(tr.Requires, func(n int) bool { return slices.Contains(other.Exports, n) })
}

// fair draws traders of different names. Each requires only what some before it in the
// slice export and nobody else does, so there are no cycles.
func fair(t *rapid.T) []trader {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-e]{1,2}`), 0, 7, rapid.ID).Draw(t, "names")
	sites := rapid.Permutation(places(len(names))).Draw(t, "sites")
	var all []trader
	for i, name := range names {
		tr := trader{Name: name, Site: sites[i], Exports: []int{i}}
		for n := range i {
			if rapid.IntRange(0, 2).Draw(t, "requires") == 0 {
				tr.Requires = append(tr.Requires, n)
			}
		}
		all = append(all, tr)
	}
	return all
}

func places(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("file%d.go:1", i))
	}
	return all
}

// wild draws traders of whatever names and requirements, some nil.
func wild(t *rapid.T) []trader {
	all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trader {
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(0, len(goods)-1), 0, 2, rapid.ID)
		return trader{
			Name:     rapid.StringMatching(`[a-d]{0,2}`).Draw(t, "name"),
			Nil:      rapid.IntRange(0, 9).Draw(t, "nil") == 0,
			Requires: numbers.Draw(t, "requires"),
			Exports:  numbers.Draw(t, "exports"),
		}
	}), 0, 7).Draw(t, "traders")
	for i, site := range rapid.Permutation(places(len(all))).Draw(t, "sites") {
		all[i].Site = site
	}
	return all
}

// asked adds the traders to a list, and returns the names and the text of the error.
func asked(all []trader) (names []string, fault []string) {
	var l list
	for _, tr := range all {
		f := tr.found()
		l.add(f.is, f.site)
	}
	extensions, err := l.ordered()
	return namesOf(extensions), texts(err)
}

// modelled is the order as the doc of All has it: by name, but those that one requires,
// by name too, are taken before it.
func modelled(all []trader) []string {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b trader) int { return cmp.Compare(a.Name, b.Name) })
	var names []string
	var take func(tr trader)
	take = func(tr trader) {
		if slices.Contains(names, tr.Name) {
			return
		}
		for _, other := range all {
			if other.Name != tr.Name && tr.needs(other) {
				take(other)
			}
		}
		names = append(names, tr.Name)
	}
	for _, tr := range all {
		take(tr)
	}
	return names
}

func TestOrderEqualsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := fair(t)
		added := all
		if len(all) > 0 {
			added = rapid.Permutation(all).Draw(t, "added")
		}
		names, fault := asked(added)
		if fault != nil {
			t.Fatalf("there is an error: %q", fault)
		}
		if diff := gocmp.Diff(modelled(all), names); diff != "" {
			t.Fatalf("the order is not that of the model (-want +got):\n%s", diff)
		}
		for _, tr := range all {
			for _, other := range all {
				if tr.needs(other) && slices.Index(names, other.Name) > slices.Index(names, tr.Name) {
					t.Fatalf("%q requires what %q exports and comes before it: %q", tr.Name, other.Name, names)
				}
			}
		}
	})
}

// Imports come in any order: neither what All returns nor what it refuses depends on it.
func TestOrderOfAdditionsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := wild(t)
		names, fault := asked(all)
		if (len(names) == 0) == (len(fault) == 0) && len(all) > 0 {
			t.Fatalf("it returns %q and the errors %q, want one of them", names, fault)
		}
		if len(all) == 0 {
			return
		}
		again, faultAgain := asked(rapid.Permutation(all).Draw(t, "added"))
		if diff := gocmp.Diff(names, again); diff != "" {
			t.Fatalf("another order of additions gives another order (-one +other):\n%s", diff)
		}
		if diff := gocmp.Diff(fault, faultAgain); diff != "" {
			t.Fatalf("another order of additions gives other errors (-one +other):\n%s", diff)
		}
	})
}

// Two capabilities of one name are two: whose export is required is known by identity.
func TestNamesakesAreNoCycle(t *testing.T) {
	price, other := capability.New[int]("price", "says what it costs"), capability.New[int]("stock", "says how much there is")
	namesake := capability.New[int]("price", "says what it costs")
	var l list
	l.add(part("a", keys(price), keys(other)), "a.go:1")
	l.add(part("b", keys(other), keys(namesake)), "b.go:1")
	if _, err := l.ordered(); err != nil {
		t.Errorf("got %v", err)
	}
}

// A nil pointer is as good as nil.
func TestNilPointer(t *testing.T) {
	var none *extension.Passive[int]
	var l list
	l.add(none, "a.go:1")
	if _, err := l.ordered(); err == nil || !strings.Contains(err.Error(), "a nil extension was added at a.go:1") {
		t.Errorf("got %v", err)
	}
}
