// Plans of nodes: whether each has what it needs.

package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/typedcap/capability/extension"
)

// node places a node. taken are the names that the pipeline has without nodes.
func (p *plan) node(at spot, pipeline string, m member[nodeText], taken []string) {
	n := &node{name: m.name, at: m.at, pipeline: pipeline, spot: at, typ: m.value.Type.string, from: make(map[string]string)}
	if slices.Contains(taken, n.name) {
		p.errorf(n.at, "%s has a provider %q without this node: give the node another name", at.name, n.name)
	} else if !nameable(n.name) {
		p.errorf(n.at, "a node cannot be called %q: choose a short name without spaces", clip(n.name, maxKey))
	}
	is, ok := nodeTypes[n.typ]
	known := slices.Collect(maps.Keys(nodeTypes))
	switch {
	case m.value.Type.bad:
		return
	case m.value.Type.at == 0:
		p.errorf(n.at, "node %q does not say what it is: give it a \"type\": %s", n.name, didYouMean("", known))
		return
	case !ok:
		p.errorf(m.value.Type.at, "there is no node of type %q: %s", n.typ, didYouMean(n.typ, known))
		return
	}
	p.nodes = append(p.nodes, n)
	var needs []string
	for _, k := range is.needs {
		needs = append(needs, k.Name())
	}
	for _, c := range m.value.Capabilities {
		if !slices.Contains(needs, c.name) {
			p.errorf(c.at, "a node of type %q needs no %q: %s", n.typ, c.name, didYouMean(c.name, needs))
			continue
		}
		n.from[c.name] = c.value.string
		if problem := p.provides(c.value.string, c.name, at); problem != "" && !c.value.bad {
			p.errorf(c.value.at, "%s", problem)
		}
	}
	for _, k := range is.needs {
		if _, ok := n.from[k.Name()]; !ok {
			p.errorf(n.at, "node %q, of type %q, needs %q, which %s: name an instance for it under \"capabilities\": %s", n.name, n.typ, k.Name(), k.Doc(), didYouMean("", p.providers(k.Name(), at)))
		}
	}
	n.config, n.written = is.config(), p.plain(m.value.Config)
	if p.decode(m.value.Config, n.config) != nil {
		return
	}
	if v, ok := n.config.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			p.errorf(n.at, "node %q, of type %q: its configuration is not valid: %v", n.name, n.typ, err)
		}
	}
}

// providers returns the instances that provide a capability where it is seen from there.
func (p *plan) providers(key string, at spot) (names []string) {
	for _, is := range p.instances {
		if is.exports(key) && is.seen(at) {
			names = append(names, is.Name())
		}
	}
	return names
}

// provides returns why an instance does not provide a capability there, "" if it does.
func (p *plan) provides(name, key string, at spot) string {
	is := p.named[name]
	switch {
	case is == nil:
		return fmt.Sprintf("there is no instance %q: %s", name, didYouMean(name, p.providers(key, at)))
	case is.of.Name == "":
		return "" // it has been said that nobody knows what it is
	case !is.exports(key):
		return fmt.Sprintf("instance %q of %q exports no %q: %s", name, is.of.Name, key, didYouMean("", p.providers(key, at)))
	case !is.seen(at):
		return fmt.Sprintf("instance %q is placed at %s, which is not seen from %s: place it there, or broader", name, is.spot.name, at.name)
	}
	return ""
}

// exports reports whether the instance exports a capability.
func (is *instance) exports(key string) bool {
	return slices.ContainsFunc(is.of.Exports, func(k extension.KeyDescription) bool { return k.Name == key })
}

// seen reports whether the instance is seen from a spot.
func (is *instance) seen(from spot) bool {
	return slices.Contains(from.registries, is.spot.registries[0])
}
