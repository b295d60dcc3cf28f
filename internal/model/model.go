// The reference model of order and merge: plain data, naive and obviously
// right, written from the text of the design alone. It shares no code with the
// package that it judges.

// Package model says what the order and merge of layered providers should be.
// It tries everything, copies everything and is slow; tests compare the real
// thing with it.
package model

import (
	"cmp"
	"slices"
)

// Rules are the rules of one capability.
type Rules struct {
	Shadow     bool // a layer that binds any provider hides all broader ones
	BroadFirst bool // the chain runs from the broadest layer to the narrowest
}

// A Statement is what a layer says about one name: mine (Bind), or in place of
// the other one (Rebind).
type Statement struct {
	Name          string
	Rebind        bool
	Priority      int      // zero for a Rebind
	Before, After []string // empty for a Rebind
	Value         string   // identifies the value that the statement carries
}

// A Layer is what one registry says about one capability.
type Layer struct {
	Level        int
	Statements   []Statement // in the order of binding, at most one for each name
	Mask, Select []string
}

// A World is what one scope sees of one capability.
type World struct {
	Rules
	Layers []Layer // narrowest first
}

// An Entry is one place in a chain.
type Entry struct {
	Name  string
	Layer int    // the index of the layer whose value answers
	Value string // the value of its statement
}

// A seat is a visible provider: the entry, and what decides its place.
type seat struct {
	Entry
	place    int // the index of the layer that gives the place
	priority int
	index    int // the order of binding, or of selection, in that layer
	before   []string
	after    []string
	selected bool // it stands in the block of a Select
}

// Chain returns the providers that the world shows, in order. It reports false
// if the constraints hold a cycle; then there is no chain.
func (w World) Chain() ([]Entry, bool) {
	seats := w.base()
	order, ok := Arrange(peers(seats))
	if !ok {
		return nil, false
	}
	chain := []Entry{}
	for _, i := range order {
		chain = append(chain, seats[i].Entry)
	}
	return chain, true
}

// base returns the seats of the visible providers in base order.
func (w World) base() []seat {
	seats := w.merge()
	slices.SortFunc(seats, func(a, b seat) int {
		precedence := cmp.Compare(a.place, b.place)
		if w.BroadFirst {
			precedence = -precedence
		}
		return cmp.Or(precedence, cmp.Compare(b.priority, a.priority), cmp.Compare(a.index, b.index))
	})
	return seats
}

// peers returns what the seats declare. That the block of a Select keeps its
// order is declared by each of the block, of the one ahead of it there.
func peers(seats []seat) []Peer {
	all := make([]Peer, len(seats))
	for i, s := range seats {
		all[i] = Peer{Name: s.Name, Before: s.before, After: s.after}
		if i > 0 && s.selected && seats[i-1].selected && seats[i-1].place == s.place {
			all[i].After = []string{seats[i-1].Name}
		}
	}
	return all
}

