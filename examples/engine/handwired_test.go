// The same engine wired by hand, with plain fields and slices, to measure what
// capabilities cost: the same lines, parsers, enrichers, filters and sinks, and on both
// sides no extensions.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A wired is the engine without capabilities.
type wired struct {
	meter
	parsers   []namedParser
	sinks     []Sink // shared by the pipelines
	pipelines []*wiredPipeline
	byKind    map[string]*wiredPipeline
	rest      *wiredPipeline
	quiet     quiet
	quietAt   int
}

type namedParser struct {
	name  string
	parse Parser
}

type wiredPipeline struct {
	name         string
	enrichers    []Enricher
	filters      []Filter // the first, if there is one, is to be replaced
	own, sinks   []Sink
	step         Step
	events, kept int64
}

// newWired builds by hand what register and newEngine build.
func newWired(quietAt int) *wired {
	subject := func(e *Event) string { return e.Subject }
	w := &wired{quietAt: quietAt, byKind: make(map[string]*wiredPipeline)}
	w.parsers = []namedParser{
		{"test2json", parseTest}, {"access", parseAccess}, {"dpkg", parseDpkg}, {"object", parseObject}, {"text", parseText},
	}
	w.sinks = []Sink{&span{}, &problems{}}
	tests := &wiredPipeline{
		name:      "tests over ci over engine over builtin",
		enrichers: []Enricher{clock(time.RFC3339, false), byOutcome},
		filters:   []Filter{everything},
		own:       []Sink{newOutcomes(), &slowest{}},
	}
	requests := &wiredPipeline{
		name:      "requests over ops over engine over builtin",
		enrichers: []Enricher{clock(layoutAccess, true), byStatus},
		own:       []Sink{statuses(), newTally("paths", subject), newBytes("bytes by path", subject)},
	}
	packages := &wiredPipeline{
		name:      "packages over ops over engine over builtin",
		enrichers: []Enricher{clock(layoutDpkg, true), noGuess},
		filters:   []Filter{everything},
		own:       []Sink{actions(), packages()},
	}
	anything := &wiredPipeline{
		name:      "anything over engine over builtin",
		enrichers: []Enricher{clock(time.RFC3339, false), guess},
		filters:   []Filter{everything},
		own:       []Sink{fields(), messages()},
	}
	w.pipelines = []*wiredPipeline{tests, requests, packages, anything}
	w.byKind[KindTest], w.byKind[KindRequest], w.byKind[KindPackage], w.rest = tests, requests, packages, anything
	for _, p := range w.pipelines {
		p.sinks = append(p.own[:len(p.own):len(p.own)], w.sinks...)
		p.step = p.process
	}
	anything.step = unrepeated(anything.step)
	for _, p := range w.pipelines {
		p.step = guard(p.step)
	}
	return w
}

func (w *wired) line(number int, line []byte, fault error) error {
	if number == w.quietAt+1 && number > 1 {
		for _, p := range w.pipelines {
			if len(p.filters) > 0 {
				p.filters[0] = w.quiet.keep
			}
		}
	}
	text, ok := w.text(number, line, fault)
	if !ok {
		return nil
	}
	var event *Event
	by := ""
	for i := range w.parsers {
		d, err := w.parsers[i].parse(text)
		if err != nil {
			w.refuse(number, fmt.Errorf("%s of parsers: %w", w.parsers[i].name, err))
			return nil
		}
		if event, ok = d.Get(); ok {
			by = w.parsers[i].name
			break
		}
	}
	if !ok {
		w.refuse(number, errors.New("no parser knows the line"))
		return nil
	}
	w.by[by]++
	p := w.byKind[event.Kind]
	if p == nil {
		p = w.rest
	}
	p.events++
	event.Line = number
	if err := p.step(event); errors.Is(err, errSink) {
		return fmt.Errorf("line %d: %w", number, err)
	} else if err != nil {
		w.refuse(number, err)
		return nil
	}
	w.understood++
	return nil
}

func (p *wiredPipeline) process(event *Event) (err error) {
	for _, enrich := range p.enrichers {
		if event, err = enrich(event); err != nil {
			return err
		}
	}
	for _, keep := range p.filters {
		if !keep(event) {
			return nil
		}
	}
	p.kept++
	for _, s := range p.sinks {
		if err := s.Take(event); err != nil {
			return fmt.Errorf("%w: %w", errSink, err)
		}
	}
	return nil
}

