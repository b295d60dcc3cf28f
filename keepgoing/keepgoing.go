// Package keepgoing has the verbs of package capability for callers that want
// everybody asked: a provider that fails does not stop the others.
//
// Like those, its verbs call the providers one after the other in chain order on
// the caller's goroutine. A panic is recovered and is an error with a
// [capability.PanicError] that has the stack; runtime.Goexit ends the caller's
// goroutine, as always. The errors of all providers are joined by
// [capability.Join]: each names its provider, none is dropped, the highest
// priority speaks first, and ties are in chain order. Who wants to ignore them says
// so where a reader sees it:
//
//	doc, _ = keepgoing.Pipe(…)
//
// Unless somebody fails, the verbs allocate nothing, but for Collect its slice.
package keepgoing

import (
	"runtime/debug"

	"github.com/typedcap/capability"
)

// Each calls f with each provider. Without providers it returns nil.
func Each[T any](c capability.Chain[T], f func(T) error) error {
	return visit(c, func(_ int, p T) (bool, error) { return false, f(p) }).err()
}

// Collect calls f with each provider and returns a reply for each in chain order, and
// with them the errors that they have. Without providers it returns an empty slice.
func Collect[T, R any](c capability.Chain[T], f func(T) (R, error)) ([]capability.Reply[R], error) {
	replies := make([]capability.Reply[R], 0, c.Len())
	for name := range c.All() {
		replies = append(replies, capability.Reply[R]{Provider: name})
	}
	failed := visit(c, func(i int, p T) (bool, error) {
		r, err := f(p)
		if err == nil {
			replies[i].Value = r
		}
		return false, err
	})
	for _, f := range failed {
		replies[f.at].Err = f.err
	}
	return replies, failed.err()
}

// Any reports whether f answers yes for some provider. It asks everybody; who fails
// does not say yes. Without providers it returns false.
func Any[T any](c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	some := false
	failed := visit(c, func(_ int, p T) (bool, error) {
		yes, err := f(p)
		some = some || yes && err == nil
		return false, err
	})
	return some, failed.err()
}

// Every reports whether f answers yes for all providers. It asks everybody; who fails
// does not say yes. Without providers it returns true.
func Every[T any](c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	all := true
	failed := visit(c, func(_ int, p T) (bool, error) {
		yes, err := f(p)
		all = all && yes
		return false, err
	})
	return all && failed == nil, failed.err()
}

// Pipe passes a through f with each provider, each working on the last good value,
// and returns the last good value with the errors of those that failed. Without
// providers it returns a.
func Pipe[T, A any](c capability.Chain[T], a A, f func(T, A) (A, error)) (A, error) {
	failed := visit(c, func(_ int, p T) (bool, error) {
		next, err := f(p, a)
		if err == nil {
			a = next
		}
		return false, err
	})
	return a, failed.err()
}

// Decide asks the providers until one decides, and returns the decision with the errors
// of those before; no decision if nobody decides or there are no providers.
func Decide[T, R any](c capability.Chain[T], f func(T) (capability.Decision[R], error)) (capability.Decision[R], error) {
	var decision capability.Decision[R]
	by := -1
	failed := visit(c, func(i int, p T) (bool, error) {
		d, err := f(p)
		if _, ok := d.Get(); !ok || err != nil {
			return false, err
		}
		decision, by = d, i
		return true, nil
	})
	if by >= 0 { // the verb notes who decided
		decision, _ = capability.Decide(c, func(T) (d capability.Decision[R], _ error) {
			if by == 0 {
				d = decision
			}
			by--
			return d, nil
		})
	}
	return decision, failed.err()
}

// A failure is the error of the provider at a place of the chain.
type failure struct {
	at  int
	err error
}

type failures []failure

func (f failures) err() error {
	if f == nil {
		return nil
	}
	errs := make([]error, len(f))
	for i := range f {
		errs[i] = f[i].err
	}
	return capability.Join(errs...)
}

// A visitor asks the providers of a chain in rounds: a panic ends a round, and the
// next begins behind who panicked. That costs a call one recovery for all
// providers, where one for each would cost more than most providers do.
type visitor[T any] struct {
	chain  capability.Chain[T]
	asked  int      // how many providers were asked
	names  []string // of all, once somebody panicked
	failed failures
}

// visit calls ask with each provider and its place until it says stop.
func visit[T any](c capability.Chain[T], ask func(int, T) (stop bool, err error)) failures {
	v := visitor[T]{chain: c}
	for !v.round(ask) {
	}
	return v.failed
}

// round asks those that were not asked yet, and reports whether it came to the end.
func (v *visitor[T]) round(ask func(int, T) (bool, error)) (ended bool) {
	defer v.rescue()
	i := 0
	for name, p := range v.chain.All() {
		if i++; i <= v.asked {
			continue
		}
		v.asked = i
		stop, err := ask(i-1, p)
		if err != nil {
			v.fail(name, err)
		}
		if stop {
			break
		}
	}
	return true
}

// rescue ends a round after a panic.
func (v *visitor[T]) rescue() {
	if p := recover(); p != nil {
		if v.names == nil {
			v.names = v.chain.Names()
		}
		v.fail(v.names[v.asked-1], &capability.PanicError{Value: p, Stack: debug.Stack()})
	}
}

func (v *visitor[T]) fail(name string, err error) {
	v.failed = append(v.failed, failure{v.asked - 1, v.chain.Blame(name, err)})
}
