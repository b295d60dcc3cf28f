// Sinks: what makes figures of events, in bounded memory. All of them have a
// lock, because a provider may be asked by several goroutines at once.

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of what a sink remembers.
const (
	maxKeys = 4096 // different keys in a table; what comes later is counted as one
	maxKey  = 120  // bytes of a key
	maxRows = 50   // rows of a table in the report
)

// A tally adds up a figure of events for each key. Once it knows as many keys as
// it may, new ones are added up without telling them apart.
type tally struct {
	title  string
	key    func(*Event) string // "" leaves the event out
	weight func(*Event) int64
	format func(int64) string

	mu    sync.Mutex
	sums  map[string]*int64
	total int64
	rest  int64 // of the keys that came too late
}

// newTally returns the tally that counts events.
func newTally(title string, key func(*Event) string) *tally {
	return &tally{title: title, key: key, weight: func(*Event) int64 { return 1 }, format: count, sums: make(map[string]*int64)}
}

// newBytes returns the tally that adds up bytes.
func newBytes(title string, key func(*Event) string) *tally {
	t := newTally(title, key)
	t.weight, t.format = func(e *Event) int64 { return e.Bytes }, size
	return t
}

func (t *tally) Take(e *Event) error {
	if key := t.key(e); key != "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.add(key, t.weight(e))
	}
	return nil
}

func (t *tally) add(key string, n int64) {
	t.total += n
	if len(key) > maxKey {
		key = clip(key, maxKey)
	}
	sum := t.sums[key]
	switch {
	case sum != nil:
		*sum += n
	case len(t.sums) < maxKeys:
		t.sums[strings.Clone(key)] = &n
	default:
		t.rest += n
	}
}

func (t *tally) Report(rows int) Section {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Section{Title: t.title}
	if t.total == 0 {
		return s
	}
	keys := slices.SortedFunc(maps.Keys(t.sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(*t.sums[b], *t.sums[a]), cmp.Compare(a, b))
	})
	left := t.total
	for _, key := range keys[:min(rows, len(keys))] {
		s.Rows = append(s.Rows, Row{t.format(*t.sums[key]), key})
		left -= *t.sums[key]
	}
	if more := len(keys) - rows; more > 0 || t.rest > 0 {
		label := fmt.Sprintf("(%d others)", max(more, 0))
		if t.rest > 0 {
			label = fmt.Sprintf("(more than %d others)", max(more, 0))
		}
		s.Rows = append(s.Rows, Row{t.format(left), label})
	}
	s.Rows = append(s.Rows, Row{t.format(t.total), "in all"})
	return s
}

// The tallies of the pipelines.

func statuses() Sink {
	classes := [...]string{"", "1xx informational", "2xx success", "3xx redirection", "4xx client error", "5xx server error"}
	return newTally("requests by status", func(e *Event) string { return classes[e.Status/100%len(classes)] })
}

func actions() Sink {
	return newTally("steps of dpkg", func(e *Event) string {
		if e.Routine {
			return ""
		}
		return e.Action
	})
}

func packages() Sink {
	return newTally("packages", func(e *Event) string {
		if e.Routine {
			return ""
		}
		return e.Subject
	})
}

func messages() Sink {
	return newTally("messages, digits as #", func(e *Event) string { return shape(e.Subject) })
}

// shape returns the beginning of a message with its numbers as #, so that
// messages that differ in numbers are counted as one.
func shape(message string) string {
	message = clip(message, maxKey)
	var buf [maxKey]byte
	b := buf[:0]
	for i := range len(message) {
		c := message[i]
		if '0' <= c && c <= '9' {
			if len(b) > 0 && b[len(b)-1] == '#' {
				continue
			}
			c = '#'
		}
		b = append(b, c)
	}
	return string(b)
}

// A fieldTally counts in how many JSON lines a field is.
type fieldTally struct{ *tally }

func fields() Sink { return &fieldTally{newTally("fields of JSON lines", nil)} }

func (t *fieldTally) Take(e *Event) error {
	if e.Kind != KindObject {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for o := firstLevel(e.Text); o.next(); {
		t.add(o.name(), 1)
	}
	return nil
}

// outcomes counts tests for each Go package.
type outcomes struct {
	mu       sync.Mutex
	packages map[string]*outcome
	rest     outcome // of the packages that came too late
	all      outcome
}

type outcome struct {
	passed, failed, skipped int
	result                  string // of the package; "" while it runs
	elapsed                 time.Duration
}

func newOutcomes() *outcomes { return &outcomes{packages: make(map[string]*outcome)} }

func (o *outcomes) Take(e *Event) error {
	if e.Routine || e.Action == "bench" {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	name := clip(e.Subject, maxKey)
	p := o.packages[name]
	switch {
	case p != nil:
	case len(o.packages) < maxKeys:
		p = new(outcome)
		o.packages[strings.Clone(name)] = p
	default:
		p = &o.rest
	}
	if e.Detail == "" {
		p.result, p.elapsed = strings.Clone(e.Action), e.Elapsed
		return nil
	}
	for _, sum := range []*outcome{p, &o.all} {
		switch e.Action {
		case "pass":
			sum.passed++
		case "fail":
			sum.failed++
		case "skip":
			sum.skipped++
		}
	}
	return nil
}

func (o *outcomes) Report(rows int) Section {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Section{Title: "tests by package"}
	rank := func(p *outcome) int {
		switch {
		case p.failed > 0 || strings.HasSuffix(p.result, "fail"):
			return 0
		case p.result == "":
			return 1
		}
		return 2
	}
	names := slices.SortedFunc(maps.Keys(o.packages), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(o.packages[a]), rank(o.packages[b])), cmp.Compare(a, b))
	})
	for _, name := range names[:min(rows, len(names))] {
		p := o.packages[name]
		result := cmp.Or(p.result, "no result")
		s.Rows = append(s.Rows, Row{result, fmt.Sprintf("%s  %v, %.2fs", name, p, p.elapsed.Seconds())})
	}
	if more := len(names) - rows; more > 0 || o.rest != (outcome{}) {
		label := fmt.Sprintf("(%d others)", max(more, 0))
		if o.rest != (outcome{}) {
			label = fmt.Sprintf("(more than %d others)", max(more, 0))
		}
		s.Rows = append(s.Rows, Row{"", label})
	}
	if len(names) > 0 {
		s.Rows = append(s.Rows, Row{"in all", o.all.String()})
	}
	return s
}

