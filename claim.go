// Claims: the names that Mask, Select and Rebind take for granted.

package capability

import (
	"slices"
)

// A claim is that names are bound: what Mask, Select and Rebind take for
// granted, and that there is such a capability at all.
type claim struct {
	registry *Registry
	layer    *layer
	kind     claimKind
	names    []string
	site     site
}

type claimKind int

const (
	claimMask claimKind = iota
	claimSelect
	claimRebind
	claimCapability
)

func (k claimKind) String() string {
	return [...]string{"Mask", "Select", "Rebind", "capability"}[k]
}

// stands reports whether the registry still makes the claim.
func (c claim) stands() bool {
	same := func(list []string) bool { return len(list) == len(c.names) && &list[0] == &c.names[0] }
	switch c.kind {
	case claimMask:
		return same(c.layer.mask.list)
	case claimSelect:
		return same(c.layer.pick.list)
	case claimRebind:
		p := c.layer.get(c.names[0])
		return p != nil && p.rebind && p.site == c.site
	}
	return c.layer.key == nil && c.layer.empty()
}

// standing returns the claims that still stand, each once.
func standing(claims []claim) []claim {
	type what struct {
		layer *layer
		kind  claimKind
		name  string
	}
	seen := make(map[what]bool)
	return slices.DeleteFunc(claims, func(c claim) bool {
		w := what{c.layer, c.kind, c.names[0]} // of Mask and Select there is one list
		again := seen[w]
		stands := c.stands()
		seen[w] = again || stands
		return again || !stands
	})
}

// holds reports whether a registry broader than p, or p's own if that is enough,
// binds the name.
func (c claim) holds(name string, p *place) bool {
	if own := c.layer.get(name); c.kind == claimSelect && own != nil && !own.rebind {
		return true
	}
	for q := p.up; q != nil; q = q.up {
		l := q.reg.layers[c.layer.name]
		if l == nil || l.key == nil || c.layer.key != nil && l.key != c.layer.key {
			continue
		}
		if c.kind == claimCapability {
			return true
		}
		if b := l.get(name); b != nil && !b.rebind {
			return true
		}
	}
	return false
}

// check returns an error for each name that is bound at none of the places and
// did not fail to be.
func (c claim) check(places []*place, h *hints, failed map[failure]bool) []error {
	var errs []error
	for _, name := range c.names {
		if failed[failure{c.layer.name, name}] {
			continue
		}
		if slices.ContainsFunc(places, func(p *place) bool { return c.holds(name, p) }) {
			continue
		}
		k := c.knownKey(places)
		if k == nil {
			verb := c.kind.String()
			if c.kind == claimCapability {
				verb = c.names[0]
			}
			hint := h.bind(c.layer.name, func() []string { return c.knownCapabilities(places) })
			return append(errs, &Error{Code: ErrUnknown, Capability: c.layer.name, Err: report(
				"%v in %v at %v names a capability of which nobody binds a provider: %s", verb, c.registry, c.site, hint)})
		}
		if own := c.layer.get(name); c.kind == claimMask && own != nil && !own.rebind {
			errs = append(errs, &Error{Code: ErrUnknown, Capability: c.layer.name, Provider: name, Err: report(
				"%v at %v masks what %v binds itself, at %v, and no broader registry does: Mask hides what is inherited, so use Unbind", c.kind, c.site, c.registry, own.site)})
			continue
		}
		whose := "no broader registry"
		if c.kind == claimSelect {
			whose = "neither that registry nor a broader one"
		}
		hint := h.bind(name, func() []string { return c.knownProviders(places) })
		errs = append(errs, &Error{Code: ErrUnknown, Capability: c.layer.name, Provider: name, Err: report(
			"%v in %v at %v names a provider that %s binds in any open scope: %s", c.kind, c.registry, c.site, whose, hint)})
	}
	return errs
}

// knownKey returns the key that the claim is about, or nil if nobody has one of
// that name.
func (c claim) knownKey(places []*place) *key {
	if c.layer.key != nil {
		return c.layer.key
	}
	for _, p := range places {
		for q := p.up; q != nil; q = q.up {
			if l := q.reg.layers[c.layer.name]; l != nil && l.key != nil {
				return l.key
			}
		}
	}
	return nil
}

// knownProviders returns the names that the claim could have meant.
func (c claim) knownProviders(places []*place) []string {
	var names []string
	seen := make(map[*Registry]bool)
	for _, p := range places {
		for q := p; q != nil; q = q.up {
			if seen[q.reg] {
				continue
			}
			seen[q.reg] = true
			if l := q.reg.layers[c.layer.name]; l != nil && (q != p || c.kind != claimMask) {
				for _, p := range l.providers {
					if p != nil && !p.rebind {
						names = append(names, p.name)
					}
				}
			}
		}
	}
	return names
}

// knownCapabilities returns the names of the capabilities that have providers.
func (c claim) knownCapabilities(places []*place) []string {
	var names []string
	seen := make(map[*Registry]bool)
	for _, p := range places {
		for q := p; q != nil; q = q.up {
			if seen[q.reg] {
				continue
			}
			seen[q.reg] = true
			for _, l := range q.reg.layers {
				if l.key != nil {
					names = append(names, l.name)
				}
			}
		}
	}
	return names
}

// checkClaims refuses names that nobody has bound. Those of registries in no
// scope wait for Compose.
func (t *transaction) checkClaims() {
	for _, c := range t.claims {
		switch {
		case !c.stands():
		case c.kind == claimCapability && len(c.registry.places) == 0:
			// It cleared a list that was not there: nothing is left to check.
		case len(c.registry.places) == 0:
			r, before := c.registry, len(c.registry.unchecked)
			r.unchecked = append(r.unchecked, c)
			t.undo = append(t.undo, func() { r.unchecked = r.unchecked[:before] })
		default:
			t.errs = append(t.errs, c.check(c.registry.places, &t.hints, t.failed)...)
		}
	}
}
