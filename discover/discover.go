// Package discover lists the extensions of the packages that a program imports. It is
// for programs whose extensions are chosen by blank imports:
//
//	import (
//		_ "example.org/gateway/oidc"
//		_ "example.org/gateway/ratelimit"
//	)
//
// A package that wants to be found adds its extension when it is initialized:
//
//	func init() { discover.Add(Extension) }
//
// Nothing runs because of that. The program asks for [All] and composes of it what it
// wants; one that imports an extension by name, and every test, needs none of this.
package discover

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// found is an extension and where it was added.
type found struct {
	is   extension.Extension
	site string
}

// A list is what was added.
type list struct {
	mu  sync.Mutex
	all []found
}

var added list

// Add adds an extension to those that [All] returns. It is called by init, and may be
// called by any number of goroutines.
func Add(e extension.Extension) {
	_, file, line, _ := runtime.Caller(1)
	added.add(e, file+":"+strconv.Itoa(line))
}

// All returns the extensions that were added, in an order that does not depend on that
// of the imports: by name, but each after those that export what it requires. Two of one
// name are an error that says where both were added, and so is one that is nil or
// has no name, and a cycle of requirements.
func All() ([]extension.Extension, error) { return added.ordered() }

func (l *list) add(e extension.Extension, site string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, found{e, site})
}

func (l *list) ordered() ([]extension.Extension, error) {
	l.mu.Lock()
	all := slices.Clone(l.all)
	l.mu.Unlock()
	var errs []error
	wrong := func(code capability.Code, name, format string, args ...any) {
		errs = append(errs, &capability.Error{Code: code, Provider: name, Err: fmt.Errorf(format, args...)})
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.site, b.site) })
	nodes := make([]*node, 0, len(all))
	for _, f := range all {
		if v := reflect.ValueOf(f.is); f.is == nil || v.Kind() == reflect.Pointer && v.IsNil() {
			wrong(capability.ErrInvalid, "", "a nil extension was added at %s: add a Passive, an Active or a Background one", f.site)
			continue
		}
		n := &node{found: f, says: f.is.Describe()}
		if n.says.Name == "" {
			wrong(capability.ErrInvalid, "", "the extension that was added at %s has no name: give its Manifest one", f.site)
		}
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return strings.Compare(a.says.Name, b.says.Name) })
	for i, n := range nodes {
		if i > 0 && n.says.Name == nodes[i-1].says.Name && n.says.Name != "" {
			wrong(capability.ErrConflict, n.says.Name, "two extensions of that name were added, at %s and at %s: import one of them, or rename one", nodes[i-1].site, n.site)
		}
	}
	list := make([]extension.Extension, 0, len(nodes))
	var path []*node
	var visit func(n *node)
	visit = func(n *node) {
		n.state, path = onPath, append(path, n)
		for _, other := range nodes {
			switch {
			case other == n || !n.requires(other):
			case other.state == unseen:
				visit(other)
			case other.state == onPath:
				wrong(capability.ErrCycle, other.says.Name, "extensions require each other: %s: let one of them require less", cycle(path[slices.Index(path, other):]))
			}
		}
		n.state, path = done, path[:len(path)-1]
		list = append(list, n.is)
	}
	for _, n := range nodes {
		if n.state == unseen {
			visit(n)
		}
	}
	if len(errs) > 0 {
		return nil, capability.Join(errs...)
	}
	return list, nil
}

// A node is an extension among others.
type node struct {
	found
	says  extension.Description
	state progress
}

// progress is how far a walk is with a node.
type progress int

const (
	unseen progress = iota
	onPath
	done
)

// requires reports whether the other exports what n requires.
func (n *node) requires(other *node) bool {
	return slices.ContainsFunc(n.says.Requires, func(k extension.KeyDescription) bool { return slices.Contains(other.says.Exports, k) })
}

// cycle names the members of a cycle, the first few, and where they were added.
func cycle(members []*node) string {
	const most = 6
	var list []string
	for i, n := range members {
		if i == most {
			list = append(list, fmt.Sprintf("%d more", len(members)-most))
			break
		}
		list = append(list, fmt.Sprintf("%q, added at %s,", n.says.Name, n.site))
	}
	return strings.Join(append(list, fmt.Sprintf("%q", members[0].says.Name)), " requires ")
}
