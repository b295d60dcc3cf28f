// The schedules of replayed conformance vectors whose providers run at the same
// time.

package conformance_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// A vectorSchedule says how many providers are asked at a time, all by default, and
// who of them begins first.
type vectorSchedule struct {
	limit    int
	backward bool
}

// limit returns how many providers of the chain are asked at a time.
func (r *vectorReplay) limit(c vectorChain) int {
	if r.schedule.limit > 0 {
		return r.schedule.limit
	}
	return max(c.Len(), 1)
}

// turn returns how long who is bound under the name waits before it begins. Nobody
// says which of several goroutines is first, so they begin in the order of the
// schedule, a nanosecond of the fake clock apart.
func (r *vectorReplay) turn(bound string) time.Duration {
	place := r.places[bound]
	switch {
	case !r.v.concurrent():
		return 0
	case r.schedule.backward:
		place = len(r.places) - 1 - place
	}
	return time.Duration(place + 1)
}

// otherwise replays v with other schedules and returns an error if the outcome is
// another. Calls may differ, and so may the error if several fail and the first
// in time stops the others.
func (v *vector) otherwise(t *testing.T, lifo bool, want vectorOutcome) error {
	failing := 0
	for _, p := range v.providersAndSteps() {
		if p.Behaviour.Op == "error" || p.Behaviour.Op == "panic" {
			failing += max(p.Repeat, 1)
		}
	}
	byTime := failing > 1 && !v.keepsGoing() && slices.Contains([]string{"each", "collect"}, v.verb())
	for _, s := range []vectorSchedule{{1, false}, {2, false}, {2, true}, {0, true}} {
		got, err := replayOnce(t, v, lifo, s)
		if err != nil {
			return fmt.Errorf("with limit %d, backward %v: %w", s.limit, s.backward, err)
		}
		if byTime {
			got.faults = want.faults
		}
		if d := gocmp.Diff([]any{want.result, want.faults}, []any{got.result, got.faults}); d != "" {
			return fmt.Errorf("result and errors with limit %d, backward %v (-all at once +so):\n%s", s.limit, s.backward, d)
		}
	}
	return nil
}
