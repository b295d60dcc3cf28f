// The order by itself: all small sets of constraints against the naive walk.

package capability

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/internal/model"
)

// tooth is one constraint between two seats: from declares Before or After to.
type tooth struct {
	from, to int
	after    bool
}

// orderOf is a small graph: seats in narrow-first base order, their constraints,
// and where a new layer or a lesser priority begins.
type orderOf struct {
	n       int
	teeth   []tooth
	layer   int // bit i: a broader layer begins with seat i
	lesser  int // bit i: a lesser priority begins with seat i
	reverse bool
	picked  int // so many last ones are the selection of the broadest layer
}

func (o orderOf) String() string {
	text := ""
	for i := range o.n {
		switch {
		case o.layer&(1<<i) != 0:
			text += " | "
		case o.lesser&(1<<i) != 0:
			text += " > "
		default:
			text += " "
		}
		text += seatName(i)
	}
	for _, c := range o.teeth {
		word := "before"
		if c.after {
			word = "after"
		}
		text += fmt.Sprintf(", %s %s %s", seatName(c.from), word, seatName(c.to))
	}
	if o.reverse {
		text += ", broad first"
	}
	if o.picked > 0 {
		text += fmt.Sprintf(", the last %d selected", o.picked)
	}
	return text
}

func seatName(i int) string { return string(rune('a' + i)) }

// seats returns the graph as the package sees it.
func (o orderOf) seats() []seat {
	seats := make([]seat, o.n)
	depth, priority := 0, 0
	for i := range seats {
		if i > 0 && o.layer&(1<<i) != 0 {
			depth, priority = depth+1, 0
		} else if i > 0 && o.lesser&(1<<i) != 0 {
			priority--
		}
		p := &provider{name: seatName(i), priority: priority}
		seats[i] = seat{provider: p, at: p, depth: int32(depth), priority: priority}
	}
	for _, c := range o.teeth {
		p := seats[c.from].provider
		if c.after {
			p.after = append(p.after, seatName(c.to))
		} else {
			p.before = append(p.before, seatName(c.to))
		}
		seats[c.from].constrained = true
	}
	for i := o.n - o.picked; i < o.n; i++ {
		seats[i].picked, seats[i].priority, seats[i].constrained = true, 0, false
	}
	return seats
}

// world returns the graph as the model sees it.
func (o orderOf) world() model.World {
	w := model.World{Rules: model.Rules{BroadFirst: o.reverse}}
	for _, s := range o.seats() {
		for len(w.Layers) <= int(s.depth) {
			w.Layers = append(w.Layers, model.Layer{Level: -int(s.depth)})
		}
		l := &w.Layers[s.depth]
		l.Statements = append(l.Statements, model.Statement{
			Name: s.name, Priority: s.at.priority, Before: s.at.before, After: s.at.after,
		})
		if s.picked {
			l.Select = append(l.Select, s.name)
		}
	}
	return w
}

// peers returns the graph as the naive walk sees it.
func (o orderOf) peers() []model.Peer {
	peers := make([]model.Peer, o.n)
	for i, s := range o.seats() {
		peers[i] = model.Peer{Name: s.name, Before: s.at.before, After: s.at.after}
	}
	return peers
}

// checkOrder compares arrange with the naive walk and with the meaning of the
// constraints, and reports whether there is an order.
func checkOrder(t *testing.T, o orderOf) bool {
	peers := o.peers()
	must := model.Must(peers)
	want, ok := model.Arrange(peers)
	if ok == model.Cyclic(peers) {
		t.Fatalf("%v: the naive walk finds an order: %t, and there is a cycle: %t", o, ok, !ok)
	}
	got := arrange(rules{}, o.seats())
	if ok != (got.cycle == nil) {
		t.Fatalf("%v: an order is found: %t, want %t", o, got.cycle == nil, ok)
	}
	if !ok {
		for i, s := range got.cycle {
			next := got.cycle[(i+1)%len(got.cycle)].first
			declarer := s.by == s.first && slices.Contains(s.first.at.before, s.second.name) ||
				s.by == s.second && slices.Contains(s.second.at.after, s.first.name)
			if s.second.name != next.name || !declarer {
				t.Fatalf("%v: step %d of the cycle says that %s is before %s by %s", o, i, s.first.name, s.second.name, s.by.name)
			}
		}
		return false
	}
	place := make([]int, o.n)
	if len(got.seats) != o.n {
		t.Fatalf("%v: the order has %d seats, want %d", o, len(got.seats), o.n)
	}
	for i, s := range got.seats {
		if s.name != seatName(want[i]) {
			t.Fatalf("%v: place %d of the order has %s, want %s", o, i, s.name, seatName(want[i]))
		}
		place[want[i]] = i
	}
	for i := range must {
		for j := range must {
			if must[i][j] && place[i] > place[j] {
				t.Fatalf("%v: %s comes after %s, and must not", o, seatName(i), seatName(j))
			}
		}
	}
	return true
}

