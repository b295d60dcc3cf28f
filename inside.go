// What the packages around the core may do with it and programs may not.

package capability

import (
	"fmt"
	"slices"

	"github.com/typedcap/capability/internal/inside"
)

func init() {
	inside.NameProblem = nameProblem
	inside.Shelter = shelter
	inside.KeyOf = func(capability any) (inside.Key, bool) {
		c, ok := capability.(interface{ id() *key })
		if !ok || c.id() == nil {
			return inside.Key{}, false
		}
		return c.id().inside(), true
	}
	inside.BindingOf = func(binding any) (inside.Binding, bool) {
		b := binding.(Binding)
		if b.key == nil {
			return inside.Binding{}, false
		}
		return b.inside(), true
	}
	inside.Unbind = func(binding any) any {
		b := binding.(Binding)
		return unbind{b.key, b.is.name, b.is.site}
	}
	inside.Rebound = func(binding any) any {
		b := binding.(Binding)
		b.is.rebind, b.is.ordered = true, false
		b.is.before, b.is.after, b.is.priority = nil, nil, 0
		return b
	}
	inside.Bare = func(binding any) any {
		b := binding.(Binding)
		b.is.retire, b.is.grace, b.is.graced = nil, 0, false
		return b
	}
	inside.Lent = func(binding any) any { return binding.(Binding).lent() }
	inside.Watched = func(binding any, made func() func()) any { return binding.(Binding).watched(made) }
	inside.Described = func(binding, meta any) any {
		b := binding.(Binding)
		if b.is.meta == nil {
			b = b.Meta(meta.(Meta))
		}
		return b
	}
	inside.Private = func(level int, name string) any {
		r := NewRegistry(Level(level), name)
		r.private = true
		return r
	}
	inside.Users = func(registry any, capability, provider string, own func(any) bool) []string {
		return registry.(*Registry).users(capability, provider, func(s *Scope) bool {
			return slices.ContainsFunc(s.registries, func(r *Registry) bool { return r.private && own(r) })
		})
	}
	inside.Binds = func(registry any, capability, provider string) bool {
		return registry.(*Registry).bindsNow(capability, provider)
	}
	inside.Holding = func(registry any, provider string) []string { return registry.(*Registry).holding(provider) }
	inside.Left = func(registry any) <-chan struct{} { return registry.(*Registry).awaitLeft() }
}

func (c Capability[T]) id() *key { return c.key }

func (k *key) inside() inside.Key {
	info := inside.Key{
		ID: k, Name: k.name, Doc: k.doc, Type: k.typ.String(), Site: k.site.String(), Rules: k.rules.texts(),
		Shadow: k.rules.shadow, BroadFirst: k.rules.broadFirst, OnlyLeased: k.rules.onlyLeased,
	}
	for _, l := range k.rules.onlyAt {
		info.OnlyAt = append(info.OnlyAt, int(l))
	}
	return info
}

func (b Binding) inside() inside.Binding {
	info := inside.Binding{
		Key: b.key.inside(), Name: b.is.name, Rebind: b.is.rebind, Maker: b.is.maker != nil, Site: b.is.site.String(),
		Priority: b.is.priority, Before: b.is.before, After: b.is.after,
	}
	if b.is.value != nil {
		info.Value = pointed(b.is.value)
	}
	for _, r := range slices.Backward(b.is.retire) {
		info.Retires = true
		if !r.accepted.taken() {
			info.Retire = append(info.Retire, r.call)
		}
	}
	return info
}

// watched returns a binding that tells when providers come to be of it and when they are
// retired.
func (b Binding) watched(made func() (gone func())) Binding {
	if b.is.maker == nil {
		gone := made()
		b.is.retire = slices.Insert(slices.Clone(b.is.retire), 0, retiree{func() error { gone(); return nil }, new(acceptance)})
		return b
	}
	if mk := b.is.maker.make; mk != nil {
		b.is.maker = &maker{make: func(r *Resolver) (any, error) {
			gone := made()
			r.OnRetire(func() error { gone(); return nil })
			return mk(r)
		}}
	}
	return b
}

// users returns which scopes have resolved what the registry binds under that name, and
// where, sorted.
func (r *Registry) users(capability, provider string, own func(*Scope) bool) []string {
	h := lock(r)
	defer h.unlock()
	l := r.layers[capability]
	if l == nil {
		return nil
	}
	is := l.get(provider)
	if is == nil {
		return nil
	}
	var all []string
	note := func(s *Scope) {
		asked := s.asks[capability]
		if asked == nil || own(s) {
			return
		}
		asked.cells.each(func(c *core) {
			if !slices.ContainsFunc(c.in.now.seats, func(s seat) bool { return s.provider == is }) {
				return
			}
			if c.site == 0 {
				all = append(all, fmt.Sprintf("a build for scope %s", quote(s.String())))
			}
			for _, at := range c.resolvedAt() {
				all = append(all, fmt.Sprintf("scope %s, which resolved it at %v", quote(s.String()), at))
			}
		})
	}
	for _, p := range r.places {
		p.eachScope(note)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bindsNow reports whether the registry binds the name.
func (r *Registry) bindsNow(capability, provider string) bool {
	h := lock(r)
	defer h.unlock()
	l := r.layers[capability]
	return l != nil && l.get(provider) != nil
}

// holding returns what keeps the registry's providers of that name from being retired,
// sorted.
func (r *Registry) holding(provider string) []string {
	h := lock(r)
	defer h.unlock()
	var all []string
	for _, p := range r.retiring.list() {
		if p.name.provider != provider || p.gone() {
			continue
		}
		holders := p.holders()
		switch {
		case p.state.Load().phase == phaseRunning:
			all = append(all, "an OnRetire that has not returned")
		case len(holders) == 0:
			all = append(all, "a retirement that is about to begin")
		}
		all = append(all, holders...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// awaitLeft returns what is closed when the next scope that composes the registry has
// been closed.
func (r *Registry) awaitLeft() <-chan struct{} {
	fresh := make(chan struct{})
	for {
		if left := r.left.Load(); left != nil {
			return *left
		}
		if r.left.CompareAndSwap(nil, &fresh) {
			return fresh
		}
	}
}

// tellLeft tells those who wait that a scope has been closed.
func (r *Registry) tellLeft() {
	if left := r.left.Swap(nil); left != nil {
		close(*left)
	}
}
