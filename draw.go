// Pictures of a merge, for tools that draw.

package capability

import (
	"fmt"
	"slices"
	"strings"
)

// Mermaid returns the merge of the capability of that name as a Mermaid flowchart: a box
// for each registry, the narrowest first, in it who it binds; those that are seen
// are numbered and joined in chain order, the others are dashed and say why not. It
// is empty if the scope does not know the capability.
func (s *Snapshot) Mermaid(capability string) string {
	c, ok := s.find(capability)
	if !ok {
		return ""
	}
	text := strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "%", "#37;", `\`, "#92;", "*", "#42;", "\n", " ", "`", "#96;")
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	s.boxes(c, func(i int, r RegistryState, in []boxed) {
		fmt.Fprintf(&b, "  subgraph r%d [\"%s (%v)\"]\n", i, text.Replace(r.Name), r.Level)
		for _, p := range in {
			fmt.Fprintf(&b, "    p%d[\"%s\"]\n", p.id, text.Replace(p.label))
			if p.place == 0 {
				fmt.Fprintf(&b, "    style p%d stroke-dasharray: 4\n", p.id)
			}
		}
		b.WriteString("  end\n")
	}, func(from, to int) { fmt.Fprintf(&b, "  p%d --> p%d\n", from, to) })
	return b.String()
}

// DOT returns the same picture as [Snapshot.Mermaid], for Graphviz.
func (s *Snapshot) DOT(capability string) string {
	c, ok := s.find(capability)
	if !ok {
		return ""
	}
	text := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "\n", " ")
	var b strings.Builder
	fmt.Fprintf(&b, "digraph \"%s\" {\n  rankdir=LR\n  node [shape=box]\n", text.Replace(c.Name))
	s.boxes(c, func(i int, r RegistryState, in []boxed) {
		fmt.Fprintf(&b, "  subgraph cluster_r%d {\n    label=\"%s (%v)\"\n", i, text.Replace(r.Name), r.Level)
		for _, p := range in {
			style := ""
			if p.place == 0 {
				style = ", style=dashed"
			}
			fmt.Fprintf(&b, "    p%d [label=\"%s\"%s]\n", p.id, text.Replace(p.label), style)
		}
		b.WriteString("  }\n")
	}, func(from, to int) { fmt.Fprintf(&b, "  p%d -> p%d\n", from, to) })
	b.WriteString("}\n")
	return b.String()
}

// boxed is a provider in a picture.
type boxed struct {
	id, place int // place in the chain from 1; 0 if it is not seen
	label     string
}

// boxes calls box for each registry, the narrowest first, and then arrow for each two
// that follow each other in the chain.
func (s *Snapshot) boxes(c CapabilityState, box func(i int, r RegistryState, in []boxed), arrow func(from, to int)) {
	for i, r := range s.Registries {
		var in []boxed
		here := func(p ProviderState) bool {
			// The first, because an extension may be called like the registry that it is over.
			return i == slices.IndexFunc(s.Registries, func(r RegistryState) bool { return p.Registry == r.Name && p.Level == r.Level })
		}
		for n, p := range c.Providers {
			if here(p) {
				label := fmt.Sprintf("%d: %s", n+1, p.Name) // Mermaid takes "1. " for a list
				if p.Name == c.One {
					label += " (the one)"
				}
				in = append(in, boxed{n, n + 1, label})
			}
		}
		for n, p := range c.Unseen {
			if here(p) {
				label := fmt.Sprintf("%s: %s by %s", p.Name, p.Fate, p.By)
				if p.Fate == string(fateUnmatched) {
					label = fmt.Sprintf("%s: unmatched", p.Name)
				}
				in = append(in, boxed{len(c.Providers) + n, 0, label})
			}
		}
		box(i, r, in)
	}
	for n := 1; n < len(c.Providers); n++ {
		arrow(n-1, n)
	}
}
