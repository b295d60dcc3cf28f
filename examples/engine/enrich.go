// Enrichers, filters and middlewares: what happens to an event between its
// parser and the sinks.

package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// clock returns the enricher that reads the stamp in that layout. A strict one
// makes a stamp that it cannot read an error.
func clock(layout string, strict bool) Enricher {
	return func(e *Event) (*Event, error) {
		if e.Stamp == "" {
			return e, nil
		}
		t, err := time.Parse(layout, e.Stamp)
		if err != nil {
			if strict {
				return e, fmt.Errorf("%q is no time", clip(e.Stamp, 40))
			}
			return e, nil
		}
		e.Time = t
		return e, nil
	}
}

// The layouts of the formats.
const (
	layoutAccess = "02/Jan/2006:15:04:05 -0700"
	layoutDpkg   = time.DateTime
)

// guess is the severity of a line that may be anything: what the line says its
// level is, else what the words of its message suggest.
func guess(e *Event) (*Event, error) {
	if e.Action != "" {
		if s, ok := severityOf(e.Action); ok {
			e.Severity = s
			return e, nil
		}
	}
	text := e.Subject
	if len(text) > 200 {
		text = text[:200]
	}
	for text != "" && e.Severity < Error {
		n := 0
		for n < len(text) && letter(text[n]) {
			n++
		}
		if n > 0 {
			if s, ok := severityOf(text[:n]); ok {
				e.Severity = max(e.Severity, s)
			}
		}
		text = text[min(n+1, len(text)):]
	}
	return e, nil
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// severityOf returns what a word says about severity, and false if it says
// nothing.
func severityOf(word string) (Severity, bool) {
	var lower [9]byte
	if len(word) < 3 || len(word) > len(lower) {
		return Info, false
	}
	for i := range len(word) {
		lower[i] = word[i] | 0x20
	}
	switch string(lower[:len(word)]) {
	case "error", "err", "fatal", "panic", "fail", "failed", "failure", "critical", "emerg", "emergency", "alert":
		return Error, true
	case "warn", "warning":
		return Warning, true
	case "info", "debug", "trace", "notice":
		return Info, true
	}
	return Info, false
}

// noGuess is the severity in logs of records: a path or a package named error is
// no error.
func noGuess(e *Event) (*Event, error) { return e, nil }

// byOutcome is the severity of tests.
func byOutcome(e *Event) (*Event, error) {
	switch e.Action {
	case "fail", "build-fail":
		e.Severity = Error
	case "skip":
		e.Severity = Warning
	}
	return e, nil
}

// byStatus is the severity of requests.
func byStatus(e *Event) (*Event, error) {
	switch {
	case e.Status >= 500:
		e.Severity = Error
	case e.Status >= 400:
		e.Severity = Warning
	}
	return e, nil
}

// everything is the filter that lets all events pass.
func everything(*Event) bool { return true }

// holding returns the filter that lets events pass whose line holds the text.
func holding(text string) Filter {
	return func(e *Event) bool { return strings.Contains(e.Text, text) }
}

// A quiet is the filter that takes the place of everything while lines flow: it
// leaves out routine events. Like every provider it may be asked by several
// goroutines at once.
type quiet struct {
	first   atomic.Int64 // the line that it was asked about first
	dropped atomic.Int64
}

func (q *quiet) keep(e *Event) bool {
	if q.first.Load() == 0 {
		q.first.CompareAndSwap(0, int64(e.Line))
	}
	if e.Routine {
		q.dropped.Add(1)
	}
	return !e.Routine
}

// guard is the middleware that makes a panic in a pipeline an error, so that
// one line costs one line and not the run.
func guard(next Step) Step {
	return func(e *Event) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return next(e)
	}
}

// unrepeated is the middleware that leaves out a line that equals the one
// before. What it remembers belongs to the step that it makes, so each pipeline
// has its own; a step is taken by one goroutine, so it needs no lock.
func unrepeated(next Step) Step {
	last := ""
	return func(e *Event) error {
		if e.Text == last {
			return nil
		}
		last = e.Text
		return next(e)
	}
}
