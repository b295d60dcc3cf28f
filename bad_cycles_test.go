// Cycles of Before, After and Select, from the smallest to very large ones.

package capability_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// longestCycleText is how long the text of a cycle may be in bytes.
const longestCycleText = 600

// ring returns n bindings of which each waits for the next one, and the last for
// the first.
func ring(n int, name func(i int) string, bind func(name string) capability.Binding, wait func(b capability.Binding, peer string, i int) capability.Binding) capability.Changes {
	changes := make(capability.Changes, n)
	for i := range n {
		changes[i] = wait(bind(name(i)), name((i+1)%n), i)
	}
	return changes
}

// cycleRefused checks the error of a cycle.
func cycleRefused(t *testing.T, err error) {
	t.Helper()
	refused(t, err, capability.ErrCycle)
	if err == nil {
		return
	}
	if n := len(err.Error()); n > longestCycleText {
		t.Errorf("the text has %d bytes, want at most %d: %v", n, longestCycleText, err)
	}
}

var waits = map[string]func(b capability.Binding, peer string, i int) capability.Binding{
	"after":  func(b capability.Binding, peer string, _ int) capability.Binding { return b.After(peer) },
	"before": func(b capability.Binding, peer string, _ int) capability.Binding { return b.Before(peer) },
	"priorities": func(b capability.Binding, peer string, i int) capability.Binding {
		return b.After(peer).Priority(i % 7)
	},
	// The two members of a pair say the same, which is no cycle of its own.
	"twice": func(b capability.Binding, peer string, _ int) capability.Binding {
		return b.Before(peer, peer).Before(peer)
	},
}

// TestCycles makes cycles of 2 to 300 000 members, by Apply and by Compose.
// Nothing in it may recurse or take quadratic time: with 300 000 members either
// would end the test.
func TestCycles(t *testing.T) {
	shortName := func(i int) string { return fmt.Sprint("p", i) }
	longName := func(i int) string { return fmt.Sprintf("%0200d", i) }
	for _, n := range []int{2, 3, 4, 5, 6, 17, 1000, 300_000} {
		for how, wait := range waits {
			for kind, name := range map[string]func(int) string{"short": shortName, "long": longName} {
				if n > 1000 && (kind == "long" || how == "twice" || how == "priorities") {
					continue // only the length of the cycle matters
				}
				t.Run(fmt.Sprintf("%d/%s/%s", n, how, kind), func(t *testing.T) {
					o := newOffice(t)
					bind := func(name string) capability.Binding { return bindFarAway(o.printers, name, o.laser) }
					changes := ring(n, name, bind, wait)
					before := o.state(t)
					err := o.city.Apply(changes)
					cycleRefused(t, err)
					if err != nil && !strings.Contains(err.Error(), fmt.Sprint(n, " providers")) {
						t.Errorf("the text does not say that %d wait for each other: %v", n, err)
					}
					if diff := cmp.Diff(before, o.state(t)); diff != "" {
						t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
					}
					alone := capability.NewRegistry(capability.Engine, "alone")
					accepted(t, alone.Apply(changes))
					_, err = capability.Compose(alone, o.desk)
					cycleRefused(t, err)
					_, err = o.scope.With(capability.NewRegistry(capability.Node, "node"))
					accepted(t, err)
					accepted(t, alone.Close(t.Context()))
				})
			}
		}
	}
}

// TestCycleWithLongNames has nothing but names of 200 bytes in the text.
func TestCycleWithLongNames(t *testing.T) {
	long := func(r rune) string { return strings.Repeat(string(r), 200/len(string(r))) }
	key := capability.New[printer](long('k'), "prints pages")
	narrow, broad := capability.NewRegistry(1, long('n')), capability.NewRegistry(0, long('b'))
	accepted(t, narrow.Apply(bindFarAway(key, long('打'), new(inkjet)).After(long('印'))))
	accepted(t, broad.Apply(bindFarAway(key, long('印'), new(inkjet)).After(long('🖨'))))
	accepted(t, broad.Apply(bindFarAway(key, long('🖨'), new(inkjet)).After(long('打'))))
	_, err := capability.Compose(narrow, broad)
	cycleRefused(t, err)
}

// TestRunUpToCycle hangs a long line of providers on a small cycle: the text
// names the members of the cycle and not the line.
func TestRunUpToCycle(t *testing.T) {
	const n = 300_000
	key := capability.New[printer]("printer", "prints pages")
	r := capability.NewRegistry(capability.Engine, "city")
	changes := make(capability.Changes, 0, n+2)
	for i := range n {
		changes = append(changes, key.Bind(fmt.Sprint("p", i), new(inkjet)).After(fmt.Sprint("p", i+1)))
	}
	changes = append(changes,
		key.Bind(fmt.Sprint("p", n), new(inkjet)).After("toner"),
		key.Bind("toner", new(inkjet)).After(fmt.Sprint("p", n)))
	accepted(t, r.Apply(changes))
	_, err := capability.Compose(r)
	cycleRefused(t, err)
	if err != nil {
		for _, want := range []string{"2 providers", `"toner"`, fmt.Sprintf(`"p%d"`, n)} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the text does not say %s: %v", want, err)
			}
		}
	}
}

