// Directories: description files that come and go are sources that are bound and
// unbound.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// A directory has description files, which are bound in its registry under their base
// names, in the order of these.
type directory struct {
	path     string
	every    time.Duration // how often files are read
	registry *capability.Registry
	bound    listing
}

// A listing is what a directory holds.
type listing struct {
	names   []string          // of the sources, sorted
	sources map[string]Source // by the paths of their files
}

// list returns what the directory holds, and notes what is wrong. If the directory
// cannot be read, it holds what it held before.
func (d *directory) list(wrong faults) listing {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		wrong.note("directory", d.path, err)
		return d.bound
	}
	now := listing{sources: make(map[string]Source)}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(d.path, e.Name())
		if !fit(name) {
			wrong.note("file", path, fmt.Errorf("%s cannot be a source: let its name be at most 200 bytes, printable and without spaces", path))
			continue
		}
		now.names = append(now.names, name)
		if now.sources[path] = d.bound.sources[path]; now.sources[path] == nil {
			now.sources[path] = data.File(path, d.every, decode)
		}
	}
	slices.Sort(now.names) // without the suffix the order may be another
	return now
}

// changes returns what makes the registry hold what the directory holds now. All files
// are bound anew, so that their order does not depend on when they came; a source that
// is bound again as the value that it was runs on.
func (d *directory) changes(now listing) (changes capability.Changes) {
	if slices.Equal(now.names, d.bound.names) {
		return nil
	}
	for _, name := range d.bound.names {
		changes = append(changes, Metrics.Unbind(name))
	}
	for _, name := range now.names {
		changes = append(changes, Metrics.Bind(name, now.sources[filepath.Join(d.path, name+".json")]))
	}
	return changes
}

// fit reports whether a source can have the name: it asks a registry that nobody uses.
func fit(name string) bool {
	trial := capability.NewRegistry(capability.Engine, "trial")
	return trial.Apply(Metrics.Bind(name, data.Static[string, Metric](nil))) == nil
}
