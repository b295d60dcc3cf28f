// Extensions and sources of data: how they do.

package capabilityhttp

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability/extension"
)

// extensions is the page of the extensions.
type extensions struct {
	Instances []instanceRow       `json:"instances"` // in the order of the host
	Catalogue extension.Catalogue `json:"catalogue"`
}

// An instanceRow is a status with its error as text.
type instanceRow struct {
	extension.Status
	Err string `json:"err,omitempty"`
}

func (q *question) extensions() *view {
	v := extensions{Instances: []instanceRow{}, Catalogue: q.page.Catalogue}
	if v.Catalogue == nil {
		v.Catalogue = extension.Catalogue{}
	}
	if q.page.Extensions != nil {
		q.calling = "Extensions"
		for _, s := range q.page.Extensions() {
			v.Instances = append(v.Instances, instanceRow{s, errorText(s.Err)})
		}
		q.calling = "the page itself"
	}
	return &view{status: http.StatusOK, template: "extensions", title: "extensions", data: v}
}

// sources is the page of the sources of data.
type sources struct {
	Feeds []feedRow `json:"feeds"` // by name
}

// A feedRow is a feed.
type feedRow struct {
	Name    string      `json:"name"`
	Sources []sourceRow `json:"sources"` // in chain order
}

// A sourceRow is a [data.SourceStatus].
type sourceRow struct {
	Source  string    `json:"source"`
	Entries int       `json:"entries"`
	Good    time.Time `json:"good,omitzero"`
	Tried   time.Time `json:"tried,omitzero"`
	Version string    `json:"version,omitempty"`
	Err     string    `json:"err,omitempty"`
}

func (q *question) sources() *view {
	v := sources{Feeds: []feedRow{}}
	if q.page.Sources != nil {
		q.calling = "Sources"
		for name, list := range q.page.Sources {
			feed := feedRow{name, []sourceRow{}}
			for _, s := range list {
				feed.Sources = append(feed.Sources, sourceRow{s.Source, s.Entries, s.Good, s.Tried, s.Version, errorText(s.Err)})
			}
			v.Feeds = append(v.Feeds, feed)
		}
		q.calling = "the page itself"
	}
	slices.SortStableFunc(v.Feeds, func(a, b feedRow) int { return strings.Compare(a.Name, b.Name) })
	return &view{status: http.StatusOK, template: "sources", title: "sources", data: v}
}

// errorText returns what the error says, "" if it is nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
