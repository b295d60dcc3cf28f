// The providers of replayed conformance vectors: what they say, vote and wrap.

package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// A vectorSpeaker is a provider of a replayed vector: what it says may be
// nothing.
type vectorSpeaker struct {
	vectorProvider
	replay *vectorReplay
	bound  string // under which name
	asked  int    // how often

	answer capability.Decision[any] // the last
}

// A vectorFailure is the error that a provider of a vector returns or panics
// with.
type vectorFailure struct {
	by      string
	wrapper bool
	value   any
}

func (f *vectorFailure) Error() string { return textOfValue(f.value) }

// say is a call of the provider: no decision is nothing said. Who is called off
// while it waits returns the error of its context.
func (s *vectorSpeaker) say(ctx context.Context, args []any) (d capability.Decision[any], err error) {
	r := s.replay
	if err := s.wait(ctx, r.turn(s.bound)); err != nil {
		return d, err
	}
	r.note(s.Name)
	if err := s.wait(ctx, time.Duration(s.Delay*float64(time.Millisecond))); err != nil {
		return d, err
	}
	d, err = s.body(args)
	if err == nil && (s.Async == "promise" || s.Async == "callback") {
		r.note(s.Name + ".done")
	}
	s.answer = d
	return d, err
}

// wait waits on the fake clock.
func (s *vectorSpeaker) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		r := s.replay
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stopped = append(r.stopped, s.bound)
		return ctx.Err()
	}
}

// fail writes down that the provider fails.
func (s *vectorSpeaker) fail(class string) *vectorFailure {
	r := s.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = append(r.made, vectorDeed{s.bound, vectorFault{s.Name, class, s.Behaviour.Value}})
	return &vectorFailure{s.Name, false, s.Behaviour.Value}
}

// body does what the behaviour of the provider says.
func (s *vectorSpeaker) body(args []any) (d capability.Decision[any], err error) {
	s.asked++
	s.change()
	b := s.Behaviour
	switch b.Op {
	case "none", "no_decision":
		return d, nil
	case "null":
		return capability.Decided[any](nil), nil
	case "return", "decided":
		return capability.Decided(b.Value), nil
	case "error":
		// What comes with an error has no meaning, and no verb passes it on.
		return capability.Decided[any]("beside the error"), s.fail("error")
	case "panic":
		panic(s.fail("panic"))
	case "sum_args":
		return capability.Decided[any](s.sum(args)), nil
	case "loop_until_call":
		if s.asked < int(vectorNumber(b.Value)) {
			return capability.Decided[any](float64(s.asked)), nil
		}
		return d, nil
	}
	if len(args) == 0 {
		panic(vectorMisfit(fmt.Sprintf("op %q needs an input", b.Op)))
	}
	switch b.Op {
	case "add":
		return capability.Decided[any](vectorNumber(args[0]) + vectorNumber(b.Value)), nil
	case "mul":
		return capability.Decided(vectorTimes(args[0], vectorNumber(b.Value))), nil
	case "append":
		return capability.Decided(vectorAppended(args[0], b.Value)), nil
	}
	panic(vectorMisfit(fmt.Sprintf("op %q says nothing", b.Op)))
}

// vote is the body of a provider that is asked for a yes or a no.
func (s *vectorSpeaker) vote(ctx context.Context, args []any) (bool, error) {
	d, err := s.say(ctx, args)
	if err != nil {
		return true, err // which is no yes
	}
	yes, ok := d.Or(nil).(bool)
	if !ok {
		panic(vectorMisfit(fmt.Sprintf("%q votes %v, which is no bool", s.Name, d.Or(nil))))
	}
	return yes, nil
}

// change does to the registry what the provider does while it is called.
func (s *vectorSpeaker) change() {
	if s.onCall == nil {
		return
	}
	var err error
	r := s.replay
	for _, name := range []string{s.onCall.Tap, s.onCall.Register} {
		if name != "" && err == nil {
			err = r.registry.Apply(r.bind(vectorStep{Op: "tap", Name: name}.provider(r.v))...)
		}
	}
	if s.onCall.Unregister != "" && err == nil {
		err = r.unregister(s.onCall.Unregister)
	}
	if err != nil {
		panic(vectorMisfit("a change during a call was refused: " + err.Error()))
	}
}

// sum adds up the named arguments that the provider has as parameters.
func (s *vectorSpeaker) sum(args []any) float64 {
	named := map[string]any{}
	if len(args) == 1 {
		named, _ = args[0].(map[string]any)
	}
	total := 0.0
	for _, p := range s.Params {
		v, ok := named[p]
		if !ok {
			panic(vectorMisfit(fmt.Sprintf("nobody passes the parameter %q", p)))
		}
		total += vectorNumber(v)
	}
	return total
}

// vectorNumber returns v if it is a number.
func vectorNumber(v any) float64 {
	n, ok := v.(float64)
	if !ok {
		panic(vectorMisfit(fmt.Sprintf("%s is no number", textOfValue(v))))
	}
	return n
}

// vectorTimes multiplies a number and repeats a list or a text.
func vectorTimes(v any, n float64) any {
	count := int(max(n, 0))
	switch v := v.(type) {
	case []any:
		return slices.Repeat(v, count)
	case string:
		return strings.Repeat(v, count)
	}
	return vectorNumber(v) * n
}

// vectorAppended puts more at the end of a text or a list.
func vectorAppended(v, more any) any {
	switch v := v.(type) {
	case []any:
		return append(slices.Clone(v), more)
	case string:
		return v + textOfValue(more)
	}
	panic(vectorMisfit(fmt.Sprintf("nothing can be appended to %s", textOfValue(v))))
}

// wrap is the middleware that a wrapping provider is. Its second phase also
// sees panics, which go on unless it makes something else of them.
func (s *vectorSpeaker) wrap(next vectorRound) vectorRound {
	return func(args []any) (any, error) {
		r := s.replay
		s.change()
		if failure, ok := strings.CutPrefix(s.Behaviour.Pre, "raise:"); ok {
			r.note(s.Name + ":pre!")
			return nil, &vectorFailure{s.Name, true, failure}
		}
		r.note(s.Name + ":pre")
		v, crash, err := vectorAttempt(next, args)
		verb, operand, _ := strings.Cut(s.Behaviour.Post, ":")
		failed := err != nil || crash != nil
		if failed || verb == "raise" {
			r.note(s.Name + ":post!")
		} else {
			r.note(s.Name + ":post")
		}
		switch {
		case verb == "raise", verb == "replace_error" && failed:
			return nil, &vectorFailure{s.Name, true, operand}
		case verb == "recover" && failed, verb == "replace" && !failed:
			return vectorLiteral(operand), nil
		case crash != nil:
			panic(crash)
		case verb == "mul" && !failed && v != any(noVectorValue{}):
			return vectorTimes(v, vectorNumber(vectorLiteral(operand))), nil
		}
		return v, err
	}
}

// vectorAttempt calls next and returns what it returned, or what a provider
// panicked with.
func vectorAttempt(next vectorRound, args []any) (v any, crash *vectorFailure, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *vectorFailure:
			v, crash, err = nil, p, nil
		default:
			panic(p)
		}
	}()
	v, err = next(args)
	return v, nil, err
}

// vectorLiteral returns the value that text writes in JSON, or text itself.
func vectorLiteral(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return v
}
