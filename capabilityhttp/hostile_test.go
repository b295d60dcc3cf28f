// Hostile names: they are shown as text, whatever they hold, and links to them lead there.

package capabilityhttp_test

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilityhttp"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

var hostile = map[string]string{
	"markup":           `<script>alert(1)</script>`,
	"end of a cell":    `</td></table><img src=x onerror=alert(1)>`,
	"end of the title": `</title><script>alert(1)</script>`,
	"double quote":     `"onmouseover="alert(1)`,
	"single quote":     `'onmouseover='alert(1)`,
	"backquote":        "`x`",
	"entity":           `&lt;b&gt;&#60;`,
	"ampersand":        `a&b=c&format=json`,
	"template":         `{{.Name}}{{template "head"}}`,
	"comment":          `<!-- --><![CDATA[`,
	"slash":            `a/b`,
	"slashes":          `//example.org/`,
	"dot":              `.`,
	"two dots":         `..`,
	"up":               `../../etc`,
	"percent":          `%`,
	"escaped slash":    `%2f`,
	"escaped zero":     `%00`,
	"plus":             `a+b`,
	"question":         `a?b=c#d`,
	"semicolon":        `a;b`,
	"scheme":           `javascript:alert(1)`,
	"backslash":        `a\b\"`,
	"hebrew":           "שלום",
	"arabic":           "مرحبا",
	"emoji":            "\U0001F469\U0001F3FD",
	"combining":        "e" + strings.Repeat("\u0301", 40),
	"long":             strings.Repeat("long", 50),
	"a view":           "retirements",

	// No name in a registry, but one of a scope or a feed may be so.
	"empty":          "",
	"space":          " ",
	"spaces":         " a  b ",
	"lines":          "a\nb\r\nc",
	"zero":           "a\x00b",
	"control":        "a\x1b[31mb\x07",
	"bidi":           "a\u202eb\u2066c",
	"zero width":     "a\u200bb\ufeffc",
	"no UTF-8":       "a\xff\xfeb\xc3",
	"not characters": "a\ufffe\uffff\U0010fffe",
	"many marks":     strings.Repeat("<", 1000),
}

// hostileWorld returns a page on which all that may be any text is text, and what has to
// be a name is name if that is fit to be one.
func hostileWorld(t testing.TB, name, text string) capabilityhttp.Page {
	fit := name
	if capability.NewRegistry(capability.Engine, name).Apply() != nil {
		fit = "fit"
	}
	key := capability.New[string](fit, "text: "+text)
	engine := capability.NewRegistry(capability.Engine, fit)
	own := capability.NewRegistry(capability.Pipeline, fit)
	meta := capability.Meta{Version: text, Doc: text, URL: text}
	must(t, engine.Apply(key.Bind(fit, text).Meta(meta).OnRetire(func() error { return nil }), key.Bind("peer", "").Before(fit, "nobody")))
	must(t, own.Apply(key.Bind("own", "").Meta(meta), key.Mask("peer")))
	scope := compose(t, own, engine)
	if _, err := key.All().Handle(scope); err != nil {
		t.Fatal(err)
	}
	derived := capability.Derive(func(r *capability.Resolver) (string, error) { return key.In(r) })
	if _, err := derived.Handle(scope); err != nil {
		t.Fatal(err)
	}
	must(t, engine.Apply(key.Unbind(fit)))
	return capabilityhttp.Page{
		Scopes: func(yield func(string, *capability.Scope) bool) { _ = yield(name, scope) && yield(text, nil) },
		Extensions: func() []extension.Status {
			return []extension.Status{{
				Instance: name, Extension: text, Version: text, Kind: text, Place: name, State: extension.State(text),
				Since: time.Unix(0, 0), Err: errors.New(text),
			}}
		},
		Sources: func(yield func(string, []data.SourceStatus) bool) {
			yield(name, []data.SourceStatus{{Source: name, Version: text, Err: errors.New(text)}})
		},
		Catalogue: extension.Catalogue{{
			Name: text, Version: text, Kind: text, Doc: text, URL: text, Levels: []string{text}, Config: text, Site: text,
			Requires: []extension.KeyDescription{{Name: text, Doc: text, Type: text, Site: text}},
			Exports:  []extension.KeyDescription{{Name: text, Doc: text, Type: text, Site: text}},
			Fields:   []extension.FieldDescription{{Name: text, Type: text, Doc: text}},
		}},
	}
}

