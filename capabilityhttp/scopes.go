// The scopes: all of them, a search in them, and what waits to be retired in them.

package capabilityhttp

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/typedcap/capability"
)

// A named scope.
type named struct {
	name  string
	scope *capability.Scope
}

// scopes returns the scopes by name.
func (q *question) scopes() []named {
	if q.page.Scopes == nil {
		return nil
	}
	q.calling = "Scopes"
	var list []named
	for name, s := range q.page.Scopes {
		list = append(list, named{name, s})
	}
	q.calling = "the page itself"
	slices.SortStableFunc(list, func(a, b named) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(list, func(a, b named) bool { return a.name == b.name })
}

// look returns what the scope sees, or why that cannot be told.
func (n named) look() (*capability.Snapshot, error) {
	s := n.scope.Snapshot()
	// Who is open now was open then.
	if err := n.scope.Check(); err != nil {
		return nil, err
	}
	return s, nil
}

// overview is the page of all scopes.
type overview struct {
	Query  string     `json:"query,omitempty"`
	Scopes []scopeRow `json:"scopes"`
	All    int        `json:"all"` // how many scopes there are
	Paging paging     `json:"paging"`

	Capabilities []foundRow `json:"capabilities,omitempty"` // whose name holds the query, by name
	Looked       *paging    `json:"looked,omitempty"`       // into which scopes, for that
}

// A scopeRow is a scope in a list.
type scopeRow struct {
	Name         string `json:"name"`
	Registries   string `json:"registries"`
	Generation   uint64 `json:"generation"`
	Capabilities int    `json:"capabilities"`
	Unclear      int    `json:"unclear"` // capabilities without one clear provider
	Pending      int    `json:"pending"`
	Error        string `json:"error,omitempty"` // why nothing more is known
}

// A foundRow is a capability, and the scopes that know it.
type foundRow struct {
	Name   string   `json:"name"`
	Doc    string   `json:"doc"`
	Site   string   `json:"site"`
	Scopes []string `json:"scopes"`
}

func (q *question) overview() *view {
	text, holds := q.search()
	all := q.scopes()
	matching := all
	if text != "" {
		matching = slices.DeleteFunc(slices.Clone(all), func(n named) bool { return !holds(n.name) })
	}
	o := overview{Query: text, All: len(all), Paging: q.part(len(matching)), Scopes: []scopeRow{}}
	for _, n := range matching[o.Paging.From:o.Paging.To] {
		o.Scopes = append(o.Scopes, n.row())
	}
	if text != "" {
		q.find(&o, all, holds)
	}
	return &view{status: http.StatusOK, template: "overview", title: "scopes", data: o}
}

func (n named) row() scopeRow {
	row := scopeRow{Name: n.name, Registries: n.scope.String()}
	s, err := n.look()
	if err != nil {
		row.Error = err.Error()
		return row
	}
	row.Generation, row.Capabilities, row.Pending = s.Generation, len(s.Capabilities), len(s.Pending)
	for _, c := range s.Capabilities {
		if c.One == "" {
			row.Unclear++
		}
	}
	return row
}

// looks is into how many scopes a page looks for what only they know.
const looks = 500

// lookInto calls f with what the scopes see, from the one on where the request begins to
// look, until there were looks of them or f returns false, and returns which they were.
func (q *question) lookInto(all []named, f func(named, *capability.Snapshot) bool) *paging {
	p := &paging{Total: len(all), From: q.number("look", len(all))}
	p.To = p.From
	for more := true; more && p.To < min(p.From+looks, len(all)) && q.ctx.Err() == nil; p.To++ {
		if s, err := all[p.To].look(); err == nil {
			more = f(all[p.To], s)
		}
	}
	p.link(q, "look", looks)
	return p
}

// find sets which capabilities have a name that is searched for.
func (q *question) find(o *overview, all []named, holds func(string) bool) {
	type id struct{ name, site string }
	rows := make(map[id]*foundRow)
	hits := 0
	o.Looked = q.lookInto(all, func(n named, s *capability.Snapshot) bool {
		for _, c := range s.Capabilities {
			if !holds(c.Name) {
				continue
			}
			is := id{c.Name, c.Site}
			if rows[is] == nil {
				rows[is] = &foundRow{Name: c.Name, Doc: c.Doc, Site: c.Site}
			}
			rows[is].Scopes = append(rows[is].Scopes, n.name)
			hits++
		}
		return hits < perPage
	})
	for _, row := range rows {
		o.Capabilities = append(o.Capabilities, *row)
	}
	slices.SortFunc(o.Capabilities, func(a, b foundRow) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Site, b.Site))
	})
}

// retirements is the page of what waits to be retired.
type retirements struct {
	Pending []pendingRow `json:"pending"` // by capability, provider and site
	Looked  *paging      `json:"looked"`  // into which scopes
}

// A pendingRow is something that waits to be retired, and the scopes that tell of it.
type pendingRow struct {
	capability.PendingState
	Scopes []string `json:"scopes"`
}

func (q *question) retirements() *view {
	type id struct {
		capability, provider, scope, site string
		since                             int64
		n                                 int // of those that nothing else tells apart
	}
	rows := make(map[id]*pendingRow)
	looked := q.lookInto(q.scopes(), func(n named, s *capability.Snapshot) bool {
		seen := make(map[id]bool)
		for _, p := range s.Pending {
			is := id{p.Capability, p.Provider, p.Scope, p.Site, p.Since.UnixNano(), 0}
			for seen[is] {
				is.n++
			}
			seen[is] = true
			if rows[is] == nil {
				rows[is] = new(pendingRow)
			}
			rows[is].PendingState = p
			rows[is].Scopes = append(rows[is].Scopes, n.name)
		}
		return len(rows) < perPage
	})
	r := retirements{Pending: []pendingRow{}, Looked: looked}
	for _, row := range rows {
		r.Pending = append(r.Pending, *row)
	}
	slices.SortFunc(r.Pending, func(a, b pendingRow) int {
		return cmp.Or(
			strings.Compare(a.Capability, b.Capability), strings.Compare(a.Provider, b.Provider), strings.Compare(a.Site, b.Site),
			strings.Compare(a.Scope, b.Scope), a.Since.Compare(b.Since), slices.Compare(a.HeldBy, b.HeldBy))
	})
	return &view{status: http.StatusOK, template: "retirements", title: "retirements", data: r}
}
