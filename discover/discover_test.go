// What All returns of what was added, and what it refuses.

package discover

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// empty gives the test a list of its own in the place of that of the process, which is
// why the tests are in the package and not beside it.
func empty(t *testing.T) {
	t.Helper()
	swap := func(all []found) []found {
		added.mu.Lock()
		defer added.mu.Unlock()
		before := added.all
		added.all = all
		return before
	}
	before := swap(nil)
	t.Cleanup(func() { swap(before) })
}

// Capabilities of a shop.
var (
	prices  = capability.New[int]("prices", "says what things cost")
	stock   = capability.New[int]("stock", "says how much there is")
	orders  = capability.New[int]("orders", "takes orders")
	parcels = capability.New[int]("parcels", "sends parcels")
)

// keys is a list of them.
func keys(list ...extension.Key) []extension.Key { return list }

// part is an extension of the shop.
func part(name string, requires, exports []extension.Key) extension.Extension {
	return extension.Passive[int]{Manifest: extension.Manifest{Name: name, Requires: requires}, Exports: exports}
}

func namesOf(all []extension.Extension) []string {
	var names []string
	for _, e := range all {
		names = append(names, e.Describe().Name)
	}
	return names
}

func TestNothingWasAdded(t *testing.T) {
	empty(t)
	if all, err := All(); len(all) > 0 || err != nil {
		t.Errorf("All of nothing is %v, %v", namesOf(all), err)
	}
}

func TestByNameAndAsRequired(t *testing.T) {
	for name, c := range map[string]struct {
		add  []extension.Extension
		want []string
	}{
		"by name": {
			[]extension.Extension{part("tills", nil, nil), part("carts", nil, nil), part("doors", nil, nil)},
			[]string{"carts", "doors", "tills"},
		},
		"a chain against the alphabet": {
			[]extension.Extension{part("a", keys(stock), nil), part("b", keys(prices), keys(stock)), part("c", nil, keys(prices))},
			[]string{"c", "b", "a"},
		},
		"others stay where they are": {
			[]extension.Extension{part("b", keys(prices), nil), part("a", nil, nil), part("c", nil, nil), part("d", nil, keys(prices))},
			[]string{"a", "d", "b", "c"},
		},
		"two export the same": {
			[]extension.Extension{part("a", keys(prices), nil), part("z", nil, keys(prices)), part("y", nil, keys(prices))},
			[]string{"y", "z", "a"},
		},
		"nobody exports it": {
			[]extension.Extension{part("b", nil, nil), part("a", keys(parcels), nil)},
			[]string{"a", "b"},
		},
		"it exports what it requires": {
			[]extension.Extension{part("b", nil, nil), part("a", keys(prices), keys(prices))},
			[]string{"a", "b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			empty(t)
			for _, e := range c.add {
				Add(e)
			}
			all, err := All()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, namesOf(all)); diff != "" {
				t.Errorf("the order is another (-want +got):\n%s", diff)
			}
		})
	}
}

// What All returns is what was added, and the caller's to change.
func TestAllIsACopy(t *testing.T) {
	empty(t)
	Add(part("carts", nil, nil))
	Add(part("doors", nil, nil))
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	all[0], all[1] = all[1], nil
	again, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"carts", "doors"}, namesOf(again)); diff != "" {
		t.Errorf("a change of what All returned changed the list (-want +got):\n%s", diff)
	}
}

// at is a place in this file, as it is in an error.
var at = regexp.MustCompile(`/discover_test\.go:\d+`)

// Add says where it was called, and not where it is.
func TestSitesAreThoseOfCallers(t *testing.T) {
	empty(t)
	Add(part("carts", nil, nil))
	Add(part("carts", nil, nil))
	_, err := All()
	if err == nil {
		t.Fatal("two of one name are no error")
	}
	sites := at.FindAllString(err.Error(), -1)
	if len(sites) != 2 || sites[0] == sites[1] {
		t.Errorf("the error names the places %q, want both calls of Add:\n%v", sites, err)
	}
}

