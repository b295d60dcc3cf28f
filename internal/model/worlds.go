// All small worlds, one by one.

package model

import (
	"fmt"
	"iter"
	"slices"
)

// smallLevels are the levels of the small worlds, narrowest first.
var smallLevels = []int{300, 200, 100}

// smallNames are the providers of the small worlds. Which of them a world calls
// what makes no difference, so that the first to be bound is always the first.
var smallNames = []string{"jwt", "cookie", "saml"}

// SmallWorlds yields the layers of all worlds of three levels that hold up to
// most bindings and at most one constraint, one mask, one selection and one
// rebinding, each of which has a target.
func SmallWorlds(most int) iter.Seq[[]Layer] {
	return func(yield func([]Layer) bool) {
		for binds := range bindings(most) {
			for layers := range around(binds) {
				if !yield(layers) {
					return
				}
			}
		}
	}
}

// A placed statement is a statement and the index of its layer.
type placed struct {
	layer int
	Statement
}

// bindings yields all ways to bind up to most providers: the names in the
// order of their first binding, narrowest layer first, with two priorities where
// the layer binds several.
func bindings(most int) iter.Seq[[]placed] {
	return func(yield func([]placed) bool) {
		var grow func(binds []placed, names int) bool
		grow = func(binds []placed, names int) bool {
			for bits := range 1 << len(binds) {
				world := slices.Clone(binds)
				lone := false
				for i := range world {
					world[i].Priority = bits >> i & 1
					alone := (i == 0 || world[i-1].layer != world[i].layer) && (i+1 == len(world) || world[i+1].layer != world[i].layer)
					lone = lone || alone && world[i].Priority > 0
				}
				if !lone && !yield(world) {
					return false
				}
			}
			if len(binds) == most {
				return true
			}
			first := 0
			if len(binds) > 0 {
				first = binds[len(binds)-1].layer
			}
			for layer := first; layer < len(smallLevels); layer++ {
				for n := range min(names+1, len(smallNames)) {
					if slices.ContainsFunc(binds, func(b placed) bool { return b.layer == layer && b.Name == smallNames[n] }) {
						continue
					}
					st := Statement{Name: smallNames[n], Value: fmt.Sprintf("%d/%s", smallLevels[layer], smallNames[n])}
					if !grow(append(slices.Clip(binds), placed{layer, st}), max(names, n+1)) {
						return false
					}
				}
			}
			return true
		}
		grow(nil, 0)
	}
}

// bound returns the names that a layer from there on binds, in the order of
// smallNames.
func bound(binds []placed, from int) []string {
	var names []string
	for _, name := range smallNames {
		if slices.ContainsFunc(binds, func(b placed) bool { return b.layer >= from && b.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// around yields all worlds of some binds with at most one constraint, mask,
// selection and rebinding, as long as each name has a target.
func around(binds []placed) iter.Seq[[]Layer] {
	type act struct {
		layer int
		names []string
	}
	none := act{layer: -1}
	masks, rebinds, selects := []act{none}, []act{none}, []act{none}
	for layer := range smallLevels {
		for _, name := range bound(binds, layer+1) {
			masks = append(masks, act{layer, []string{name}})
			if !slices.ContainsFunc(binds, func(b placed) bool { return b.layer == layer && b.Name == name }) {
				rebinds = append(rebinds, act{layer, []string{name}})
			}
		}
		names := bound(binds, layer)
		for some := 1; some < 1<<len(names); some++ {
			var chosen []string
			for i, name := range names {
				if some>>i&1 != 0 {
					chosen = append(chosen, name)
				}
			}
			for _, order := range Permutations(chosen) {
				selects = append(selects, act{layer, order})
			}
		}
	}
	constrained := [][]placed{binds}
	for i, b := range binds {
		for _, peer := range bound(binds, 0) {
			if peer == b.Name {
				continue
			}
			for _, after := range []bool{false, true} {
				with := slices.Clone(binds)
				if after {
					with[i].After = []string{peer}
				} else {
					with[i].Before = []string{peer}
				}
				constrained = append(constrained, with)
			}
		}
	}
	return func(yield func([]Layer) bool) {
		for _, binds := range constrained {
			for _, mask := range masks {
				for _, rebind := range rebinds {
					if mask.layer >= 0 && mask.layer == rebind.layer && mask.names[0] == rebind.names[0] {
						continue
					}
					for _, pick := range selects {
						layers := make([]Layer, len(smallLevels))
						for i, level := range smallLevels {
							layers[i].Level = level
						}
						for _, b := range binds {
							l := &layers[b.layer]
							l.Statements = append(l.Statements, b.Statement)
						}
						if mask.layer >= 0 {
							layers[mask.layer].Mask = mask.names
						}
						if rebind.layer >= 0 {
							l := &layers[rebind.layer]
							name := rebind.names[0]
							l.Statements = append(l.Statements, Statement{Name: name, Rebind: true, Value: fmt.Sprintf("%d rebinds %s", smallLevels[rebind.layer], name)})
						}
						if pick.layer >= 0 {
							layers[pick.layer].Select = pick.names
						}
						if !yield(layers) {
							return
						}
					}
				}
			}
		}
	}
}
