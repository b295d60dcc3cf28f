// Differences between two tables.

package data

import (
	"cmp"
	"iter"
	"reflect"
	"slices"
)

// A Change is what one source says of a key in one table and not in the other.
type Change[K cmp.Ordered, V any] struct {
	Source   string
	Key      K
	Old, New *V // nil if there is none
}

// Diff yields what is different in the new table, source by source, keys ascending: the
// sources of the new table in its order and then those that only the old one has.
// Values are compared as a [Feed] compares them. A nil table is empty.
func Diff[K cmp.Ordered, V any](old, new *Table[K, V]) iter.Seq[Change[K, V]] {
	return func(yield func(Change[K, V]) bool) {
		same := equality[V]()
		for _, p := range new.all() {
			if !p.diff(old.part(p.source), same, yield) {
				return
			}
		}
		for _, p := range old.all() {
			if new.part(p.source) == nil && !(&part[K, V]{source: p.source}).diff(p, same, yield) {
				return
			}
		}
	}
}

// part returns the part of the source, nil if there is none.
func (t *Table[K, V]) part(source string) *part[K, V] {
	i := slices.IndexFunc(t.all(), func(p *part[K, V]) bool { return p.source == source })
	if i < 0 {
		return nil
	}
	return t.parts[i]
}

// diff yields what is different in p, and reports whether all of it was wanted.
func (p *part[K, V]) diff(old *part[K, V], same func(a, b V) bool, yield func(Change[K, V]) bool) bool {
	if old == p {
		return true // it was not published again
	}
	if old == nil {
		old = new(part[K, V])
	}
	for i, j := 0, 0; i < len(p.keys) || j < len(old.keys); {
		c := Change[K, V]{Source: p.source}
		order := 0
		switch {
		case i == len(p.keys):
			order = 1
		case j == len(old.keys):
			order = -1
		default:
			order = cmp.Compare(p.keys[i], old.keys[j])
		}
		if order <= 0 {
			c.Key, c.New = p.keys[i], &p.values[i]
			i++
		}
		if order >= 0 {
			c.Key, c.Old = old.keys[j], &old.values[j]
			j++
		}
		if order == 0 && same(*c.Old, *c.New) {
			continue
		}
		if !yield(c) {
			return false
		}
	}
	return true
}

// equal reports whether p has the same entries as old.
func (p *part[K, V]) equal(old *part[K, V]) bool {
	if old == nil || !slices.Equal(p.keys, old.keys) {
		return false
	}
	return slices.EqualFunc(p.values, old.values, equality[V]())
}

// equality returns how values are compared: with == where that says all, and else in
// depth.
func equality[V any]() func(a, b V) bool {
	if plain(reflect.TypeFor[V]()) {
		return func(a, b V) bool { return any(a) == any(b) }
	}
	return func(a, b V) bool { return reflect.DeepEqual(a, b) }
}

// plain reports whether values of the type have no parts behind pointers.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return plain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !plain(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return t.Kind() <= reflect.Complex128 || t.Kind() == reflect.String
}
