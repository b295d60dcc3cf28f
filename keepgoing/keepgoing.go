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
	t := tally[T]{chain: c}
	for !t.each(f) {
	}
	return t.err()
}

// Collect calls f with each provider and returns a reply for each in chain order, and
// with them the errors that they have. Without providers it returns an empty slice.
func Collect[T, R any](c capability.Chain[T], f func(T) (R, error)) ([]capability.Reply[R], error) {
	t := tally[T]{chain: c}
	replies := make([]capability.Reply[R], 0, c.Len())
	for name := range c.All() {
		replies = append(replies, capability.Reply[R]{Provider: name})
	}
	for !collect(&t, replies, f) {
	}
	for _, failed := range t.failed {
		replies[failed.at].Err = failed.err
	}
	return replies, t.err()
}

// Any reports whether f answers yes for some provider. It asks everybody; who fails
// does not say yes. Without providers it returns false.
func Any[T any](c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	t := tally[T]{chain: c}
	for !t.votes(f) {
	}
	return t.yes > 0, t.err()
}

// Every reports whether f answers yes for all providers. It asks everybody; who fails
// does not say yes. Without providers it returns true.
func Every[T any](c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	t := tally[T]{chain: c}
	for !t.votes(f) {
	}
	return t.yes == t.asked, t.err()
}

// Pipe passes a through f with each provider, each working on the last good value,
// and returns the last good value with the errors of those that failed. Without
// providers it returns a.
func Pipe[T, A any](c capability.Chain[T], a A, f func(T, A) (A, error)) (A, error) {
	t := tally[T]{chain: c}
	for !pipe(&t, &a, f) {
	}
	return a, t.err()
}

// Decide asks the providers until one decides, and returns the decision with the errors
// of those before; no decision if nobody decides or there are no providers.
func Decide[T, R any](c capability.Chain[T], f func(T) (capability.Decision[R], error)) (capability.Decision[R], error) {
	t := tally[T]{chain: c}
	d, ended := decide(&t, f)
	for !ended {
		d, ended = decide(&t, f)
	}
	return d, t.err()
}

// A tally is what has come of a dispatch so far. The providers are asked in rounds: a
// panic ends one, and the next goes on behind who panicked. That costs a dispatch
// one recovery, where one for each provider would cost more than many providers
// do.
type tally[T any] struct {
	chain  capability.Chain[T]
	asked  int // how many providers were asked
	yes    int // how many said so
	names  []string
	failed []failure
}

// A failure is the error of the provider at a place of the chain.
type failure struct {
	at  int
	err error
}

// fail notes the error of who was asked last.
func (t *tally[T]) fail(err error) {
	if t.names == nil {
		t.names = t.chain.Names()
	}
	t.failed = append(t.failed, failure{t.asked - 1, t.chain.Blame(t.names[t.asked-1], err)})
}

// rescue ends a round after a panic.
func (t *tally[T]) rescue() {
	if v := recover(); v != nil {
		t.fail(&capability.PanicError{Value: v, Stack: debug.Stack()})
	}
}

func (t *tally[T]) err() error {
	if t.failed == nil {
		return nil
	}
	errs := make([]error, len(t.failed))
	for i, f := range t.failed {
		errs[i] = f.err
	}
	return capability.Join(errs...)
}

// The rounds ask those that were not asked yet and report whether they came to the
// end. Each calls f in a loop of its own, because one more func between the loop
// and the provider costs half as much again.

func (t *tally[T]) each(f func(T) error) (ended bool) {
	defer t.rescue()
	i, asked := 0, t.asked
	for _, p := range t.chain.All() {
		if i++; i > asked {
			t.asked = i
			if err := f(p); err != nil {
				t.fail(err)
			}
		}
	}
	return true
}

func (t *tally[T]) votes(f func(T) (bool, error)) (ended bool) {
	defer t.rescue()
	i, asked := 0, t.asked
	for _, p := range t.chain.All() {
		if i++; i > asked {
			t.asked = i
			if yes, err := f(p); err != nil {
				t.fail(err)
			} else if yes {
				t.yes++
			}
		}
	}
	return true
}

func collect[T, R any](t *tally[T], replies []capability.Reply[R], f func(T) (R, error)) (ended bool) {
	defer t.rescue()
	i, asked := 0, t.asked
	for _, p := range t.chain.All() {
		if i++; i > asked {
			t.asked = i
			if r, err := f(p); err != nil {
				t.fail(err)
			} else {
				replies[i-1].Value = r
			}
		}
	}
	return true
}

func pipe[T, A any](t *tally[T], a *A, f func(T, A) (A, error)) (ended bool) {
	defer t.rescue()
	i, asked := 0, t.asked
	for _, p := range t.chain.All() {
		if i++; i > asked {
			t.asked = i
			if next, err := f(p, *a); err != nil {
				t.fail(err)
			} else {
				*a = next
			}
		}
	}
	return true
}

func decide[T, R any](t *tally[T], f func(T) (capability.Decision[R], error)) (d capability.Decision[R], ended bool) {
	defer t.rescue()
	i, asked := 0, t.asked
	d, _ = capability.Decide(t.chain, func(p T) (d capability.Decision[R], err error) {
		if i++; i > asked {
			t.asked = i
			if d, err = f(p); err != nil {
				t.fail(err)
				d = capability.Decision[R]{}
			}
		}
		return d, nil
	})
	return d, true
}
