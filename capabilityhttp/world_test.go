// The small world that the tests show, and what they fetch from it.

package capabilityhttp_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilityhttp"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

type (
	check  func(token string) bool
	route  func(path string) string
	store  map[string]string
	limits struct {
		PerSecond int `json:"perSecond" doc:"how many pass in a second"`
	}
)

func anybody(string) bool     { return true }
func to(machine string) route { return func(path string) string { return machine + path } }
func compose(t testing.TB, registries ...*capability.Registry) *capability.Scope {
	t.Helper()
	scope, err := capability.Compose(registries...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, scope.Close()) })
	return scope
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	auth   = capability.New[check]("auth", "decides who may call")
	routes = capability.New[route]("route", "names the machine that serves a path", capability.BroadFirst())
	blobs  = capability.New[store]("blobs", "keep what is large", capability.Shadow(), capability.OnlyAt(capability.Engine, capability.Group))
	hello  = capability.New[string]("greeting", "is said first")
)

var limiter = extension.Passive[limits]{
	Manifest: extension.Manifest{
		Name: "limiter", Version: "1.2.0", Doc: "lets so many calls pass", URL: "https://example.org/limiter",
		Levels: []capability.Level{capability.Engine}, Requires: []extension.Key{routes},
	},
	Exports: []extension.Key{auth},
	New: func(limits, extension.Dependencies) ([]capability.Binding, error) {
		return []capability.Binding{auth.Bind("limiter", anybody)}, nil
	},
}

// world returns a page with two pipelines, of which one handle still holds a provider that
// was replaced, a closed scope, and all else that a page may show.
func world(t testing.TB) capabilityhttp.Page {
	engine := capability.NewRegistry(capability.Engine, "engine")
	eu := capability.NewRegistry(capability.Group, "eu")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	billing := capability.NewRegistry(capability.Pipeline, "billing")
	must(t, engine.Apply(
		auth.Bind("jwt", anybody).Meta(capability.Meta{Version: "2.1.0", Doc: "Signed tokens.", URL: "https://example.org/jwt"}),
		auth.Bind("cookie", anybody).Priority(5).OnRetire(func() error { return nil }),
		auth.Bind("token", anybody).Before("jwt", "nobody"),
		routes.Bind("main", to("us1")),
		routes.BindPerScope("spare", func(*capability.Resolver) (route, error) { return to("spare"), nil }).Priority(-1),
		blobs.Bind("disk", store{}),
		hello.Bind("good-day", "Good day!"), hello.Bind("hello", "Hello!"),
	))
	must(t, eu.Apply(routes.Bind("near", to("eu1")), blobs.Bind("s3", store{})))
	must(t, orders.Apply(auth.Rebind("jwt", anybody), auth.Mask("token")))
	must(t, billing.Apply(auth.Select("cookie", "jwt")))

	page := capabilityhttp.Page{Catalogue: extension.NewCatalogue(limiter)}
	scopes := map[string]*capability.Scope{
		"orders":     compose(t, orders, eu, engine),
		"billing":    compose(t, billing, engine),
		"a <b>/%2f?": compose(t, engine),
	}
	closed, err := capability.Compose(engine)
	must(t, err)
	must(t, closed.Close())
	scopes["closed"] = closed
	page.Scopes = maps.All(scopes)

	var node struct {
		auth   capability.ChainHandle[check]
		blobs  capability.Leased[store]
		routes capability.ChainHandle[route]
		both   capability.Handle[int]
	}
	both := capability.Derive(func(r *capability.Resolver) (int, error) {
		checks, err := auth.All().In(r)
		if err != nil {
			return 0, err
		}
		near, err := routes.All().In(r)
		return checks.Len() * near.Len(), err
	})
	must(t, scopes["orders"].Resolve(auth.All().Into(&node.auth), blobs.IntoLeased(&node.blobs), both.Into(&node.both)))
	must(t, scopes["billing"].Resolve(auth.All().Into(&node.auth), routes.All().Into(&node.routes)))
	must(t, engine.Apply(auth.Unbind("cookie"), auth.Bind("cookie", anybody).Priority(5)))

	since := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	page.Extensions = func() []extension.Status {
		return []extension.Status{
			{Instance: "strict", Extension: "limiter", Version: "1.2.0", Kind: "passive", Place: "engine", State: extension.Ready, Since: since},
			{
				Instance: "mirror", Extension: "mirror", Kind: "background", Place: "eu", State: extension.Degraded, Since: since, Restarts: 3,
				Err: errors.New("cannot reach \"eu1\": <timeout>"),
			},
		}
	}
	page.Sources = maps.All(map[string][]data.SourceStatus{
		"prices": {
			{Source: "list", Entries: 12, Good: since, Tried: since, Version: "a1b2c3"},
			{Source: "remote", Tried: since, Err: errors.New("no route\nto host")},
		},
		"flags": nil,
	})
	return page
}