// result returns what engine.result does, but for who was replaced: nothing
// here knows.
func (w *wired) result(source string) result {
	r := result{source: source, meter: &w.meter, quieted: w.quiet.first.Load(), dropped: w.quiet.dropped.Load()}
	report := func(sinks []Sink) (all []Section) {
		for _, s := range sinks {
			all = append(all, s.Report(5))
		}
		return all
	}
	r.sections = report(w.sinks)
	for _, p := range w.pipelines {
		if p.events > 0 {
			r.pipelines = append(r.pipelines, part{name: p.name, events: p.events, kept: p.kept, sections: report(p.own)})
		}
	}
	return r
}

// benchLines returns lines of all formats, none of them bad: the recorded test
// run between lines of other programs.
func benchLines() [][]byte {
	var lines [][]byte
	for i, line := range bytes.Split(bytes.TrimSpace(self), []byte("\n")) {
		lines = append(lines, line,
			fmt.Appendf(nil, `192.0.2.%d - - [02/Jan/2024:03:04:%02d +0000] "GET /orders/%d HTTP/1.1" %d %d "-" "curl/8"`, i%9, i%60, i%40, 200+100*(i%4), i*17),
			fmt.Appendf(nil, `2024-01-02 03:04:%02d install package-%d:amd64 <none> 1.%d`, i%60, i%50, i),
			fmt.Appendf(nil, `{"time":"2024-01-02T03:04:05Z","level":"info","msg":"order %d was shipped","order":{"id":%d}}`, i, i),
			fmt.Appendf(nil, `worker %d: retry after %d s`, i%7, i),
		)
	}
	return lines
}

// TestHandwiredIsEqual makes the benchmark honest: both engines report the same.
func TestHandwiredIsEqual(t *testing.T) {
	lines := benchLines()
	lines = append(lines, []byte("{\"broken"), []byte("\xff"), nil, []byte("panic: out of paper"), lines[0])
	e, w := testEngine(t, options{quiet: 100}), newWired(100)
	for i, line := range lines {
		if err := errors.Join(e.line(i+1, line, nil), w.line(i+1, line, nil)); err != nil {
			t.Fatal(err)
		}
	}
	got := e.result("lines", nil)
	for i := range got.pipelines {
		got.pipelines[i].replaced = nil
	}
	if len(got.pipelines) != 4 || got.dropped == 0 {
		t.Fatalf("the lines do not reach all of the engine: %d pipelines, %d events dropped", len(got.pipelines), got.dropped)
	}
	if diff := cmp.Diff(text(t, w.result("lines")), text(t, got)); diff != "" {
		t.Errorf("the engines report differently (-handwired +capability):\n%s", diff)
	}
}

func text(t testing.TB, r result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// BenchmarkLines measures a line through the whole engine. control is handwired
// once more: its distance from handwired is the noise of the machine.
func BenchmarkLines(b *testing.B) {
	lines := benchLines()
	loop := func(b *testing.B, take func(int, []byte, error) error) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := take(i+1, lines[i%len(lines)], nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("capability", func(b *testing.B) {
		e, err := newEngine(b.Context(), options{quiet: 100}, empty, io.Discard, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = e.close() }()
		loop(b, e.line)
	})
	b.Run("handwired", func(b *testing.B) { loop(b, newWired(100).line) })
	b.Run("control", func(b *testing.B) { loop(b, newWired(100).line) })
}

// BenchmarkLinesInTurn measures the same on a machine that is busy: the three
// engines take turns, a block of lines each, and what is reported are ratios of
// the medians of many blocks.
func BenchmarkLinesInTurn(b *testing.B) {
	lines := benchLines()
	e, err := newEngine(b.Context(), options{quiet: 100}, empty, io.Discard, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.close() }()
	engines := [...]func(int, []byte, error) error{e.line, newWired(100).line, newWired(100).line}
	var times [len(engines)][]time.Duration
	number := 0
	for turn := 0; b.Loop(); turn++ {
		for i := range engines {
			i = (i + turn) % len(engines)
			start := time.Now()
			for k, line := range lines {
				if err := engines[i](number+k+1, line, nil); err != nil {
					b.Fatal(err)
				}
			}
			times[i] = append(times[i], time.Since(start))
		}
		number += len(lines)
	}
	var medians [len(engines)]float64
	for i := range times {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2]) / float64(len(lines))
	}
	b.ReportMetric(medians[1], "handwired-ns/line")
	b.ReportMetric(medians[0]/medians[1], "capability/handwired")
	b.ReportMetric(medians[2]/medians[1], "control/handwired")
}
