// Plug-ins: what they offer for which URLs, as data, and the capability that they
// are bound to.

package main

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/typedcap/capability"
)

// Plugins is the extension point of the server: who binds a plug-in to it answers
// requests from then on.
var Plugins = capability.New[Plugin]("plugins", "offer handlers for URLs")

// A Plugin is all that a plug-in offers. It is data, so that who answers what is
// known, and contradictions are found, before there is a request.
type Plugin []Offer

// An Offer is a handler for a URL, in a class. It is made with [Override],
// [Normal] or [Default]. The URL is one of
//
//	/  /_name                            of the server
//	/{db}  /{db}/{doc}  /{db}/_name      of each database
//
// A handler finds the names with PathValue of the request and who is calling with
// [Caller].
type Offer struct {
	class   class
	url     string
	handler http.Handler
	site    string // file:line where it was made
}

// class says how strong an offer is.
type class string

const (
	override class = "override" // goes before everybody
	normal   class = "normal"   // at most one for a URL
	fallback class = "default"  // goes before the default of the server only
)

// Override offers a handler that goes before all others, for as long as the
// plug-in is bound. Of several the first in chain order answers, so that of the
// narrowest registry: who gives an override for one database means that one.
func Override(url string, h http.Handler) Offer { return newOffer(override, url, h) }

// Normal offers the handler of a URL. There is at most one in a scope: with two,
// who was bound first would decide. That is so even while an override goes before
// both, because the override will go one day. A narrower registry that means
// another one masks or rebinds the plug-in, or gives an override.
func Normal(url string, h http.Handler) Offer { return newOffer(normal, url, h) }

// Default offers a handler that takes the place of the server's own, for when
// nobody has a better one. Of several the first in chain order answers.
func Default(url string, h http.Handler) Offer { return newOffer(fallback, url, h) }

// newOffer notes where the offer was made: two levels up, because it is called by
// the three above only.
//
// A conflict names that line. The site of the binding would not do: it is found in
// the Snapshot of a scope, but the table is built inside the commit, before a
// snapshot could show what is to be bound, and what is refused is never in one. And
// the line to change is that of the offer, which is one of many of its plug-in.
func newOffer(c class, url string, h http.Handler) Offer {
	_, file, line, _ := runtime.Caller(2)
	return Offer{class: c, url: url, handler: h, site: file + ":" + strconv.Itoa(line)}
}
