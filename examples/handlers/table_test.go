// Tests of the table: who wins, what is a conflict, and that a refused change
// leaves the last table in service.

package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// tableNow returns the table that requests are answered by.
func tableNow(t *testing.T, r realm) *table {
	t.Helper()
	var now *table
	if err := r.entrance.Use(func(e entrance) error { now = e.routes; return nil }); err != nil {
		t.Fatal(err)
	}
	return now
}

// TestStrongest binds offers for one URL, of all sets of classes and in all orders.
func TestStrongest(t *testing.T) {
	s := start(t)
	offer := map[rune]func(string, http.Handler) Offer{'o': Override, 'n': Normal, 'd': Default}
	for _, bound := range append(strings.Fields("o n d on no od do nd dn ond odn nod ndo don dno"), "") {
		want := answer{200, "server, own default", "", "buy tea"}
		switch {
		case strings.Contains(bound, "o"):
			want = answer{200, "o, override", "", "by o"}
		case strings.Contains(bound, "n"):
			want = answer{200, "n, normal", "", "by n"}
		case bound == "d":
			want = answer{200, "d, default", "", "by d"}
		}
		for _, c := range bound {
			apply(t, s.engine, Plugins.Bind(string(c), Plugin{offer[c]("/{db}/{doc}", text("by "+string(c)))}))
		}
		if diff := cmp.Diff(want, s.ask(t, "/notes/n1")); diff != "" {
			t.Errorf("with %q, the answer differs (-want +got):\n%s", bound, diff)
		}
		for _, c := range bound {
			apply(t, s.engine, Plugins.Unbind(string(c)))
		}
	}
}

// TestSeveralOfAClass checks that the chain says which of several overrides, or
// defaults, answers.
func TestSeveralOfAClass(t *testing.T) {
	for _, class := range []struct {
		name  string
		offer func(string, http.Handler) Offer
	}{{"override", Override}, {"default", Default}} {
		bind := func(name string) capability.Binding {
			return Plugins.Bind(name, Plugin{class.offer("/{db}/_probe", text(name))})
		}
		for _, test := range []struct {
			name           string
			engine, orders capability.Changes
			want           string // who answers for notes, and for orders
		}{
			{"bound first", capability.Changes{bind("a"), bind("b")}, nil, "a a"},
			{"priority", capability.Changes{bind("a"), bind("b").Priority(1)}, nil, "b b"},
			{"before", capability.Changes{bind("a"), bind("b").Before("a")}, nil, "b b"},
			{"narrower", capability.Changes{bind("a").Priority(1)}, capability.Changes{bind("b")}, "a b"},
			{"masked", capability.Changes{bind("a"), bind("b")}, capability.Changes{Plugins.Mask("a")}, "a b"},
			{"rebound", capability.Changes{bind("a")}, capability.Changes{Plugins.Rebind("a", Plugin{class.offer("/{db}/_probe", text("b"))})}, "a b"},
		} {
			t.Run(class.name+" "+test.name, func(t *testing.T) {
				s := start(t)
				apply(t, s.engine, test.engine)
				apply(t, s.orders, test.orders)
				got := s.ask(t, "/notes/_probe").Body + " " + s.ask(t, "/orders/_probe", "Authorization: Bearer t2").Body
				if got != test.want {
					t.Errorf("notes and orders are answered by %q, want %q", got, test.want)
				}
			})
		}
	}
}