// fetch returns the answer to GET of that query.
func fetch(h http.Handler, query string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/debug/", nil)
	r.URL.RawQuery = strings.TrimPrefix(query, "?")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// A shown page, and its status and type.
type shown struct {
	status     int
	kind, text string
}

// answered returns the answer to GET of that query, read.
func answered(t testing.TB, h http.Handler, query string) shown {
	t.Helper()
	answer := fetch(h, query)
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return shown{answer.StatusCode, answer.Header.Get("Content-Type"), string(text)}
}

// body returns what is there, which must be.
func body(t testing.TB, h http.Handler, query string) string {
	t.Helper()
	answer := answered(t, h, query)
	if answer.status != http.StatusOK {
		t.Fatalf("%s: status %d\n%s", query, answer.status, answer.text)
	}
	return answer.text
}

// decoded returns the JSON twin of a page.
func decoded[T any](t testing.TB, h http.Handler, query string) (value T) {
	t.Helper()
	text := body(t, h, query)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v\n%s", query, err, text)
	}
	return value
}

// What a page consists of; anything else got in through a name.
var (
	elements = strings.Fields(`a b bdi body button code div footer form h1 h2 h3 head header html input li link main meta nav
		p pre s section small span strong table tbody td th thead title tr ul`)
	attributes = strings.Fields(`action aria-label charset class colspan content href lang method name placeholder rel role title type value`)
	void       = strings.Fields("input link meta")
)

// A document is what a page holds.
type document struct {
	links []string // to other pages, each once
	text  string   // all that is shown, one space between two pieces
}

// parse returns what an HTML page holds. All its elements must be closed and known.
func parse(t testing.TB, page string) (d document) {
	t.Helper()
	// XML is stricter than HTML about characters, which are not what is tested.
	page = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(page, "\uFFFD"))
	var open []string
	var pieces []string
	tokens := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := tokens.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is no HTML: %v\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if !slices.Contains(elements, name) {
				t.Fatalf("the page has an element %q\n%s", name, page)
			}
			if !slices.Contains(void, name) {
				open = append(open, name)
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Name.Local) {
					t.Fatalf("the page has an attribute %q\n%s", a.Name.Local, page)
				}
				if a.Name.Local == "href" {
					d.link(t, a.Value)
				}
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("the page ends %q inside of %q\n%s", token.Name.Local, open, page)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			pieces = append(pieces, strings.Fields(string(token))...)
		}
	}
	if len(open) > 0 {
		t.Fatalf("the page does not end %q\n%s", open, page)
	}
	d.text = strings.Join(pieces, " ")
	return d
}

// link notes a link, which must lead to another page, to none, or to the web.
func (d *document) link(t testing.TB, address string) {
	t.Helper()
	u, err := url.Parse(address)
	switch {
	case err != nil:
		t.Fatalf("the page links to %q: %v", address, err)
	case strings.HasPrefix(address, "?"):
		if !slices.Contains(d.links, address) {
			d.links = append(d.links, address)
		}
	case address != "data:," && u.Scheme != "https" && u.Scheme != "http":
		t.Fatalf("the page links to %q", address)
	}
}

// crawl follows all links from the overview, at most so many, and returns what is there.
// Each must be there.
func crawl(t testing.TB, h http.Handler, most int) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	for todo := []string{"?"}; len(todo) > 0 && len(seen) < most; todo = todo[1:] {
		if _, ok := seen[todo[0]]; ok {
			continue
		}
		text := body(t, h, todo[0])
		seen[todo[0]] = text
		query, err := url.ParseQuery(strings.TrimPrefix(todo[0], "?"))
		if err != nil {
			t.Fatalf("%s: %v", todo[0], err)
		}
		switch {
		case query.Get("format") == "json":
			if !json.Valid([]byte(text)) {
				t.Fatalf("%s is no JSON:\n%s", todo[0], text)
			}
		case query.Get("format") == "" && query.Get("view") != "style":
			todo = append(todo, parse(t, text).links...)
		}
	}
	return seen
}
