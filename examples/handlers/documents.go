// Documents, and the plug-ins that work on them.

package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// documents are the documents by database and name.
type documents map[string]map[string]string

// one is the handler of a document.
func (d documents) one(w http.ResponseWriter, r *http.Request) {
	doc, ok := d[r.PathValue("db")][r.PathValue("doc")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	fmt.Fprintln(w, doc)
}

// count is the handler that says how large a database is.
func (d documents) count(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%d documents\n", len(d[r.PathValue("db")]))
}

// list is the handler of all documents of a database.
func (d documents) list(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, strings.Join(slices.Sorted(maps.Keys(d[r.PathValue("db")])), " "))
}

// database is the plug-in that is built in. What it says about searching is only
// for when no plug-in can search.
func database(d documents) Plugin {
	return Plugin{
		Normal("/{db}", http.HandlerFunc(d.count)),
		Normal("/{db}/_all_docs", http.HandlerFunc(d.list)),
		Normal("/_session", http.HandlerFunc(session)),
		Default("/{db}/_search", failure(http.StatusNotImplemented, "there is nobody who can search")),
	}
}

// session is the handler that says who is calling.
func session(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "you are %s\n", Caller(r))
}

// replicator is the plug-in that copies databases.
func replicator() Plugin {
	return Plugin{
		Normal("/_replicate", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				w.Header().Set("Allow", http.MethodPost)
				http.Error(w, "post what to copy", http.StatusMethodNotAllowed)
				return
			}
			fmt.Fprintf(w, "copied for %s\n", Caller(r))
		})),
	}
}

// chaos is the plug-in that shows how clients bear a search that is down.
func chaos() Plugin {
	return Plugin{Override("/{db}/_search", failure(http.StatusServiceUnavailable, "chaos"))}
}

// An index is what the search plug-in works with. It has to be closed.
type index struct {
	edition   int
	documents documents
	closed    atomic.Bool
}

func (x *index) plugin() Plugin {
	return Plugin{Normal("/{db}/_search", http.HandlerFunc(x.search))}
}

// search is the handler that names the documents that hold a word.
func (x *index) search(w http.ResponseWriter, r *http.Request) {
	if x.closed.Load() {
		http.Error(w, "the index is closed", http.StatusInternalServerError)
		return
	}
	var found []string
	for name, doc := range x.documents[r.PathValue("db")] {
		if strings.Contains(doc, r.FormValue("q")) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	fmt.Fprintf(w, "edition %d found: %s\n", x.edition, strings.Join(found, " "))
}

// Close is called when nobody searches with the index any more.
func (x *index) Close() error {
	x.closed.Store(true)
	return nil
}
