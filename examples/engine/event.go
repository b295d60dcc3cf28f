// Events and the capabilities of the engine: what a provider of each is, and
// how many of them are asked.

package main

import (
	"time"

	"github.com/typedcap/capability"
)

// An Event is what a parser makes of a line. It belongs to the enrichers, one
// after the other, and to nobody once the filters are asked: from there on it
// never changes. Its strings are parts of the line: who keeps one for longer than
// the call clones it, so as not to keep the line.
type Event struct {
	Line     int    // number of the line, from 1
	Text     string // the line, without its end
	Kind     string // names the pipeline that takes the event
	Stamp    string // the time as the line writes it
	Time     time.Time
	Action   string // what happened: a test passed, GET, install; the level of a JSON line
	Subject  string // to whom: a Go package, a path, a Debian package; the message of a JSON line
	Detail   string // the test, the state of a Debian package
	Status   int    // of HTTP
	Bytes    int64
	Elapsed  time.Duration
	Severity Severity
	Routine  bool   // no figure of a report depends on it
	Label    string // of the subject, where a pipeline has a node that knows it
}

// The kinds of events of the parsers in this program. Others may make other
// kinds; they go to the pipeline that takes the rest.
const (
	KindTest    = "test"
	KindRequest = "request"
	KindPackage = "package"
	KindObject  = "object"
	KindText    = "text"
)

// A Severity says how much an event matters.
type Severity int

const (
	Info Severity = iota
	Warning
	Error
)

// String returns the name.
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// The contracts of the providers. All but Sink are functions, so that a plain
// function can be bound.
type (
	// A Parser turns a line into an event, or does not decide, which leaves the
	// line to the next one. An error says that the line is in the parser's
	// format and broken.
	Parser func(text string) (capability.Decision[*Event], error)

	// An Enricher returns the event with more in it: the same one or another. An
	// error makes the line a bad one.
	Enricher func(*Event) (*Event, error)

	// A Filter reports whether the event goes on to the sinks.
	Filter func(*Event) bool

	// A Sink takes events and reports on them in the end. An error of Take ends
	// the run: a sink that lost one event cannot be trusted with the next.
	// Sinks are pointers, because the report tells them apart by comparing.
	Sink interface {
		Take(*Event) error
		Report(rows int) Section
	}

	// A Step does all that one pipeline does with an event.
	Step func(*Event) error
)

// The capabilities. These variables are all that the parts of the program know
// of each other: a part that binds to one need not know who asks, and the other
// way round.
var (
	// Parsers are asked with Decide: the first who knows the line wins. The
	// engine has one scope for them, because the kind of an event decides which
	// pipeline takes it.
	Parsers = capability.New[Parser]("parsers", "turn a line into an event")

	// Enrichers are asked with Pipe: each works on what the one before made.
	Enrichers = capability.New[Enricher]("enrichers", "add to an event what the line only implies")

	// Filters are asked with Every: a single no is enough.
	Filters = capability.New[Filter]("filters", "say whether an event goes on to the sinks")

	// Sinks are asked with Each for an event, and with Collect for the report.
	Sinks = capability.New[Sink]("sinks", "take events and report on them")

	// Around is folded around the step of a pipeline with Wrap. The middleware
	// of the engine is outermost, so that it sees what those of the pipelines do.
	Around = capability.New[capability.Middleware[Step]]("around", "does something around the step of a pipeline", capability.BroadFirst())

	// Rows is asked for the one provider: the narrowest registry that has an
	// opinion wins.
	Rows = capability.New[int]("rows", "says how many rows a table of the report has")
)
