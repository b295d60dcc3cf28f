// Status: how instances do, and what Run may return.

package extension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// A State is what an instance is doing.
type State string

// The states of an instance.
const (
	Starting State = "starting" // it is not ready yet
	Ready    State = "ready"
	Degraded State = "degraded" // it has reported trouble, or is about to be run again
	Failed   State = "failed"   // Run has failed for good; what it exports stays bound
	Stopping State = "stopping" // its exports were withdrawn or replaced, or it was told to stop
	Stopped  State = "stopped"  // Run has returned, nil or because it was told to
)

// A Status says how an instance does.
type Status struct {
	Instance  string    `json:"instance"`
	Extension string    `json:"extension"`
	Version   string    `json:"version,omitempty"`
	Kind      string    `json:"kind"`  // passive, active or background
	Place     string    `json:"place"` // the registry where its exports are bound
	State     State     `json:"state"`
	Since     time.Time `json:"since"`    // that it is in this state
	Restarts  int       `json:"restarts"` // how many times Run was called again
	Err       error     `json:"-"`        // why it is degraded or failed, or what Run returned at last; JSON is without it
}

// String returns the status in a few words.
func (s Status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s", s.Instance, s.Extension)
	if s.Version != "" {
		fmt.Fprintf(&b, " %s", s.Version)
	}
	fmt.Fprintf(&b, ", %s at %s) is %s since %s", s.Kind, s.Place, s.State, s.Since.UTC().Format(time.RFC3339))
	if s.Restarts > 0 {
		fmt.Fprintf(&b, ", restarted %d times", s.Restarts)
	}
	if s.Err != nil {
		fmt.Fprintf(&b, ": %v", s.Err)
	}
	return b.String()
}

// Status returns the handle of how the instances do, in the order in which they were
// given to Start; those that were replaced and are still used come last. The slice must
// not be changed. It can be watched; after Stop it keeps the last values.
func (h *Host) Status() capability.Handle[[]Status] { return h.status }

// Ready returns nil if every instance is ready, or stopped because Run was done, and else
// an error that says of each that is starting, degraded or failed why: what a
// health endpoint wants to know. Instances that were replaced or removed do not count. A
// host that has not started anything is ready, one that was told to stop is not. Who
// wants to count Degraded as ready asks Status.
func (h *Host) Ready() error {
	if h == nil || h.busy == nil {
		return zeroHost("Ready")
	}
	h.mu.Lock()
	stopping := h.stopping
	h.mu.Unlock()
	if stopping {
		return &capability.Error{Code: capability.ErrClosed, Err: errors.New("the host of the extensions was told to stop: start another one")}
	}
	var errs []error
	for _, s := range h.status.Get() {
		if s.State == Ready || s.State == Stopped || s.State == Stopping {
			continue
		}
		text := fmt.Errorf("it is %s since %s", s.State, s.Since.UTC().Format(time.RFC3339))
		if s.Err != nil {
			because := s.Err
			if e, ok := because.(*capability.Error); ok {
				because = e.Err // which has the names once
			}
			text = fmt.Errorf("%w: %w", text, because)
		}
		errs = append(errs, &capability.Error{Provider: s.Instance, Scope: s.Place, Err: text})
	}
	return capability.Join(errs...)
}

// publish shows how all do. h.mu is held.
func (h *Host) publish() {
	list := make([]Status, 0, len(h.units)+len(h.leaving))
	for _, u := range slices.Concat(h.units, h.leaving) {
		list = append(list, u.now)
	}
	h.show(list)
}

// Fatal returns an error that says to the host, if Run returns it, that Run must not be
// called again, whatever [Limits.Restart] says. It wraps err.
func Fatal(err error) error { return &fatal{err} }

type fatal struct{ err error }

func (f *fatal) Error() string { return fmt.Sprint(f.err) }
func (f *fatal) Unwrap() error { return f.err }

// RetryAfter returns an error that says to the host, if Run returns it, that Run is to be
// called again after d, whatever [Limits.Restart] says. It wraps err.
func RetryAfter(d time.Duration, err error) error { return &retry{d, err} }

type retry struct {
	after time.Duration
	err   error
}

func (r *retry) Error() string { return fmt.Sprint(r.err) }
func (r *retry) Unwrap() error { return r.err }
