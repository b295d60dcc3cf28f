// The verbs that a conformance vector is replayed with: those of package capability
// or of the package that its mode and options ask for.

package conformance_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

type (
	vectorChain      = capability.Chain[*vectorSpeaker]
	vectorSaid       = capability.Decision[any]
	vectorAsk[R any] = func(context.Context, *vectorSpeaker) (R, error)
)

// vectorVerbs are the verbs of one package. One that the package does not have is
// nil. Those that wait for nobody hand on a context that never ends.
type vectorVerbs struct {
	each       func(vectorChain, func(context.Context, *vectorSpeaker) error) error
	collect    func(vectorChain, vectorAsk[vectorSaid]) ([]vectorSaid, error)
	any, every func(vectorChain, vectorAsk[bool]) (bool, error)
	pipe       func(vectorChain, any, func(context.Context, *vectorSpeaker, any) (any, error)) (any, error)
	decide     func(vectorChain, vectorAsk[vectorSaid]) (vectorSaid, error)
}

// has reports whether there is a verb of the name that [vector.verb] gives it.
func (verbs vectorVerbs) has(verb string) bool {
	return map[string]bool{
		"each": verbs.each != nil, "collect": verbs.collect != nil, "register": verbs.collect != nil, "wrap": verbs.collect != nil,
		"any": verbs.any != nil, "all": verbs.every != nil, "pipe": verbs.pipe != nil, "decide": verbs.decide != nil,
	}[verb]
}

// concurrent reports whether the providers of v are asked at the same time.
func (v *vector) concurrent() bool {
	return v.Mode == "concurrent" || v.Mode == "concurrent_decide" || slices.Contains(v.Options, "concurrent")
}

// keepsGoing reports whether a provider of v that fails does not stop the others.
func (v *vector) keepsGoing() bool { return slices.Contains(v.Options, "ignore_errors") }

// verb returns the mode of v without who is asked when. The parallel hooks of
// tapable give nothing back.
func (v *vector) verb() string {
	switch {
	case v.Mode == "concurrent_decide":
		return "decide"
	case v.Mode == "concurrent" && v.System == "tapable":
		return "each"
	case v.Mode == "concurrent":
		return "collect"
	}
	return v.Mode
}

// verbs returns the verbs that v is replayed with.
func (r *vectorReplay) verbs() vectorVerbs {
	switch {
	case r.v.concurrent() && r.v.keepsGoing():
		return r.fanoutVerbs()
	case r.v.concurrent():
		return r.concurrentVerbs()
	case r.v.keepsGoing():
		return keepgoingVerbs()
	case slices.ContainsFunc(r.v.Steps, func(s vectorStep) bool { return slices.Contains(vectorObserving, s.Op) }):
		return r.observedVerbs()
	}
	return plainVerbs()
}

// alone returns f for a verb that has no context.
func alone[R any](f vectorAsk[R]) func(*vectorSpeaker) (R, error) {
	return func(s *vectorSpeaker) (R, error) { return f(context.Background(), s) }
}

func plainVerbs() vectorVerbs {
	return vectorVerbs{
		each: func(c vectorChain, f func(context.Context, *vectorSpeaker) error) error {
			return capability.Each(c, func(s *vectorSpeaker) error { return f(context.Background(), s) })
		},
		collect: func(c vectorChain, f vectorAsk[vectorSaid]) ([]vectorSaid, error) {
			return capability.Collect(c, alone(f))
		},
		any:   func(c vectorChain, f vectorAsk[bool]) (bool, error) { return capability.Any(c, alone(f)) },
		every: func(c vectorChain, f vectorAsk[bool]) (bool, error) { return capability.Every(c, alone(f)) },
		pipe: func(c vectorChain, a any, f func(context.Context, *vectorSpeaker, any) (any, error)) (any, error) {
			return capability.Pipe(c, a, func(s *vectorSpeaker, a any) (any, error) { return f(context.Background(), s, a) })
		},
		decide: func(c vectorChain, f vectorAsk[vectorSaid]) (vectorSaid, error) {
			return capability.Decide(c, alone(f))
		},
	}
}

