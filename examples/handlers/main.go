// Handlers is a database server over HTTP whose URLs are answered by plug-ins, in
// the manner of CouchDB: an override goes before a normal handler, that before a
// default, that before what the server itself would do. It asks itself and prints
// who answered. Read plugin.go and table.go next, then server.go.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// Builtin is the level of what serves when nobody else does. It is broader than
// the engine, so that whatever the engine binds goes first.
const Builtin capability.Level = 50

// registries are the layers of the server. The registry of a database holds what is
// different there.
type registries struct{ builtin, engine, orders *capability.Registry }

// register makes the registries and binds their providers. This is the only place
// that knows who does what.
//
//	builtin    database, users are not required
//	engine     replicator, cookie bearer proxy
//	orders     no cookie, other tokens, users are required
func register(docs documents) (registries, error) {
	all := registries{
		capability.NewRegistry(Builtin, "builtin"),
		capability.NewRegistry(capability.Engine, "engine"),
		capability.NewRegistry(capability.Pipeline, "orders"),
	}
	return all, errors.Join(
		all.builtin.Apply(
			Plugins.Bind("database", database(docs)),
			UserRequired.Bind("users", false),
		),
		all.engine.Apply(
			Plugins.Bind("replicator", replicator()),
			Auth.Bind("cookie", cookie(map[string]User{"c1": "ann"})),
			Auth.Bind("bearer", bearer(map[string]User{"t1": "bob"})),
			Auth.Bind("proxy", proxy("secret")),
		),
		all.orders.Apply(
			Auth.Mask("cookie"),
			Auth.Rebind("bearer", bearer(map[string]User{"t2": "cid"})),
			UserRequired.Rebind("users", true),
		),
	)
}

func run(out io.Writer) error {
	docs := documents{
		"notes":  {"n1": "buy tea", "n2": "sell tea", "n3": "sleep"},
		"orders": {"o1": "tea for ann"},
	}
	all, err := register(docs)
	if err != nil {
		return err
	}
	s, err := newServer(all, docs)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, s.close())
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go web.Serve(listener) // it ends with Shutdown, which says all there is to say

	v := &visitor{out: out, url: "http://" + listener.Addr().String()}
	v.walk(all, docs)

	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(v.err, web.Shutdown(patience), s.close(),
		all.orders.Close(patience), all.engine.Close(patience), all.builtin.Close(patience))
}

// walk shows the server.
func (v *visitor) walk(all registries, docs documents) {
	v.title("the server and what is built in")
	v.ask("GET", "/")
	v.ask("GET", "/notes")
	v.ask("GET", "/notes/n1")
	v.ask("GET", "/notes/_all_docs")
	v.ask("GET", "/notes/_search?q=tea")
	v.ask("POST", "/_replicate")
	v.ask("GET", "/_stats")
	v.ask("GET", "/letters/l1")

	v.title("who is calling")
	v.ask("GET", "/_session")
	v.ask("GET", "/_session", "Cookie: session=c1", "Authorization: Bearer t1")
	v.ask("GET", "/_session", "Cookie: session=old", "Authorization: Bearer t1")
	v.ask("GET", "/_session", "X-User: dan", "X-Signature: "+signature("secret", "dan"))
	v.ask("GET", "/_session", "Authorization: Bearer t9", "X-User: dan", "X-Signature: "+signature("secret", "dan"))

	v.title("orders lets nobody in by cookie, and has its own tokens")
	v.ask("GET", "/orders/o1")
	v.ask("GET", "/orders/o1", "Cookie: session=c1")
	v.ask("GET", "/orders/o1", "Authorization: Bearer t1")
	v.ask("GET", "/orders/o1", "Authorization: Bearer t2")

	v.title("a plug-in for search comes")
	first := &index{edition: 1, documents: docs}
	v.apply(all.engine, Plugins.Bind("search", first.plugin()).OnRetire(first.Close))
	v.ask("GET", "/notes/_search?q=tea")

	v.title("a second one is refused, and the first goes on")
	lucene := Plugin{
		Normal("/_lucene", text("lucene")),
		Normal("/{db}/_search", text("found by lucene")),
	}
	v.conflict(all.engine.Apply(Plugins.Bind("lucene", lucene)))
	v.ask("GET", "/notes/_search?q=tea")
	v.ask("GET", "/_lucene")

	v.title("a server that begins with both does not begin")
	both, err := register(docs)
	v.fail(err)
	v.apply(both.engine, Plugins.Bind("search", first.plugin()), Plugins.Bind("lucene", lucene))
	_, err = newServer(both, docs)
	v.conflict(err)

	v.title("orders has lucene instead")
	v.apply(all.orders, Plugins.Mask("search"), Plugins.Bind("lucene", lucene))
	v.ask("GET", "/orders/_search?q=tea", "Authorization: Bearer t2")
	v.ask("GET", "/notes/_search?q=tea")

	v.title("chaos comes and goes")
	v.apply(all.engine, Plugins.Bind("chaos", chaos()))
	v.ask("GET", "/notes/_search?q=tea")
	v.apply(all.engine, Plugins.Unbind("chaos"))
	v.ask("GET", "/notes/_search?q=tea")

	v.title("the plug-in for search is exchanged")
	second := &index{edition: 2, documents: docs}
	v.apply(all.engine, Plugins.Rebind("search", second.plugin()).OnRetire(second.Close))
	v.ask("GET", "/notes/_search?q=tea")
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	v.fail(all.engine.Drain(patience))
	fmt.Fprintf(v.out, "  the first index is closed: %t, the second: %t\n", first.closed.Load(), second.closed.Load())
}

// A visitor changes the server, sends it requests and prints the answers.
type visitor struct {
	out io.Writer
	url string // of the server
	err error  // the first; nothing is done after it
}

func (v *visitor) title(s string) { fmt.Fprintf(v.out, "%s\n", s) }

// fail notes the error, if it is one and the first.
func (v *visitor) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// apply changes a registry.
func (v *visitor) apply(r *capability.Registry, changes ...capability.Change) {
	if v.err == nil {
		v.err = r.Apply(changes...)
	}
}

// conflict prints the error, which there ought to be, without the directory of this
// program.
func (v *visitor) conflict(err error) {
	switch {
	case v.err != nil:
	case !errors.Is(err, capability.ErrConflict):
		v.err = fmt.Errorf("two normal handlers for a URL are no conflict: %v", err)
	default:
		_, file, _, _ := runtime.Caller(0)
		dir := strings.TrimSuffix(file, filepath.Base(file))
		fmt.Fprintf(v.out, "  %s\n", strings.ReplaceAll(err.Error(), dir, ""))
	}
}

// ask sends a request with these lines of header, and prints the answer: its
// status, who made it, who knew the caller, and the body.
func (v *visitor) ask(method, path string, header ...string) {
	if v.err != nil {
		return
	}
	r, err := http.NewRequest(method, v.url+path, nil)
	if err != nil {
		v.err = err
		return
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		v.err = err
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	v.err = err
	fmt.Fprintf(v.out, "  %-4s %-22s %d  %-19s  %-6s  %s\n", method, path, resp.StatusCode,
		cmp.Or(resp.Header.Get("Handled-By"), "-"), cmp.Or(resp.Header.Get("Known-By"), "-"), strings.TrimSpace(string(body)))
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "handlers:", err)
		os.Exit(1)
	}
}
