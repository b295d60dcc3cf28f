// Fuzz targets: names, order and errors as JSON. Without -fuzz they run their
// seeds.

package capability_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// nameIsGood is the documented rule once more, in other words: 1 to 200 bytes of
// UTF-8, all of them letters, marks, numbers, punctuation or symbols, which is
// what is printable and no space.
func nameIsGood(name string) bool {
	if len(name) < 1 || len(name) > 200 {
		return false
	}
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && size == 1 {
			return false
		}
		if !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) {
			return false
		}
		name = name[size:]
	}
	return true
}

// FuzzNames proves that every place that takes a name accepts it exactly if the
// documented rule does.
func FuzzNames(f *testing.F) {
	for _, names := range []map[string]string{badNames, goodNames} {
		for _, kind := range slices.Sorted(maps.Keys(names)) {
			if name := names[kind]; len(name) < 1000 {
				f.Add(name)
			}
		}
	}
	printers := capability.New[printer]("printer", "prints pages")
	laser := new(inkjet)
	f.Fuzz(func(t *testing.T, name string) {
		good := nameIsGood(name)
		city := capability.NewRegistry(capability.Engine, "city")
		scope, err := capability.Compose(city)
		accepted(t, err)
		for place, err := range map[string]error{
			"Bind":        city.Apply(printers.Bind(name, laser)),
			"Before":      city.Apply(printers.Bind("before", laser).Before(name)),
			"NewRegistry": capability.NewRegistry(capability.Engine, name).Apply(),
			"New":         recovered(func() { capability.New[printer](name, "prints pages") }),
		} {
			if name == "before" && place == "Before" {
				continue // names itself
			}
			if (err == nil) != good {
				t.Errorf("%s of %q: got %v, want accepted: %v", place, name, err, good)
			}
			if err != nil {
				refused(t, err, capability.ErrInvalid)
				// A name may be printed twice, and each of its bytes takes four.
				if most := 2000; len(err.Error()) > most {
					t.Errorf("%s: the text has %d bytes, want at most %d", place, len(err.Error()), most)
				}
			}
		}
		if name == "" {
			return // Named("") asks for the one provider
		}
		var h capability.Handle[printer]
		err = scope.Resolve(printers.Named(name).Into(&h))
		if (err == nil) != good {
			t.Errorf("Named(%q) after Bind: got %v, want accepted: %v", name, err, good)
		}
		if err != nil {
			refused(t, err, capability.ErrInvalid)
		}
	})
}

// A ticket is a binding of FuzzOrder.
type ticket struct {
	name          string
	narrow        bool // in which of the registries
	priority      int
	before, after []string
}

// tickets decodes data: four bytes a binding, of which the last two are sets of
// peers. Names are unique in a registry.
func tickets(data []byte) []ticket {
	const names = "abcdefgh"
	var list []ticket
	seen := make(map[string]bool)
	for len(data) >= 4 && len(list) < 2*len(names) {
		b := data[:4]
		data = data[4:]
		tk := ticket{
			name:     string(names[b[0]%8]),
			narrow:   b[0]&8 != 0,
			priority: int(int8(b[1])) / 32,
		}
		at := fmt.Sprint(tk.narrow, tk.name)
		if seen[at] {
			continue
		}
		seen[at] = true
		for i := range names {
			peer := string(names[i])
			if peer == tk.name {
				continue
			}
			if b[2]&(1<<i) != 0 {
				tk.before = append(tk.before, peer)
			}
			if b[3]&(1<<i) != 0 {
				tk.after = append(tk.after, peer)
			}
		}
		list = append(list, tk)
	}
	return list
}

// seen returns the tickets that a scope of both registries sees: a narrow one
// hides the broad one of its name.
func seen(list []ticket) map[string]ticket {
	visible := make(map[string]ticket)
	for _, tk := range list {
		if _, ok := visible[tk.name]; !ok || tk.narrow {
			visible[tk.name] = tk
		}
	}
	return visible
}

// mustPrecede returns who has to come before whom.
func mustPrecede(visible map[string]ticket) map[[2]string]bool {
	pairs := make(map[[2]string]bool)
	for _, tk := range visible {
		for _, peer := range tk.before {
			if _, ok := visible[peer]; ok {
				pairs[[2]string{tk.name, peer}] = true
			}
		}
		for _, peer := range tk.after {
			if _, ok := visible[peer]; ok {
				pairs[[2]string{peer, tk.name}] = true
			}
		}
	}
	return pairs
}

