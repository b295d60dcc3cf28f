// Order and merge, as pure functions over plain data: which providers of one
// capability a scope sees, in which order, and which of them is the one.

package capability

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
)

// A layer is what one registry says of one capability. The functions of this
// file only read it.
type layer struct {
	name      string         // of the capability
	key       *key           // nil while only names were given, by Mask or Select
	providers []*provider    // in order of binding; nil where one was withdrawn
	index     map[string]int // name → place in providers
	binds     int            // how many providers are not rebindings
	mask      names
	pick      names // what Select keeps
}

// names is the list of a Mask or Select; nil if there is none.
type names struct {
	list  []string
	site  site
	byKey bool // it was not given with the capability by name
}

// get returns what the layer says of a provider's name, or nil.
func (l *layer) get(name string) *provider {
	if i, ok := l.index[name]; ok {
		return l.providers[i]
	}
	return nil
}

// empty reports whether the layer says nothing.
func (l *layer) empty() bool { return len(l.index) == 0 && l.mask.list == nil && l.pick.list == nil }

// home returns the layer that says p.
func home(layers []*layer, p *provider) *layer {
	return layers[slices.IndexFunc(layers, func(l *layer) bool { return l != nil && l.get(p.name) == p })]
}

// A seat is a provider at its place in a chain. priority and constrained are
// those of at, kept here so that ordering a hundred thousand seats reads one
// slice and not as many providers.
type seat struct {
	*provider             // who answers
	at          *provider // whose place it is; the same unless rebound
	from        *merged   // the chain
	priority    int       // 0 if picked
	depth       int32     // the layer whose block it stands in
	picked      bool      // by a Select, which is all that orders it then
	constrained bool      // it has Before or After; false if picked
}

// newSeat returns the seat that p takes by itself.
func newSeat(p *provider, depth int) seat {
	return seat{provider: p, at: p, priority: p.priority, depth: int32(depth), constrained: p.before != nil || p.after != nil}
}

// A fate is why a provider is not in the chain.
type fate string

const (
	fateHidden      fate = "hidden"       // a narrower registry binds the name
	fateMasked      fate = "masked"       // a narrower registry masks it
	fateShadowed    fate = "shadowed"     // a narrower registry binds any, under Shadow
	fateNotSelected fate = "not selected" // the Select of this or a narrower registry leaves it out
	fateReplaced    fate = "replaced"     // a narrower registry rebinds it
	fateUnmatched   fate = "unmatched"    // a rebinding, or a name of Mask or Select, without a target
)