// checkWorld compares the chain and the candidates for the one provider with
// brute force, and reports whether there is an order.
func checkWorld(t *testing.T, o orderOf) bool {
	w := o.world()
	chain, ok := w.Chain()
	got := arrange(rules{broadFirst: o.reverse}, o.seats())
	if ok != (got.cycle == nil) {
		t.Fatalf("%v: an order is found: %t, want %t", o, got.cycle == nil, ok)
	}
	if !ok {
		return false
	}
	names := make([]string, len(got.firsts))
	for i, at := range got.firsts {
		names[i] = got.seats[at].name
	}
	slices.Sort(names)
	if want := w.Candidates(); !slices.Equal(want, names) {
		t.Fatalf("%v: candidates for the one provider (-want +got):\n%s", o, cmp.Diff(want, names))
	}
	for i, e := range chain {
		if got.seats[i].name != e.Name {
			t.Fatalf("%v: place %d of the chain has %s, want %s", o, i, got.seats[i].name, e.Name)
		}
	}
	return true
}

// eachGraph calls f with every graph of n seats whose pairs are constrained in
// one of the ways, and at most most pairs at all. Way k lists which of the four
// possible constraints of a pair are there, as bits.
func eachGraph(n, most int, ways []int, f func([]tooth)) {
	var pairs [][2]int
	for i := range n {
		for j := range i {
			pairs = append(pairs, [2]int{j, i})
		}
	}
	var teeth []tooth
	var grow func(at, left int)
	grow = func(at, left int) {
		if at == len(pairs) {
			f(teeth)
			return
		}
		grow(at+1, left)
		if left == 0 {
			return
		}
		i, j := pairs[at][0], pairs[at][1]
		all := [4]tooth{{i, j, false}, {i, j, true}, {j, i, false}, {j, i, true}}
		for _, way := range ways {
			before := len(teeth)
			for bit, c := range all {
				if way&(1<<bit) != 0 {
					teeth = append(teeth, c)
				}
			}
			grow(at+1, left-1)
			teeth = teeth[:before]
		}
	}
	grow(0, most)
}

// The ways to constrain a pair.
var (
	oneWay   = []int{1, 2, 4, 8}                                        // one constraint
	sound    = []int{1, 2, 4, 8, 1 | 8, 2 | 4}                          // no contradiction
	everyWay = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} // any
)

func TestOrderOfSmallGraphsEqualsNaiveWalk(t *testing.T) {
	type size struct {
		n, most int
		ways    []int
	}
	sizes := []size{{1, 0, nil}, {2, 1, everyWay}, {3, 3, everyWay}, {4, 6, sound}, {4, 2, everyWay}, {5, 4, oneWay}}
	if testing.Short() {
		sizes = []size{{1, 0, nil}, {2, 1, everyWay}, {3, 3, everyWay}, {4, 6, oneWay}, {5, 3, oneWay}}
	}
	graphs, cycles := 0, 0
	for _, s := range sizes {
		eachGraph(s.n, s.most, s.ways, func(teeth []tooth) {
			graphs++
			if !checkOrder(t, orderOf{n: s.n, teeth: teeth}) {
				cycles++
			}
		})
	}
	t.Logf("compared %d graphs, %d of them with a cycle", graphs, cycles)
}

