// Catalogues: extensions described, for people and tools.

package extension

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
	Site string `json:"site,omitempty"` // file:line of its declaration

	Rules string `json:"rules,omitempty"` // as they were given to New
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
	if isStruct(d.config) {
		is.Fields = describeFields(d.config)
	}
	return is
}

func describeKeys(keys []Key) []KeyDescription {
	var list []KeyDescription
	for _, k := range keys {
		if is, ok := inside.KeyOf(k); ok {
			list = append(list, KeyDescription{is.Name, is.Doc, is.Type, is.Site, strings.Join(is.Rules, ", ")})
		}
	}
	return list
}

// describeFields returns the fields of a struct, or of the one that t points to, as
// encoding/json has them: those of an embedded struct are among the others, unless it
// has a name of its own.
func describeFields(t reflect.Type) []FieldDescription {
	var list []FieldDescription
	var closed [][]int // embedded structs whose fields do not count
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, f := range reflect.VisibleFields(t) {
		if slices.ContainsFunc(closed, func(index []int) bool { return len(f.Index) > len(index) && slices.Equal(f.Index[:len(index)], index) }) {
			continue
		}
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if f.Anonymous && isStruct(f.Type) && tag != "-" && name == "" {
			continue // its fields follow
		}
		if f.Anonymous {
			closed = append(closed, f.Index)
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		list = append(list, FieldDescription{cmp.Or(name, f.Name), f.Type.String(), f.Tag.Get("doc")})
	}
	return list
}

// isStruct reports whether t is a struct or a pointer to one.
func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
}

// A Catalogue is descriptions of extensions, by name. As JSON it is an array.
type Catalogue []Description

// NewCatalogue returns the descriptions of the extensions that are not nil, sorted by
// name.
func NewCatalogue(extensions ...Extension) Catalogue {
	c := make(Catalogue, 0, len(extensions))
	for _, e := range extensions {
		if e != nil {
			c = append(c, e.Describe())
		}
	}
	slices.SortStableFunc(c, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// String returns the catalogue as lines. What is described may hold any text: line breaks
// in it are shown as spaces, and what cannot be seen as U+FFFD.
func (c Catalogue) String() string {
	var b strings.Builder
	for _, d := range c {
		fmt.Fprintf(&b, "%s: %s\n  %s, %s, see %s\n", visible(d.title()), visible(d.Doc), d.Kind, d.where(), visible(d.URL))
		for _, k := range d.Requires {
			fmt.Fprintf(&b, "  requires %s: %s\n", visible(k.Name), visible(k.Doc))
		}
		for _, k := range d.Exports {
			fmt.Fprintf(&b, "  exports %s: %s\n", visible(k.Name), visible(k.Doc))
		}
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "  config %s %s", visible(f.Name), visible(f.Type))
			if f.Doc != "" {
				fmt.Fprintf(&b, ": %s", visible(f.Doc))
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

// Markdown returns the catalogue as a page of Markdown, with tables as GitHub has them.
// No text that is described is taken for a mark or for HTML; an address in it may become
// a link where the page is shown.
func (c Catalogue) Markdown() string {
	var b strings.Builder
	c.markdown(&b, "#")
	return b.String()
}

// markdown writes the catalogue under a heading of that depth.
func (c Catalogue) markdown(b *strings.Builder, depth string) {
	fmt.Fprintf(b, "%s Extensions\n", depth)
	for _, d := range c {
		fmt.Fprintf(b, "\n%s# %s\n\n%s\n\nKind: %s, placed %s. [More](<%s>).\n", depth, plain(d.title()), paragraph(d.Doc), d.Kind, plain(d.where()), destination(d.URL))
		table := func(head string, rows [][3]string) {
			if len(rows) == 0 {
				return
			}
			fmt.Fprintf(b, "\n| %s | type | what it is |\n| --- | --- | --- |\n", head)
			for _, r := range rows {
				fmt.Fprintf(b, "| %s | %s | %s |\n", plain(r[0]), code(r[1]), plain(r[2]))
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
}

// visible returns a text on one line, in which no character changes unseen how others
// are shown. The two joiners stay, as there are scripts that need them.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r), r == '\u200c', r == '\u200d':
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// plain returns a text in which Markdown sees no marks.
func plain(text string) string {
	var b strings.Builder
	for _, r := range visible(text) {
		if strings.ContainsRune("\\`*_{}[]<>#|~&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// paragraph is plain for a text that begins a line, where there are more marks: those of
// lists, rules and indented code.
func paragraph(text string) string {
	text = plain(strings.TrimLeftFunc(text, unicode.IsSpace))
	at := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if at < len(text) && (at == 0 && strings.IndexByte("-+=", text[0]) >= 0 || at > 0 && (text[at] == '.' || text[at] == ')')) {
		return text[:at] + "\\" + text[at:]
	}
	return text
}

// code returns a text as code in a table, or plain if it holds what may end the code or
// the cell.
func code(text string) string {
	text = visible(text)
	if text == "" || strings.ContainsAny(text, "`|\\") {
		return plain(text)
	}
	return "`" + text + "`"
}

// destination returns a URL that goes on to the sign that closes it, and no further.
func destination(url string) string {
	var b strings.Builder
	for len(url) > 0 {
		r, n := utf8.DecodeRuneInString(url)
		switch {
		case r == '&':
			b.WriteString("&amp;") // or else an entity may begin here
		case r > ' ' && unicode.IsPrint(r) && !strings.ContainsRune(`<>\`, r) && (r != utf8.RuneError || n > 1):
			b.WriteString(url[:n])
		default:
			for _, c := range []byte(url[:n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		url = url[n:]
	}
	return b.String()
}

var _ = []Extension{Passive[capability.Meta]{}, Active[capability.Meta]{}, Background[capability.Meta]{}}
