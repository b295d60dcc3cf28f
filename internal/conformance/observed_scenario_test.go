// Scenarios of observers: one that comes late, and a failure that is seen.

package conformance_test

import (
	"errors"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// A pointLog writes down the points of dispatches, as an interceptor would.
type pointLog struct{ out *vectorOutcome }

func (l pointLog) Observe(e observed.Event) {
	said := ""
	switch whole := e.Provider == ""; {
	case whole && !e.End:
		said = "call"
	case !e.End:
		said = "tap:" + e.Provider
	case whole && e.Err != nil:
		said = "error:" + observedFailure(e.Err)
	case whole:
		said = "done"
	default:
		return
	}
	l.out.calls = append(l.out.calls, said)
}

// A meddler is an observer that does what it can to a dispatch.
type meddler struct{ told *int }

func (m meddler) Observe(e observed.Event) {
	*m.told++
	e.Provider, e.Verb, e.Err = "stranger", "Decide", errors.New("not today")
	panic(fmt.Sprintf("nobody calls %s", e.Provider))
}

// An observedDesk is a provider named A and the observers that its scope sees.
type observedDesk struct {
	engine    *capability.Registry
	scope     *capability.Scope
	all       capability.ChainHandle[func() string]
	observers capability.ChainHandle[observed.Observer]
}

func newObservedDesk() (*observedDesk, error) {
	d := &observedDesk{engine: capability.NewRegistry(capability.Engine, "engine")}
	err := d.engine.Apply(scenarioOpenings.Bind("A", func() string { return "A" }))
	if err != nil {
		return nil, err
	}
	if d.scope, err = capability.Compose(d.engine); err != nil {
		return nil, err
	}
	return d, d.scope.Resolve(scenarioOpenings.All().Into(&d.all), observed.Observers.All().Into(&d.observers))
}

// call calls the provider and notes what it says. If failure is not nil, it fails.
func (d *observedDesk) call(out *vectorOutcome, failure error) error {
	return observed.Each(d.observers.Get(), d.all.Get(), func(f func() string) error {
		out.calls = append(out.calls, f())
		return failure
	})
}

// scenarioLateObserver binds observers after the provider, between two calls: one
// that meddles and one that writes down.
func scenarioLateObserver() (out vectorOutcome, err error) {
	d, err := newObservedDesk()
	if err != nil {
		return out, err
	}
	defer d.scope.Close()
	if err := d.call(&out, nil); err != nil {
		return out, err
	}
	told := 0
	err = d.engine.Apply(observed.Observers.Bind("meddler", meddler{&told}), observed.Observers.Bind("log", pointLog{&out}))
	if err != nil {
		return out, err
	}
	if err := d.call(&out, nil); err != nil {
		return out, err
	}
	if told != 1 {
		return out, fmt.Errorf("the observer that panics is told %d times, want once", told)
	}
	out.result = &vectorResult{Kind: "void"}
	return out, nil
}

// scenarioFailureSeen observes a call whose provider fails.
func scenarioFailureSeen() (out vectorOutcome, err error) {
	d, err := newObservedDesk()
	if err != nil {
		return out, err
	}
	defer d.scope.Close()
	if err := d.engine.Apply(observed.Observers.Bind("log", pointLog{&out})); err != nil {
		return out, err
	}
	err = d.call(&out, &vectorFailure{by: "A", value: "E1"})
	var e *capability.Error
	var f *vectorFailure
	if !errors.As(err, &e) || !errors.As(err, &f) {
		return out, fmt.Errorf("the call returns %w, want the failure of A", err)
	}
	out.faults = []vectorFault{{e.Provider, "error", f.value}}
	return out, nil
}