// visible returns the providers that are seen through the layers, given
// narrowest first, in their narrow-first base order: by layer, then by priority,
// then by order of binding; a selection is one block in its own order. It tells
// note, unless that is nil, of everybody who is not seen and of the layer that
// decided it.
//
// Seen from the broadest layer down, each layer acts on what the broader ones
// left: it masks, it shadows, it binds and rebinds, and it selects.
//
//	engine     a  b  c        a b c
//	group      Mask(b)        a   c
//	pipeline   Bind(d)        a   c      d
//	           Rebind(c)      a   c'     d      seen: d a c'
func visible(r rules, layers []*layer, note func(p *provider, by *layer, f fate)) []seat {
	explain := note != nil
	if !explain {
		note = func(*provider, *layer, fate) {}
	}
	// Names have to be found again by narrower layers and by selections.
	narrowest, inherited := -1, 0
	for d, l := range layers {
		switch {
		case l == nil:
		case narrowest < 0:
			narrowest = d
		default:
			inherited += l.binds
		}
	}
	blocks := make([][]seat, len(layers))
	gaps := false               // some block holds empty seats
	var where map[string][2]int // name → block and place in it; gaps have no name
	if inherited > 0 || narrowest >= 0 && layers[narrowest].pick.list != nil {
		where = make(map[string][2]int, inherited)
	}
	// vacate takes the one of that name out of its block.
	vacate := func(name string, by *layer, f fate) bool {
		w, ok := where[name]
		if ok {
			gone := &blocks[w[0]][w[1]]
			note(gone.provider, by, f)
			*gone, gaps = seat{}, true
			delete(where, name)
		}
		return ok
	}
	for d := len(layers) - 1; d >= 0; d-- {
		l := layers[d]
		if l == nil {
			continue
		}
		for _, name := range l.mask.list {
			if !vacate(name, l, fateMasked) && explain {
				note(&provider{name: name, site: l.mask.site}, l, fateUnmatched)
			}
		}
		if r.shadow && l.binds > 0 {
			for broader := d + 1; broader < len(layers); broader++ {
				for _, s := range blocks[broader] {
					if s.provider != nil {
						note(s.provider, l, fateShadowed)
					}
				}
				blocks[broader] = nil
			}
			clear(where)
		}
		blocks[d] = make([]seat, 0, l.binds)
		for _, p := range l.providers {
			switch {
			case p == nil:
			case !p.rebind:
				vacate(p.name, l, fateHidden)
				if d != narrowest || l.pick.list != nil {
					where[p.name] = [2]int{d, len(blocks[d])}
				}
				blocks[d] = append(blocks[d], newSeat(p, d))
			default:
				if w, ok := where[p.name]; ok {
					s := &blocks[w[0]][w[1]]
					note(s.provider, l, fateReplaced)
					s.provider = p
				} else {
					note(p, l, fateUnmatched)
				}
			}
		}
		if l.pick.list != nil {
			block := make([]seat, 0, len(l.pick.list))
			for _, name := range l.pick.list {
				if w, ok := where[name]; ok {
					s := blocks[w[0]][w[1]]
					blocks[w[0]][w[1]] = seat{} // its block is dropped below
					s.depth, s.picked, s.priority, s.constrained = int32(d), true, 0, false
					block = append(block, s)
				} else if explain {
					note(&provider{name: name, site: l.pick.site}, l, fateUnmatched)
				}
			}
			for broader := d; broader < len(layers); broader++ {
				for _, s := range blocks[broader] {
					if s.provider != nil {
						note(s.provider, l, fateNotSelected)
					}
				}
				blocks[broader] = nil
			}
			blocks[d] = block
			clear(where)
			for i, s := range block {
				where[s.name] = [2]int{d, i}
			}
		}
	}
	n := 0
	for d, block := range blocks {
		if gaps {
			block = slices.DeleteFunc(block, func(s seat) bool { return s.provider == nil })
		}
		byPriority(block)
		blocks[d] = block
		n += len(block)
	}
	if len(blocks) == 1 {
		return blocks[0]
	}
	seats := make([]seat, 0, n)
	for _, block := range blocks {
		seats = append(seats, block...)
	}
	return seats
}

// byPriority sorts a block that is in order of binding. Most blocks are sorted
// already.
func byPriority(block []seat) {
	falling := func(a, b seat) int { return cmp.Compare(b.priority, a.priority) }
	if slices.IsSortedFunc(block, falling) {
		return
	}
	// Sorting small keys and moving the seats once is faster than moving the
	// seats while sorting.
	type key struct {
		priority int
		i        int32
	}
	keys := make([]key, len(block))
	for i, s := range block {
		keys[i] = key{s.priority, int32(i)}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.i, b.i))
	})
	order := make([]int32, len(block))
	for i, k := range keys {
		order[i] = k.i
	}
	permute(block, order)
}

// permute puts the seat number order[i] in place i, for all i. It uses order up.
// There is no second slice of seats, because what ordering many of them costs is
// mostly the collector that has to look at their pointers.
func permute(seats []seat, order []int32) {
	for start := range order {
		if order[start] < 0 {
			continue // its seat was moved already
		}
		first := seats[start]
		for to := start; ; {
			from := int(order[to])
			order[to] = -1
			if from == start {
				seats[to] = first
				break
			}
			seats[to] = seats[from]
			to = from
		}
	}
}

// tied reports whether only the order of binding puts a before b. A block is selected
// as a whole or not at all.
func tied(a, b *seat) bool {
	return !a.picked && a.depth == b.depth && a.priority == b.priority
}

// arranged is the outcome of [arrange].
type arranged struct {
	seats []seat // in chain order
	// firsts are the places in seats of those who are, or by another order of
	// binding within a tie would be, the one provider. Without providers there
	// are none; one clear provider is one.
	firsts []int
	// cycle is empty, or says who cannot be put in order.
	cycle []step
}

