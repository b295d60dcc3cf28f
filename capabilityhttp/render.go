// Formats: what is shown, as HTML and as JSON.

package capabilityhttp

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/typedcap/capability"
)

//go:embed pages/style.css
var style []byte

//go:embed pages/*.html
var pages embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"link":      link,
	"place":     shortSite,
	"when":      when,
	"web":       web,
	"join":      strings.Join,
	"first":     first,
	"inc":       func(n int) int { return n + 1 },
	"sub":       func(a, b int) int { return a - b },
	"named":     label,
	"text":      visible,
	"search":    newSearch,
	"providers": firstProviders,
}).ParseFS(pages, "pages/*.html"))

// link returns the address of a page, given as name and value of parameters in turn.
func link(pairs ...string) string {
	values := make(url.Values, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	return "?" + values.Encode()
}

// shortSite returns the last two elements of a place in the source.
func shortSite(site string) string {
	i := strings.LastIndexByte(site, '/')
	return site[strings.LastIndexByte(site[:max(i, 0)], '/')+1:]
}

// when returns a time as text.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// web reports whether a text is an address that a page may link to.
func web(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// visible returns a text in which nothing is unseen or changes unseen how the rest is
// shown: such characters are shown as U+FFFD. Line breaks stay, and the two joiners,
// as there are scripts that need them.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d' {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// label returns the name of a scope or feed, which may be any text, as one that can be
// told from others and clicked on: in quotes if it holds what cannot be seen.
func label(name string) string {
	if name == visible(name) && name != "" && !strings.ContainsAny(name, "\n\t") && name == strings.TrimSpace(name) {
		return name
	}
	return strconv.Quote(name)
}

// A searchForm is what the form for a search shows.
type searchForm struct {
	Query, Label string
	Inside       bool // the search is in one scope
	Scope        string
}

func newSearch(query, label string, scope ...string) searchForm {
	return searchForm{query, label, len(scope) > 0, strings.Join(scope, "")}
}

// A beginning is the first few of a list, and how many more there are.
type beginning struct {
	List []string
	More int
}

// first returns at most n of the list.
func first(n int, list []string) beginning {
	n = min(n, len(list))
	return beginning{list[:n], len(list) - n}
}

// firstProviders returns at most n names of providers.
func firstProviders(n int, list []capability.ProviderState) beginning {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return first(n, names)
}

// A document is what a template gets.
type document struct {
	Title   string
	Data    any
	Nav     []anchor // to the other pages
	Formats []anchor // to this one in other formats
}

// An anchor is a link and its text.
type anchor struct{ Link, Text string }

func (q *question) html(w io.Writer, v *view) {
	d := document{Title: v.title, Data: v.data, Nav: []anchor{{"?", "scopes"}, {link("view", "retirements"), "retirements"}}}
	if q.page.Extensions != nil || q.page.Catalogue != nil {
		d.Nav = append(d.Nav, anchor{link("view", "extensions"), "extensions"})
	}
	if q.page.Sources != nil {
		d.Nav = append(d.Nav, anchor{link("view", "sources"), "sources"})
	}
	if v.template != "problem" {
		d.Formats = append(d.Formats, anchor{q.with("format", "json"), "json"})
	}
	for _, format := range slices.Sorted(maps.Keys(v.formats)) {
		d.Formats = append(d.Formats, anchor{q.with("format", format), format})
	}
	if err := templates.ExecuteTemplate(w, v.template+".html", d); err != nil {
		panic(err) // a mistake in a template, or in what it is given
	}
}

// marshal returns the view as JSON.
func marshal(v *view) []byte {
	value := v.json
	if value == nil {
		value = v.data
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		panic(err) // what is shown can be written
	}
	return b.Bytes()
}
