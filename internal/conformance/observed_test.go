// The observers of replayed conformance vectors: monitors around a whole call and
// interceptors at its points.

package conformance_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// vectorObserving are the steps that bind and unbind observers.
var vectorObserving = []string{"monitor", "undo", "intercept"}

// vectorVerbNames are the verbs of dispatches as events name them.
var vectorVerbNames = map[string]string{
	"each": "Each", "collect": "Collect", "register": "Collect", "wrap": "Collect",
	"any": "Any", "all": "Every", "pipe": "Pipe", "decide": "Decide",
}

// A vectorObserver is an observer that a step binds.
type vectorObserver struct {
	vectorStep
	replay *vectorReplay
	begun  observed.Event // the dispatch that it is told of
}

// observe binds an observer, under its own name if the step says one.
func (r *vectorReplay) observe(s vectorStep) error {
	name := s.Name
	if name == "" {
		name = s.Op + "#" + strconv.Itoa(len(r.watching)+1)
		r.watching = append(r.watching, name)
	}
	o := &vectorObserver{vectorStep: s, replay: r}
	return r.registry.Apply(observed.Observers.Bind(name, o).Priority(r.priority(vectorProvider{})))
}

// stopObserving unbinds the observer of that name, without a name the last of those
// that have none.
func (r *vectorReplay) stopObserving(name string) error {
	if name == "" {
		if len(r.watching) == 0 {
			panic(vectorMisfit("undo comes before monitor"))
		}
		last := len(r.watching) - 1
		name, r.watching = r.watching[last], r.watching[:last]
	}
	return r.registry.Apply(observed.Observers.Unbind(name))
}

// Observe writes down what the vector calls the event. What is wrong with the event
// is no panic, because those of observers are recovered.
func (o *vectorObserver) Observe(e observed.Event) {
	if wrong := o.check(e); wrong != "" {
		o.replay.odd = append(o.replay.odd, fmt.Sprintf("an observer is told of %+v: %s", e, wrong))
	}
	for _, said := range o.says(e) {
		o.replay.note(said)
	}
}

// check returns what is wrong with the event.
func (o *vectorObserver) check(e observed.Event) string {
	r := o.replay
	verb := vectorVerbNames[r.v.verb()]
	if slices.Contains(r.v.Options, "first") {
		verb = "Decide"
	}
	if e.Provider == "" && !e.End {
		o.begun = e
	}
	switch {
	case e.Verb != verb:
		return "the verb is " + verb
	case e.Dispatch == 0 || e.Dispatch != o.begun.Dispatch:
		return fmt.Sprintf("the dispatch is %d", o.begun.Dispatch)
	case len(r.chain) > 0 && (e.Capability != vectorSpeakers.Name() || e.Scope != "engine"):
		return "the providers are of another capability or scope"
	case e.Provider != "" && !slices.Contains(r.chain, r.shown(e.Provider)):
		return "nobody of that name is asked"
	case e.End && e.Provider == "" && e.Took != e.Time.Sub(o.begun.Time):
		return "the dispatch took another time"
	case e.Err == nil && e.End && e.Provider == "" && len(r.made) > 0:
		return "somebody failed"
	case e.Err != nil && (!e.End || len(r.made) == 0):
		return "nobody failed"
	}
	return ""
}

// says returns the words of the vector for the event: none, or one.
func (o *vectorObserver) says(e observed.Event) []string {
	whole := e.Provider == ""
	switch {
	case o.Op == "monitor" && o.Name != "" && whole && !e.End:
		return []string{o.Name}
	case o.Op == "monitor" && o.Name == "" && whole:
		return []string{map[bool]string{false: "before", true: "after"}[e.End]}
	case o.Op == "intercept":
		point, word := "", ""
		switch {
		case whole && !e.End:
			point, word = "call", "call"
		case !e.End:
			point, word = "tap", "tap:"+o.replay.shown(e.Provider)
		case whole && e.Err != nil:
			point, word = "error", "error:"+observedFailure(e.Err)
		case whole && slices.Contains(o.Points, "result"):
			point, word = "result", "done"
		case whole:
			point, word = "done", "done"
		}
		if slices.Contains(o.Points, point) {
			return []string{word}
		}
	}
	return nil
}

// observedFailure returns what the provider failed with. Of a panic observers are
// told that it was one.
func observedFailure(err error) string {
	var f *vectorFailure
	if errors.As(err, &f) {
		return textOfValue(f.value)
	}
	if errors.Is(err, capability.ErrPanic) {
		return "panic"
	}
	return "odd"
}

// endPoints writes calls as observers are told of them: that the call ended, not
// with which value. A value that is not the result stays what it is.
func endPoints(v *vector, calls []string, result *vectorResult) {
	if !slices.ContainsFunc(v.Steps, func(s vectorStep) bool { return s.Op == "intercept" }) {
		return
	}
	for i, call := range calls {
		if value, ok := strings.CutPrefix(call, "result:"); ok && result != nil && value == textOfValue(result.Value) {
			calls[i] = "done"
		}
	}
}
