// Nodes: the steps that a placement adds to a pipeline. Each asks an instance of an
// extension under a lease, so that one that is replaced can stop at once.

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A nodeType is what nodes can be.
type nodeType struct {
	needs  []extension.Key // each from an instance that the node names
	config func() any      // a pointer to a configuration, to be filled in
	bind   func(w wiring) error
}

// nodeTypes are the types that a placement may name.
var nodeTypes = map[string]nodeType{
	"label":    {[]extension.Key{Lookups}, func() any { return new(struct{}) }, bindLabel},
	"throttle": {[]extension.Key{Limits}, func() any { return new(struct{}) }, bindThrottle},
	"ship":     {[]extension.Key{Signing, Healths, Limits}, func() any { return new(shipConfig) }, bindShip},
}

// A wiring is where a node finds what it needs, and binds what it is.
type wiring struct {
	*node
	scope    *capability.Scope
	registry *capability.Registry
}

// provider returns the name of the instance that provides k.
func (w wiring) provider(k extension.Key) string { return w.from[k.Name()] }

// A label puts on an event the label of its subject, and counts events by label.
type label struct {
	lookup capability.Leased[Lookup]
	*tally
}

func bindLabel(w wiring) error {
	l := &label{tally: newTally("events by label", func(e *Event) string {
		if e.Routine {
			return ""
		}
		return e.Label
	})}
	if err := w.scope.Resolve(Lookups.Named(w.provider(Lookups)).IntoLeased(&l.lookup)); err != nil {
		return err
	}
	return w.registry.Apply(Enrichers.Bind(w.name, l.enrich), Sinks.Bind(w.name, l))
}

func (l *label) enrich(e *Event) (*Event, error) {
	name := e.Subject
	if e.Detail != "" {
		name += " " + e.Detail
	}
	err := l.lookup.Use(func(t Lookup) error {
		var ok bool
		if e.Label, ok = t.Label(name); !ok {
			e.Label = "(no label)"
		}
		return nil
	})
	return e, err
}

// A throttle lets events pass as long as its limit lets it, and counts the others.
type throttle struct {
	limit   capability.Leased[Limit]
	stopped atomic.Int64
}

func bindThrottle(w wiring) error {
	t := new(throttle)
	if err := w.scope.Resolve(Limits.Named(w.provider(Limits)).IntoLeased(&t.limit)); err != nil {
		return err
	}
	return w.registry.Apply(
		Filters.Bind(w.name, t.keep).After("chatter", "only"), // what they leave out takes nothing from the limit
		Sinks.Bind(w.name, t),
	)
}

func (t *throttle) keep(*Event) bool {
	pass := takes(t.limit)
	if !pass {
		t.stopped.Add(1)
	}
	return pass
}

// takes reports whether one more may pass.
func takes(limit capability.Leased[Limit]) (pass bool) {
	_ = limit.Use(func(l Limit) error { // it fails only when the pipeline is closed
		pass = l.Take()
		return nil
	})
	return pass
}

func (t *throttle) Take(*Event) error { return nil }

func (t *throttle) Report(int) Section {
	return section("stopped by the limit", Row{count(t.stopped.Load()), "events"})
}

// section returns a section of the rows that count something.
func section(title string, rows ...Row) Section {
	s := Section{Title: title}
	for _, r := range rows {
		if r.Value != "0" {
			s.Rows = append(s.Rows, r)
		}
	}
	return s
}

// A shipConfig is the configuration of a ship.
type shipConfig struct {
	File string `json:"file" doc:"where lines are added; nowhere if it is left out"`
}

// A ship writes errors as signed lines of JSON: no more than its limit lets it, and none
// while its credentials are not well. Those who read them need not trust whoever could
// write to the file.
type ship struct {
	credentials capability.Leased[Credentials]
	health      capability.Leased[Health]
	limit       capability.Leased[Limit]
	to          io.Writer

	shipped, tooMany, unsigned atomic.Int64
}

func bindShip(w wiring) error {
	s := &ship{to: io.Discard}
	err := w.scope.Resolve(
		Signing.Named(w.provider(Signing)).IntoLeased(&s.credentials),
		Healths.Named(w.provider(Healths)).IntoLeased(&s.health),
		Limits.Named(w.provider(Limits)).IntoLeased(&s.limit),
	)
	if err != nil {
		return err
	}
	binding := Sinks.Bind(w.name, s)
	file := w.config.(*shipConfig).File
	if file == "" {
		return w.registry.Apply(binding)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	s.to = f
	if err := w.registry.Apply(binding.OnRetire(f.Close)); err != nil {
		return errors.Join(err, f.Close()) // a refused Apply leaves it to the caller
	}
	return nil
}

// A shipment is a line that a ship writes. What is signed is the problem as it stands
// in the line.
type shipment struct {
	Problem   json.RawMessage `json:"problem"`
	Signature Signature       `json:"signature"`
}

func (s *ship) Take(e *Event) error {
	switch {
	case e.Severity < Error:
		return nil
	case !takes(s.limit):
		s.tooMany.Add(1)
		return nil
	case s.health.Use(Health.Check) != nil:
		s.unsigned.Add(1)
		return nil
	}
	problem, err := json.Marshal(struct {
		Line  int    `json:"line"`
		Label string `json:"label,omitempty"`
		Text  string `json:"text"`
	}{e.Line, e.Label, headline(e)})
	if err != nil {
		return err
	}
	line := shipment{Problem: problem}
	err = s.credentials.Use(func(c Credentials) error {
		line.Signature = c.Sign(problem)
		return nil
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	// One Write, so that others may add lines to the same file.
	if _, err := s.to.Write(append(text, '\n')); err != nil {
		return err
	}
	s.shipped.Add(1)
	return nil
}

func (s *ship) Report(int) Section {
	return section("problems shipped",
		Row{count(s.shipped.Load()), "signed"},
		Row{count(s.tooMany.Load()), "more than the limit lets pass"},
		Row{count(s.unsigned.Load()), "held back, as the credentials were not well"},
	)
}
