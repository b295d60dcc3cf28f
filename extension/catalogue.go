// Catalogues: extensions described, for people and tools.

package extension

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A Description is what an extension is, as plain data.
type Description struct {
	Name     string             `json:"name"`
	Version  string             `json:"version,omitempty"`
	Kind     string             `json:"kind"` // passive, active or background
	Doc      string             `json:"doc"`
	URL      string             `json:"url"`
	Levels   []string           `json:"levels,omitempty"` // where it may be placed; anywhere if there are none
	Requires []KeyDescription   `json:"requires,omitempty"`
	Exports  []KeyDescription   `json:"exports,omitempty"`
	Config   string             `json:"config"` // its type
	Fields   []FieldDescription `json:"fields,omitempty"`
	Site     string             `json:"site"` // file:line of New
}

// A KeyDescription is what a capability is.
type KeyDescription struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
	Type string `json:"type"`
}

// A FieldDescription is a field of a configuration. Its name is that of its json tag, if
// it has one, and its doc that of a doc tag.
type FieldDescription struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Doc  string `json:"doc,omitempty"`
}

func (d *declaration) describe() Description {
	is := Description{
		Name: d.Name, Version: d.Version, Kind: d.kind, Doc: d.Doc, URL: d.URL,
		Requires: describeKeys(d.Requires), Exports: describeKeys(d.exports),
		Config: d.config.String(), Site: d.site,
	}
	for _, l := range d.Levels {
		is.Levels = append(is.Levels, l.String())
	}
	if d.config.Kind() == reflect.Struct {
		is.Fields = describeFields(d.config)
	}
	return is
}

func describeKeys(keys []Key) []KeyDescription {
	var list []KeyDescription
	for _, k := range keys {
		if is, ok := inside.KeyOf(k); ok {
			list = append(list, KeyDescription{is.Name, is.Doc, is.Type})
		}
	}
	return list
}

func describeFields(t reflect.Type) []FieldDescription {
	var list []FieldDescription
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous {
			continue
		}
		if name == "" {
			name = f.Name
		}
		list = append(list, FieldDescription{name, f.Type.String(), f.Tag.Get("doc")})
	}
	return list
}

// A Catalogue is descriptions of extensions, by name. As JSON it is an array.
type Catalogue []Description

// NewCatalogue returns the descriptions of the extensions, sorted by name.
func NewCatalogue(extensions ...Extension) Catalogue {
	c := make(Catalogue, 0, len(extensions))
	for _, e := range extensions {
		c = append(c, e.Describe())
	}
	slices.SortStableFunc(c, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// String returns the catalogue as lines.
func (c Catalogue) String() string {
	var b strings.Builder
	for _, d := range c {
		fmt.Fprintf(&b, "%s: %s\n  %s, %s, see %s\n", d.title(), d.Doc, d.Kind, d.where(), d.URL)
		for _, k := range d.Requires {
			fmt.Fprintf(&b, "  requires %s: %s\n", k.Name, k.Doc)
		}
		for _, k := range d.Exports {
			fmt.Fprintf(&b, "  exports %s: %s\n", k.Name, k.Doc)
		}
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "  config %s %s", f.Name, f.Type)
			if f.Doc != "" {
				fmt.Fprintf(&b, ": %s", f.Doc)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func (d Description) title() string {
	if d.Version == "" {
		return d.Name
	}
	return d.Name + " " + d.Version
}

func (d Description) where() string {
	if len(d.Levels) == 0 {
		return "anywhere"
	}
	return "at " + strings.Join(d.Levels, " or ")
}

// Markdown returns the catalogue as a page of Markdown.
func (c Catalogue) Markdown() string {
	var b strings.Builder
	b.WriteString("# Extensions\n")
	for _, d := range c {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nKind: %s, placed %s. [More](<%s>).\n", plain(d.title()), plain(d.Doc), d.Kind, d.where(), strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "").Replace(d.URL))
		table := func(head string, rows [][3]string) {
			if len(rows) == 0 {
				return
			}
			fmt.Fprintf(&b, "\n| %s | type | what it is |\n| --- | --- | --- |\n", head)
			for _, r := range rows {
				fmt.Fprintf(&b, "| %s | `%s` | %s |\n", plain(r[0]), r[1], plain(r[2]))
			}
		}
		var requires, exports, fields [][3]string
		for _, k := range d.Requires {
			requires = append(requires, [3]string{k.Name, k.Type, k.Doc})
		}
		for _, k := range d.Exports {
			exports = append(exports, [3]string{k.Name, k.Type, k.Doc})
		}
		for _, f := range d.Fields {
			fields = append(fields, [3]string{f.Name, f.Type, f.Doc})
		}
		table("requires", requires)
		table("exports", exports)
		table("configuration", fields)
	}
	return b.String()
}

// plain returns a text in which Markdown sees no marks.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			r = ' '
		case strings.ContainsRune("\\`*_{}[]<>#|", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

var _ = []Extension{Passive[capability.Meta]{}, Active[capability.Meta]{}, Background[capability.Meta]{}}
