// What keepgoing and fanout come to, as a model.

package modes_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
)

// A mood is what one clerk does: it answers, or fails with a priority, or panics.
type mood struct {
	kind     kind
	answer   int
	priority int
	canceled bool
}

func (m mood) do(context.Context) (int, error) {
	switch {
	case m.kind == panics:
		panic("mood")
	case m.kind == answers:
		return m.answer, nil
	case m.canceled:
		return m.answer, &capability.Error{Priority: m.priority, Err: context.Canceled}
	}
	return m.answer, &capability.Error{Code: busy, Priority: m.priority, Err: errors.New("mood")}
}

// line is the error of a clerk.
func (m mood) line(name string) string {
	switch {
	case m.kind == panics:
		return name + " panic: it panicked: mood"
	case m.canceled:
		return name + " : context canceled"
	}
	return name + " busy: mood"
}

// class is its rank among errors of equal priority.
func (m mood) class() int {
	switch {
	case m.kind == panics:
		return 1
	case m.canceled && m.priority == 0:
		return -1
	}
	return 0
}

// expect is what a verb that asks everybody comes to.
func expect(name string, moods []mood) outcome {
	var out outcome
	type failure struct {
		by string
		mood
	}
	var failed []failure
	var replied []capability.Reply[int]
	some, all, sum, decision := false, true, 0, "nobody"
	for i, m := range moods {
		by := string(rune('a' + i))
		r := capability.Reply[int]{Provider: by, Value: m.answer}
		switch m.kind {
		case fails, panics:
			r.Err = errors.New("mood")
			failed = append(failed, failure{by, m})
			all = false
		default:
			some, all, sum = some || m.answer != 0, all && m.answer != 0, 10*sum+m.answer
			if m.answer != 0 && decision == "nobody" {
				decision = fmt.Sprintf("%d by %s", m.answer, by)
			}
		}
		replied = append(replied, r)
		if name == "Decide" && decision != "nobody" {
			break
		}
	}
	slices.SortStableFunc(failed, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(b.class(), a.class()))
	})
	var err error
	for _, f := range failed {
		out.Errors = append(out.Errors, f.line(f.by))
		err = errors.New("mood")
	}
	switch name {
	case "Collect":
		out.Value, _ = replies(replied, err)
	case "Any":
		out.Value = some
	case "Every":
		out.Value = all
	case "Pipe":
		out.Value = sum
	case "Decide":
		out.Value = decision
	}
	return out
}

func TestKeepgoingAndFanoutEqualTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		moods := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) mood {
			m := mood{kind: rapid.SampledFrom([]kind{answers, answers, fails, panics}).Draw(rt, "kind"), answer: rapid.IntRange(0, 9).Draw(rt, "answer")}
			if m.kind == fails {
				m.priority = rapid.IntRange(-1, 1).Draw(rt, "priority")
				m.canceled = rapid.Bool().Draw(rt, "canceled")
			}
			return m
		}), 0, 8).Draw(rt, "moods")
		var do []func(context.Context) (int, error)
		for _, m := range moods {
			do = append(do, m.do)
		}
		o := newOffice(t, do...)
		for _, verb := range slices.Concat(keepGoing, fannedOut(1), fannedOut(3)) {
			if diff := gocmp.Diff(expect(verb.name, moods), o.run(context.Background(), verb)); diff != "" {
				rt.Errorf("%v (-want +got):\n%s", verb, diff)
			}
		}
	})
}

// Ten thousand clerks who all panic cost time and memory in proportion, but for what
// skipping those already asked takes.
func TestEverybodyPanics(t *testing.T) {
	const n = 10_000
	engine := capability.NewRegistry(capability.Engine, "engine")
	var changes capability.Changes
	for i := range n {
		changes = append(changes, clerks.Bind(fmt.Sprintf("clerk-%05d", i), &clerk{}))
	}
	must(engine.Apply(changes))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	all, err := clerks.All().Handle(scope)
	must(err)
	o := &office{all: all}
	for _, c := range all.Get().Values() {
		c.do = mood{kind: panics}.do
	}
	for _, v := range []verb{keepGoing[0], fannedOut(4)[0]} {
		o.asked = nil
		got := o.run(context.Background(), v)
		if len(got.Errors) != n || len(o.asked) != n {
			t.Errorf("%v asked %d and has %d errors, want %d", v, len(o.asked), len(got.Errors), n)
		}
	}
}
