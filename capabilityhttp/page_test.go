// How the page is asked: headers, methods, paths, paging, search, and what is not there.

package capabilityhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilityhttp"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

// link returns a query of names and values in turn.
func link(pairs ...string) string {
	values := make(url.Values)
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	return "?" + values.Encode()
}

func TestHeaders(t *testing.T) {
	page := world(t)
	kinds := map[string]string{
		"":                          "text/html; charset=utf-8",
		"?format=json":              "application/json",
		"?scope=orders":             "text/html; charset=utf-8",
		"?scope=orders&format=text": "text/plain; charset=utf-8",
		"?scope=orders&capability=auth&format=dot": "text/plain; charset=utf-8",
		"?scope=nobody": "text/html; charset=utf-8",
		"?view=style":   "text/css; charset=utf-8",
	}
	for query, kind := range kinds {
		got := fetch(page, query).Header
		want := http.Header{
			"Content-Type":            {kind},
			"Content-Length":          got["Content-Length"],
			"Content-Security-Policy": {"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
			"X-Content-Type-Options":  {"nosniff"},
			"Cache-Control":           {"no-store"},
			"Referrer-Policy":         {"no-referrer"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// No page has what its policy forbids: a script, a style that is not in the sheet.
func TestNothingInline(t *testing.T) {
	for query, text := range crawl(t, world(t), 500) {
		if strings.Contains(query, "format=") || strings.Contains(query, "view=style") {
			continue
		}
		for _, word := range []string{"<script", "<style", " style=", " onclick=", "javascript:", "ZgotmplZ"} {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %q", query, word)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	page := world(t)
	methods := []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect, "get", "BREW"}
	for _, method := range methods {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, &http.Request{Method: method, URL: &url.URL{Path: "/"}})
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s is answered with %d and %v", method, w.Code, w.Header())
		}
	}
}

// HEAD says what GET would, without saying it.
func TestHead(t *testing.T) {
	page := world(t)
	for query := range crawl(t, page, 500) {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/"+query, nil))
		get := fetch(page, query)
		text, err := io.ReadAll(get.Body)
		must(t, err)
		if w.Body.Len() > 0 || w.Code != get.StatusCode {
			t.Errorf("HEAD %s is answered with %d and %q", query, w.Code, w.Body)
		}
		if diff := cmp.Diff(get.Header, w.Header()); diff != "" {
			t.Errorf("%s (-get +head):\n%s", query, diff)
		}
		if get.Header.Get("Content-Length") != fmt.Sprint(len(text)) {
			t.Errorf("GET %s announces %s bytes and has %d", query, get.Header.Get("Content-Length"), len(text))
		}
	}
}

// The page works at any path, and with a prefix stripped or not, over a real connection.
func TestPrefixes(t *testing.T) {
	page := world(t)
	mux := http.NewServeMux()
	mux.Handle("/exact", page)
	mux.Handle("/tree/", page)
	mux.Handle("/deep/er/", http.StripPrefix("/deep/er", page))
	mux.Handle("/short/", http.StripPrefix("/short/", page))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, path := range []string{"/exact", "/tree/", "/deep/er/", "/short/"} {
		base, err := url.Parse(server.URL + path)
		must(t, err)
		through := func(address string) string {
			t.Helper()
			answer, err := server.Client().Get(address)
			must(t, err)
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			must(t, err)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s: status %d", address, answer.StatusCode)
			}
			return string(text)
		}
		follow := func(text, want string) string {
			t.Helper()
			links := parse(t, text).links
			if !slices.Contains(links, want) {
				t.Fatalf("at %s there is no link to %s among %q", path, want, links)
			}
			u, err := base.Parse(want)
			must(t, err)
			return through(u.String())
		}
		scope := follow(through(base.String()), "?scope=orders")
		capability := follow(scope, "?capability=auth&scope=orders")
		if !strings.Contains(parse(t, capability).text, "auth in orders") {
			t.Errorf("at %s the links do not lead to the capability:\n%s", path, capability)
		}
		follow(capability, "?view=style")
	}
}

// What is not there is said, with a way back.
func TestMissing(t *testing.T) {
	page := world(t)
	tests := map[string]struct {
		status int
		says   string
	}{
		"?scope=nobody":                 {404, `there is no scope "nobody"`},
		"?scope=":                       {404, `there is no scope ""`},
		"?scope=closed":                 {404, "the scope was closed before"},
		"?scope=closed&capability=auth": {404, "the scope was closed before"},
		"?scope=orders&capability=aut":  {404, `did you mean "auth"?`},
		"?scope=orders&capability=":     {404, `knows no capability ""`},
		"?capability=auth":              {404, `there is no scope ""`},
		"?view=nothing":                 {404, `there is no view "nothing"`},
		"?format=xml":                   {404, `no format "xml"`},
		"?format=text":                  {404, `no format "text"`},
		"?scope=orders&format=dot":      {404, `no format "dot"`},
		"?scope=nobody&format=text":     {404, `no format "text"`},
		"?scope=%zz":                    {400, `invalid URL escape "%zz"`},
		"?scope=orders;capability=auth": {400, "invalid semicolon"},
		"?q=%zz&format=json":            {400, "invalid URL escape"},
	}
	for query, test := range tests {
		answer := answered(t, page, query)
		if answer.status != test.status {
			t.Errorf("%s: status %d, want %d", query, answer.status, test.status)
		}
		d := parse(t, answer.text)
		if !strings.Contains(d.text, test.says) || !slices.Contains(d.links, "?") {
			t.Errorf("%s: no %q, or no way back:\n%s", query, test.says, answer.text)
		}
	}
	answer := answered(t, page, "?scope=nobody&format=json")
	if answer.status != 404 || !strings.Contains(answer.text, `"error": "there is no scope \"nobody\"`) {
		t.Errorf("status %d:\n%s", answer.status, answer.text)
	}
}

// The zero Page shows that there is nothing, as do parts that are nil.
func TestZero(t *testing.T) {
	for query, says := range map[string]string{"": "0 scopes.", "?q=x": "0 of 0 scopes", "?view=extensions": "0 instances", "?view=sources": "0 feeds", "?view=retirements": "0 to be retired"} {
		if text := parse(t, body(t, capabilityhttp.Page{}, query)).text; !strings.Contains(text, says) {
			t.Errorf("%q shows no %q: %s", query, says, text)
		}
	}
	page := capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) {
		_ = yield("nil", nil) && yield("zero", new(capability.Scope))
	}}
	if text := parse(t, body(t, page, "")).text; strings.Count(text, "of a nil or zero Scope") != 2 {
		t.Errorf("the overview of scopes that are none: %s", text)
	}
	if answer := fetch(page, "?scope=nil"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a nil scope is answered with %d", answer.StatusCode)
	}
}

// Of two scopes of one name the first is shown, everywhere.
func TestTwice(t *testing.T) {
	one := compose(t, capability.NewRegistry(capability.Engine, "one"))
	two := compose(t, capability.NewRegistry(capability.Engine, "two"))
	page := capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) {
		_ = yield("same", one) && yield("other", two) && yield("same", two)
	}}
	if text := parse(t, body(t, page, "")).text; !strings.Contains(text, "2 scopes.") {
		t.Errorf("the overview shows %s", text)
	}
	if got := decoded[capability.Snapshot](t, page, "?scope=same&format=json").Scope; got != "one" {
		t.Errorf("the page is of %q, want the first", got)
	}
}

