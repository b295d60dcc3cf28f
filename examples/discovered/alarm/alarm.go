// What the program and its plug-ins say to each other.

// Package alarm holds the capabilities that the program and its plug-ins share. Neither
// knows the other: both know these.
package alarm

import (
	"io"

	"github.com/typedcap/capability"
)

// A Roster knows who is on duty.
type Roster interface{ OnDuty() string }

// A Notifier tells somebody what has happened.
type Notifier interface{ Notify(event string) error }

var (
	// Rosters are exported by plug-ins.
	Rosters = capability.New[Roster]("roster", "knows who is on duty")

	// Notifiers are exported by plug-ins.
	Notifiers = capability.New[Notifier]("notifier", "tells somebody what has happened")

	// Output is bound by the program.
	Output = capability.New[io.Writer]("output", "is where messages leave the program")
)
