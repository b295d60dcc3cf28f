// URLs: how offers write them, and which of them a request is for.

package main

import (
	"net/http"
	"net/url"
	"strings"
)

// wellFormed reports whether a request can be for the URL.
func wellFormed(url string) bool {
	switch url {
	case "/", "/{db}", "/{db}/{doc}":
		return true
	}
	name, found := strings.CutPrefix(strings.TrimPrefix(url, "/{db}"), "/_")
	return found && !strings.Contains(name, "/")
}

// address returns the URL, as offers write it, that a request is for, and the
// names of database and document in it. Each request is for one URL, so offers
// meet only if their URLs are equal.
func address(r *http.Request) (of, db, doc string) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	first, doc = unescape(first), unescape(rest)
	second, _, _ := strings.Cut(rest, "/")
	second = unescape(second)
	switch {
	case first == "":
		return "/", "", ""
	case first[0] == '_':
		return "/" + first, "", ""
	case second == "":
		return "/{db}", first, ""
	case second[0] == '_':
		return "/{db}/" + second, first, ""
	}
	return "/{db}/{doc}", first, doc
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