func (r *vectorReplay) observedVerbs() vectorVerbs {
	return vectorVerbs{
		each: func(c vectorChain, f func(context.Context, *vectorSpeaker) error) error {
			return observed.Each(r.observers.Get(), c, func(s *vectorSpeaker) error { return f(context.Background(), s) })
		},
		collect: func(c vectorChain, f vectorAsk[vectorSaid]) ([]vectorSaid, error) {
			return observed.Collect(r.observers.Get(), c, alone(f))
		},
		any: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return observed.Any(r.observers.Get(), c, alone(f))
		},
		every: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return observed.Every(r.observers.Get(), c, alone(f))
		},
		pipe: func(c vectorChain, a any, f func(context.Context, *vectorSpeaker, any) (any, error)) (any, error) {
			return observed.Pipe(r.observers.Get(), c, a, func(s *vectorSpeaker, a any) (any, error) { return f(context.Background(), s, a) })
		},
		decide: func(c vectorChain, f vectorAsk[vectorSaid]) (vectorSaid, error) {
			return observed.Decide(r.observers.Get(), c, alone(f))
		},
	}
}

func keepgoingVerbs() vectorVerbs {
	return vectorVerbs{
		each: func(c vectorChain, f func(context.Context, *vectorSpeaker) error) error {
			return keepgoing.Each(c, func(s *vectorSpeaker) error { return f(context.Background(), s) })
		},
		collect: func(c vectorChain, f vectorAsk[vectorSaid]) ([]vectorSaid, error) {
			replies, err := keepgoing.Collect(c, alone(f))
			return saidIn(c, replies, err), err
		},
		any:   func(c vectorChain, f vectorAsk[bool]) (bool, error) { return keepgoing.Any(c, alone(f)) },
		every: func(c vectorChain, f vectorAsk[bool]) (bool, error) { return keepgoing.Every(c, alone(f)) },
		pipe: func(c vectorChain, a any, f func(context.Context, *vectorSpeaker, any) (any, error)) (any, error) {
			return keepgoing.Pipe(c, a, func(s *vectorSpeaker, a any) (any, error) { return f(context.Background(), s, a) })
		},
		decide: func(c vectorChain, f vectorAsk[vectorSaid]) (vectorSaid, error) { return keepgoing.Decide(c, alone(f)) },
	}
}

func (r *vectorReplay) concurrentVerbs() vectorVerbs {
	ctx := context.Background()
	return vectorVerbs{
		each: func(c vectorChain, f func(context.Context, *vectorSpeaker) error) error {
			return concurrent.Each(ctx, c, r.limit(c), f)
		},
		collect: func(c vectorChain, f vectorAsk[vectorSaid]) ([]vectorSaid, error) {
			return concurrent.Collect(ctx, c, r.limit(c), f)
		},
		any: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return concurrent.Any(ctx, c, r.limit(c), f)
		},
		every: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return concurrent.Every(ctx, c, r.limit(c), f)
		},
		decide: func(c vectorChain, f vectorAsk[vectorSaid]) (vectorSaid, error) {
			return concurrent.Decide(ctx, c, r.limit(c), f)
		},
	}
}

func (r *vectorReplay) fanoutVerbs() vectorVerbs {
	ctx := context.Background()
	return vectorVerbs{
		each: func(c vectorChain, f func(context.Context, *vectorSpeaker) error) error {
			return fanout.Each(ctx, c, r.limit(c), f)
		},
		collect: func(c vectorChain, f vectorAsk[vectorSaid]) ([]vectorSaid, error) {
			replies, err := fanout.Collect(ctx, c, r.limit(c), f)
			return saidIn(c, replies, err), err
		},
		any: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return fanout.Any(ctx, c, r.limit(c), f)
		},
		every: func(c vectorChain, f vectorAsk[bool]) (bool, error) {
			return fanout.Every(ctx, c, r.limit(c), f)
		},
	}
}

// saidIn returns the values of replies and checks that there is one for each
// provider, and that err has the errors of all of them.
func saidIn(c vectorChain, replies []capability.Reply[vectorSaid], err error) []vectorSaid {
	said := []vectorSaid{}
	var names []string
	var errs []error
	for _, reply := range replies {
		if _, ok := reply.Value.Get(); ok && reply.Err != nil {
			panic(vectorMisfit(fmt.Sprintf("the reply of %q has a value beside the error %v", reply.Provider, reply.Err)))
		}
		names, errs = append(names, reply.Provider), append(errs, reply.Err)
		said = append(said, reply.Value)
	}
	if !slices.Equal(names, c.Names()) {
		panic(vectorMisfit(fmt.Sprintf("the replies are those of %v, want %v", names, c.Names())))
	}
	if joined := capability.Join(errs...); fmt.Sprint(joined) != fmt.Sprint(err) {
		panic(vectorMisfit(fmt.Sprintf("the error is %v, and that of the replies %v", err, joined)))
	}
	return said
}