// TestConflict checks that two normal handlers of one URL are refused at start-up
// and later, with one text that names the lines of both.
func TestConflict(t *testing.T) {
	_, file, line, _ := runtime.Caller(0)
	search := Plugin{Normal("/_tasks", text("search")), Normal("/{db}/_search", text("search"))}
	lucene := Plugin{Normal("/{db}/_search", text("lucene"))}
	want := fmt.Sprintf(`capability "plugins", provider "lucene": two normal handlers for /{db}/_search, of "search" (%s:%d) and of "lucene" (%s:%d): `+
		"make one an override or a default, or mask its plug-in", file, line+1, file, line+2)
	check := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, capability.ErrConflict) {
			t.Fatalf("error is %v, want %v", err, capability.ErrConflict)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is\n%v\nwant one that holds\n%s", err, want)
		}
	}
	hidden := Plugin{Override("/{db}/_search", text("hidden"))}

	t.Run("at start-up", func(t *testing.T) {
		all, err := register(shelf)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, all.engine, Plugins.Bind("search", search), Plugins.Bind("lucene", lucene), Plugins.Bind("hidden", hidden).Priority(1))
		_, err = newServer(all, shelf)
		check(t, err)
		// Nothing of the start is left over.
		if err := all.engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("at start-up of orders", func(t *testing.T) {
		all, err := register(shelf)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, all.engine, Plugins.Bind("lucene", lucene))
		apply(t, all.orders, Plugins.Bind("search", search))
		_, err = newServer(all, shelf)
		check(t, err)
		if err := all.engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("later", func(t *testing.T) {
		s := start(t)
		apply(t, s.engine, Plugins.Bind("search", search))
		table := tableNow(t, s.node)
		check(t, s.engine.Apply(
			Plugins.Bind("lucene", lucene),
			Plugins.Bind("hidden", hidden).Priority(1), // it would hide both
			Auth.Unbind("cookie"),                      // refused with the rest
		))
		if tableNow(t, s.node) != table {
			t.Error("a refused change replaced the table")
		}
		want := answer{200, "search, normal", "cookie", "search"}
		if diff := cmp.Diff(want, s.ask(t, "/notes/_search", "Cookie: session=c1")); diff != "" {
			t.Errorf("answer after the refused change differs (-want +got):\n%s", diff)
		}
	})
	t.Run("by rebinding", func(t *testing.T) {
		s := start(t)
		apply(t, s.engine, Plugins.Bind("search", search), Plugins.Bind("lucene", Plugin{Default("/{db}/_search", text("lucene"))}))
		check(t, s.engine.Apply(Plugins.Rebind("lucene", lucene)))
		if diff := cmp.Diff("search", s.ask(t, "/notes/_search").Body); diff != "" {
			t.Errorf("answer differs (-want +got):\n%s", diff)
		}
	})
	t.Run("in orders", func(t *testing.T) {
		s := start(t)
		apply(t, s.engine, Plugins.Bind("lucene", lucene))
		check(t, s.orders.Apply(Plugins.Bind("search", search)))
		apply(t, s.orders, Plugins.Bind("search", search), Plugins.Mask("lucene"))
		check(t, s.orders.Apply(Plugins.Mask())) // lucene would be back
		got := s.ask(t, "/notes/_search").Body + " " + s.ask(t, "/orders/_search", "Authorization: Bearer t2").Body
		if want := "lucene search"; got != want {
			t.Errorf("notes and orders are answered by %q, want %q", got, want)
		}
	})
}

// TestBadOffers checks that all that is wrong comes back at once, whatever it is.
func TestBadOffers(t *testing.T) {
	s := start(t)
	_, file, line, _ := runtime.Caller(0)
	err := s.engine.Apply(
		Plugins.Bind("good", Plugin{Normal("/_a", text("a")), Normal("/_a", text("a"))}),
		Plugins.Bind("third", Plugin{Normal("/_a", text("a"))}),
		Plugins.Bind("careless", Plugin{Override("/_b", nil), {}, Default("/{db}/x", text("x"))}),
		Plugins.Bind("empty", nil),
	)
	if !errors.Is(err, capability.ErrConflict) || !errors.Is(err, capability.ErrInvalid) {
		t.Errorf("error is %v, want one that is %v and %v", err, capability.ErrConflict, capability.ErrInvalid)
	}
	at := func(down int) string { return fmt.Sprintf("%s:%d", file, line+down) }
	want := []string{
		`capability "plugins", provider "good": two normal handlers for /_a, of "good" (` + at(2) + `) and of "good" (` + at(2) + `): make one an override or a default, or mask its plug-in`,
		`capability "plugins", provider "third": two normal handlers for /_a, of "good" (` + at(2) + `) and of "third" (` + at(3) + `): make one an override or a default, or mask its plug-in`,
		`capability "plugins", provider "careless": the offer at ` + at(4) + ` has no handler: give it one`,
		`capability "plugins", provider "careless": offer 2 is the zero Offer: make it with Override, Normal or Default`,
		`capability "plugins", provider "careless": the offer at ` + at(4) + ` is for "/{db}/x": write /, /_name, /{db}, /{db}/{doc} or /{db}/_name`,
	}
	_, text, _ := strings.Cut(err.Error(), "table.go:")
	_, text, _ = strings.Cut(text, " failed: ")
	text, _, _ = strings.Cut(text, " (so too for ")
	if diff := cmp.Diff(want, strings.Split(text, "\n")); diff != "" {
		t.Errorf("texts differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(answer{404, "server, own default", "", "404 page not found"}, s.ask(t, "/_a")); diff != "" {
		t.Errorf("answer after the refused change differs (-want +got):\n%s", diff)
	}
}

func TestURLsOfOffers(t *testing.T) {
	for url, want := range map[string]bool{
		"/": true, "/{db}": true, "/{db}/{doc}": true, "/_session": true, "/{db}/_search": true, "/_": true,
		"": false, "_session": false, "/session": false, "/{db}/": false, "/{db}/doc": false, "/{db}_x": false,
		"/{db}/_a/b": false, "/_a/b": false, "/{db}/{db}/_a": false, "/notes/_search": false, "//": false,
	} {
		if got := wellFormed(url); got != want {
			t.Errorf("whether an offer may be for %q is %t, want %t", url, got, want)
		}
	}
}

// TestOneTableForEachChange checks when tables are made, and that databases without
// a registry share that of the node.
func TestOneTableForEachChange(t *testing.T) {
	s := start(t)
	table := tableNow(t, s.node)
	s.ask(t, "/_session")
	apply(t, s.engine, Auth.Unbind("cookie"), UserRequired.Bind("engine", true))
	apply(t, s.orders, Plugins.Bind("chaos", chaos()))
	if tableNow(t, s.node) != table || tableNow(t, s.realmOf("notes")) != table {
		t.Error("a table was made anew though no plug-in of the node changed")
	}
	if diff := cmp.Diff(answer{401, "", "", "say who you are"}, s.ask(t, "/_session", "Cookie: session=c1")); diff != "" {
		t.Errorf("answer after the change of authenticators differs (-want +got):\n%s", diff)
	}
	apply(t, s.engine, Plugins.Bind("chaos", chaos()))
	if tableNow(t, s.node) == table {
		t.Error("the table is the same after a plug-in was bound")
	}
}
