// Documents: immutable data that apps may add to and cannot spoil.

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Document is a name and fields. It never changes, so it may be handed to any
// app on any goroutine, and a stage that fails half-way has spoilt nothing but a
// copy of its own.
type Document struct {
	id     string
	fields map[string]string // shared by the copies, so nobody writes into it
}

// NewDocument returns a document with these fields. What the caller does with
// the map afterwards does not matter to it.
func NewDocument(id string, fields map[string]string) Document {
	return Document{id, maps.Clone(fields)}
}

// ID returns the name of the document in its index.
func (d Document) ID() string { return d.id }

// Field returns the text of a field, "" if there is none.
func (d Document) Field(name string) string { return d.fields[name] }

// With returns a document that differs from d in one field. It clones before it
// changes. To write into the map of d instead would be cheaper and wrong: the
// document of the caller, and of all who were asked before, would change too, and
// would keep what was written before a panic.
func (d Document) With(name, text string) Document {
	fields := maps.Clone(d.fields)
	if fields == nil {
		fields = make(map[string]string)
	}
	fields[name] = text
	return Document{d.id, fields}
}

// String returns the name and the fields in alphabetical order.
func (d Document) String() string {
	var b strings.Builder
	b.WriteString(d.id)
	for _, name := range slices.Sorted(maps.Keys(d.fields)) {
		fmt.Fprintf(&b, " %s=%q", name, d.fields[name])
	}
	return b.String()
}
