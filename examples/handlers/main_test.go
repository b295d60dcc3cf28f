// Tests of the server with real requests: its output, who is let in, and what
// requests meet while plug-ins are exchanged.

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

var update = flag.Bool("update", false, "renew the golden output")

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v, after\n%s", err, &out)
	}
	// The lines of the program text change with it.
	got := regexp.MustCompile(`\.go:\d+`).ReplaceAllString(out.String(), ".go:N")
	file := filepath.Join("testdata", "run.golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}

// A site is a server that listens.
type site struct {
	registries
	*server
	url string
}

var shelf = documents{
	"notes":  {"n1": "buy tea", "a/b": "a slash"},
	"orders": {"o1": "tea for ann"},
}

// start starts the server. The test closes it, and then nothing may be left of it.
func start(t *testing.T) site {
	t.Helper()
	all, err := register(shelf)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(all, shelf)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := s.close()
		for _, r := range []*capability.Registry{all.orders, all.engine, all.builtin} {
			err = errors.Join(err, r.Close(ctx))
		}
		if err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return site{all, s, web.URL}
}

// An answer is what a request is answered.
type answer struct {
	Status    int
	By, Known string
	Body      string
}

// try sends a request with these lines of header.
func (s site) try(path string, header ...string) (answer, error) {
	r, err := http.NewRequest("GET", s.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("Handled-By"), resp.Header.Get("Known-By"), strings.TrimSpace(string(body))}, err
}

func (s site) ask(t *testing.T, path string, header ...string) answer {
	t.Helper()
	a, err := s.try(path, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// apply changes a registry.
func apply(t *testing.T, r *capability.Registry, changes ...capability.Change) {
	t.Helper()
	if err := r.Apply(changes...); err != nil {
		t.Fatal(err)
	}
}

func TestAuthentication(t *testing.T) {
	s := start(t)
	const (
		ann   = "Cookie: session=c1"
		ended = "Cookie: session=c0"
		bob   = "Authorization: Bearer t1"
		cid   = "Authorization: Bearer t2"
		other = "Authorization: Basic Ym9iOg=="
		dan   = "X-User: dan"
	)
	signed := "X-Signature: " + signature("secret", "dan")
	forged := "X-Signature: " + signature("guess", "dan")
	for _, test := range []struct {
		name, path string
		header     []string
		want       answer
	}{
		{"nobody", "/_session", nil, answer{200, "database, normal", "", "you are anonymous"}},
		{"cookie", "/_session", []string{ann}, answer{200, "database, normal", "cookie", "you are ann"}},
		{"bearer", "/_session", []string{bob}, answer{200, "database, normal", "bearer", "you are bob"}},
		{"proxy", "/_session", []string{dan, signed}, answer{200, "database, normal", "proxy", "you are dan"}},
		{"all three", "/_session", []string{dan, signed, bob, ann}, answer{200, "database, normal", "cookie", "you are ann"}},
		{"last two", "/_session", []string{dan, signed, bob}, answer{200, "database, normal", "bearer", "you are bob"}},
		{"ended session", "/_session", []string{ended}, answer{200, "database, normal", "", "you are anonymous"}},
		{"ended session and proxy", "/_session", []string{ended, dan, signed}, answer{200, "database, normal", "proxy", "you are dan"}},
		{"other scheme", "/_session", []string{other}, answer{200, "database, normal", "", "you are anonymous"}},
		{"unknown token", "/_session", []string{cid}, answer{401, "", "bearer", "the token is unknown"}},
		{"unknown token and proxy", "/_session", []string{cid, dan, signed}, answer{401, "", "bearer", "the token is unknown"}},
		{"unknown token and cookie", "/_session", []string{cid, ann}, answer{200, "database, normal", "cookie", "you are ann"}},
		{"forged", "/_session", []string{dan, forged}, answer{401, "", "proxy", "the signature of the proxy is wrong"}},
		{"unsigned", "/_session", []string{dan}, answer{401, "", "proxy", "the signature of the proxy is wrong"}},
		{"orders nobody", "/orders/o1", nil, answer{401, "", "", "say who you are"}},
		{"orders cookie", "/orders/o1", []string{ann}, answer{401, "", "", "say who you are"}},
		{"orders bearer of the engine", "/orders/o1", []string{bob}, answer{401, "", "bearer", "the token is unknown"}},
		{"orders bearer", "/orders/o1", []string{cid}, answer{200, "server, own default", "bearer", "tea for ann"}},
		{"orders proxy", "/orders/o1", []string{dan, signed}, answer{200, "server, own default", "proxy", "tea for ann"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, s.ask(t, test.path, test.header...)); diff != "" {
				t.Errorf("answer differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAuthenticatorThatFails checks that a fault of the server is not taken for one
// of the caller, and that its text stays inside.
func TestAuthenticatorThatFails(t *testing.T) {
	s := start(t)
	apply(t, s.engine, Auth.Bind("directory", func(*http.Request) (d capability.Decision[User], err error) {
		return d, errors.New("192.0.2.7 does not answer")
	}))
	want := []answer{
		{500, "", "directory", "nobody can tell who you are"},
		{200, "database, normal", "cookie", "you are ann"},
	}
	got := []answer{s.ask(t, "/_session"), s.ask(t, "/_session", "Cookie: session=c1")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers differ (-want +got):\n%s", diff)
	}
}

func TestPaths(t *testing.T) {
	s := start(t)
	own := "server, own default"
	for path, want := range map[string]answer{
		"":                          {200, own, "", "welcome"},
		"//notes":                   {200, own, "", "welcome"},
		"/_session/more":            {200, "database, normal", "", "you are anonymous"},
		"/%5Fsession":               {200, "database, normal", "", "you are anonymous"},
		"/_session%2Fmore":          {404, own, "", "404 page not found"},
		"/notes":                    {200, "database, normal", "", "2 documents"},
		"/notes/":                   {200, "database, normal", "", "2 documents"},
		"/n%6Ftes/_all_docs?limit=": {200, "database, normal", "", "a/b n1"},
		"/notes/a%2Fb":              {200, own, "", "a slash"},
		"/notes/n2":                 {404, own, "", "404 page not found"},
		"/notes/n1/photo":           {404, own, "", "404 page not found"},
		"/notes/_stats":             {404, own, "", "404 page not found"},
		"/letters/_all_docs":        {404, "", "", `no database "letters"`},
		"/{db}/_all_docs":           {404, "", "", `no database "{db}"`},
		"/orders/../notes/n1":       {401, "", "", "say who you are"},
	} {
		if diff := cmp.Diff(want, s.ask(t, path)); diff != "" {
			t.Errorf("answer for %q differs (-want +got):\n%s", path, diff)
		}
	}
}

func TestClosedServer(t *testing.T) {
	s := start(t)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	want := answer{503, "", "", "the server is closed"}
	if diff := cmp.Diff(want, s.ask(t, "/")); diff != "" {
		t.Errorf("answer differs (-want +got):\n%s", diff)
	}
}

// TestOneGeneration changes authenticator and plug-in in one commit while a request
// is between the two. It meets both as they were.
func TestOneGeneration(t *testing.T) {
	s := start(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	apply(t, s.engine,
		Plugins.Bind("secrets", Plugin{Normal("/_secrets", text("none yet"))}),
		Auth.Bind("open", func(*http.Request) (capability.Decision[User], error) {
			close(arrived)
			<-release
			return capability.Decided(User("anybody")), nil
		}),
	)
	var got answer
	var err error
	var asking sync.WaitGroup
	asking.Go(func() { got, err = s.try("/_secrets") })
	<-arrived
	apply(t, s.engine,
		Plugins.Rebind("secrets", Plugin{Normal("/_secrets", text("the secret"))}),
		Auth.Rebind("open", func(*http.Request) (d capability.Decision[User], err error) {
			return d, unauthorized("not open any more")
		}),
	)
	close(release)
	asking.Wait()
	if diff := cmp.Diff(answer{200, "secrets, normal", "open", "none yet"}, got); err != nil || diff != "" {
		t.Errorf("error %v, and the answer to who came before the change differs (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(answer{401, "", "open", "not open any more"}, s.ask(t, "/_secrets")); diff != "" {
		t.Errorf("answer to who came after the change differs (-want +got):\n%s", diff)
	}
}

// TestExchangeWaitsForRequests exchanges a plug-in while it answers a request.
func TestExchangeWaitsForRequests(t *testing.T) {
	s := start(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var retired atomic.Bool
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		fmt.Fprint(w, "slow, retired: ", retired.Load())
	})
	apply(t, s.engine, Plugins.Bind("search", Plugin{Normal("/{db}/_search", slow)}).OnRetire(func() error {
		retired.Store(true)
		return nil
	}))
	var got answer
	var err error
	var asking sync.WaitGroup
	asking.Go(func() { got, err = s.try("/notes/_search") })
	<-arrived

	apply(t, s.engine, Plugins.Rebind("search", Plugin{Normal("/{db}/_search", text("fast"))}))
	if diff := cmp.Diff(answer{200, "search, normal", "", "fast"}, s.ask(t, "/notes/_search")); diff != "" {
		t.Errorf("answer during the exchange differs (-want +got):\n%s", diff)
	}
	if p := s.node.scope.Snapshot().Pending; len(p) != 1 || p[0].Running {
		t.Errorf("to be retired: %v, want the plug-in that has a request", p)
	}
	close(release)
	asking.Wait()
	if diff := cmp.Diff(answer{200, "search, normal", "", "slow, retired: false"}, got); err != nil || diff != "" {
		t.Errorf("error %v, and the answer of the old plug-in differs (-want +got):\n%s", err, diff)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.engine.Drain(ctx); err != nil || !retired.Load() {
		t.Errorf("the plug-in is retired: %t, want true; drain: %v", retired.Load(), err)
	}
}

// TestChangesUnderLoad exchanges plug-in and authenticator together again and again
// while clients ask. Each answer is of one generation, none is of a plug-in that was
// retired, and a change that is refused is seen by nobody.
func TestChangesUnderLoad(t *testing.T) {
	const clients, changes, between = 4, 60, 8
	s := start(t)
	var retired atomic.Int64
	exchange := func(number int, bindPlugin func(string, Plugin) capability.Binding, bindAuth func(string, Authenticator) capability.Binding) {
		t.Helper()
		var gone atomic.Bool
		probe := func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s by %d, retired: %t", Caller(r), number, gone.Load())
		}
		user := capability.Decided(User(fmt.Sprint(number)))
		apply(t, s.engine,
			bindPlugin("probe", Plugin{Normal("/_probe", http.HandlerFunc(probe))}).OnRetire(func() error {
				gone.Store(true)
				retired.Add(1)
				return nil
			}),
			bindAuth("number", func(*http.Request) (capability.Decision[User], error) { return user, nil }),
		)
	}
	exchange(0, Plugins.Bind, Auth.Bind)

	stop, answered := make(chan struct{}), make(chan struct{})
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			last := 0
			for {
				got, err := s.try("/_probe")
				var user, by int
				if _, scanned := fmt.Sscanf(got.Body, "%d by %d, retired: false", &user, &by); err != nil || scanned != nil || user != by || by < last {
					t.Errorf("the answer after generation %d is %+v, error %v", last, got, err)
				}
				last = by
				select {
				case answered <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	rival := Plugin{Normal("/_probe", text("rival")), Override("/_session", text("rival"))}
	for number := 1; number <= changes; number++ {
		for range between {
			<-answered
		}
		exchange(number, Plugins.Rebind, Auth.Rebind)
		if err := s.engine.Apply(Plugins.Bind("rival", rival), Auth.Unbind("number")); !errors.Is(err, capability.ErrConflict) {
			t.Errorf("a second normal handler: error is %v, want %v", err, capability.ErrConflict)
		}
		// What Apply has accepted, everybody sees when it returns.
		want := answer{200, "probe, normal", "number", fmt.Sprintf("%d by %d, retired: false", number, number)}
		if diff := cmp.Diff(want, s.ask(t, "/_probe")); diff != "" {
			t.Errorf("answer differs (-want +got):\n%s", diff)
		}
	}
	close(stop)
	asking.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.engine.Drain(ctx); err != nil || retired.Load() != changes {
		t.Errorf("%d plug-ins were retired, want %d; drain: %v", retired.Load(), changes, err)
	}
}
