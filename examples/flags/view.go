// Views: the flags as one scope sees them, and how they are printed.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// A view is the flags of some databases, as a scope sees them.
type view struct {
	databases []string
	scope     *capability.Scope
	feed      *data.Feed[string, bool]
	told      map[string]string // what was told of the faults of each source
}

// open composes registries and runs the sources that are bound in them. A source that
// fails is run again every so often.
func open(ctx context.Context, databases []string, every time.Duration, registries ...*capability.Registry) (*view, error) {
	scope, err := capability.Compose(registries...)
	if err != nil {
		return nil, err
	}
	feed, err := data.Open(ctx, scope, Flags, data.Options{Backoff: func(int) time.Duration { return every }})
	if err != nil {
		return nil, errors.Join(err, scope.Close())
	}
	return &view{databases, scope, feed, make(map[string]string)}, nil
}

func (v *view) close() error { return errors.Join(v.feed.Close(), v.scope.Close()) }

// next waits for another table than last.
func (v *view) next(ctx context.Context, last *Table) (*Table, error) {
	for _, now := range v.feed.Table().Watch(ctx) {
		if now != last {
			return now, nil
		}
	}
	return nil, fmt.Errorf("no change came: %w", context.Cause(ctx))
}

// print prints who has which flags and why; flags without a rule are left out.
func (v *view) print(w io.Writer, t *Table) error {
	return columns(w, func(row func(...any)) {
		for _, database := range v.databases {
			for _, flag := range flagsOf(t) {
				if d := decide(t, flag, database); d != nil {
					row(database, flag, d)
				}
			}
		}
	})
}

// changes prints which rules are others than before, and what that changes for whom.
func (v *view) changes(w io.Writer, old, now *Table) error {
	return columns(w, func(row func(...any)) {
		for c := range data.Diff(old, now) {
			row("rule of "+c.Source, c.Key, state(c.Old)+" → "+state(c.New))
		}
		for _, database := range v.databases {
			for _, flag := range flagsOf(old, now) {
				was, is := decide(old, flag, database), decide(now, flag, database)
				if was.String() != is.String() {
					row(database, flag, was.String()+" → "+is.String())
				}
			}
		}
	})
}

// state returns what a rule says.
func state(on *bool) string {
	switch {
	case on == nil:
		return "no rule"
	case *on:
		return "on"
	}
	return "off"
}

// tell tells of each fault of a source when it comes, and that it went. It reports
// whether there is one.
func (v *view) tell(stderr io.Writer) (faulty bool) {
	for _, s := range v.feed.Status() {
		text := ""
		if s.Err != nil {
			faulty = true
			text = cause(s.Err)
			if s.Entries > 0 {
				text += fmt.Sprintf("; the %d rules that it had before stay", s.Entries)
			}
		}
		switch {
		case text == v.told[s.Source]:
		case text == "":
			fmt.Fprintf(stderr, "flags: %s has no fault any more\n", s.Source)
		default:
			fmt.Fprintf(stderr, "flags: %s\n", printable(text))
		}
		v.told[s.Source] = text
	}
	return faulty
}

// cause returns the text of an error without the names of capability and registry, for
// which an operator has no use.
func cause(err error) string {
	if named := (*capability.Error)(nil); errors.As(err, &named) && named.Err != nil {
		err = named.Err
	}
	return err.Error()
}

// columns prints the rows that fill makes.
func columns(w io.Writer, fill func(row func(cells ...any))) error {
	var text strings.Builder
	tabs := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fill(func(cells ...any) {
		var line []string
		for _, c := range cells {
			line = append(line, printable(fmt.Sprint(c)))
		}
		fmt.Fprintf(tabs, "  %s\n", strings.Join(line, "\t"))
	})
	tabs.Flush()
	_, err := io.WriteString(w, text.String())
	return err
}

// printable returns s with a dot in the place of all that would move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
