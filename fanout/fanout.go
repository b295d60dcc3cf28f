// Package fanout has the verbs of package capability that ask providers at the same
// time, as package concurrent does, but nobody's failure stops the others: a dead sink
// does not keep an event from the rest.
//
// A verb asks everybody, at most limit at a time, each on a goroutine of its own that
// is started in chain order, and returns when all have ended. Errors are joined by
// [capability.Join]: all of them, each naming its provider, the highest priority
// first. A panic is an error with a [capability.PanicError] that has the stack; so is
// runtime.Goexit. A vote that failed is never a yes, and votes do not stop early.
//
// The ctx of the caller is handed on as it is. When it ends, what was started is waited
// for, and each provider that was not is an error that says so and wraps that of ctx.
// A limit below 1 and a nil ctx are an error with code [capability.ErrInvalid], and
// nobody is asked. Each call of a provider costs a goroutine, about a microsecond.
package fanout

import (
	"context"
	"slices"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/parallel"
)

// Each calls f with each provider, at most limit at a time. Without providers it
// returns nil.
func Each[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) error) error {
	_, err := Collect(ctx, c, limit, func(ctx context.Context, p T) (struct{}, error) { return struct{}{}, f(ctx, p) })
	return err
}

// Collect calls f with each provider, at most limit at a time, and returns a reply for
// each in chain order, and with them the errors that they have. Without providers it
// returns an empty slice, and nil only if ctx is nil or limit below 1.
func Collect[T, R any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (R, error)) ([]capability.Reply[R], error) {
	if err := parallel.Check(ctx, limit); err != nil {
		return nil, &capability.Error{Code: capability.ErrInvalid, Capability: c.Capability(), Scope: c.Scope(), Err: err}
	}
	providers := c.Values()
	replies := make([]capability.Reply[R], len(providers))
	ends, _ := parallel.Run(ctx, parallel.Tasks{
		N: len(providers), Limit: limit,
		Do: func(ctx context.Context, i int) error {
			r, err := f(ctx, providers[i])
			if err == nil {
				replies[i].Value = r
			}
			return err
		},
		Gone: func(v any, stack []byte) error { return &capability.PanicError{Value: v, Stack: stack} },
	})
	var errs []error
	for i, name := range c.Names() {
		err := c.Blame(name, ends[i].Err)
		replies[i].Provider, replies[i].Err = name, err
		errs = append(errs, err)
	}
	return replies, capability.Join(errs...)
}

// Any reports whether f answers yes for some provider. It asks everybody, at most
// limit at a time; who fails does not say yes. Without providers it returns false.
func Any[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (bool, error)) (bool, error) {
	replies, err := Collect(ctx, c, limit, f)
	return slices.ContainsFunc(replies, func(r capability.Reply[bool]) bool { return r.Value }), err
}

// Every reports whether f answers yes for all providers. It asks everybody, at most
// limit at a time; who fails does not say yes. Without providers it returns true.
func Every[T any](ctx context.Context, c capability.Chain[T], limit int, f func(context.Context, T) (bool, error)) (bool, error) {
	replies, err := Collect(ctx, c, limit, f)
	no := slices.ContainsFunc(replies, func(r capability.Reply[bool]) bool { return !r.Value })
	return err == nil && !no, err
}
