// The routing table: computed once for each change of the plug-ins, read for each
// request.

package main

import (
	"fmt"
	"net/http"

	"github.com/typedcap/capability"
)

// routes is the table of the plug-ins that a scope sees. It is built inside the
// commit that changes them, so a change that no table can be made of is refused
// and the last table stays in service.
var routes = capability.Derive(func(r *capability.Resolver) (*table, error) {
	plugins, err := Plugins.All().In(r)
	if err != nil {
		return nil, err
	}
	return newTable(plugins)
})

// A table knows for each URL who answers. It never changes.
type table struct {
	strongest map[string]claim // by URL, the one that answers
}

// A claim is an offer and the name of its plug-in.
type claim struct {
	Offer
	plugin string
}

func (c claim) String() string { return fmt.Sprintf("%q (%s)", c.plugin, c.site) }

// newTable asks all plug-ins, in chain order, what they offer. They are asked when
// one of them changes and not for each request, so that a conflict is the error of
// who brings it about, not of a client. The error holds all that is wrong with the
// offers.
func newTable(plugins capability.Chain[Plugin]) (*table, error) {
	first := make(map[class]map[string]claim) // by URL
	for _, c := range []class{override, normal, fallback} {
		first[c] = make(map[string]claim)
	}
	var wrong []error
	refuse := func(code capability.Code, plugin, format string, args ...any) {
		wrong = append(wrong, &capability.Error{
			Code: code, Capability: plugins.Capability(), Provider: plugin, Err: fmt.Errorf(format, args...),
		})
	}
	for name, p := range plugins.All() {
		for i, o := range p {
			others, classed := first[o.class]
			before, taken := others[o.url]
			switch {
			case !classed:
				refuse(capability.ErrInvalid, name, "offer %d is the zero Offer: make it with Override, Normal or Default", i+1)
			case !wellFormed(o.url):
				refuse(capability.ErrInvalid, name, "the offer at %s is for %q: write /, /_name, /{db}, /{db}/{doc} or /{db}/_name", o.site, o.url)
			case o.handler == nil:
				refuse(capability.ErrInvalid, name, "the offer at %s has no handler: give it one", o.site)
			case !taken:
				others[o.url] = claim{o, name}
			case o.class == normal:
				refuse(capability.ErrConflict, name, "two normal handlers for %s, of %v and of %v: make one an override or a default, or mask its plug-in",
					o.url, before, claim{o, name})
			}
		}
	}
	if err := capability.Join(wrong...); err != nil {
		return nil, err
	}
	t := &table{strongest: first[fallback]}
	for _, stronger := range []class{normal, override} {
		for url, c := range first[stronger] {
			t.strongest[url] = c
		}
	}
	return t, nil
}

// choose returns who answers requests for the URL, and how to call it. own is the
// default of the caller.
func (t *table) choose(url string, own http.Handler) (h http.Handler, by string) {
	if c, ok := t.strongest[url]; ok {
		return c.handler, fmt.Sprintf("%s, %s", c.plugin, c.class)
	}
	return own, "server, own default"
}