// TestLongLines orders 300 000 providers against their base order, which is no
// cycle.
func TestLongLines(t *testing.T) {
	const n = 300_000
	for how, wait := range map[string]func(b capability.Binding, peer string) capability.Binding{
		"after":  func(b capability.Binding, peer string) capability.Binding { return b.After(peer) },
		"before": func(b capability.Binding, peer string) capability.Binding { return b.Before(peer) },
	} {
		t.Run(how, func(t *testing.T) {
			key := capability.New[int]("page", "a page of a book")
			r := capability.NewRegistry(capability.Engine, "book")
			changes := make(capability.Changes, n)
			for i := range n {
				peer := i + 1
				if how == "before" {
					peer = i - 1
				}
				changes[i] = wait(key.Bind(fmt.Sprint("p", i), i), fmt.Sprint("p", peer))
			}
			accepted(t, r.Apply(changes))
			scope, err := capability.Compose(r)
			accepted(t, err)
			h, err := key.All().Handle(scope)
			accepted(t, err)
			pages := h.Get().Values()
			slices.Reverse(pages)
			for i, page := range pages {
				if i != page {
					t.Fatalf("place %d from the end has page %d", i, page)
				}
			}
		})
	}
}

// TestCyclesOfFew makes the cycles that a person makes.
func TestCyclesOfFew(t *testing.T) {
	p := new(inkjet)
	for name, apply := range map[string]func(o *office) error{
		"with-the-resolved": func(o *office) error {
			return o.city.Apply(o.printers.Bind("photo", p).After("label").Before("laser"))
		},
		"both-first": func(o *office) error {
			return o.city.Apply(o.printers.Bind("a", p).Before("b"), o.printers.Bind("b", p).Before("a"))
		},
		"both-last": func(o *office) error {
			return o.city.Apply(o.printers.Bind("a", p).After("b"), o.printers.Bind("b", p).After("a"))
		},
		"before-and-after-one-peer": func(o *office) error {
			return o.city.Apply(o.printers.Bind("photo", p).Before("laser").After("laser"))
		},
		"across-registries": func(o *office) error {
			return capability.Commit(
				o.desk.Stage(o.printers.Bind("a", p).After("b")),
				o.floor.Stage(o.printers.Bind("b", p).After("c")),
				o.city.Stage(o.printers.Bind("c", p).After("a")))
		},
		"around-a-selection": func(o *office) error {
			return capability.Commit(
				o.floor.Stage(o.printers.Select("plotter", "laser")),
				o.desk.Stage(o.printers.Bind("a", p).Before("plotter").After("laser")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			before := o.state(t)
			cycleRefused(t, apply(o))
			if diff := cmp.Diff(before, o.state(t)); diff != "" {
				t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCycleInTenThousandScopes closes a cycle that ten thousand scopes see, each
// with a provider of its own: it is reported once and the text stays short.
func TestCycleInTenThousandScopes(t *testing.T) {
	key := capability.New[printer]("printer", "prints pages")
	city := capability.NewRegistry(capability.Engine, "city")
	for i := range 10_000 {
		desk := capability.NewRegistry(capability.Pipeline, fmt.Sprint("desk", i))
		accepted(t, desk.Apply(key.Bind("own", new(inkjet))))
		_, err := capability.Compose(desk, city)
		accepted(t, err)
	}
	err := city.Apply(key.Bind("a", new(inkjet)).After("b"), key.Bind("b", new(inkjet)).After("a"))
	cycleRefused(t, err)
}

// TestCycleAroundASelectionByName selects by name what a broad registry binds, with one
// between them that says nothing, while nobody has resolved the capability.
func TestCycleAroundASelectionByName(t *testing.T) {
	o := newOffice(t)
	badges := capability.New[printer]("badge_printer", "prints badges")
	accepted(t, o.city.Apply(badges.Bind("x", o.laser), badges.Bind("y", o.laser)))
	scope, err := o.scope.With(o.spare)
	accepted(t, err)
	defer scope.Close()
	accepted(t, o.spare.Apply(badges.Bind("between", o.laser).After("x").Before("y")))
	cycleRefused(t, o.desk.Apply(capability.Select("badge_printer", "y", "x")))
	accepted(t, o.desk.Apply(capability.Select("badge_printer", "x", "y")))
}

// TestCycleThatNobodySaw is accepted while all open scopes select others, and refused to
// the first that would see it.
func TestCycleThatNobodySaw(t *testing.T) {
	key := capability.New[printer]("printer", "prints pages")
	city, desk := capability.NewRegistry(1, "city"), capability.NewRegistry(2, "desk")
	accepted(t, city.Apply(key.Bind("a", new(inkjet))))
	accepted(t, desk.Apply(key.Select("a")))
	scope, err := capability.Compose(city, desk)
	accepted(t, err)
	defer scope.Close()
	accepted(t, city.Apply(key.Bind("b", new(inkjet)).Before("c"), key.Bind("c", new(inkjet)).Before("b")))
	cycleRefused(t, second(capability.Compose(city)))
	cycleRefused(t, desk.Apply(key.Select()))
}

// TestCycleCountsScopes makes a cycle that scopes see which share their view and scopes
// which have one of their own, namesakes among them.
func TestCycleCountsScopes(t *testing.T) {
	key := capability.New[printer]("printer", "prints pages")
	city := capability.NewRegistry(1, "city")
	accepted(t, city.Apply(key.Bind("a", new(inkjet)), key.Bind("b", new(inkjet))))
	for i := range 5 {
		desk := capability.NewRegistry(2, "desk")
		if i < 2 {
			accepted(t, desk.Apply(key.Bind("own", new(inkjet))))
		}
		scope, err := capability.Compose(city, desk)
		accepted(t, err)
		defer scope.Close()
	}
	err := city.Apply(key.Rebind("a", new(inkjet)), key.Unbind("b"), key.Bind("c", new(inkjet)).After("d"), key.Bind("d", new(inkjet)).After("c"))
	cycleRefused(t, err)
	if !strings.Contains(err.Error(), "(so too for 4 more scopes)") {
		t.Errorf("five scopes see the cycle, and the error is %v", err)
	}
}