func TestCandidatesForTheOneEqualBruteForce(t *testing.T) {
	sizes := []struct{ n, most int }{{1, 0}, {2, 1}, {3, 3}, {4, 3}, {5, 1}}
	if testing.Short() {
		sizes[3].most = 2
	}
	graphs := 0
	for _, s := range sizes {
		eachGraph(s.n, s.most, oneWay, func(teeth []tooth) {
			if model.Cyclic((orderOf{n: s.n, teeth: teeth}).peers()) {
				return
			}
			// Each seat but the first goes on in the layer and priority of its
			// forerunner, or has a lesser priority, or begins a broader layer.
			for lesser := 0; lesser < 1<<s.n; lesser += 2 {
				for layer := 0; layer < 1<<s.n; layer += 2 {
					if layer&lesser != 0 {
						continue
					}
					for _, reverse := range []bool{false, true} {
						if reverse && layer == 0 {
							continue
						}
						graphs++
						checkWorld(t, orderOf{n: s.n, teeth: teeth, layer: layer, lesser: lesser, reverse: reverse})
					}
				}
			}
		})
	}
	t.Logf("compared %d graphs", graphs)
}

func TestOrderAroundSelectionEqualsNaiveWalk(t *testing.T) {
	graphs, cycles := 0, 0
	for _, s := range []struct{ n, picked, most int }{{3, 2, 3}, {4, 2, 3}, {4, 3, 3}, {5, 3, 3}} {
		block := s.n - s.picked
		eachGraph(s.n, s.most, sound, func(teeth []tooth) {
			// The constraints of the selected are dropped.
			if slices.ContainsFunc(teeth, func(c tooth) bool { return c.from >= block }) {
				return
			}
			for _, reverse := range []bool{false, true} {
				graphs++
				if !checkWorld(t, orderOf{n: s.n, teeth: teeth, layer: 1 << block, reverse: reverse, picked: s.picked}) {
					cycles++
				}
			}
		})
	}
	t.Logf("compared %d graphs, %d of them with a cycle", graphs, cycles)
}

// asLayers returns a world as the package sees it. Values are kept in Meta.
func asLayers(world []model.Layer) []*layer {
	layers := make([]*layer, len(world))
	for i, from := range world {
		l := &layer{index: make(map[string]int)}
		for _, st := range from.Statements {
			p := &provider{
				name: st.Name, rebind: st.Rebind, priority: st.Priority, before: st.Before, after: st.After,
				meta: &Meta{Version: st.Value},
			}
			l.index[p.name] = len(l.providers)
			l.providers = append(l.providers, p)
			l.count(p, 1)
		}
		l.mask.list, l.pick.list = from.Mask, from.Select
		layers[i] = l
	}
	return layers
}

// TestAllSmallWorldsEqualTheModel compares chain and candidates of all small
// worlds, under all rules, with the model.
func TestAllSmallWorldsEqualTheModel(t *testing.T) {
	share := 1
	if testing.Short() {
		share = 31
	}
	worlds, several, n := 0, 0, 0
	for world := range model.SmallWorlds(3) {
		if n++; n%share != 0 {
			continue
		}
		layers := asLayers(world)
		for _, r := range []rules{{}, {shadow: true}, {broadFirst: true}} {
			worlds++
			w := model.World{Rules: model.Rules{Shadow: r.shadow, BroadFirst: r.broadFirst}, Layers: world}
			want, ok := w.Chain()
			got := arrange(r, visible(r, layers, nil))
			if !ok || got.cycle != nil || len(got.seats) != len(want) {
				t.Fatalf("%+v: %d seats, want %d; an order: %t, want %t", w, len(got.seats), len(want), got.cycle == nil, ok)
			}
			for i, s := range got.seats {
				if s.name != want[i].Name || s.meta.Version != want[i].Value {
					t.Fatalf("%+v: place %d has %s by %q, want %s by %q", w, i, s.name, s.meta.Version, want[i].Name, want[i].Value)
				}
			}
			firsts := make([]string, len(got.firsts))
			for i, at := range got.firsts {
				firsts[i] = got.seats[at].name
			}
			slices.Sort(firsts)
			candidates := w.Candidates()
			if len(candidates) > 1 {
				several++
			}
			if !slices.Equal(candidates, firsts) {
				t.Fatalf("%+v: candidates for the one (-want +got):\n%s", w, cmp.Diff(candidates, firsts))
			}
		}
	}
	t.Logf("compared %d worlds, %d of them with several candidates", worlds, several)
}
