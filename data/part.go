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

// newPart returns the part of a source that published m.
func newPart[K cmp.Ordered, V any](source string, m map[K]V) *part[K, V] {
	p := &part[K, V]{source: source, keys: slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))}
	slices.Sort(p.keys)
	p.values = make([]V, len(p.keys))
	for i, k := range p.keys {
		p.values[i] = m[k]
	}
	return p
}

// next returns the part of a source that published m after p, which is nil if it had
// published nothing. It takes the keys of p if those of m are the same, which spares
// sorting them.
func (p *part[K, V]) next(source string, m map[K]V) *part[K, V] {
	if p == nil || len(m) != len(p.keys) {
		return newPart(source, m)
	}
	next := &part[K, V]{source: source, keys: p.keys, values: make([]V, len(p.keys))}
	for i, k := range p.keys {
		v, ok := m[k]
		if !ok {
			return newPart(source, m)
		}
		next.values[i] = v
	}
	return next
}

// entries returns the entries as a map.
func (p *part[K, V]) entries() map[K]V {
	m := make(map[K]V, len(p.keys))
	for i, k := range p.keys {
		m[k] = p.values[i]
	}
	return m
}

// hash returns a text that differs if the entries do. It is the same in all programs
// if JSON can write the values.
func (p *part[K, V]) hash() string {
	p.versioned.Do(func() {
		h := sha256.New()
		to := json.NewEncoder(h)
		for i, k := range p.keys {
			fmt.Fprintf(h, "%v\n", k)
			if to.Encode(p.values[i]) != nil {
				fmt.Fprintf(h, "%#v\n", p.values[i])
			}
		}
		p.version = hex.EncodeToString(h.Sum(nil)[:8])
	})
	return p.version
}
