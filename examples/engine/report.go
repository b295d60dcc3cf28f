// The report and the progress: text for people.

package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/typedcap/capability"
)

// A Section is what a sink reports. One without rows is not printed.
type Section struct {
	Title string
	Rows  []Row
}

// A Row is a figure and what it is the figure of.
type Row struct {
	Value, Label string
}

// A result is all that the report says, as data.
type result struct {
	source    string
	ended     string // why the input was not read to its end, or ""
	meter     *meter
	quieted   int64 // the line that the filter quiet was asked about first, or 0
	dropped   int64
	sections  []Section // of the sinks of the engine
	pipelines []part
}

// A part is what one pipeline has to say.
type part struct {
	name         string
	events, kept int64
	sections     []Section
	replaced     []string // who does not answer here, and who does instead
}

// result asks the sinks. Those of the engine are in the chain of each pipeline
// and speak once.
func (e *engine) result(source string, ended error) result {
	r := result{
		source: source, meter: &e.meter,
		quieted: e.quiet.first.Load(), dropped: e.quiet.dropped.Load(),
		sections: ask(e.sinks.Get(), e.rows.Get(), nil),
	}
	if ended != nil {
		r.ended = ended.Error()
	}
	for _, p := range e.pipelines {
		if p.events > 0 {
			r.pipelines = append(r.pipelines, part{
				name: p.scope.String(), events: p.events, kept: p.kept,
				sections: ask(p.sinks.Get(), p.rows.Get(), e.sinks.Get().Values()),
				replaced: replaced(p.scope),
			})
		}
	}
	return r
}

// ask returns what the sinks report, apart from some. No report can fail.
func ask(sinks capability.Chain[Sink], rows int, but []Sink) []Section {
	sections, _ := capability.Collect(sinks, func(s Sink) (Section, error) {
		if slices.Contains(but, s) {
			return Section{}, nil
		}
		return s.Report(rows), nil
	})
	return sections
}

// replaced returns which providers the scope does not see and who decided that.
func replaced(s *capability.Scope) []string {
	var all []string
	for _, c := range s.Snapshot().Capabilities {
		for _, p := range c.Unseen {
			all = append(all, fmt.Sprintf("%s %s of %s, %s by %s", c.Name, p.Name, p.Registry, p.Fate, p.By))
		}
	}
	return all
}

// print writes the report.
func (r result) print(to io.Writer) error {
	w := bufio.NewWriter(to)
	m := r.meter
	fmt.Fprintf(w, "%s: %s, %s\n", printable(r.source), plural(int64(m.lines), "line"), size(m.bytes))
	if r.ended != "" {
		fmt.Fprintf(w, "  not read to its end: %s\n", printable(clip(r.ended, 300)))
	}
	read := Section{Title: "lines by parser"}
	for _, name := range slices.Sorted(maps.Keys(m.by)) {
		read.Rows = append(read.Rows, Row{fmt.Sprint(m.by[name]), name})
	}
	for _, n := range []struct {
		n     int
		label string
	}{{m.blank, "blank"}, {m.bad, "bad"}} {
		if n.n > 0 {
			read.Rows = append(read.Rows, Row{fmt.Sprint(n.n), "(" + n.label + ")"})
		}
	}
	read.print(w)
	bad := Section{Title: "bad lines"}
	for _, b := range m.badLines {
		bad.Rows = append(bad.Rows, Row{fmt.Sprintf("line %d", b.number), b.why})
	}
	if more := m.bad - len(m.badLines); more > 0 {
		bad.Rows = append(bad.Rows, Row{"", fmt.Sprintf("(%d more)", more)})
	}
	bad.print(w)
	if m.understood > 0 {
		for _, s := range r.sections {
			s.print(w)
		}
	}
	for _, p := range r.pipelines {
		fmt.Fprintf(w, "\n%s: %s, %d kept\n", p.name, plural(p.events, "event"), p.kept)
		for _, s := range p.sections {
			s.print(w)
		}
		if len(p.replaced) > 0 {
			fmt.Fprintln(w, "  replaced providers")
			for _, line := range p.replaced {
				fmt.Fprintf(w, "    %s\n", line)
			}
		}
	}
	if r.quieted > 0 {
		fmt.Fprintf(w, "\nfilter chatter was replaced while lines flowed: the new one was first asked about line %d and left out %s\n", r.quieted, plural(r.dropped, "routine event"))
	}
	return w.Flush()
}

// print writes the section unless it is empty.
func (s Section) print(w io.Writer) {
	if len(s.Rows) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", s.Title)
	width := 0
	for _, r := range s.Rows {
		width = max(width, len(r.Value))
	}
	for _, r := range s.Rows {
		fmt.Fprintf(w, "    %*s  %s\n", width, r.Value, printable(r.Label))
	}
}

// A progress tells a terminal how far the run is, a few times a second at most.
type progress struct {
	w     io.Writer // nil if nobody looks
	next  time.Time // nothing is shown before
	shown bool
}

const interval = 300 * time.Millisecond

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progress{w: w, next: time.Now().Add(interval)}
		}
	}
	return &progress{}
}

// show shows the figures, unless it did so a moment ago.
func (p *progress) show(now time.Time, lines int, read int64, bad int) {
	if p.w == nil || now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(interval), true
	fmt.Fprintf(p.w, "\r\x1b[K%d lines, %s, %d bad", lines, size(read), bad)
}

// clear takes away what was shown.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// count returns a number as text.
func count(n int64) string { return fmt.Sprint(n) }

// plural returns n things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// size returns a number of bytes as text.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), 0
	for f >= 999.95 && unit < 5 {
		f, unit = f/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", f, " kMGTP"[unit])
}

// clip returns the beginning of s, at most most bytes, with an ellipsis if
// there was more.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const ellipsis = "…"
	cut := most - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}

// printable returns s without what could upset a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