// A step of a cycle: first has to come before second, as one of both declared.
// If neither did, a Select did.
type step struct {
	first, second *seat
	by            *seat
}

// arrange puts seats, given in narrow-first base order, in the order of the
// chain, in the same slice if that can be. It takes time linear in seats and
// constraints, apart from sorting, and does not recurse.
func arrange(r rules, seats []seat) arranged {
	narrow := seats
	if r.broadFirst {
		seats = broadFirst(seats)
	}
	if !slices.ContainsFunc(seats, func(s seat) bool { return s.constrained }) {
		out := arranged{seats: seats}
		// Depth tells where the narrow-first base order began.
		start := 0
		if r.broadFirst && len(seats) > 0 {
			start = slices.IndexFunc(seats, func(s seat) bool { return s.depth == narrow[0].depth })
		}
		end := start
		for end < len(seats) && (end == start || tied(&seats[start], &seats[end])) {
			end++
		}
		out.firsts = make([]int, end-start)
		for i := range out.firsts {
			out.firsts[i] = start + i
		}
		return out
	}
	g := newGraph(seats)
	order := g.order()
	if len(order) < len(seats) {
		return arranged{cycle: g.cycle(seats)}
	}
	placed := make([]int, len(order)) // base place → chain place
	for i, base := range order {
		placed[base] = i
	}
	firsts := g.firsts(seats)
	for i, base := range firsts {
		firsts[i] = placed[base]
	}
	slices.Sort(firsts)
	permute(seats, order)
	return arranged{seats: seats, firsts: firsts}
}

// broadFirst returns the seats with the blocks of the layers in reverse.
func broadFirst(seats []seat) []seat {
	out := make([]seat, 0, len(seats))
	for end := len(seats); end > 0; {
		start := end - 1
		for start > 0 && seats[start-1].depth == seats[end-1].depth {
			start--
		}
		out = append(out, seats[start:end]...)
		end = start
	}
	return out
}

// A graph holds the constraints between seats, which are numbered in base order.
// A constraint says first before second and belongs to who declared it.
type graph struct {
	n         int
	after     table // i → who i declared After, save those who themselves declared Before i
	followers table // the reverse of after
	pullers   table // i → who declared Before i, ascending
	pulled    table // the reverse of pullers
}

// newGraph looks up the names in the constraints. Unseen names fall out.
func newGraph(seats []seat) *graph {
	numbers := newNumbers(seats)
	b, a := 0, 0
	for i := range seats {
		switch s := &seats[i]; {
		case s.picked:
			a++
		case s.constrained:
			b, a = b+len(s.at.before), a+len(s.at.after)
		}
	}
	befores, afters := make([]edge, 0, b), make([]edge, 0, a)
	last := make(map[int32]int32) // depth → last of its selection
	for i := range seats {
		s, me := &seats[i], int32(i)
		if s.picked {
			if prior, ok := last[s.depth]; ok {
				afters = append(afters, edge{me, prior})
			}
			last[s.depth] = me
		}
		if !s.constrained {
			continue
		}
		befores = numbers.edges(befores, me, s.at.before)
		afters = numbers.edges(afters, me, s.at.after)
	}
	g := &graph{
		n:       len(seats),
		pullers: newTable(len(seats), befores, true),
		pulled:  newTable(len(seats), befores, false),
	}
	// If a declared After b and b declared Before a, that is one constraint, and
	// b pulls.
	if len(befores) > 0 {
		afters = slices.DeleteFunc(afters, func(e edge) bool {
			_, mutual := slices.BinarySearch(g.pullers.of(e.from), e.to)
			return mutual
		})
	}
	g.after = newTable(len(seats), afters, false)
	g.followers = newTable(len(seats), afters, true)
	return g
}

// numbers finds seats by name. It is a hash table of its own because a map of as
// many names is four times as large, and what ordering many seats costs is the
// memory it touches.
type numbers struct {
	seats []seat
	seed  maphash.Seed
	slots []uint64 // upper half of a name's hash, number of its seat + 1; or 0
}

func newNumbers(seats []seat) *numbers {
	t := &numbers{seats, maphash.MakeSeed(), make([]uint64, 1<<bits.Len(uint(2*len(seats))))}
	for i := range seats {
		at, key := t.hash(seats[i].name)
		for t.slots[at] != 0 {
			at = (at + 1) & (len(t.slots) - 1)
		}
		t.slots[at] = key | uint64(i+1)
	}
	return t
}