// A function of the page that panics is an answer, and the next request is served.
func TestPanics(t *testing.T) {
	for name, value := range map[string]any{"text": "boom", "error": errors.New("boom"), "func": func() {}, "Error panics": hostileError{}} {
		t.Run(name, func(t *testing.T) {
			page := capabilityhttp.Page{
				Scopes:     func(func(string, *capability.Scope) bool) { panic(value) },
				Extensions: func() []extension.Status { panic(value) },
				Sources:    func(func(string, []data.SourceStatus) bool) { panic(value) },
			}
			server := httptest.NewServer(page)
			defer server.Close()
			queries := map[string]string{"": "Scopes", "?scope=x": "Scopes", "?view=retirements&format=json": "Scopes", "?view=extensions": "Extensions", "?view=sources": "Sources"}
			for query, who := range queries {
				answer, err := server.Client().Get(server.URL + "/" + query)
				must(t, err)
				text, err := io.ReadAll(answer.Body)
				must(t, err)
				must(t, answer.Body.Close())
				if answer.StatusCode != http.StatusInternalServerError || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("%s: status %d of %s", query, answer.StatusCode, answer.Header.Get("Content-Type"))
				}
				if !strings.HasPrefix(string(text), "there is no page, because "+who+" panicked: ") || !strings.Contains(string(text), "page_test.go:") {
					t.Errorf("%s is answered with %s", query, text)
				}
			}
		})
	}
	t.Run("abort", func(t *testing.T) {
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("got %v, want that net/http ends the connection", got)
			}
		}()
		fetch(capabilityhttp.Page{Extensions: func() []extension.Status { panic(http.ErrAbortHandler) }}, "?view=extensions")
	})
}

