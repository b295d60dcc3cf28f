// The server: its scopes, what it reads of them for a request, and what it does
// itself when no plug-in offers anything.

package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/typedcap/capability"
)

// entrance is all that a request needs, of one generation: no request meets the
// handler that came with a commit and the authenticators that left with it.
type entrance struct {
	routes       *table
	auth         capability.Chain[Authenticator]
	userRequired bool
}

// entrances makes them. A commit that changes an authenticator builds an entrance
// anew and leaves its table alone.
var entrances = capability.Derive(func(r *capability.Resolver) (entrance, error) {
	var e entrance
	var errs [3]error
	e.routes, errs[0] = routes.In(r)
	e.auth, errs[1] = Auth.All().In(r)
	e.userRequired, errs[2] = UserRequired.In(r)
	return e, capability.Join(errs[:]...)
})

// A realm is a scope and the entrance that it leads to. The entrance is leased, so
// that a plug-in that was exchanged is closed as soon as its last request is
// answered.
type realm struct {
	scope    *capability.Scope
	entrance capability.Leased[entrance]
}

func newRealm(registries ...*capability.Registry) (realm, error) {
	scope, err := capability.Compose(registries...)
	if err != nil {
		return realm{}, err
	}
	r := realm{scope: scope}
	if err := scope.Resolve(entrances.IntoLeased(&r.entrance)); err != nil {
		scope.Close()
		return realm{}, err
	}
	return r, nil
}

// A server answers requests. Its realms are made at start-up: if two plug-ins
// contradict each other, in any of them, there is no server.
type server struct {
	documents documents
	node      realm
	databases map[string]realm // those that have plug-ins or authenticators of their own
}

func newServer(all registries, docs documents) (*server, error) {
	s := &server{documents: docs, databases: make(map[string]realm)}
	var err error
	if s.node, err = newRealm(all.engine, all.builtin); err != nil {
		return nil, err
	}
	if s.databases["orders"], err = newRealm(all.orders, all.engine, all.builtin); err != nil {
		s.node.scope.Close()
		return nil, err
	}
	return s, nil
}

// close closes the scopes. Requests that come later are told so.
func (s *server) close() error {
	err := s.node.scope.Close()
	for _, r := range s.databases {
		err = errors.Join(err, r.scope.Close())
	}
	return err
}

// realmOf returns whose plug-ins answer for the database. One without its own shares
// the scope, and so the table, of the node, as do the URLs of the server.
func (s *server) realmOf(db string) realm {
	if r, ok := s.databases[db]; ok {
		return r
	}
	return s.node
}

// ServeHTTP finds out who is calling and passes the request to whom the table
// says. The headers of the answer say who did both.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	url, db, doc := address(r)
	if _, ok := s.documents[db]; db != "" && !ok {
		http.Error(w, fmt.Sprintf("no database %q", db), http.StatusNotFound)
		return
	}
	err := s.realmOf(db).entrance.Use(func(e entrance) error {
		known, err := capability.Decide(e.auth, func(a Authenticator) (capability.Decision[User], error) { return a(r) })
		if _, ok := known.Get(); err != nil || !ok && e.userRequired {
			turnAway(w, err)
			return nil
		}
		handler, by := e.routes.choose(url, s.own(url))
		w.Header().Set("Known-By", known.By())
		w.Header().Set("Handled-By", by)
		r = withCaller(r, known.Or(anonymous))
		r.SetPathValue("db", db)
		r.SetPathValue("doc", doc)
		handler.ServeHTTP(w, r)
		return nil
	})
	if err != nil {
		http.Error(w, "the server is closed", http.StatusServiceUnavailable)
	}
}

// turnAway answers a caller who is not let in: because of err, or, if that is nil,
// because no authenticator knows who it is.
func turnAway(w http.ResponseWriter, err error) {
	why, status := "say who you are", http.StatusUnauthorized
	var e *capability.Error // of Decide: it names the authenticator
	if errors.As(err, &e) {
		w.Header().Set("Known-By", e.Provider)
		why = e.Err.Error()
		if !errors.Is(err, Unauthorized) {
			why, status = "nobody can tell who you are", http.StatusInternalServerError
		}
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	http.Error(w, why, status)
}

// own returns the default of the server for a URL.
func (s *server) own(url string) http.Handler {
	switch url {
	case "/":
		return text("welcome")
	case "/{db}/{doc}":
		return http.HandlerFunc(s.documents.one)
	}
	return http.NotFoundHandler()
}

// text returns the handler that always writes that.
func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, s) })
}

// failure returns the handler that always fails so.
func failure(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) })
}