// hash returns where the search for a name begins, and the upper half of its
// slot.
func (t *numbers) hash(name string) (at int, key uint64) {
	h := maphash.String(t.seed, name)
	return int(h) & (len(t.slots) - 1), h &^ (1<<32 - 1)
}

// of returns the number of the seat of that name.
func (t *numbers) of(name string) (int32, bool) {
	for at, key := t.hash(name); t.slots[at] != 0; at = (at + 1) & (len(t.slots) - 1) {
		if slot := t.slots[at]; slot&^(1<<32-1) == key {
			if i := int32(slot) - 1; t.seats[i].name == name {
				return i, true
			}
		}
	}
	return 0, false
}

// edges adds what the seat declared of these names to the list. A name that it declared
// twice is there twice, and is waited for and found twice.
func (t *numbers) edges(list []edge, me int32, names []string) []edge {
	for _, name := range names {
		if peer, ok := t.of(name); ok {
			list = append(list, edge{me, peer})
		}
	}
	return list
}

// An edge leads from who declared a constraint to the peer.
type edge struct{ from, to int32 }

// A table maps numbers to lists of numbers, in the order of the edges.
type table struct{ start, list []int32 }

func (t table) of(i int32) []int32 {
	if t.list == nil {
		return nil
	}
	return t.list[t.start[i]:t.start[i+1]]
}

// newTable makes the table from → to of edges, or to → from.
func newTable(n int, edges []edge, reverse bool) table {
	if len(edges) == 0 {
		return table{}
	}
	t := table{make([]int32, n+1), make([]int32, len(edges))}
	ends := func(e edge) (int32, int32) {
		if reverse {
			return e.to, e.from
		}
		return e.from, e.to
	}
	for _, e := range edges {
		i, _ := ends(e)
		t.start[i]++
	}
	for i := range n {
		t.start[i+1] += t.start[i]
	}
	// Now start[i] is where the list of i ends. Filling backwards moves it to
	// where the list begins.
	for _, e := range slices.Backward(edges) {
		i, v := ends(e)
		t.start[i]--
		t.list[t.start[i]] = v
	}
	return t
}

// The states of a seat while the order is made.
const (
	unvisited   uint8 = iota
	waitsAfter        // for those it declared After
	pulling           // visits those that declared Before it
	waitsBefore       // for those that declared Before it
)

// order visits the seats in base order, each once, and returns them in the order
// in which they are taken; who is missing waits in a cycle or for one.
//
// To visit p: while somebody whom p declared After is missing, p waits. Then
// those that declared Before p are visited, in base order; while one of them is
// missing, p waits. Then p is taken, and at once those that waited for p alone
// go on, in base order, each with all that it completes.
func (g *graph) order() []int32 {
	var (
		out     = make([]int32, 0, g.n)
		state   = make([]uint8, g.n)
		missing = make([]int32, 2*g.n)
		before  = missing[:g.n] // how many that declared Before i are missing
		after   = missing[g.n:] // how many whom i declared After are missing
	)
	for i := range int32(g.n) {
		before[i], after[i] = int32(len(g.pullers.of(i))), int32(len(g.after.of(i)))
	}
	// A frame is a list that is being worked through: the pullers of one that is
	// visited, or those that one who was taken set free.
	type frame struct {
		of   int32 // who is visited; -1 for the set free
		list []int32
	}
	var stack []frame
	take := func(i int32) {
		out = append(out, i)
		var free []int32
		for _, f := range g.followers.of(i) {
			if after[f]--; after[f] == 0 && state[f] == waitsAfter {
				free = append(free, f)
			}
		}
		for _, p := range g.pulled.of(i) {
			if before[p]--; before[p] == 0 && state[p] == waitsBefore {
				free = append(free, p)
			}
		}
		if len(free) > 0 {
			slices.Sort(free)
			stack = append(stack, frame{-1, free})
		}
	}
	pull := func(i int32) {
		state[i] = pulling
		stack = append(stack, frame{i, g.pullers.of(i)})
	}
	visit := func(i int32) {
		if after[i] > 0 {
			state[i] = waitsAfter
			return
		}
		pull(i)
	}
	for base := range int32(g.n) {
		if state[base] == unvisited {
			visit(base)
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.list) == 0 {
				of := top.of
				stack = stack[:len(stack)-1]
				switch {
				case of < 0:
				case before[of] > 0:
					state[of] = waitsBefore
				default:
					take(of)
				}
				continue
			}
			next := top.list[0]
			top.list = top.list[1:]
			switch {
			case top.of >= 0:
				if state[next] == unvisited {
					visit(next)
				}
			case state[next] == waitsAfter:
				pull(next)
			default:
				take(next)
			}
		}
	}
	return out
}

