// The extension ratelimit: an allowance that is renewed again and again. Those who take
// from it and what renews it work on the same number, and nobody had to think of that.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A Limit says how much is too much.
type Limit interface {
	// Take reports whether one more may pass.
	Take() bool
}

// Limits are asked for by name.
var Limits = capability.New[Limit]("limit", "says whether one more may pass", capability.OnlyLeased())

// A LimitConfig is the configuration of a limit.
type LimitConfig struct {
	Events int64    `json:"events" doc:"how many may pass"`
	Every  Duration `json:"every" doc:"in which time"`
}

// Validate returns what is wrong with the configuration.
func (c LimitConfig) Validate() error {
	var errs []error
	if c.Events < 1 {
		errs = append(errs, fmt.Errorf("events is %d: let one or more pass", c.Events))
	}
	if time.Duration(c.Every) < time.Millisecond {
		errs = append(errs, fmt.Errorf("every is %v: give it a millisecond or more", c.Every))
	}
	return errors.Join(errs...)
}

// RateLimit is the extension.
var RateLimit = extension.Active[LimitConfig]{
	Manifest: extension.Manifest{
		Name: "ratelimit", Version: "1.0.0", URL: documentation + "ratelimit.go",
		Doc: "lets no more than so many pass in a time",
	},
	Exports: []extension.Key{Limits},
	New: func(c LimitConfig, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		a := new(allowance)
		return []capability.Binding{Limits.Bind(d.Name, gate{a})}, &reset{c, a}, nil
	},
}

// An allowance is how many may still pass. It is less than none when more have asked.
type allowance struct{ left atomic.Int64 }

// A gate is what those have who ask.
type gate struct{ allowance *allowance }

func (g gate) Take() bool { return g.allowance.left.Add(-1) >= 0 }

// A reset is what runs.
type reset struct {
	config    LimitConfig
	allowance *allowance
}

func (r *reset) Run(ctx context.Context, ready func()) error {
	r.allowance.left.Store(r.config.Events)
	ready()
	tick := time.NewTicker(time.Duration(r.config.Every))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.allowance.left.Store(r.config.Events)
		case <-ctx.Done():
			return nil
		}
	}
}
