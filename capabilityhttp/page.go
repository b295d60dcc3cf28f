// Package capabilityhttp shows a running program to people and tools: who answers for
// which capability in each scope and why, what waits to be retired, how extensions and
// data sources do.
//
//	mux.Handle("/debug/capability", capabilityhttp.Page{
//		Scopes:     program.Scopes,
//		Extensions: host.Status().Get,
//		Sources:    program.Sources,
//		Catalogue:  extension.NewCatalogue(extensions...),
//	})
//
// # Addresses
//
// What is asked for is in the query alone, and all links are relative. So the page works
// at whatever path it is given, with http.StripPrefix or without, and no name has to be
// fit for a path.
//
//	?                                  the scopes, by name, 100 on a page
//	?q=text                            the scopes whose name holds the text, and who knows a capability whose name does
//	?scope=orders                      one scope: registries, capabilities, what is derived and pending
//	?scope=orders&capability=auth      one capability: the merge as a picture, who wins and why, who resolved it
//	?view=retirements                  what waits to be retired, over all scopes
//	?view=extensions                   the extensions, and the catalogue
//	?view=sources                      the sources of data
//
// A page that goes on has from=, the place in the list where it begins, and look=, the
// scope where a search begins that has to look into scopes: a page looks into at
// most 500 of them, and into those that it lists.
//
// # Formats
//
// With format=json each page is JSON. That of a scope is a [capability.Snapshot], whole.
// The others are objects; times are as RFC 3339 has them, errors are texts, and what
// is empty or never was may be absent:
//
//	scopes          query, all, paging, scopes: name, registries, generation, capabilities, unclear, pending, error;
//	                with q=, looked and capabilities: name, doc, site, scopes
//	one capability  name, scope, generation, registries, capability, pending, as in a Snapshot; explain
//	retirements     looked; pending: as in a Snapshot, and scopes, those that tell of it
//	extensions      instances: instance, extension, version, kind, place, state, since, restarts, err; catalogue
//	sources         feeds: name, sources: source, entries, good, tried, version, err
//	what is wrong   error
//
// paging and looked say which part of a list is shown or was looked into: total, from, to.
//
// A capability is also there with format=text, which is [capability.Snapshot.Explain],
// format=mermaid and format=dot; a scope with format=text.
//
// # Who may see it
//
// A page changes nothing, and costs nothing until it is asked for; it waits for
// transactions that run, and they for it, one scope at a time. It shows names, places
// in the source and the texts of errors, so give it to operators only. It holds no script,
// and a Content-Security-Policy under which a browser would run none.
package capabilityhttp

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

// A Page is an http.Handler that shows what its fields say, to GET and HEAD. The zero Page
// shows that there is nothing. Its functions are called for each request that needs them,
// by several requests at once. If one panics, that request is answered with status 500 and
// what it said.
type Page struct {
	// Scopes yields the scopes and the names under which they are shown, in any
	// order; of two of one name the first counts. Nothing is asked of a scope before it
	// has returned, so it may hold the lock that guards the scopes; maps.All of a
	// map that does not change will do. Closed scopes are shown as such.
	Scopes iter.Seq2[string, *capability.Scope]

	// Extensions returns how the extensions do: Get of the handle that Host.Status
	// returns.
	Extensions func() []extension.Status

	// Sources yields what the method Status of each feed returns, and the name under
	// which the feed is shown, in any order.
	Sources iter.Seq2[string, []data.SourceStatus]

	// Catalogue is shown on the page of the extensions.
	Catalogue extension.Catalogue
}

// headers are those of each answer.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":  "nosniff",
	"Cache-Control":           "no-store",
	"Referrer-Policy":         "no-referrer",
}

const (
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
	typeCSS  = "text/css; charset=utf-8"
	typeJSON = "application/json"
)

// ServeHTTP answers a request.
func (p Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	a := answer{http.StatusMethodNotAllowed, typeText, []byte("the page is for GET and HEAD\n")}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		a = p.answer(r.Context(), r.URL.RawQuery)
	} else {
		h.Set("Allow", "GET, HEAD")
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // whom it does not reach has gone
	}
}

// An answer is all of a response, made before any of it is written.
type answer struct {
	status int
	kind   string
	body   []byte
}

