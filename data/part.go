// Parts: what one source has published.

package data

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// newPart returns the part of a source that published m after last, nil if it had not
// published before. It takes the keys of last if those of m are the same, which
// spares sorting them.
func newPart[K cmp.Ordered, V any](source string, m map[K]V, last *part[K]) *part[K] {
	if last != nil && len(m) == len(last.keys) && !slices.ContainsFunc(last.keys, func(k K) bool { _, ok := m[k]; return !ok }) {
		return &part[K]{source: source, keys: last.keys}
	}
	p := &part[K]{source: source, keys: slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))}
	slices.Sort(p.keys)
	return p
}

// says reports whether m is what the source says in the table.
func (t *Table[K, V]) says(source string, m map[K]V) bool {
	n := t.index(source)
	if n < 0 || len(m) != len(t.parts[n].keys) {
		return false
	}
	same := equality[V]()
	for _, k := range t.parts[n].keys {
		if v, ok := m[k]; !ok || !same(v, t.value(n, k)) {
			return false
		}
	}
	return true
}

// version returns a text that differs if the entries of part n do, as far as JSON shows
// them. It is the same in all programs if JSON can write the values. It holds no lock,
// because it calls methods of the values; two who ask at once compute the same.
func (t *Table[K, V]) version(n int) string {
	p := t.parts[n]
	if hash := p.hash.Load(); hash != nil {
		return *hash
	}
	h := sha256.New()
	for _, k := range p.keys {
		key := fmt.Sprint(k)
		value := encoded(t.value(n, k))
		fmt.Fprintf(h, "%d %s %d %s", len(key), key, len(value), value)
	}
	hash := hex.EncodeToString(h.Sum(nil)[:8])
	p.hash.Store(&hash)
	return hash
}

// encoded returns v as JSON, or as Go would write it if JSON cannot.
func encoded(v any) (text []byte) {
	defer func() {
		if recover() != nil { // out of a method of v
			text = fmt.Appendf(nil, "%#v", v)
		}
	}()
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Appendf(nil, "%#v", v)
	}
	return text
}
