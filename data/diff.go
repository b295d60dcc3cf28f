// Differences between two tables.

package data

import (
	"cmp"
	"iter"
	"math"
	"reflect"
)

// A Change is what one source says of a key in one table and not in the other.
type Change[K cmp.Ordered, V any] struct {
	Source   string
	Key      K
	Old, New *V // nil if there is none
}

// Diff yields what the sources say otherwise in the new table, source by source, keys ascending: the
// sources of the new table in its order and then those that only the old one has.
// Values are compared as a [Feed] compares them. A nil table is empty. What answers for a
// key in each table says Lookup.
func Diff[K cmp.Ordered, V any](old, new *Table[K, V]) iter.Seq[Change[K, V]] {
	return func(yield func(Change[K, V]) bool) {
		same := equality[V]()
		for n, p := range new.all() {
			if !diff(old, old.index(p.source), new, n, same, yield) {
				return
			}
		}
		for n, p := range old.all() {
			if new.index(p.source) < 0 && !diff(old, n, new, -1, same, yield) {
				return
			}
		}
	}
}

// diff yields what is different between a part of each table, of which one may be missing:
// then its index is -1. It reports whether all of it was wanted.
func diff[K cmp.Ordered, V any](old *Table[K, V], m int, new *Table[K, V], n int, same func(a, b V) bool, yield func(Change[K, V]) bool) bool {
	var source string
	var before, after []K
	if m >= 0 {
		source, before = old.parts[m].source, old.parts[m].keys
	}
	if n >= 0 {
		source, after = new.parts[n].source, new.parts[n].keys
	}
	if m >= 0 && n >= 0 && old.parts[m] == new.parts[n] {
		return true // it was not published again
	}
	for len(before) > 0 || len(after) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = cmp.Compare(before[0], after[0])
		}
		c := Change[K, V]{Source: source}
		if order <= 0 {
			v := old.value(m, before[0])
			c.Key, c.Old, before = before[0], &v, before[1:]
		}
		if order >= 0 {
			v := new.value(n, after[0])
			c.Key, c.New, after = after[0], &v, after[1:]
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

// equality returns how values are compared: with == where that says all, and else in
// depth.
func equality[V any]() func(a, b V) bool {
	switch t := reflect.TypeFor[V](); {
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		nan := func(v V) bool { return math.IsNaN(reflect.ValueOf(v).Float()) }
		return func(a, b V) bool { return any(a) == any(b) || nan(a) && nan(b) }
	case plain(t):
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
