// Yield points: where a test that explores schedules takes over.

//go:build !capability_yield

package capability

import "time"

// yield marks a place where another goroutine coming between matters. It is
// empty here; the build tag capability_yield makes it call a test's scheduler.
func yield(string) {}

// spawn starts f on a goroutine of its own.
func spawn(f func()) { go f() }

// after starts f on a goroutine of its own once d has passed.
func after(d time.Duration, f func()) *time.Timer { return time.AfterFunc(d, f) }
