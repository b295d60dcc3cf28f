// Tables: what sources have published, as immutable data.

package data

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// A Table is the data of several sources at one moment. It never changes, so any
// number of goroutines may keep and read it; a nil Table is empty.
//
// All views have one order: sources as the chain of their capability has them,
// keys ascending. If several sources have a key, the first of them answers for it.
type Table[K cmp.Ordered, V any] struct {
	parts    []*part[K]
	sources  []string         // of the parts
	first    map[K]found[V]   // what the first part that has the key says of it
	others   map[K][]found[V] // what later parts say, if any do
	patterns *pattern         // nil if K is not string or no key is a pattern

	sorted sync.Once
	keys   []K // all of them, once somebody has asked
}

// A part is what one source has published. Its values lie in the tables that have it, so
// that reading one takes no more than reading a map; they are the same in all.
type part[K cmp.Ordered] struct {
	source string
	keys   []K // ascending

	hash atomic.Pointer[string] // nil until somebody has asked
}

// found is what a part of a table says of a key.
type found[V any] struct {
	value V
	part  uint32
}

// An Entry is what one source says of one key.
type Entry[K cmp.Ordered, V any] struct {
	Source string
	Key    K
	Value  V
}

// newTable returns the table of parts, in their order, with the values that value returns
// for each part and key.
func newTable[K cmp.Ordered, V any](parts []*part[K], value func(*part[K], K) V) *Table[K, V] {
	most := 0
	for _, p := range parts {
		most = max(most, len(p.keys))
	}
	t := &Table[K, V]{parts: parts, first: make(map[K]found[V], most)}
	for _, p := range parts {
		t.sources = append(t.sources, p.source)
	}
	for n, p := range parts {
		for _, k := range p.keys {
			f := found[V]{value(p, k), uint32(n)}
			if n > 0 {
				if _, taken := t.first[k]; taken {
					if t.others == nil {
						t.others = make(map[K][]found[V])
					}
					t.others[k] = append(t.others[k], f)
					continue
				}
			}
			t.first[k] = f
		}
	}
	if t, ok := any(t).(*Table[string, V]); ok {
		t.patterns = patternsOf(t)
	}
	return t
}

// all returns the parts.
func (t *Table[K, V]) all() []*part[K] {
	if t == nil {
		return nil
	}
	return t.parts
}

// value returns what part n says of its key.
func (t *Table[K, V]) value(n int, key K) V {
	f := t.first[key]
	if f.part == uint32(n) {
		return f.value
	}
	for _, f = range t.others[key] {
		if f.part == uint32(n) {
			break
		}
	}
	return f.value
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
	f, ok := t.first[key]
	if !ok {
		return v, "", false
	}
	return f.value, t.sources[f.part], true
}

// Get returns what the source says of the key, and false if it says nothing. It costs
// about as much as reading a map, twice that if another source answers for the key.
func (t *Table[K, V]) Get(source string, key K) (v V, ok bool) {
	if t == nil {
		return v, false
	}
	f, ok := t.first[key]
	if !ok {
		return v, false
	}
	if t.sources[f.part] == source {
		return f.value, true
	}
	for _, f := range t.others[key] {
		if t.sources[f.part] == source {
			return f.value, true
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
		f, ok := t.first[key]
		if !ok || !yield(t.sources[f.part], f.value) {
			return
		}
		for _, f := range t.others[key] {
			if !yield(t.sources[f.part], f.value) {
				return
			}
		}
	}
}

// BySource yields the entries of the source. It reads a map for each.
func (t *Table[K, V]) BySource(source string) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		n := t.index(source)
		if n < 0 {
			return
		}
		for _, k := range t.parts[n].keys {
			if !yield(k, t.value(n, k)) {
				return
			}
		}
	}
}

// index returns the place of the source's part, -1 if there is none.
func (t *Table[K, V]) index(source string) int {
	return slices.IndexFunc(t.all(), func(p *part[K]) bool { return p.source == source })
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
			for _, k := range p.keys {
				if t.first[k].part == uint32(n) {
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

// All yields all entries, source by source. It reads a map for each.
func (t *Table[K, V]) All() iter.Seq[Entry[K, V]] {
	return func(yield func(Entry[K, V]) bool) {
		for n, p := range t.all() {
			for _, k := range p.keys {
				if !yield(Entry[K, V]{p.source, k, t.value(n, k)}) {
					return
				}
			}
		}
	}
}