// contradictory reports whether no order obeys the pairs: whether something is
// left when those whom nobody has to precede are taken away again and again.
func contradictory(visible map[string]ticket, pairs map[[2]string]bool) bool {
	left := maps.Clone(visible)
	for range visible {
		for name := range left {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(left)), func(peer string) bool { return pairs[[2]string{peer, name}] }) {
				delete(left, name)
			}
		}
	}
	return len(left) > 0
}

// chainOf binds the tickets and returns the order in which a scope sees them.
// How says how the registries are filled: how their bindings are interleaved and
// whether the scope is there before.
func chainOf(key capability.Capability[int], list []ticket, how int) ([]string, error) {
	narrow, broad := capability.NewRegistry(2, "narrow"), capability.NewRegistry(1, "broad")
	bind := func(tk ticket) capability.Change {
		return key.Bind(tk.name, 1).Priority(tk.priority).Before(tk.before...).After(tk.after...)
	}
	var narrowOnes, broadOnes []capability.Change
	for _, tk := range list {
		if tk.narrow {
			narrowOnes = append(narrowOnes, bind(tk))
		} else {
			broadOnes = append(broadOnes, bind(tk))
		}
	}
	var err error
	fill := func() {
		switch how % 3 {
		case 0: // as one transaction
			err = capability.Commit(narrow.Stage(narrowOnes...), broad.Stage(broadOnes...))
		case 1: // the other way round, and in two parts
			half := len(broadOnes) / 2
			err = capability.Commit(broad.Stage(broadOnes[:half]...), narrow.Stage(narrowOnes...), broad.Stage(broadOnes[half:]...))
		default: // one after the other as they come: in no scope, where no cycle is seen
			for _, tk := range list {
				to := broad
				if tk.narrow {
					to = narrow
				}
				if e := to.Apply(bind(tk)); e != nil {
					err = e
				}
			}
		}
	}
	scopeFirst := how%3 != 2 && how >= 3
	if !scopeFirst {
		fill()
		if err != nil {
			return nil, err
		}
	}
	scope, fault := capability.Compose(narrow, broad)
	if fault != nil {
		return nil, fault
	}
	h, fault := key.All().Handle(scope)
	if fault != nil {
		return nil, fault
	}
	if scopeFirst {
		fill()
	}
	return h.Get().Names(), err
}

// FuzzOrder proves that bindings with constraints in two registries either are
// contradictory and refused, or are put into an order that obeys every
// constraint and does not depend on how they came in.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 1, 0, 0, 0, 2, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 2, 9, 0, 0, 1})
	f.Add([]byte{0, 0, 2, 0, 9, 0, 4, 0, 2, 0, 1, 0})
	f.Add([]byte{8, 64, 255, 0, 0, 192, 0, 255, 1, 32, 4, 8, 3, 0, 0, 2})
	f.Add([]byte("the quick brown fox jumps over the lazy dog and so on and on"))
	// What go test runs without -fuzz has to find most faults by itself: from no
	// constraints to many.
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		data := []byte{byte(i)}
		for range 2 + random.IntN(12) {
			b := [4]byte{byte(random.Uint32()), byte(random.Uint32())}
			for range random.IntN(1 + i/50) {
				b[2+random.IntN(2)] |= 1 << random.IntN(8)
			}
			data = append(data, b[:]...)
		}
		f.Add(data)
	}
	rules := []capability.Rule{capability.BroadFirst(), capability.Shadow()}
	f.Fuzz(func(t *testing.T, data []byte) {
		rule := 0
		if len(data) > 0 {
			rule, data = int(data[0])%3, data[1:]
		}
		list := tickets(data)
		key := capability.New[int]("ticket", "a number in a queue", rules[:min(rule, 1)]...)
		visible := seen(list)
		if rule == 2 {
			key = capability.New[int]("ticket", "a number in a queue", rules[1])
			if slices.ContainsFunc(list, func(tk ticket) bool { return tk.narrow }) {
				maps.DeleteFunc(visible, func(_ string, tk ticket) bool { return !tk.narrow })
			}
		}
		pairs := mustPrecede(visible)
		impossible := contradictory(visible, pairs)
		var first []string
		for how := range 6 {
			names, err := chainOf(key, list, how)
			if impossible {
				if !errors.Is(err, capability.ErrCycle) {
					t.Fatalf("way %d: got %v and %v, want a cycle among %+v", how, names, err, list)
				}
				if most := longestCycleText; len(err.Error()) > most {
					t.Errorf("the text has %d bytes, want at most %d", len(err.Error()), most)
				}
				continue
			}
			if err != nil {
				t.Fatalf("way %d: %v of %+v", how, err, list)
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(visible)), slices.Sorted(slices.Values(names))); diff != "" {
				t.Fatalf("way %d: who is seen (-want +got):\n%s", how, diff)
			}
			for pair := range pairs {
				if slices.Index(names, pair[0]) > slices.Index(names, pair[1]) {
					t.Errorf("way %d: %s has to come before %s in %v", how, pair[0], pair[1], names)
				}
			}
			if how == 0 {
				first = names
			} else if diff := cmp.Diff(first, names); diff != "" {
				t.Errorf("way %d gives another order than way 0 (-0 +%d):\n%s", how, how, diff)
			}
			if len(pairs) == 0 {
				base := slices.SortedStableFunc(maps.Values(visible), func(a, b ticket) int { return baseOrder(list, rule, a, b) })
				for i, tk := range base {
					if names[i] != tk.name {
						t.Fatalf("way %d: without constraints the order is %v, want base order %v", how, names, base)
					}
				}
			}
		}
	})
}

