// Package concurrent has the verbs of package capability that ask providers at the
// same time: at most limit of them, each on a goroutine of its own.
//
// A verb waits for all it started, whatever happens, so nothing of it runs when it
// has returned. Providers are started in chain order, and results come in
// chain order. There is no Pipe, because each stage of a pipe works on the result of
// the one before. In package fanout nobody's failure stops the others.
//
// [Each] and [Collect] stop at the first error in time: what runs is cancelled through
// its context, what has not started does not start. The error has that first
// one in front and behind it whatever else failed until all had ended.
// In [Any], [Every] and [Decide] an answer or an error counts at its provider's place
// in the chain and cancels only what comes later, so that the outcome is that of the
// verb of package capability, whoever is faster.
//
// When ctx ends, what was started is waited for, and each provider that was not is
// an error that says so and wraps that of ctx. A panic reaches the caller, after
// all have ended, as an error with the stack that names the provider, if it counts;
// runtime.Goexit in a provider is an error with a [capability.PanicError]. A limit
// below 1 and a nil ctx are an error with code [capability.ErrInvalid], and nobody
// is asked.
//
// The ctx that a provider gets ends when its call has returned, so what it returns must
// not depend on it. Before that it ends with the ctx of the caller, or when the
// provider is not wanted any more.
//
// Each call of a provider costs a goroutine and a context, one to two microseconds:
// concurrency pays for providers that wait or work for longer than that.
package concurrent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/parallel"
)

// Each calls f with each provider, at most limit at a time, until one fails. Without
// providers it returns nil.
func Each[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) error) error {
	_, err := Collect(ctx, c, limit, func(ctx context.Context, p T) (struct{}, error) { return struct{}{}, f(ctx, p) })
	return err
}

// Collect calls f with each provider, at most limit at a time, until one fails, and
// returns the answers in chain order, nil if there was an error. Without providers
// it returns an empty slice.
func Collect[T, R any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (R, error)) ([]R, error) {
	answers := make([]R, c.Len())
	d, err := run(ctx, c, limit, func(ctx context.Context, i int, p T) (err error) {
		answers[i], err = f(ctx, p)
		return err
	}, func(_ int, err error) int {
		if err != nil {
			return 0
		}
		return c.Len()
	})
	if err == nil && d.first >= 0 {
		err = d.failure(d.first, func(parallel.End) bool { return true })
	}
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// Any reports whether f answers yes for some provider. It asks at most limit at a
// time and goes by the first yes or error in chain order; an error is never a yes.
// Without providers it returns false.
func Any[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (bool, error)) (bool, error) {
	return vote(ctx, c, limit, true, f)
}

// Every reports whether f answers yes for all providers. It asks at most limit at a
// time and goes by the first no or error in chain order; an error is never a yes.
// Without providers it returns true.
func Every[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (bool, error)) (bool, error) {
	return vote(ctx, c, limit, false, f)
}

// vote returns decisive if some provider says so, and the opposite if none does.
func vote[T any](ctx context.Context, c capability.Chain[T], limit int, decisive bool, f func(context.Context, T) (bool, error)) (bool, error) {
	d, err := Decide(ctx, c, limit, func(ctx context.Context, p T) (d capability.Decision[bool], err error) {
		yes, err := f(ctx, p)
		if yes == decisive {
			d = capability.Decided(yes)
		}
		return d, err
	})
	return err == nil && d.Or(!decisive), err
}

// Decide asks the providers, at most limit at a time, and returns the decision of the
// first in chain order that decides, not of the fastest; no decision if nobody
// decides or there are no providers. An error counts if nobody before its provider
// decided.
func Decide[T, R any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (capability.Decision[R], error)) (capability.Decision[R], error) {
	answers := make([]capability.Decision[R], c.Len())
	decided := func(i int) bool { _, ok := answers[i].Get(); return ok }
	d, err := run(ctx, c, limit, func(ctx context.Context, i int, p T) (err error) {
		answers[i], err = f(ctx, p)
		return err
	}, func(i int, err error) int {
		if err != nil || decided(i) {
			return i + 1
		}
		return c.Len()
	})
	if err != nil {
		return capability.Decision[R]{}, err
	}
	for i, end := range d.ends {
		if end.Err != nil {
			return capability.Decision[R]{}, d.failure(i, func(other parallel.End) bool { return !other.Begun })
		}
		if decided(i) {
			break
		}
	}
	// The verb notes who decided.
	i := -1
	return capability.Decide(c, func(T) (capability.Decision[R], error) { i++; return answers[i], nil })
}

// A dispatch is what came of asking the providers of a chain.
type dispatch[T any] struct {
	chain capability.Chain[T]
	ends  []parallel.End
	first int // the first in time that failed, -1 without
}

// run asks the providers. Its error says that it did not.
func run[T any](ctx context.Context, c capability.Chain[T], limit int, ask func(context.Context, int, T) error, halt func(int, error) int) (*dispatch[T], error) {
	if err := parallel.Check(ctx, limit); err != nil {
		return nil, &capability.Error{Code: capability.ErrInvalid, Capability: c.Capability(), Scope: c.Scope(), Err: err}
	}
	providers := c.Values()
	ends, first := parallel.Run(ctx, parallel.Tasks{
		N: len(providers), Limit: limit, Halt: halt,
		Do:   func(ctx context.Context, i int) error { return ask(ctx, i, providers[i]) },
		Gone: func(v any, stack []byte) error { return &capability.PanicError{Value: v, Stack: stack} },
	})
	return &dispatch[T]{c, ends, first}, nil
}

// failure returns the error of the provider in front, and behind it those of the others
// that matter. It panics if one of them did, with that one in front.
func (d *dispatch[T]) failure(front int, matters func(parallel.End) bool) error {
	if !d.ends[front].Panicked {
		if i := slices.IndexFunc(d.ends, func(end parallel.End) bool { return end.Panicked && matters(end) }); i >= 0 {
			front = i
		}
	}
	names := d.chain.Names()
	err := d.chain.Blame(names[front], d.ends[front].Err)
	var others []error
	for i, end := range d.ends {
		if i != front && matters(end) {
			others = append(others, d.chain.Blame(names[i], end.Err))
		}
	}
	switch behind := capability.Join(others...).(type) {
	case nil:
	case interface{ Unwrap() []error }:
		err = &several{slices.Concat([]error{err}, behind.Unwrap())}
	default:
		err = &several{[]error{err, behind}}
	}
	if end := d.ends[front]; end.Panicked {
		panic(&relayed{err, end.Err.(*capability.PanicError).Stack})
	}
	return err
}

// several is more than one error: the one that stopped the others first.
type several struct{ errs []error }

func (s *several) Error() string {
	texts := make([]string, len(s.errs))
	for i, err := range s.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

func (s *several) Unwrap() []error { return s.errs }

// MarshalJSON writes them as the causes of a [capability.Error].
func (s *several) MarshalJSON() ([]byte, error) { return (&capability.Error{Err: s}).MarshalJSON() }

// relayed is a panic of a provider on the goroutine of the caller. Its text has the
// stack, because the text is all that a crash prints; who recovers it again can do
// without.
type relayed struct {
	err   error
	stack []byte
}

func (r *relayed) Error() string  { return fmt.Sprintf("%v\n\n%s", r.err, r.stack) }
func (r *relayed) Unwrap() error  { return r.err }
func (r *relayed) Relayed() error { return r.err }
