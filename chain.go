// Chains and the fail-fast verbs over them: the hot path of dispatch.

package capability

import (
	"iter"
	"slices"
)

// A Chain is an immutable, ordered snapshot of all providers of one capability
// that a scope sees, those of the narrowest registry first unless the key says
// [BroadFirst]. It is one pointer, made by a commit and never changed
// afterwards, so any number of goroutines may keep and read it. The zero Chain
// is empty.
//
// The verbs are functions over a chain: [Each], [Collect], [Any], [Every],
// [Pipe], [Wrap] and [Decide]. Each of them works on one chain from start to
// end, whatever is committed meanwhile. They call the providers one after the
// other on the caller's goroutine, hold no lock and stop at the first error,
// which they return as an error that [errors.As] turns into an [*Error] naming
// the provider. A panic in a provider propagates and leaves everything usable.
// Except for Collect, which makes its result, and for errors, they allocate
// nothing. They inline into their caller, and a function literal inlines into
// them; a method expression or a variable of func type does not and costs half
// as much again.
type Chain[T any] struct {
	_     [0]*T
	first *link[T] // nil if the chain is empty
}

// A link is a provider in a chain. It keeps the value beside the pointer to all
// the rest, so that naming who failed or decided costs the verbs one word and no
// call. The links of a chain lie one after the other in one block, and each
// still has a pointer to the next: a loop over pointers keeps one variable
// across the call of a provider where a loop over a slice keeps three.
type link[T any] struct {
	value T
	by    *seat
	next  *link[T] // nil in the last
}

// newChain returns where the chain of m is. Where it is and what it points to
// are one allocation each.
func newChain[T any](m *merged) any {
	if len(m.seats) == 0 {
		return new(Chain[T])
	}
	links := make([]link[T], len(m.seats))
	for i := range links {
		links[i].value, links[i].by = *m.seats[i].value.(*T), &m.seats[i]
		if i > 0 {
			links[i-1].next = &links[i]
		}
	}
	return &Chain[T]{first: &links[0]}
}

// Capability returns the name of the capability, and "" if the chain is empty.
func (c Chain[T]) Capability() string {
	if c.first == nil {
		return ""
	}
	return c.first.by.from.key.name
}

// Scope returns the registries that made the chain, narrower over broader: those of
// its scope that say something about the capability, and the broader ones. It is ""
// if the chain is empty.
func (c Chain[T]) Scope() string {
	if c.first == nil {
		return ""
	}
	return c.first.by.from.where.String()
}

// Len returns the number of providers.
func (c Chain[T]) Len() int {
	if c.first == nil {
		return 0
	}
	return len(c.first.by.from.seats)
}

// First returns the provider that is asked first, and false if there is none.
func (c Chain[T]) First() (T, bool) {
	if c.first == nil {
		var none T
		return none, false
	}
	return c.first.value, true
}

// Find returns the provider of that name, and false if the chain has none. It
// compares names one by one: for a provider on a hot path resolve
// [Capability.Named] instead.
func (c Chain[T]) Find(name string) (T, bool) {
	for l := c.first; l != nil; l = l.next {
		if l.by.name == name {
			return l.value, true
		}
	}
	var none T
	return none, false
}

// Names returns the names of the providers in chain order, in a new slice.
func (c Chain[T]) Names() []string {
	names := make([]string, 0, c.Len())
	for l := c.first; l != nil; l = l.next {
		names = append(names, l.by.name)
	}
	return names
}

// Values returns the providers in chain order, in a new slice.
func (c Chain[T]) Values() []T {
	values := make([]T, 0, c.Len())
	for l := c.first; l != nil; l = l.next {
		values = append(values, l.value)
	}
	return values
}

// All yields name and provider in chain order. A return out of a range over it
// costs half as much again as one out of a verb, so hot loops use a verb.
func (c Chain[T]) All() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for l := c.first; l != nil; l = l.next {
			if !yield(l.by.name, l.value) {
				return
			}
		}
	}
}

// The shape of the verbs is their speed: the test of the inlining budget says
// which of them may not grow by a single expression. Hence the literals of
// providerError, and results that have names only where that is cheaper.

// Each calls f with each provider in chain order and stops at the first error.
// Without providers it returns nil.
func Each[T any](c Chain[T], f func(T) error) error {
	for l := c.first; l != nil; l = l.next {
		if err := f(l.value); err != nil {
			return &providerError{l.by, err}
		}
	}
	return nil
}

// Collect calls f with each provider in chain order and returns the answers in
// that order. It stops at the first error and then returns nil. Without
// providers it returns an empty slice.
func Collect[T, R any](c Chain[T], f func(T) (R, error)) ([]R, error) {
	answers := make([]R, 0, c.Len())
	for l := c.first; l != nil; l = l.next {
		r, err := f(l.value)
		if err != nil {
			return nil, &providerError{l.by, err}
		}
		answers = append(answers, r)
	}
	return answers, nil
}

// Any reports whether f answers yes for some provider. It asks in chain order
// and stops at the first yes or error; an error is never a yes. Without
// providers it returns false.
func Any[T any](c Chain[T], f func(T) (bool, error)) (bool, error) {
	for l := c.first; l != nil; l = l.next {
		if yes, err := f(l.value); err != nil {
			return false, &providerError{l.by, err}
		} else if yes {
			return true, nil
		}
	}
	return false, nil
}

// Every reports whether f answers yes for all providers. It asks in chain order
// and stops at the first no or error; an error is never a yes. Without
// providers it returns true.
func Every[T any](c Chain[T], f func(T) (bool, error)) (yes bool, err error) {
	for l := c.first; l != nil; l = l.next {
		if yes, err = f(l.value); err != nil {
			return false, &providerError{l.by, err}
		}
		if !yes {
			return
		}
	}
	return true, nil
}

// Pipe passes a through f with each provider in chain order, each working on
// what the one before returned, and returns the last value. It stops at the
// first error and then returns the last good value with it. Without providers
// it returns a.
func Pipe[T, A any](c Chain[T], a A, f func(T, A) (A, error)) (A, error) {
	for l := c.first; l != nil; l = l.next {
		next, err := f(l.value, a)
		if err != nil {
			return a, &providerError{l.by, err}
		}
		a = next
	}
	return a, nil
}

// Blame returns err as the error of the provider of that name, as a verb does, for
// verbs of one's own: an error that [errors.As] turns into an [*Error] with all its
// fields. It returns nil if err is nil. It does not look whether the chain has such
// a provider.
func (c Chain[T]) Blame(provider string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Capability: c.Capability(), Provider: provider, Scope: c.Scope(), Err: err}
	e.Code, e.Priority = codeOf(err)
	return e
}

// A Reply is what one provider answered to a verb that asks everybody.
type Reply[R any] struct {
	Provider string
	Value    R     // zero if it failed
	Err      error // names the provider
}

// A Middleware makes a T that does something around next. It may skip next on
// purpose, and it may call next more than once.
type Middleware[T any] func(next T) T

// Wrap folds the middlewares of the chain around base: the first in the chain
// is the outermost. It calls each middleware once; the result is a plain T that
// costs what the middlewares made of it, and it stays what it is when the chain
// changes. Without providers it returns base.
func Wrap[T any](c Chain[Middleware[T]], base T) T {
	for _, m := range slices.Backward(c.Values()) {
		base = m(base)
	}
	return base
}
