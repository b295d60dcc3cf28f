// One scope, and one capability of it.

package capabilityhttp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/typedcap/capability"
)

// snapshot returns the snapshot of the scope of that name, or the page that says why
// there is none.
func (q *question) snapshot(name string) (*capability.Snapshot, *view) {
	all := q.scopes()
	i, ok := slices.BinarySearchFunc(all, name, func(n named, name string) int { return strings.Compare(n.name, name) })
	if !ok {
		return nil, missing("there is no scope %q: search for it, or it has been closed", name)
	}
	s, err := all[i].look()
	if err != nil {
		return nil, missing("scope %q cannot be shown: %v", name, err)
	}
	return s, nil
}

// scopeView is the page of a scope.
type scopeView struct {
	Name         string
	Query        string
	Snapshot     *capability.Snapshot
	Capabilities []capability.CapabilityState // those that are shown
	Paging       paging
}

func (q *question) scope(name string) *view {
	s, no := q.snapshot(name)
	if no != nil {
		return no
	}
	text, holds := q.search()
	v := scopeView{Name: name, Query: text, Snapshot: s, Capabilities: s.Capabilities}
	if text != "" {
		v.Capabilities = slices.DeleteFunc(slices.Clone(s.Capabilities), func(c capability.CapabilityState) bool { return !holds(c.Name) })
	}
	v.Paging = q.part(len(v.Capabilities))
	v.Capabilities = v.Capabilities[v.Paging.From:v.Paging.To]
	return &view{
		status: http.StatusOK, template: "scope", title: name, data: v, json: s,
		formats: map[string]func() string{"text": s.String},
	}
}

// capabilityView is the page of a capability of a scope.
type capabilityView struct {
	Name       string                     `json:"name"`  // under which the scope is shown
	Scope      string                     `json:"scope"` // of which registries it is
	Generation uint64                     `json:"generation"`
	Registries []capability.RegistryState `json:"registries"` // the narrowest first
	Capability capability.CapabilityState `json:"capability"`
	Pending    []capability.PendingState  `json:"pending,omitempty"` // of the capability
	Explain    string                     `json:"explain"`
	Columns    []column                   `json:"-"`
}

// A column is a registry in the picture of a merge.
type column struct {
	Registry capability.RegistryState
	Boxes    []box
}

// A box is a provider in the picture of a merge.
type box struct {
	capability.ProviderState
	Place int    // in the chain, from 1; 0 if it is not seen
	One   bool   // it is the one provider
	Next  string // the provider that comes after it
}

func (q *question) capability(name, called string) *view {
	s, no := q.snapshot(name)
	if no != nil {
		return no
	}
	i := slices.IndexFunc(s.Capabilities, func(c capability.CapabilityState) bool { return c.Name == called })
	if i < 0 {
		return missing("%s", s.Explain(called))
	}
	c := s.Capabilities[i]
	v := capabilityView{
		Name: name, Scope: s.Scope, Generation: s.Generation, Registries: s.Registries, Capability: c,
		Explain: s.Explain(called), Columns: columns(s, c),
	}
	for _, p := range s.Pending {
		if p.Capability == called {
			v.Pending = append(v.Pending, p)
		}
	}
	return &view{
		status: http.StatusOK, template: "capability", title: fmt.Sprintf("%s in %s", called, name), data: v,
		formats: map[string]func() string{
			"text":    func() string { return v.Explain },
			"mermaid": func() string { return s.Mermaid(called) },
			"dot":     func() string { return s.DOT(called) },
		},
	}
}

// columns returns the merge of a capability as columns, the narrowest registry first; in
// each come those who are seen, in chain order, and then the others.
func columns(s *capability.Snapshot, c capability.CapabilityState) []column {
	list := make([]column, len(s.Registries))
	for i, r := range s.Registries {
		list[i].Registry = r
	}
	put := func(b box) {
		// The first, because an extension may be called like the registry that it is over.
		i := slices.IndexFunc(s.Registries, func(r capability.RegistryState) bool { return r.Name == b.Registry && r.Level == b.Level })
		if i >= 0 {
			list[i].Boxes = append(list[i].Boxes, b)
		}
	}
	for i, p := range c.Providers {
		b := box{ProviderState: p, Place: i + 1, One: p.Name == c.One}
		if i+1 < len(c.Providers) {
			b.Next = c.Providers[i+1].Name
		}
		put(b)
	}
	for _, p := range c.Unseen {
		put(box{ProviderState: p})
	}
	return list
}
