// Faults: what is wrong at the moment, and what was told of it.

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// faults are texts of what is wrong at the moment, by what it is wrong with.
type faults map[string]string

// note notes that something is wrong with a directory, file or source.
func (f faults) note(kind, name string, err error) {
	text := err.Error()
	// Who reads this has no use for the names of capability and registry.
	if named := (*capability.Error)(nil); errors.As(err, &named) && named.Err != nil {
		text = named.Err.Error()
	}
	f[kind+" "+name] = printable(text)
}

// source notes what is wrong with a source.
func (f faults) source(s data.SourceStatus) {
	if s.Err == nil {
		return
	}
	f.note("source", s.Source, s.Err)
	if s.Entries > 0 {
		f["source "+s.Source] += fmt.Sprintf("; the %d metrics that it had before stay", s.Entries)
	}
}

// A teller tells of each fault when it comes and when it goes.
type teller struct {
	w    io.Writer
	told faults
}

func (t *teller) tell(now faults) {
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if now[what] != t.told[what] {
			fmt.Fprintf(t.w, "stats: %s\n", now[what])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(t.told)) {
		if _, still := now[what]; !still {
			fmt.Fprintf(t.w, "stats: %s has no fault any more\n", printable(what))
		}
	}
	t.told = now
}