// baseOrder compares two tickets: by registry, then by priority, then by which
// came first.
func baseOrder(list []ticket, rule int, a, b ticket) int {
	if a.narrow != b.narrow {
		if a.narrow != (rule == 1) {
			return -1
		}
		return 1
	}
	if a.priority != b.priority {
		return b.priority - a.priority
	}
	at := func(tk ticket) int {
		return slices.IndexFunc(list, func(other ticket) bool { return other.name == tk.name && other.narrow == tk.narrow })
	}
	return at(a) - at(b)
}

// FuzzErrorJSON proves that whatever is read as an Error is written as something
// that is read and written the same from then on, and that what is refused
// changes nothing.
func FuzzErrorJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"code":"cycle","capability":"printer","provider":"laser","scope":"a over b","priority":3}`,
		`{"cause":{"error":{"code":"x","cause":{"context":"canceled"}}}}`,
		`{"cause":{"text":"a\nb","causes":[{"code":"40001"},{"context":"deadline exceeded"},{"text":""}]}}`,
		`{"code":"\ud800","cause":{"text":"\u0000<>&\u2028"}}`,
		`{"CODE":"a","code":"b","Cause":{"text":"a"},"cause":{"causes":[{"text":"b"}]}}`,
		`{"cause":{}}`, `{"cause":{"code":"a","text":"b"}}`, `{"priority":-9223372036854775808}`,
		strings.Repeat(`{"cause":{"error":`, 150) + `{"code":"x"}` + strings.Repeat(`}}`, 150),
		`{"cause":` + strings.Repeat(`{"text":"a","causes":[`, 150) + `{"code":"x"}` + strings.Repeat(`]}`, 150) + `}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := capability.Error{Code: retry, Priority: 4}
		e := before
		if err := json.Unmarshal(data, &e); err != nil {
			if e != before {
				t.Errorf("refused with %v and yet changed to %v", err, &e)
			}
			return
		}
		text := e.Error()
		once, err := json.Marshal(&e)
		if err != nil {
			t.Fatalf("writing what was read: %v", err)
		}
		var back capability.Error
		if err := json.Unmarshal(once, &back); err != nil {
			t.Fatalf("reading %s: %v", once, err)
		}
		twice, err := json.Marshal(&back)
		if err != nil {
			t.Fatalf("writing it again: %v", err)
		}
		if diff := cmp.Diff(string(once), string(twice)); diff != "" {
			t.Errorf("no fixed point (-once +twice):\n%s", diff)
		}
		if diff := cmp.Diff(text, back.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if back.Code != e.Code || errors.Is(&back, e.Code) != errors.Is(&e, e.Code) {
			t.Errorf("code %q, want %q", back.Code, e.Code)
		}
	})
}