// checkNames checks all pages of a hostile world: that they consist of what a page
// consists of, that each link leads somewhere, and that those to the scope and to its
// capability are among them and show what they are of.
func checkNames(t testing.TB, name, text string) {
	page := hostileWorld(t, name, text)
	if strings.TrimSpace(name) != "" {
		text := parse(t, body(t, page, link("q", name))).text
		if !strings.Contains(text, "of 2 scopes have a name") && !strings.Contains(text, "of 1 scopes have a name") || strings.Contains(text, "0 of") {
			t.Errorf("a search for %q does not find it: %s", name, text)
		}
	}
	there := crawl(t, page, 100)
	if name == text && len(there) == 100 {
		t.Errorf("there is no end of links: %q", there)
	}
	var scope, capability bool
	for query, text := range there {
		values, err := url.ParseQuery(query[1:])
		must(t, err)
		if values.Get("format") != "" || !values.Has("scope") {
			continue
		}
		if values.Get("scope") != name {
			t.Errorf("a link leads to the scope %q, want %q", values.Get("scope"), name)
		}
		if !values.Has("capability") {
			scope = true
			continue
		}
		capability = true
		if shown := html.EscapeString(values.Get("capability")); !strings.Contains(html.EscapeString(parse(t, text).text), shown) {
			t.Errorf("%s does not show %q", query, values.Get("capability"))
		}
	}
	if !scope || !capability {
		t.Errorf("no link leads to the scope %q (%v) or its capability (%v)", name, scope, capability)
	}
}

func TestHostileNames(t *testing.T) {
	for what, name := range hostile {
		t.Run(what, func(t *testing.T) {
			checkNames(t, name, "other "+name)
			if strings.TrimSpace(name) != "" {
				checkNames(t, "orders", name)
			}
			checkNames(t, name, name+name)
		})
	}
}

// What is asked for is hostile, too, and is nowhere but in the answer.
func TestHostileQueries(t *testing.T) {
	page := world(t)
	for what, name := range hostile {
		t.Run(what, func(t *testing.T) {
			for _, query := range []string{
				link("q", name), link("scope", name), link("view", name), link("scope", "orders", "capability", name), link("scope", "orders", "q", name),
				link("from", name), link("look", name, "q", "a"), link("format", name), "?" + url.QueryEscape(name), link(name, name), "?" + strings.NewReplacer(" ", "", "\n", "").Replace(name),
			} {
				answer := answered(t, page, query)
				if answer.status >= 500 {
					t.Errorf("%q is answered with %d", query, answer.status)
				}
				if strings.HasPrefix(answer.kind, "text/html") {
					parse(t, answer.text)
				}
				for _, text := range []string{"<script>", "<img"} {
					if strings.Contains(answer.text, text) {
						t.Errorf("%q is answered with %q inside", query, text)
					}
				}
			}
		})
	}
}

var values = regexp.MustCompile(`value="[^"]*"`)

// Characters that are not seen, or change how others are shown, are on no HTML page but
// in forms, which send them back.
func TestUnseen(t *testing.T) {
	for _, unseen := range []string{"\u202e", "\u2066", "\u200b", "\ufeff", "\x1b", "\x00", "\u0085"} {
		for query, text := range crawl(t, hostileWorld(t, "a"+unseen+"b", "c"+unseen+"d"), 100) {
			if !strings.Contains(query, "format=") && strings.Contains(values.ReplaceAllString(text, ""), unseen) {
				t.Errorf("%s holds %q", query, unseen)
			}
		}
	}
}

// Only addresses of the web are links.
func TestForeignLinks(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.org/jwt": true, "http://example.org": true, "HTTPS://example.org/a?b=c#d": true,
		"javascript:alert(1)": false, "data:text/html,x": false, "//example.org/": false, "/path": false, "": false,
		"mailto:a@example.org": false, "https:": false, "java\nscript:alert(1)": false, " https://example.org": false, "https://%zz": false,
	} {
		page := capabilityhttp.Page{Catalogue: extension.Catalogue{{Name: "one", URL: address}}}
		text := body(t, page, "?view=extensions")
		parse(t, text)
		if got := strings.Contains(text, `rel="noreferrer noopener"`); got != want {
			t.Errorf("%q is a link: %v, want %v", address, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range hostile {
		if len(name) < 500 {
			f.Add(name, name+"x")
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if len(name)+len(text) > 4000 || strings.TrimSpace(text) == "" {
			return
		}
		checkNames(t, name, text)
		page := world(t)
		for _, query := range []string{"?" + name, link("q", name), link("scope", name, "format", text), link("scope", "orders", "capability", name, "from", text)} {
			if answer := answered(t, page, query); answer.status >= 500 {
				t.Errorf("%q: %s", query, fmt.Sprint(answer))
			}
		}
	})
}