type hostileError struct{}

func (hostileError) Error() string { panic("of the text") }

// Nothing is asked of a scope while the program yields them, so it may hold a lock there
// for which a transaction waits.
func TestLockHeld(t *testing.T) {
	for _, query := range []string{"", "?q=a", "?scope=one", "?scope=two&capability=auth", "?view=retirements"} {
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(t, engine.Apply(auth.Bind("jwt", anybody)))
		scope := compose(t, engine)
		var rebuilt chan struct{} // nil before the build that waits
		var yielded chan struct{}
		derived := capability.Derive(func(r *capability.Resolver) (int, error) {
			checks, err := auth.All().In(r)
			if rebuilt != nil {
				close(rebuilt)
				select {
				case <-yielded:
				case <-time.After(10 * time.Second):
					t.Errorf("%s asks a scope before the program has yielded them all", query)
				}
			}
			return checks.Len(), err
		})
		if _, err := derived.Handle(scope); err != nil {
			t.Fatal(err)
		}
		rebuilt, yielded = make(chan struct{}), make(chan struct{})
		done := make(chan error)
		body(t, capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) {
			go func() { done <- engine.Apply(auth.Bind("cookie", anybody)) }()
			<-rebuilt
			_ = yield("one", scope) && yield("two", scope)
			close(yielded)
		}}, query)
		must(t, <-done)
	}
}

// What waits to be retired is shown once, with all scopes that tell of it, and what
// nothing tells apart is shown as often as it is there.
func TestRetirements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		retire := make(chan struct{})
		made := capability.Derive(func(r *capability.Resolver) (int, error) {
			r.OnRetire(func() error { <-retire; return nil })
			return 0, nil
		})
		for range 2 {
			scope, err := capability.Compose(capability.NewRegistry(capability.Pipeline, "same"), engine)
			must(t, err)
			_, err = made.Handle(scope)
			must(t, err)
			must(t, scope.Close())
		}
		synctest.Wait()
		scopes := make(map[string]*capability.Scope)
		for _, name := range strings.Fields("a b c d e f g") {
			scopes[name] = compose(t, capability.NewRegistry(capability.Pipeline, name), engine)
		}
		page := capabilityhttp.Page{Scopes: maps.All(scopes)}
		got := decoded[struct {
			Pending []struct {
				Scope  string
				Scopes []string
			}
		}](t, page, "?view=retirements&format=json").Pending
		all := strings.Fields("a b c d e f g")
		if len(got) != 2 || !slices.Equal(got[0].Scopes, all) || !slices.Equal(got[1].Scopes, all) {
			t.Errorf("got %+v, want 2, of all scopes", got)
		}
		text := parse(t, body(t, page, "?view=retirements")).text
		if !strings.Contains(text, "2 to be retired in 7 of 7 scopes.") || strings.Count(text, "told by a , b , c , d , e and 2 more") != 2 {
			t.Errorf("the page shows %s", text)
		}
		close(retire)
		synctest.Wait()
		if text := parse(t, body(t, page, "?view=retirements")).text; !strings.Contains(text, "0 to be retired") {
			t.Errorf("after they are retired the page shows %s", text)
		}
	})
}

// many returns n pipelines over one engine. The last knows what no other does.
func many(t testing.TB, n int) capabilityhttp.Page {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(auth.Bind("jwt", anybody), auth.Bind("cookie", anybody), routes.Bind("main", to("us1")), hello.Bind("hello", "Hello!")))
	rare := capability.New[string]("rare", "is known to one scope alone")
	scopes := make([]*capability.Scope, n)
	names := make([]string, n)
	for i := range scopes {
		names[i] = fmt.Sprintf("pipeline-%05d", i)
		own := capability.NewRegistry(capability.Pipeline, names[i])
		if i == n-1 {
			must(t, own.Apply(rare.Bind("one", "")))
		} else if i%2 == 0 {
			must(t, own.Apply(auth.Rebind("jwt", anybody)))
		}
		scopes[i] = compose(t, own, engine)
	}
	return capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) {
		for i := range slices.Backward(names) {
			if !yield(names[i], scopes[i]) {
				return
			}
		}
	}}
}

