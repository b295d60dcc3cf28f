// Bursts: events that come together are one change.

package fswatch

import (
	"context"
	"time"
)

// longest is how many times the quiet it needs a burst lasts at most.
const longest = 10

// settle returns when a burst of events is over, which it is when none has come for
// quiet, or when it has lasted for ten times that; when no event has come for most; or
// when ctx has ended.
func settle(ctx context.Context, events <-chan struct{}, quiet, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-events:
	case <-timer.C:
		return
	case <-ctx.Done():
		return
	}
	if quiet <= 0 {
		return
	}
	end := time.NewTimer(longest * quiet)
	defer end.Stop()
	for {
		timer.Reset(quiet)
		select {
		case <-events:
		case <-timer.C:
			return
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
