// The replay of conformance vectors that choose instead of calling: which
// handler is the one, and whether there is any.

package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/typedcap/capability"
)

// selectOne replays the choice of a handler. Offers are providers of one
// capability, their classes are priorities, the default of the caller is bound
// in a registry broader than the engine, and the choice is the one provider: two
// offers of the class that wins are ambiguous.
func (r *vectorReplay) selectOne() {
	priority := map[string]int{"override": 1, "normal": 0, "default": -1}
	args := r.v.arguments()
	if len(args) != 1 {
		panic(vectorMisfit("a choice needs the default of the caller as its one input"))
	}
	defaults := capability.NewRegistry(capability.Engine-1, "defaults")
	var changes capability.Changes
	for _, p := range r.inLayers() {
		if p.Behaviour.Op == "offer" {
			changes = append(changes, vectorOffered.Bind(p.Name, p.Behaviour.Value).Priority(priority[p.Behaviour.Class]))
		}
	}
	r.build = capability.Commit(defaults.Stage(vectorOffered.Bind("caller's-default", args[0])), r.registry.Stage(changes))
	if r.build != nil {
		return
	}
	scope, err := capability.Compose(r.registry, defaults)
	if err != nil {
		r.build = err
		return
	}
	defer scope.Close()
	h, err := vectorOffered.Handle(scope)
	if err != nil {
		r.build = err
		return
	}
	r.result = &vectorResult{"value", h.Get()}
}

// isConfigured replays the question whether anybody implements a function: each
// function of an arity is a capability of its own, and its chain is empty or
// not.
func (r *vectorReplay) isConfigured() {
	asked := "any/0"
	if slices.ContainsFunc(r.v.Providers, func(p vectorProvider) bool { return p.Implements != nil }) {
		asked = vectorSignature(r.v.arguments())
	}
	keys := map[string]capability.Capability[*vectorSpeaker]{asked: vectorSpeakers}
	changes := make(map[string]capability.Changes)
	for _, p := range r.inLayers() {
		implements := []string{asked}
		if p.Implements != nil {
			implements = nil
		}
		for _, raw := range p.Implements {
			var is any
			if err := json.Unmarshal(raw, &is); err != nil {
				panic(vectorMisfit(err.Error()))
			}
			if list, ok := is.([]any); ok {
				implements = append(implements, vectorSignature(list))
			} else {
				implements = append(implements, vectorSignature([]any{is}))
			}
		}
		for _, sig := range implements {
			key, ok := keys[sig]
			if !ok {
				key = capability.New[*vectorSpeaker]("conformance."+sig, "answers the calls of a replayed vector")
				keys[sig] = key
			}
			changes[sig] = append(changes[sig], key.Bind(p.Name, &vectorSpeaker{vectorProvider: p, replay: r}))
		}
	}
	var all capability.Changes
	for _, sig := range slices.Sorted(maps.Keys(changes)) {
		all = append(all, changes[sig])
	}
	if r.build = r.registry.Apply(all); r.build != nil {
		return
	}
	scope, err := capability.Compose(r.registry)
	if err != nil {
		r.build = err
		return
	}
	defer scope.Close()
	h, err := keys[asked].All().Handle(scope)
	if err != nil {
		r.build = err
		return
	}
	r.result = &vectorResult{"bool", h.Get().Len() > 0}
}

// vectorSignature returns function/arity, however it is written: "f/1", "f" and
// 1, or an object with function and arity.
func vectorSignature(words []any) string {
	if len(words) == 1 {
		switch w := words[0].(type) {
		case string:
			return w
		case map[string]any:
			if len(w) == 2 && w["function"] != nil && w["arity"] != nil {
				return textOfValue(w["function"]) + "/" + textOfValue(w["arity"])
			}
		}
	}
	if len(words) == 2 {
		return textOfValue(words[0]) + "/" + textOfValue(words[1])
	}
	panic(vectorMisfit(fmt.Sprintf("%s names no function and arity", textOfValue(words))))
}
