// References: the capabilities and extensions of a program, to be published.

package extension

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A Reference describes what a program can be extended by: its extension points, and the
// extensions that it has. It is plain data, for documents and tools.
type Reference struct {
	Capabilities []CapabilityDescription `json:"capabilities"` // by name
	Extensions   Catalogue               `json:"extensions"`
}

// A CapabilityDescription is what a capability is, and which extensions have to do with it.
type CapabilityDescription struct {
	Name       string   `json:"name"`
	Doc        string   `json:"doc"`
	Type       string   `json:"type"`
	Rules      string   `json:"rules,omitempty"` // as they were given to New, with the levels of OnlyAt
	ExportedBy []string `json:"exportedBy,omitempty"`
	RequiredBy []string `json:"requiredBy,omitempty"`
	Site       string   `json:"site"` // file:line of its declaration
}

// NewReference describes the capabilities given, those that the scopes know, which are
// bound or resolved there, and those that the extensions export and require; and the
// extensions. What is nil or zero is left out. Nothing is run.
func NewReference(keys []Key, extensions []Extension, scopes ...*capability.Scope) Reference {
	r := Reference{Capabilities: []CapabilityDescription{}, Extensions: NewCatalogue(extensions...)}
	known := make(map[[4]string]*CapabilityDescription) // one site may declare several
	know := func(is CapabilityDescription) *CapabilityDescription {
		id := [4]string{is.Name, is.Site, is.Type, is.Doc}
		if known[id] == nil {
			known[id] = &is
		}
		return known[id]
	}
	for _, k := range keys {
		if is, ok := inside.KeyOf(k); ok {
			know(CapabilityDescription{Name: is.Name, Doc: is.Doc, Type: is.Type, Rules: strings.Join(is.Rules, ", "), Site: is.Site})
		}
	}
	for _, s := range scopes {
		for _, is := range s.Snapshot().Capabilities {
			know(CapabilityDescription{Name: is.Name, Doc: is.Doc, Type: is.Type, Rules: strings.Join(is.Rules, ", "), Site: is.Site})
		}
	}
	for _, d := range r.Extensions {
		for _, k := range d.Exports {
			is := know(CapabilityDescription{Name: k.Name, Doc: k.Doc, Type: k.Type, Rules: k.Rules, Site: k.Site})
			is.ExportedBy = append(is.ExportedBy, d.Name)
		}
		for _, k := range d.Requires {
			is := know(CapabilityDescription{Name: k.Name, Doc: k.Doc, Type: k.Type, Rules: k.Rules, Site: k.Site})
			is.RequiredBy = append(is.RequiredBy, d.Name)
		}
	}
	for _, is := range known {
		is.ExportedBy, is.RequiredBy = slices.Compact(is.ExportedBy), slices.Compact(is.RequiredBy)
		r.Capabilities = append(r.Capabilities, *is)
	}
	slices.SortFunc(r.Capabilities, func(a, b CapabilityDescription) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Doc, b.Doc))
	})
	return r
}

// String returns the reference as lines, as that of [Catalogue.String].
func (r Reference) String() string {
	var b strings.Builder
	for _, c := range r.Capabilities {
		fmt.Fprintf(&b, "%s: %s\n", visible(c.Name), visible(c.Doc))
		for _, row := range c.rows() {
			fmt.Fprintf(&b, "  %s %s\n", row[0], visible(row[1]))
		}
	}
	return b.String() + r.Extensions.String()
}

// Markdown returns the reference as a page of Markdown, as [Catalogue.Markdown] does. It
// has no places in the source, which belong to one machine.
func (r Reference) Markdown() string {
	var b strings.Builder
	b.WriteString("# Reference\n\n## Capabilities\n")
	for _, c := range r.Capabilities {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| | |\n| --- | --- |\n", plain(c.Name), paragraph(c.Doc))
		for i, row := range c.rows() {
			show := plain
			if i == 0 {
				show = code
			}
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], show(row[1]))
		}
	}
	b.WriteString("\n")
	r.Extensions.markdown(&b, "##")
	return b.String()
}

// rows returns what there is to say of a capability, its type first.
func (c CapabilityDescription) rows() [][2]string {
	rows := [][2]string{{"type", c.Type}, {"rules", c.Rules}, {"exported by", strings.Join(c.ExportedBy, ", ")}, {"required by", strings.Join(c.RequiredBy, ", ")}}
	return slices.DeleteFunc(rows, func(row [2]string) bool { return row[1] == "" })
}
