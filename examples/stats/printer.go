// Printing: tables and their changes, for people.

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/typedcap/capability/data"
)

// A printer prints until it cannot.
type printer struct {
	w   io.Writer
	err error // the first
}

// columns prints the rows that fill makes, whose cells end in tabs.
func (p *printer) columns(fill func(row func(format string, args ...any))) {
	if p.err != nil {
		return
	}
	var text strings.Builder
	tabs := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fill(func(format string, args ...any) {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = printable(s)
			}
		}
		fmt.Fprintf(tabs, format+"\n", args...)
	})
	tabs.Flush()
	_, p.err = io.WriteString(p.w, text.String())
}

// byKey prints for each metric who describes it, and how: first who answers for it.
func (p *printer) byKey(t *Table) {
	p.columns(func(row func(string, ...any)) {
		n := 0
		for range t.Sources() {
			n++
		}
		row("%d metrics from %d sources", t.Len(), n)
		for key := range t.Keys() {
			name := key
			for source, m := range t.ByKey(key) {
				row("  %s\t%s\t%s\t%s", name, m.Type, source, m.Text)
				name = ""
			}
		}
	})
}

// bySource prints the metrics of each source, which is bound in that registry.
func (p *printer) bySource(t *Table, registries map[string]string) {
	for source := range t.Sources() {
		p.columns(func(row func(string, ...any)) {
			row("%s, of the %s", source, registries[source])
			for key, m := range t.BySource(source) {
				row("  %s\t%s\t%s", key, m.Type, m.Text)
			}
		})
	}
}

// changes prints what each source says of a metric that it did not say before.
func (p *printer) changes(old, now *Table) {
	p.columns(func(row func(string, ...any)) {
		for c := range data.Diff(old, now) {
			answers := ""
			if _, by, ok := now.Lookup(c.Key); ok && by != c.Source {
				answers = ", and " + by + " answers for it"
			}
			row("  %s\t%s\t%s → %s%s", c.Source, c.Key, text(c.Old), text(c.New), answers)
		}
	})
}

// text returns what a source says of a metric.
func text(m *Metric) string {
	if m == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s (%s)", m.Type, m.Text)
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
