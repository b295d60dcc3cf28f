// Patterns: keys that stand for all names that begin like them.

package data

import (
	"strings"
)

// Match returns the value for a name: that of the key that equals it, or else of the
// pattern that says most about it. A pattern is a key that ends in '*' and stands for
// all names that begin with the rest of it; of several the longest is taken. Match
// returns also the key, and false if there is none. If several sources have the key,
// the first of them answers.
//
// It costs about as much as reading the name letter by letter, however many
// patterns there are.
func Match[V any](t *Table[string, V], name string) (v V, pattern string, ok bool) {
	if v, _, ok := t.Lookup(name); ok {
		return v, name, true
	}
	if t == nil || t.patterns == nil {
		return v, "", false
	}
	pattern, ok = t.patterns.longest(name)
	if !ok {
		return v, "", false
	}
	return t.first[pattern].value, pattern, true
}

// A pattern is a node of a tree of prefixes in which no two children of a node begin
// with the same byte.
type pattern struct {
	prefix   string // what it adds to that of its parent
	key      string // that ends here; "" if none does
	begin    string // first byte of each child
	children []*pattern
}

// patternsOf returns the tree of the patterns of t, nil if it has none.
func patternsOf[V any](t *Table[string, V]) *pattern {
	var root *pattern
	for _, p := range t.parts {
		for _, k := range p.keys {
			if strings.HasSuffix(k, "*") {
				if root == nil {
					root = new(pattern)
				}
				root.add(k)
			}
		}
	}
	return root
}

// add adds a key.
func (p *pattern) add(key string) {
	for prefix := key[:len(key)-1]; prefix != ""; {
		i := strings.IndexByte(p.begin, prefix[0])
		if i < 0 {
			p.begin += prefix[:1]
			p.children = append(p.children, &pattern{prefix: prefix})
			i = len(p.children) - 1
		}
		child := p.children[i]
		n := common(child.prefix, prefix)
		if n < len(child.prefix) {
			rest := *child
			rest.prefix = child.prefix[n:]
			*child = pattern{prefix: child.prefix[:n], begin: rest.prefix[:1], children: []*pattern{&rest}}
		}
		p, prefix = child, prefix[n:]
	}
	p.key = key
}

// common returns the length of the longest common prefix.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// longest returns the key with the longest prefix of name.
func (p *pattern) longest(name string) (key string, ok bool) {
	for {
		if p.key != "" {
			key = p.key
		}
		if name == "" {
			break
		}
		i := strings.IndexByte(p.begin, name[0])
		if i < 0 || !strings.HasPrefix(name, p.children[i].prefix) {
			break
		}
		p = p.children[i]
		name = name[len(p.prefix):]
	}
	return key, key != ""
}