// firsts returns who can be the one provider: who is taken first if the base
// order is narrow first, under this or another order of binding within ties.
// The graph must have no cycle.
//
// Before anybody is taken, a visit to p takes somebody just if p is able: if p
// declared After nobody, and if nobody declared Before p or one of those is
// able. It then takes what the visit to the first able one of those takes, or p
// itself. So the candidates are found by walking from the first able seat, and
// those tied with it, to the first able pullers, and those tied with them.
func (g *graph) firsts(seats []seat) []int {
	able := make([]bool, g.n)
	var reached []int32
	for i := range int32(g.n) {
		if len(g.after.of(i)) == 0 && len(g.pullers.of(i)) == 0 {
			able[i] = true
			reached = append(reached, i)
		}
	}
	for len(reached) > 0 {
		i := reached[len(reached)-1]
		reached = reached[:len(reached)-1]
		for _, p := range g.pulled.of(i) {
			if !able[p] && len(g.after.of(p)) == 0 {
				able[p] = true
				reached = append(reached, p)
			}
		}
	}
	seen := make([]bool, g.n)
	var walk []int32
	// enter adds the first able one of the list in narrow-first order, and those
	// tied with it, to the walk. Lists ascend, so within a layer the first able
	// one is the first of the layer's order.
	enter := func(list []int32) {
		first := int32(-1)
		for _, i := range list {
			if able[i] && (first < 0 || seats[i].depth < seats[first].depth) {
				first = i
			}
		}
		for _, i := range list {
			if able[i] && !seen[i] && (i == first || tied(&seats[i], &seats[first])) {
				seen[i] = true
				walk = append(walk, i)
			}
		}
	}
	everybody := make([]int32, g.n)
	for i := range everybody {
		everybody[i] = int32(i)
	}
	enter(everybody)
	var found []int
	for len(walk) > 0 {
		i := walk[len(walk)-1]
		walk = walk[:len(walk)-1]
		if pullers := g.pullers.of(i); len(pullers) > 0 {
			enter(pullers)
		} else {
			found = append(found, int(i))
		}
	}
	return found
}

// cycle returns one cycle among those that order did not take, beginning with
// the first of its members in base order.
func (g *graph) cycle(seats []seat) []step {
	stuck := make([]bool, g.n)
	for i := range stuck {
		stuck[i] = true
	}
	for _, i := range g.order() {
		stuck[i] = false
	}
	// predecessor returns somebody stuck for whom i has to wait.
	predecessor := func(i int32) int32 {
		for _, list := range [][]int32{g.after.of(i), g.pullers.of(i)} {
			for _, p := range list {
				if stuck[p] {
					return p
				}
			}
		}
		panic("capability: stuck without a reason")
	}
	i := int32(slices.Index(stuck, true))
	seen := make([]bool, g.n)
	for ; !seen[i]; i = predecessor(i) {
		seen[i] = true
	}
	members := []int32{i}
	for p := predecessor(i); p != i; p = predecessor(p) {
		members = append(members, p)
	}
	slices.Reverse(members) // now each has to come before the next
	begin := slices.Index(members, slices.Min(members))
	members = slices.Concat(members[begin:], members[:begin])
	steps := make([]step, len(members))
	for i, m := range members {
		next := members[(i+1)%len(members)]
		s := step{first: &seats[m], second: &seats[next]}
		switch {
		case slices.Contains(g.pullers.of(next), m):
			s.by = s.first
		case !s.second.picked:
			s.by = s.second
		}
		steps[i] = s
	}
	return steps
}