func (p Page) answer(ctx context.Context, query string) (a answer) {
	q := &question{page: p, ctx: ctx}
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			text := fmt.Sprintf("there is no page, because %s panicked: %v\n\n%s", q.calling, v, debug.Stack())
			a = answer{http.StatusInternalServerError, typeText, []byte(text)}
		}
	}()
	q.calling = "the page itself"
	values, err := url.ParseQuery(query)
	if err != nil {
		return q.render(problem(http.StatusBadRequest, "a query that cannot be read", "%v", err))
	}
	q.values = values
	if values.Get("view") == "style" {
		return answer{http.StatusOK, typeCSS, style}
	}
	return q.render(q.view())
}

// A question is a request: what is asked for, and whom to ask.
type question struct {
	page    Page
	ctx     context.Context
	values  url.Values
	calling string // what runs, should it panic
}

// A view is what is shown, before it has a format.
type view struct {
	status   int
	template string
	title    string
	data     any                      // for the template
	json     any                      // data if it is nil
	formats  map[string]func() string // other texts, by the name of the format
}

// problem returns the page that says what is wrong, and leads back.
func problem(status int, title, format string, args ...any) *view {
	return &view{status: status, template: "problem", title: title, data: struct {
		Error string `json:"error"`
	}{fmt.Sprintf(format, args...)}}
}

func missing(format string, args ...any) *view {
	return problem(http.StatusNotFound, "not here", format, args...)
}

// view returns what the query asks for.
func (q *question) view() *view {
	switch name := q.values.Get("view"); {
	case name == "retirements":
		return q.retirements()
	case name == "extensions":
		return q.extensions()
	case name == "sources":
		return q.sources()
	case name != "":
		return missing("there is no view %q: there are retirements, extensions and sources", name)
	case q.values.Has("capability"):
		return q.capability(q.values.Get("scope"), q.values.Get("capability"))
	case q.values.Has("scope"):
		return q.scope(q.values.Get("scope"))
	}
	return q.overview()
}

// number returns the place in a list of length n that a parameter names, at most n, and 0
// if it names none.
func (q *question) number(name string, n int) int {
	i, err := strconv.Atoi(q.values.Get(name))
	if err != nil {
		return 0
	}
	return min(max(i, 0), n)
}

// search returns what is searched for, and whether a text holds it; case does not count.
// Without a search each text does.
func (q *question) search() (string, func(string) bool) {
	text := strings.TrimSpace(q.values.Get("q"))
	folded := strings.ToLower(text)
	return text, func(s string) bool { return strings.Contains(strings.ToLower(s), folded) }
}

// with returns the link to the same page but for some parameters, given as name and value
// in turn.
func (q *question) with(pairs ...string) string {
	values := make(url.Values, len(q.values)+1)
	for name, list := range q.values {
		values[name] = list
	}
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	return "?" + values.Encode()
}

// A paging is which part of a list is shown.
type paging struct {
	Total int `json:"total"` // of the list
	From  int `json:"from"`  // the first that is shown
	To    int `json:"to"`    // the first after those

	Before string `json:"-"` // the link to what comes before, if something does
	After  string `json:"-"`
}

// perPage is how many of a list are on a page.
const perPage = 100

// part returns which of a list of length n are shown.
func (q *question) part(n int) paging {
	p := paging{Total: n, From: q.number("from", n)}
	p.To = min(p.From+perPage, n)
	p.link(q, "from", perPage)
	return p
}

// link sets the links to the parts before and after, where a part has size.
func (p *paging) link(q *question, parameter string, size int) {
	if p.From > 0 {
		p.Before = q.with(parameter, strconv.Itoa(max(p.From-size, 0)))
	}
	if p.To < p.Total {
		p.After = q.with(parameter, strconv.Itoa(p.To))
	}
}

// render returns the view in the format that is asked for.
func (q *question) render(v *view) answer {
	switch format := q.values.Get("format"); format {
	case "":
		var b bytes.Buffer
		q.html(&b, v)
		return answer{v.status, typeHTML, b.Bytes()}
	case "json":
		return answer{v.status, typeJSON, marshal(v)}
	default:
		if text, ok := v.formats[format]; ok {
			return answer{v.status, typeText, []byte(text())}
		}
		q.values.Del("format")
		return q.render(missing("this page has no format %q: each has json, that of a scope text, that of a capability text, mermaid and dot", format))
	}
}