// Visible returns the entries of the world sorted by name, also if their
// constraints hold a cycle.
func (w World) Visible() []Entry {
	entries := []Entry{}
	for _, s := range w.merge() {
		entries = append(entries, s.Entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries
}

// merge returns the seats of the visible providers, in no order that means
// anything. It walks from the broadest layer to the narrowest.
func (w World) merge() []seat {
	var seats []seat // what the layers so far offer, one for each name
	for l := len(w.Layers) - 1; l >= 0; l-- {
		layer := w.Layers[l]

		// The mask acts on what is inherited.
		seats = without(seats, func(s seat) bool { return slices.Contains(layer.Mask, s.Name) })

		// So does the shadow of a layer that binds anything of its own.
		binds := slices.ContainsFunc(layer.Statements, func(s Statement) bool { return !s.Rebind })
		if w.Shadow && binds {
			seats = nil
		}

		// What the layer says itself: a Bind hides the inherited one and brings
		// its own place, a Rebind changes the value and nothing else, and drops
		// out if there is nothing to change.
		for i, st := range layer.Statements {
			mine := Entry{Name: st.Name, Layer: l, Value: st.Value}
			if st.Rebind {
				for j := range seats {
					if seats[j].Name == st.Name {
						seats[j].Entry = mine
					}
				}
				continue
			}
			seats = without(seats, func(s seat) bool { return s.Name == st.Name })
			seats = append(seats, seat{mine, l, st.Priority, i, st.Before, st.After, false})
		}

		// A Select makes one block of what it keeps.
		if len(layer.Select) > 0 {
			var block []seat
			for _, name := range layer.Select {
				j := slices.IndexFunc(seats, func(s seat) bool { return s.Name == name })
				if j < 0 || slices.ContainsFunc(block, func(s seat) bool { return s.Name == name }) {
					continue
				}
				block = append(block, seat{Entry: seats[j].Entry, place: l, index: len(block), selected: true})
			}
			seats = block
		}
	}
	return seats
}

// without returns a copy of the seats for which gone does not hold.
func without(seats []seat, gone func(seat) bool) []seat {
	left := make([]seat, 0, len(seats)+1)
	for _, s := range seats {
		if !gone(s) {
			left = append(left, s)
		}
	}
	return left
}

// A Peer is a provider as the order sees it: a name and what it declares.
type Peer struct {
	Name          string
	Before, After []string
}

// declaresBefore reports whether p declares that it comes before the name.
func (p Peer) declaresBefore(name string) bool { return slices.Contains(p.Before, name) }

// declaresAfter reports whether p declares that it comes after the name.
func (p Peer) declaresAfter(name string) bool { return slices.Contains(p.After, name) }

// Must returns for each pair of peers whether the first must precede the second
// because one of the two declares so. A name that no peer has means nothing.
func Must(peers []Peer) [][]bool {
	must := make([][]bool, len(peers))
	for i, p := range peers {
		must[i] = make([]bool, len(peers))
		for j, q := range peers {
			must[i][j] = p.declaresBefore(q.Name) || q.declaresAfter(p.Name)
		}
	}
	return must
}

// Cyclic reports whether the declarations of the peers contradict each other:
// whether some peer, over any number of steps, must precede itself.
func Cyclic(peers []Peer) bool {
	reach := Must(peers)
	for k := range peers {
		for i := range peers {
			for j := range peers {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	for i := range peers {
		if reach[i][i] {
			return true
		}
	}
	return false
}

// Arrange orders peers that are given in base order: it returns their indices
// in the order of the chain, or false if some are never taken.
func Arrange(peers []Peer) ([]int, bool) {
	a := arranging{peers: peers, at: make([]stage, len(peers))}
	for p := range peers {
		a.visit(p)
	}
	return a.order, len(a.order) == len(peers)
}

// A stage says how far a peer has come.
type stage int

const (
	unvisited stage = iota
	busy            // its visit is under way
	waitAfter       // it waits for peers that it declares After
	waitAhead       // it waits for peers that declare Before it
	taken
)

type arranging struct {
	peers []Peer
	at    []stage
	order []int
}

// visit visits p unless that was done before.
func (a *arranging) visit(p int) {
	if a.at[p] == unvisited {
		a.seekAfter(p)
	}
}

// seekAfter is the first half of a visit: p waits while a peer that it declares
// After, and that does not itself declare Before(p), is missing.
func (a *arranging) seekAfter(p int) {
	a.at[p] = busy
	if len(a.missing(p, waitAfter)) > 0 {
		a.at[p] = waitAfter
		return
	}
	for q := range a.peers {
		if a.peers[q].declaresBefore(a.peers[p].Name) {
			a.visit(q)
		}
	}
	if len(a.missing(p, waitAhead)) > 0 {
		a.at[p] = waitAhead
		return
	}
	a.take(p)
}

// take puts p into the order and lets the waiting ones go on that lacked only p.
func (a *arranging) take(p int) {
	var lacked []int
	for w := range a.peers {
		if a.at[w] == waitAfter || a.at[w] == waitAhead {
			if slices.Equal(a.missing(w, a.at[w]), []int{p}) {
				lacked = append(lacked, w)
			}
		}
	}
	a.at[p] = taken
	a.order = append(a.order, p)
	for _, w := range lacked {
		if a.at[w] == waitAfter {
			a.seekAfter(w)
		} else {
			a.take(w)
		}
	}
}

// missing returns the peers that p lacks at a stage.
func (a *arranging) missing(p int, at stage) []int {
	var lacks []int
	for q := range a.peers {
		ahead := a.peers[q].declaresBefore(a.peers[p].Name)
		after := a.peers[p].declaresAfter(a.peers[q].Name)
		if a.at[q] != taken && (at == waitAfter && after && !ahead || at == waitAhead && ahead) {
			lacks = append(lacks, q)
		}
	}
	return lacks
}

// An Answer says how the question for the one provider ends.
type Answer int

// The answers.
const (
	Clear     Answer = iota // there is one
	None                    // there is none
	Ambiguous               // another order of binding would give another one
	Cycle                   // there is no order at all
)

// String returns the answer in a word.
func (a Answer) String() string {
	return [...]string{"clear", "none", "ambiguous", "cycle"}[a]
}

// One returns the one provider of the world: the first of the narrow-first
// chain, whatever the rules say about the chain.
func (w World) One() (Entry, Answer) {
	w.BroadFirst = false
	chain, ok := w.Chain()
	switch {
	case !ok:
		return Entry{}, Cycle
	case len(chain) == 0:
		return Entry{}, None
	case len(w.Candidates()) > 1:
		return Entry{}, Ambiguous
	}
	return chain[0], Clear
}

// Candidates returns, sorted, the names that come first in the narrow-first
// chain under some order of binding. Who is of one layer and one priority could
// have been bound in any order; who was selected is ordered by the Select. All
// of these orders are tried.
func (w World) Candidates() []string {
	w.BroadFirst = false
	var names []string
	for _, seats := range orders(w.base()) {
		if order, ok := Arrange(peers(seats)); ok && len(order) > 0 {
			if first := seats[order[0]].Name; !slices.Contains(names, first) {
				names = append(names, first)
			}
		}
	}
	slices.Sort(names)
	return names
}

// orders returns every base order that the seats would have if those of one
// layer and one priority had been bound in another order.
func orders(seats []seat) [][]seat {
	if len(seats) == 0 {
		return [][]seat{nil}
	}
	tie := 1
	for tie < len(seats) && !seats[0].selected && seats[tie].place == seats[0].place && seats[tie].priority == seats[0].priority {
		tie++
	}
	var all [][]seat
	for _, head := range Permutations(seats[:tie]) {
		for _, tail := range orders(seats[tie:]) {
			all = append(all, slices.Concat(head, tail))
		}
	}
	return all
}

// Permutations returns every order of the items.
func Permutations[T any](items []T) [][]T {
	if len(items) == 0 {
		return [][]T{nil}
	}
	var all [][]T
	for i := range items {
		rest := slices.Delete(slices.Clone(items), i, i+1)
		for _, tail := range Permutations(rest) {
			all = append(all, append([]T{items[i]}, tail...))
		}
	}
	return all
}