func TestRefused(t *testing.T) {
	many := func(n int) []found {
		var all []found
		ring := make([]capability.Capability[int], n)
		for i := range ring {
			ring[i] = capability.New[int](fmt.Sprintf("ring-%d", i), "is one of a ring")
		}
		for i := range ring {
			all = append(all, found{part(fmt.Sprintf("r%d", i), keys(ring[(i+1)%n]), keys(ring[i])), fmt.Sprintf("r%d.go:1", i)})
		}
		return all
	}
	for name, c := range map[string]struct {
		add  []found
		want []string // the errors, with their codes
	}{
		"two of one name": {
			[]found{{part("carts", nil, nil), "b.go:2"}, {part("doors", nil, nil), "c.go:3"}, {part("carts", nil, nil), "a.go:1"}},
			[]string{`conflict: provider "carts": two extensions of that name were added, at a.go:1 and at b.go:2: import one of them, or rename one`},
		},
		"three of one name": {
			[]found{{part("carts", nil, nil), "c.go:3"}, {part("carts", nil, nil), "b.go:2"}, {part("carts", nil, nil), "a.go:1"}},
			[]string{
				`conflict: provider "carts": two extensions of that name were added, at a.go:1 and at b.go:2: import one of them, or rename one`,
				`conflict: provider "carts": two extensions of that name were added, at b.go:2 and at c.go:3: import one of them, or rename one`,
			},
		},
		"nil": {
			[]found{{part("carts", nil, nil), "a.go:1"}, {nil, "b.go:2"}},
			[]string{`invalid: a nil extension was added at b.go:2: add a Passive, an Active or a Background one`},
		},
		"nameless": {
			[]found{{part("", nil, nil), "b.go:2"}, {part("", nil, nil), "a.go:1"}},
			[]string{
				`invalid: the extension that was added at a.go:1 has no name: give its Manifest one`,
				`invalid: the extension that was added at b.go:2 has no name: give its Manifest one`,
			},
		},
		"a cycle of two": {
			many(2),
			[]string{`cycle: provider "r0": extensions require each other: "r0", added at r0.go:1, requires "r1", added at r1.go:1, requires "r0": let one of them require less`},
		},
		"a cycle of three": {
			many(3),
			[]string{`cycle: provider "r0": extensions require each other: "r0", added at r0.go:1, requires "r1", added at r1.go:1, requires "r2", added at r2.go:1, requires "r0": let one of them require less`},
		},
		"a way into a cycle is no part of it": {
			append(many(2), found{part("a", keys(prices), nil), "a.go:1"}, found{part("p", keys(stock), keys(prices)), "p.go:1"}, found{part("s", keys(prices), keys(stock)), "s.go:1"}),
			[]string{
				`cycle: provider "p": extensions require each other: "p", added at p.go:1, requires "s", added at s.go:1, requires "p": let one of them require less`,
				`cycle: provider "r0": extensions require each other: "r0", added at r0.go:1, requires "r1", added at r1.go:1, requires "r0": let one of them require less`,
			},
		},
		"what one of a cycle requires besides is no part of it": {
			[]found{{part("a", keys(prices, stock), keys(orders)), "a.go:1"}, {part("d", nil, keys(prices)), "d.go:1"}, {part("s", keys(orders), keys(stock)), "s.go:1"}},
			[]string{`cycle: provider "a": extensions require each other: "a", added at a.go:1, requires "s", added at s.go:1, requires "a": let one of them require less`},
		},
		"all at once": {
			append(many(2), found{nil, "n.go:1"}, found{part("", nil, nil), "m.go:1"}, found{part("r1", nil, nil), "o.go:1"}),
			[]string{
				`invalid: the extension that was added at m.go:1 has no name: give its Manifest one`,
				`invalid: a nil extension was added at n.go:1: add a Passive, an Active or a Background one`,
				`conflict: provider "r1": two extensions of that name were added, at o.go:1 and at r1.go:1: import one of them, or rename one`,
				`cycle: provider "r0": extensions require each other: "r0", added at r0.go:1, requires "r1", added at r1.go:1, requires "r0": let one of them require less`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l list
			for _, f := range c.add {
				l.add(f.is, f.site)
			}
			all, err := l.ordered()
			if len(all) > 0 {
				t.Errorf("it returns %v beside an error", namesOf(all))
			}
			if diff := cmp.Diff(c.want, texts(err)); diff != "" {
				t.Errorf("the errors are others (-want +got):\n%s", diff)
			}
		})
	}
}

// texts returns the errors that err joins, each with its code.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var all []string
	for _, err := range list {
		code := capability.Code("none")
		if e, ok := errors.AsType[*capability.Error](err); ok {
			code = e.Code
		}
		all = append(all, fmt.Sprintf("%s: %v", code, err))
	}
	return all
}

// Any number of goroutines add and ask. Nothing is lost, and nobody sees half of it.
func TestManyGoroutines(t *testing.T) {
	empty(t)
	const goroutines, each = 8, 25
	var work sync.WaitGroup
	for g := range goroutines {
		work.Go(func() {
			before := 0
			for i := range each {
				name := fmt.Sprintf("g%d-%02d", g, i)
				if i%2 == 0 {
					Add(part(name, nil, nil))
				} else { // what is added is not in the order of its sites
					added.add(part(name, nil, nil), fmt.Sprintf("file%02d.go:1", each-i))
				}
				all, err := All()
				names := namesOf(all)
				if err != nil || !slices.IsSorted(names) || !slices.Contains(names, name) || len(names) <= before {
					t.Errorf("after %q was added, and %d before, All returns %v, %v", name, before, names, err)
					return
				}
				before = len(names)
			}
		})
	}
	work.Wait()
	all, err := All()
	if err != nil || len(all) != goroutines*each {
		t.Errorf("All returns %d extensions and %v, want %d", len(all), err, goroutines*each)
	}
}

// The list is that of the process: what init of another file has added is there.
func TestInitIsSeen(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"warehouse", "reorder"}, namesOf(all)); diff != "" {
		t.Errorf("All returns others than the Example adds (-want +got):\n%s", diff)
	}
	added.mu.Lock()
	defer added.mu.Unlock()
	for _, f := range added.all {
		if file, _, _ := strings.Cut(filepath.Base(f.site), ":"); file != "example_test.go" {
			t.Errorf("the site of %q is %s, want one in example_test.go", f.is.Describe().Name, f.site)
		}
	}
}