// String returns the counts.
func (o outcome) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", o.passed, o.failed, o.skipped)
}

// slowest keeps the tests that took longest.
type slowest struct {
	mu  sync.Mutex
	top []timed // the slowest first, at most maxRows
}

type timed struct {
	name    string
	elapsed time.Duration
}

func (s *slowest) Take(e *Event) error {
	if e.Routine || e.Detail == "" || e.Elapsed == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.top) == maxRows && s.top[maxRows-1].elapsed >= e.Elapsed {
		return nil
	}
	// Those of equal time stay in order of arrival.
	at, _ := slices.BinarySearchFunc(s.top, e.Elapsed, func(t timed, d time.Duration) int {
		if t.elapsed >= d {
			return -1
		}
		return 1
	})
	s.top = slices.Insert(s.top, at, timed{clip(e.Subject, maxKey) + " " + clip(e.Detail, maxKey), e.Elapsed})
	s.top = s.top[:min(len(s.top), maxRows)]
	return nil
}

func (s *slowest) Report(rows int) Section {
	s.mu.Lock()
	defer s.mu.Unlock()
	section := Section{Title: "slowest tests"}
	for _, t := range s.top[:min(rows, len(s.top))] {
		section.Rows = append(section.Rows, Row{fmt.Sprintf("%.2fs", t.elapsed.Seconds()), t.name})
	}
	return section
}

// problems counts severities and keeps the first errors.
type problems struct {
	mu     sync.Mutex
	counts [Error + 1]int64
	first  []problem // at most maxRows
}

type problem struct {
	line int
	text string
}

func (p *problems) Take(e *Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[e.Severity]++
	if e.Severity == Error && len(p.first) < maxRows {
		p.first = append(p.first, problem{e.Line, headline(e)})
	}
	return nil
}

// headline returns an event in a few words that hold on to nothing.
func headline(e *Event) string {
	if e.Kind == KindObject || e.Kind == KindText || e.Action == "" {
		return strings.Clone(clip(cmp.Or(e.Subject, e.Text), maxKey))
	}
	words := slices.DeleteFunc([]string{status(e.Status), e.Action, e.Subject, e.Detail}, func(s string) bool { return s == "" })
	return clip(strings.Join(words, " "), maxKey)
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}

func (p *problems) Report(rows int) Section {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Section{Title: "severities of what was kept"}
	for severity := Error; severity >= Info; severity-- {
		s.Rows = append(s.Rows, Row{count(p.counts[severity]), severity.String()})
	}
	for _, problem := range p.first[:min(rows, len(p.first))] {
		s.Rows = append(s.Rows, Row{fmt.Sprintf("line %d", problem.line), problem.text})
	}
	if more := p.counts[Error] - int64(min(rows, len(p.first))); more > 0 {
		s.Rows = append(s.Rows, Row{"", fmt.Sprintf("(%d more)", more)})
	}
	return s
}

// span keeps the first and the last time.
type span struct {
	mu         sync.Mutex
	begin, end time.Time
}

func (s *span) Take(e *Event) error {
	if e.Time.IsZero() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begin.IsZero() || e.Time.Before(s.begin) {
		s.begin = e.Time
	}
	if e.Time.After(s.end) {
		s.end = e.Time
	}
	return nil
}

func (s *span) Report(int) Section {
	s.mu.Lock()
	defer s.mu.Unlock()
	section := Section{Title: "time"}
	if !s.begin.IsZero() {
		section.Rows = []Row{
			{"from", s.begin.UTC().Format(time.DateTime)},
			{"to", s.end.UTC().Format(time.DateTime)},
			{"lasting", s.end.Sub(s.begin).Round(time.Millisecond).String()},
		}
	}
	return section
}

// An echo prints errors as they pass. It is the sink that can fail.
type echo struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *echo) Take(e *Event) error {
	if e.Severity < Error {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := fmt.Fprintf(p.w, "line %d: %s\n", e.Line, printable(headline(e)))
	return err
}

func (p *echo) Report(int) Section { return Section{} }
