// The calls of replayed conformance vectors: one dispatch with the verbs that mode
// and options ask for, and what is checked of it that vectors do not speak of.

package conformance_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// call makes one call in the mode of v and notes how it ended.
func (r *vectorReplay) call(chain vectorChain) {
	defer func() {
		if p := recover(); p != nil {
			r.result = nil
			r.faults = append(r.faults, r.crash(p)...)
		}
		r.ends = append(r.ends, len(r.calls))
		if len(r.odd) > 0 {
			panic(vectorMisfit(r.odd[0]))
		}
	}()
	r.chain, r.made, r.stopped, r.places = nil, nil, nil, make(map[string]int)
	for i, name := range chain.Names() {
		r.chain = append(r.chain, r.shown(name))
		r.places[name] = i
	}
	args := r.v.arguments()
	if r.around.Get().Len() > 0 && (slices.Contains([]string{"any", "all", "pipe"}, r.v.Mode) || r.v.concurrent() || r.v.keepsGoing()) {
		panic(vectorMisfit("a wrapper has no meaning in mode " + r.v.Mode))
	}
	result, err := capability.Wrap(r.around.Get(), func(args []any) (any, error) { return r.dispatch(chain, args) })(args)
	r.result = nil
	faults := r.faultsOf(err)
	if !r.v.keepsGoing() && slices.ContainsFunc(faults, func(f vectorFault) bool { return f.Class == "panic" }) {
		panic(vectorMisfit(fmt.Sprintf("a panic comes back as the error %v", err)))
	}
	r.faults = append(r.faults, faults...)
	if err == nil || r.v.keepsGoing() {
		r.result = r.shape(result)
	}
}

// dispatch calls the verb of the mode over the chain. It checks what a verb
// returns beside an error, of which vectors do not speak.
func (r *vectorReplay) dispatch(chain vectorChain, args []any) (any, error) {
	verbs := r.verbs()
	say := func(ctx context.Context, s *vectorSpeaker) (vectorSaid, error) { return s.say(ctx, args) }
	vote := func(ctx context.Context, s *vectorSpeaker) (bool, error) { return s.vote(ctx, args) }
	var result, beside any // beside is what has to come with an error
	var err error
	verb := r.v.verb()
	if !verbs.has(verb) {
		panic(vectorMisfit(fmt.Sprintf("mode %q has no verb with the options %v", r.v.Mode, r.v.Options)))
	}
	switch verb {
	case "collect", "register", "wrap":
		if slices.Contains(r.v.Options, "first") {
			return r.decide(verbs, chain, say)
		}
		var said []vectorSaid
		said, err = verbs.collect(chain, say)
		beside = []any(nil)
		result = listed(said)
	case "each":
		result, beside = noVectorValue{}, noVectorValue{}
		err = verbs.each(chain, func(ctx context.Context, s *vectorSpeaker) error { _, err := s.say(ctx, args); return err })
	case "any":
		beside = false
		result, err = verbs.any(chain, vote)
	case "all":
		beside = false
		result, err = verbs.every(chain, vote)
	case "pipe":
		if len(args) == 0 {
			panic(vectorMisfit("a pipe needs an input"))
		}
		beside = args[0]
		result, err = verbs.pipe(chain, args[0], func(ctx context.Context, s *vectorSpeaker, v any) (any, error) {
			d, err := s.say(ctx, slices.Concat([]any{v}, args[1:]))
			if err == nil {
				beside = d.Or(v)
			}
			return d.Or(v), err
		})
	case "decide":
		return r.decide(verbs, chain, say)
	}
	if err != nil && (!r.v.keepsGoing() || verb == "pipe") && !cmp.Equal(beside, result) {
		panic(vectorMisfit(fmt.Sprintf("with the error comes %v, want %v", result, beside)))
	}
	return result, err
}

// listed returns what was said, in a list that is nil if said is.
func listed(said []vectorSaid) []any {
	if said == nil {
		return nil
	}
	list := []any{}
	for _, d := range said {
		if v, ok := d.Get(); ok {
			list = append(list, v)
		}
	}
	return list
}

// decide calls Decide and checks that the decision says who made it, and that
// there is none beside an error of a verb that stops at it.
func (r *vectorReplay) decide(verbs vectorVerbs, chain vectorChain, say vectorAsk[vectorSaid]) (any, error) {
	var last *vectorSpeaker // who was asked last, if they are asked one after the other
	d, err := verbs.decide(chain, func(ctx context.Context, s *vectorSpeaker) (vectorSaid, error) {
		if !r.v.concurrent() {
			last = s
		}
		return say(ctx, s)
	})
	v, ok := d.Get()
	switch {
	case err != nil && ok && !r.v.keepsGoing():
		panic(vectorMisfit(fmt.Sprintf("with the error comes the decision %v", v)))
	case !ok:
		return noVectorValue{}, err
	}
	who, known := chain.Find(d.By())
	if !known {
		panic(vectorMisfit(fmt.Sprintf("the decision says that it is by %q, who was not asked", d.By())))
	}
	if said, ok := who.answer.Get(); !ok || !cmp.Equal(said, v) {
		panic(vectorMisfit(fmt.Sprintf("the decision %v says that it is by %q, who said %v", v, who.Name, said)))
	}
	if !r.v.concurrent() && who != last {
		panic(vectorMisfit(fmt.Sprintf("the decision of %q says that it is by %q", last.bound, d.By())))
	}
	return v, err
}

// shape returns the result of a call with its kind.
func (r *vectorReplay) shape(v any) *vectorResult {
	verb := r.v.verb()
	if _, none := v.(noVectorValue); none {
		return &vectorResult{Kind: map[string]string{"each": "void", "decide": "no_decision", "wrap": "none"}[verb]}
	}
	switch verb {
	case "any", "all":
		return &vectorResult{"bool", v}
	case "decide":
		return &vectorResult{"decided", v}
	case "pipe":
		return &vectorResult{"value", v}
	}
	if _, list := v.([]any); list {
		return &vectorResult{"list", v}
	}
	return &vectorResult{"value", v}
}
