// Instances: extensions with a name, a configuration and a place.

package extension

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/typedcap/capability"
)

// An Instance is an extension with a name of its own, a configuration and a place,
// before it runs. It is a value: its methods return a changed copy.
type Instance struct {
	is         *declaration // nil if it is zero
	name       string
	config     any
	fault      error // of decoding the configuration
	site       string
	registries []*capability.Registry // the narrowest first
	limits     Limits
}

// Limits say how long an instance may take, and what comes after a failure. The zero
// value is the default.
type Limits struct {
	// Start is how long the instance may take until it is ready; 0 stands for 10 s.
	Start time.Duration

	// Drain is how long is waited, once the exports of the instance were withdrawn or
	// replaced, until nobody uses them any more; 0 stands for 10 s.
	Drain time.Duration

	// Stop is how long Run may take to return when its context has ended; 0 stands
	// for 10 s.
	Stop time.Duration

	// Restart says what comes of a Run that failed, attempt times in turn since it
	// was last ready: whether it is called again, and after which pause. Nil stands
	// for never.
	Restart func(attempt int, err error) (pause time.Duration, again bool)
}

// or returns l with what it does not say taken from others.
func (l Limits) or(others Limits) Limits {
	l.Start = cmp.Or(l.Start, others.Start, 10*time.Second)
	l.Drain = cmp.Or(l.Drain, others.Drain, 10*time.Second)
	l.Stop = cmp.Or(l.Stop, others.Stop, 10*time.Second)
	if l.Restart == nil {
		l.Restart = others.Restart
	}
	return l
}

func newInstance(d *declaration, name string, config any, site string) Instance {
	return Instance{is: d, name: name, config: config, site: site}
}

func decodeInstance[C any](d *declaration, name string, decode func(any) error, site string) Instance {
	var config C
	i := newInstance(d, name, nil, site)
	if decode == nil {
		i.fault = errors.New("Decode was given a nil func: give it what fills in the configuration")
	} else if err := decode(&config); err != nil {
		i.fault = fmt.Errorf("its configuration cannot be read: %w", err)
	}
	i.config = config
	return i
}

// At returns the instance at that place: its exports are bound in the narrowest of the
// registries, and what it requires is looked for in all of them, which may be
// given in any order. Every instance needs a place.
func (i Instance) At(registries ...*capability.Registry) Instance {
	i.registries = slices.Clone(registries)
	slices.SortStableFunc(i.registries, func(a, b *capability.Registry) int {
		if a == nil || b == nil {
			return 0 // Validate says what is wrong
		}
		return cmp.Compare(b.Level(), a.Level())
	})
	return i
}

// From returns the instance with the place that errors and texts name as its origin, such
// as file:line:column of a configuration. Without it that is the call that made it.
func (i Instance) From(place string) Instance {
	i.site = place
	return i
}

// Within returns the instance with limits of its own. What they leave at zero is as the
// [Options] of the host say.
func (i Instance) Within(l Limits) Instance {
	i.limits = l
	return i
}

// Name returns the name.
func (i Instance) Name() string { return i.name }

// String returns the name of the instance and that of the extension.
func (i Instance) String() string {
	if i.is == nil {
		return "zero Instance"
	}
	return fmt.Sprintf("%q of %q", i.name, i.is.Name)
}

// target returns where the exports are bound.
func (i Instance) target() *capability.Registry { return i.registries[0] }

// errorf returns an error about the instance.
func (i Instance) errorf(code capability.Code, format string, args ...any) *capability.Error {
	e := &capability.Error{Code: code, Provider: i.name, Err: fmt.Errorf(format, args...)}
	if i.is != nil {
		e.Err = fmt.Errorf("extension %q, instance made at %s: %w", i.is.Name, i.site, e.Err)
	}
	if len(i.registries) > 0 && i.registries[0] != nil {
		e.Scope = i.registries[0].Name()
	}
	return e
}
