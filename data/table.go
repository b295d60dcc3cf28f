// Tables: what sources have published, as immutable data.

package data

import (
	"cmp"
	"iter"
	"slices"
	"sync"
)

// A Table is the data of several sources at one moment. It never changes, so any
// number of goroutines may keep and read it; a nil Table is empty.
//
// All views have one order: sources as the chain of their capability has them,
// keys ascending. If several sources have a key, the first of them answers for it.
type Table[K cmp.Ordered, V any] struct {
	parts    []*part[K, V]
	first    map[K]place   // where each key is in the first part that has it
	others   map[K][]place // and in the other parts, if there are any
	patterns *pattern      // nil if K is not string or no key is a pattern

	sorted sync.Once
	keys   []K // all of them, once somebody has asked
}

// A part is what one source has published.
type part[K cmp.Ordered, V any] struct {
	source string
	keys   []K // ascending
	values []V // of the same index

	versioned sync.Once
	version   string
}

// A place is where an entry is. It is small, because a table has one for each key.
type place struct{ part, at uint32 }

// An Entry is what one source says of one key.
type Entry[K cmp.Ordered, V any] struct {
	Source string
	Key    K
	Value  V
}

// newTable returns the table of parts, in their order.
func newTable[K cmp.Ordered, V any](parts []*part[K, V]) *Table[K, V] {
	t := &Table[K, V]{parts: parts}
	most := 0
	for _, p := range parts {
		most = max(most, len(p.keys))
	}
	t.first = make(map[K]place, most)
	for n, p := range parts {
		for i, k := range p.keys {
			at := place{uint32(n), uint32(i)}
			if n > 0 {
				if _, taken := t.first[k]; taken {
					if t.others == nil {
						t.others = make(map[K][]place)
					}
					t.others[k] = append(t.others[k], at)
					continue
				}
			}
			t.first[k] = at
		}
	}
	if t, ok := any(t).(*Table[string, V]); ok {
		t.patterns = patternsOf(t)
	}
	return t
}

func (t *Table[K, V]) all() []*part[K, V] {
	if t == nil {
		return nil
	}
	return t.parts
}

// Len returns the number of keys.
func (t *Table[K, V]) Len() int {
	if t == nil {
		return 0
	}
	return len(t.first)
}

// Lookup returns the value of the key and the source that it is from, the first that
// has the key, and false if none has. It costs about as much as reading a map.
func (t *Table[K, V]) Lookup(key K) (v V, source string, ok bool) {
	if t == nil {
		return v, "", false
	}
	at, ok := t.first[key]
	if !ok {
		return v, "", false
	}
	p := t.parts[at.part]
	return p.values[at.at], p.source, true
}

// Get returns what the source says of the key, and false if it says nothing. It costs
// about as much as reading a map, twice that if another source answers for the key.
func (t *Table[K, V]) Get(source string, key K) (v V, ok bool) {
	if t == nil {
		return v, false
	}
	at, ok := t.first[key]
	if !ok {
		return v, false
	}
	if p := t.parts[at.part]; p.source == source {
		return p.values[at.at], true
	}
	for _, at := range t.others[key] {
		if p := t.parts[at.part]; p.source == source {
			return p.values[at.at], true
		}
	}
	return v, false
}

// ByKey yields the sources that have the key, with their values.
func (t *Table[K, V]) ByKey(key K) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if t == nil {
			return
		}
		at, ok := t.first[key]
		if !ok {
			return
		}
		if p := t.parts[at.part]; !yield(p.source, p.values[at.at]) {
			return
		}
		for _, at := range t.others[key] {
			if p := t.parts[at.part]; !yield(p.source, p.values[at.at]) {
				return
			}
		}
	}
}

// BySource yields the entries of the source.
func (t *Table[K, V]) BySource(source string) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, p := range t.all() {
			if p.source != source {
				continue
			}
			for i, k := range p.keys {
				if !yield(k, p.values[i]) {
					return
				}
			}
		}
	}
}

// Keys yields all keys, each once. The first call on a table with several sources puts
// them in order, which takes time in proportion to their number.
func (t *Table[K, V]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for _, k := range t.sortedKeys() {
			if !yield(k) {
				return
			}
		}
	}
}

func (t *Table[K, V]) sortedKeys() []K {
	switch len(t.all()) {
	case 0:
		return nil
	case 1:
		return t.parts[0].keys
	}
	t.sorted.Do(func() {
		t.keys = make([]K, 0, len(t.first))
		for n, p := range t.parts {
			for i, k := range p.keys {
				if t.first[k] == (place{uint32(n), uint32(i)}) {
					t.keys = append(t.keys, k)
				}
			}
		}
		slices.Sort(t.keys)
	})
	return t.keys
}

// Sources yields the sources that have published, also those without entries.
func (t *Table[K, V]) Sources() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range t.all() {
			if !yield(p.source) {
				return
			}
		}
	}
}

// All yields all entries, source by source.
func (t *Table[K, V]) All() iter.Seq[Entry[K, V]] {
	return func(yield func(Entry[K, V]) bool) {
		for _, p := range t.all() {
			for i, k := range p.keys {
				if !yield(Entry[K, V]{p.source, k, p.values[i]}) {
					return
				}
			}
		}
	}
}