type (
	paging   struct{ Total, From, To int }
	overview struct {
		All          int
		Paging       paging
		Scopes       []struct{ Name string }
		Capabilities []struct {
			Name   string
			Scopes []string
		}
		Looked paging
	}
)

// next returns the link to what comes after, "" if nothing does.
func next(links []string, parameter string) string {
	for _, l := range slices.Backward(links) {
		if strings.Contains(l, parameter+"=") && !strings.Contains(l, "format=") {
			return l
		}
	}
	return ""
}

func TestTenThousand(t *testing.T) {
	const n = 10_000
	page := many(t, n)

	t.Run("paging", func(t *testing.T) {
		var got []string
		pages := 0
		for query := "?"; ; pages++ {
			o := decoded[overview](t, page, query+"&format=json")
			if o.All != n || o.Paging.Total != n || len(o.Scopes) > 100 {
				t.Fatalf("%s shows %d of %d and %d scopes", query, len(o.Scopes), o.Paging.Total, o.All)
			}
			for _, s := range o.Scopes {
				got = append(got, s.Name)
			}
			text := body(t, page, query)
			query = fmt.Sprintf("?from=%d", o.Paging.To)
			if !strings.Contains(text, `<a href="`+query+`" rel="next">`) {
				break
			}
		}
		if pages != n/100-1 || len(got) != n || !slices.IsSorted(got) || len(slices.Compact(got)) != n {
			t.Errorf("%d links on show %d scopes, want %d, each once, by name", pages, len(got), n)
		}
	})

	t.Run("places that are none", func(t *testing.T) {
		for query, want := range map[string]paging{
			"?from=-5": {n, 0, 100}, "?from=x": {n, 0, 100}, "?from=9950": {n, 9950, n}, "?from=10000": {n, n, n},
			"?from=99999999999999999999": {n, 0, 100}, "?from=123456": {n, n, n}, "?from=7": {n, 7, 107},
		} {
			if got := decoded[overview](t, page, query+"&format=json").Paging; got != want {
				t.Errorf("%s shows %+v, want %+v", query, got, want)
			}
			parse(t, body(t, page, query))
		}
	})

	t.Run("names of scopes", func(t *testing.T) {
		o := decoded[overview](t, page, "?q=LINE-0999&format=json")
		if o.Paging != (paging{10, 0, 10}) || o.Scopes[9].Name != "pipeline-09999" || o.Looked.To-o.Looked.From > 500 {
			t.Errorf("got %+v", o)
		}
	})

	t.Run("a capability that all know", func(t *testing.T) {
		o := decoded[overview](t, page, "?q=rout&format=json")
		if len(o.Capabilities) != 1 || o.Capabilities[0].Name != "route" || len(o.Capabilities[0].Scopes) != 100 || o.Looked != (paging{n, 0, 100}) {
			t.Errorf("got %+v", o)
		}
	})

	t.Run("a capability that one knows", func(t *testing.T) {
		query, pages := "?q=rare", 1
		for ; ; pages++ {
			if o := decoded[overview](t, page, query+"&format=json"); len(o.Capabilities) > 0 {
				if o.Capabilities[0].Name != "rare" || !slices.Equal(o.Capabilities[0].Scopes, []string{"pipeline-09999"}) {
					t.Errorf("found %+v", o.Capabilities)
				}
				break
			}
			if query = next(parse(t, body(t, page, query)).links, "look"); query == "" {
				t.Fatalf("it is on none of %d pages", pages)
			}
		}
		if pages != 20 {
			t.Errorf("it is on page %d, want 20: each looks into 500 scopes", pages)
		}
	})

	t.Run("one of them", func(t *testing.T) {
		if text := parse(t, body(t, page, "?scope=pipeline-04242")).text; !strings.Contains(text, "pipeline-04242 over engine , generation") {
			t.Errorf("the page of a scope shows %s", text)
		}
	})
}

// A page makes as many snapshots for 10 000 scopes as for 1 000.
func TestSnapshots(t *testing.T) {
	few, lots := many(t, 1_000), many(t, 10_000)
	for _, query := range []string{"?", "?q=rare", "?q=auth", "?view=retirements", "?scope=pipeline-00042"} {
		a := testing.AllocsPerRun(2, func() { fetch(few, query) })
		b := testing.AllocsPerRun(2, func() { fetch(lots, query) })
		if b > a*1.1+100 {
			t.Errorf("%s allocates %.0f times with 10 000 scopes, and %.0f times with 1 000", query, b, a)
		}
	}
}

// The capabilities of a scope come 100 on a page, too, and can be searched.
func TestCapabilitiesPaged(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	var changes capability.Changes
	for i := range 250 {
		changes = append(changes, capability.New[int](fmt.Sprintf("metric-%03d", i), "counts something").Bind("zero", 0))
	}
	must(t, engine.Apply(changes))
	scope := compose(t, engine)
	page := capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) { yield("", scope) }}
	found := 0
	for query := range crawl(t, page, 2000) {
		if strings.Contains(query, "capability=") && !strings.Contains(query, "format=") {
			found++
		}
	}
	if found != 250 {
		t.Errorf("the links lead to %d capabilities, want 250", found)
	}
	text := parse(t, body(t, page, "?scope=")).text
	if !strings.Contains(text, "metric-099") || strings.Contains(text, "metric-100") {
		t.Errorf("the first page shows %s", text)
	}
	if got := len(decoded[capability.Snapshot](t, page, "?scope=&format=json").Capabilities); got != 250 {
		t.Errorf("the JSON has %d capabilities, want all 250", got)
	}
	text = parse(t, body(t, page, "?scope=&q=Metric-24")).text
	if !strings.Contains(text, "10 of 250") || !strings.Contains(text, "metric-249") || strings.Contains(text, "metric-001") {
		t.Errorf("the search shows %s", text)
	}
}

// Pages are whole while what they show changes.
func TestWhileItChanges(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(auth.Bind("jwt", anybody), routes.Bind("main", to("us1"))))
	var mu sync.Mutex
	scopes := make(map[string]*capability.Scope)
	page := capabilityhttp.Page{Scopes: func(yield func(string, *capability.Scope) bool) {
		mu.Lock()
		defer mu.Unlock()
		for name, s := range scopes {
			if !yield(name, s) {
				return
			}
		}
	}}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			name := fmt.Sprintf("pipeline-%d", w)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				own := capability.NewRegistry(capability.Pipeline, name)
				scope, err := capability.Compose(own, engine)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				scopes[name] = scope
				mu.Unlock()
				_, err = auth.All().Handle(scope)
				errs := []error{
					err,
					own.Apply(auth.Rebind("jwt", anybody).OnRetire(func() error { return nil })),
					own.Apply(auth.Unbind("jwt")),
					engine.Apply(routes.Unbind("main"), routes.Bind("main", to("us2"))),
					scope.Close(),
				}
				if err := errors.Join(errs...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 4 {
		readers.Go(func() {
			for range 50 {
				for _, query := range []string{"", "?q=auth", "?scope=pipeline-0", "?scope=pipeline-1&capability=auth", "?view=retirements", "?scope=pipeline-0&format=json"} {
					answer := fetch(page, query)
					if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNotFound {
						t.Errorf("%s: status %d", query, answer.StatusCode)
					}
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
}

// A request whose client has gone looks no further.
func TestGone(t *testing.T) {
	page := many(t, 300)
	r := httptest.NewRequest(http.MethodGet, "/?q=rare&format=json", nil)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r.WithContext(ctx))
	var o overview
	must(t, json.Unmarshal(w.Body.Bytes(), &o))
	if o.Looked != (paging{300, 0, 0}) {
		t.Errorf("it looked into %+v", o.Looked)
	}
}

func BenchmarkOverview(b *testing.B) {
	page := many(b, 10_000)
	for name, query := range map[string]string{"first": "?", "last": "?from=9900", "search": "?q=rare", "scope": "?scope=pipeline-04242", "capability": "?scope=pipeline-04242&capability=auth"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fetch(page, query)
			}
		})
	}
}
