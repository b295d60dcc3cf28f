// Every fault that a provider may have, in every mode, verb and position.

package modes_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// broken is an error whose Error method panics.
type broken struct{}

func (broken) Error() string { panic("no text") }

func fill(m map[int]int) { m[1] = 1 }

const busy capability.Code = "busy"

// A kind is what a fault is to the verb.
type kind int

const (
	answers kind = iota
	fails
	panics
	exits
)

// faults are what a clerk does in place of answering. Of what fails, panics or exits, is is
// how its error reads, and was the type of what was given to panic.
var faults = []struct {
	name string
	kind kind
	do   func(*office) (int, error)
	is   string
	was  string
}{
	{"error", fails, func(*office) (int, error) { return 7, errors.New("no ink") }, ": no ink", ""},
	{"error with a code", fails, func(*office) (int, error) { return 7, fmt.Errorf("later: %w", busy) }, "busy: later: busy", ""},
	{"error with names", fails, func(*office) (int, error) {
		return 7, &capability.Error{Code: busy, Provider: "pen", Priority: 3, Err: errors.New("no ink")}
	}, `busy: provider "pen": no ink`, ""},
	{"error whose Error panics", fails, func(*office) (int, error) { return 7, broken{} }, ": modes_test.broken whose Error method panics", ""},
	{"context error", fails, func(*office) (int, error) { return 7, context.Canceled }, ": context canceled", ""},
	{"panic with an error", panics, func(*office) (int, error) { panic(errors.New("no ink")) }, "panic: it panicked: no ink", "*errors.errorString"},
	{"panic with a string", panics, func(*office) (int, error) { panic("no ink") }, "panic: it panicked: no ink", "string"},
	{"panic with nil", panics, func(*office) (int, error) { panic(nil) },
		"panic: it panicked: " + new(runtime.PanicNilError).Error(), "*runtime.PanicNilError"},
	{"panic with an error whose Error panics", panics, func(*office) (int, error) { panic(broken{}) },
		"panic: it panicked: modes_test.broken whose Error method panics", "modes_test.broken"},
	{"nil map write", panics, func(*office) (int, error) { fill(nil); return 7, nil },
		"panic: it panicked: assignment to entry in nil map", "runtime.plainError"},
	{"Goexit", exits, func(*office) (int, error) { runtime.Goexit(); return 7, nil },
		"panic: it ended its goroutine with runtime.Goexit: return an error instead", ""},

	{"commits to its registry", answers, func(o *office) (int, error) {
		return 7, o.engine.Apply(clerks.Bind("new", &clerk{name: "new"}))
	}, "", ""},
	{"watches its chain", answers, func(o *office) (int, error) {
		for _, c := range o.all.Watch(context.Background()) {
			return 4 + c.Len(), nil
		}
		return 0, nil
	}, "", ""},
	{"withdraws all", answers, func(o *office) (int, error) {
		return 7, o.engine.Apply(clerks.Unbind("a"), clerks.Unbind("b"), clerks.Unbind("c"))
	}, "", ""},
	{"replaces all", answers, func(o *office) (int, error) {
		var changes capability.Changes
		for _, name := range o.all.Get().Names() {
			changes = append(changes, clerks.Rebind(name, &clerk{name: "other"}))
		}
		return 7, o.engine.Apply(changes)
	}, "", ""},
	{"closes its scope", answers, func(o *office) (int, error) { return 7, o.scope.Close() }, "", ""},
	{"closes its registry", answers, func(o *office) (int, error) {
		if err := o.engine.Close(context.Background()); !errors.Is(err, capability.ErrInUse) {
			return 0, fmt.Errorf("closed under a scope: %v", err)
		}
		return 7, nil
	}, "", ""},
	{"looks at its scope", answers, func(o *office) (int, error) { return 4 + len(o.scope.Snapshot().Capabilities[0].Providers), nil }, "", ""},
	{"dispatches again", answers, func(o *office) (int, error) {
		err := capability.Each(o.all.Get(), func(c *clerk) error { return nil })
		return 7, err
	}, "", ""},
}

// fastModel is what a fail-fast verb comes to if the clerk at a place fails, or else
// answers 7, and the others answer their numbers from 1, or 0 where the verb
// would stop.
func fastModel(name string, n int, at int, k kind, is string) (answer []int, want outcome) {
	for i := range n {
		answer = append(answer, i+1)
	}
	if name == "Any" || name == "Decide" {
		answer = make([]int, n)
		answer[n-1] = n
	}
	answer[at] = 7
	failed := k != answers
	names := "abc"
	if failed {
		want.Errors = []string{names[at:at+1] + " " + is}
	}
	switch name {
	case "Collect":
		if want.Value = answer; failed {
			want.Value = []int(nil)
		}
	case "Any", "Every":
		want.Value = !failed
	case "Pipe":
		sum := 0
		for _, a := range answer {
			if failed && a == 7 {
				break
			}
			sum = 10*sum + a
		}
		want.Value = sum
	case "Decide":
		switch {
		case failed:
			want.Value = "nobody"
		default:
			want.Value = fmt.Sprintf("7 by %s", names[at:at+1])
		}
	}
	return answer, want
}

// goneModel is the same for a verb that asks everybody.
func goneModel(name string, answer []int, at int, k kind, want outcome) outcome {
	if k == answers {
		if name == "Collect" {
			want.Value, _ = replies(repliesOf(answer, -1), nil)
		}
		return want
	}
	switch name {
	case "Collect":
		want.Value, _ = replies(repliesOf(answer, at), errors.New("some"))
	case "Any":
		want.Value = at != len(answer)-1
	case "Every":
		want.Value = false
	case "Pipe":
		sum := 0
		for i, a := range answer {
			if i != at {
				sum = 10*sum + a
			}
		}
		want.Value = sum
	case "Decide":
		want.Value = "3 by c"
		if at == len(answer)-1 {
			want.Value = "nobody"
		}
	}
	return want
}

func repliesOf(answer []int, failed int) []capability.Reply[int] {
	var list []capability.Reply[int]
	for i, a := range answer {
		r := capability.Reply[int]{Provider: string(rune('a' + i)), Value: a}
		if i == failed {
			r.Err = errors.New("some")
		}
		list = append(list, r)
	}
	return list
}

func TestEveryFaultInEveryModeAndPosition(t *testing.T) {
	watching := capability.NewRegistry(capability.Engine, "watching")
	must(watching.Apply(
		observed.Observers.Bind("broken", observerFunc(func(observed.Event) { panic("I saw") })),
		observed.Observers.Bind("quiet", observerFunc(func(observed.Event) {})),
	))
	scope, err := capability.Compose(watching)
	must(err)
	defer scope.Close()
	some, err := observed.Observers.All().Handle(scope)
	must(err)
	nobody := func() capability.Chain[observed.Observer] { return capability.Chain[observed.Observer]{} }

	var verbs []verb
	for _, list := range [][]verb{
		failFast, observedBy(nobody), observedBy(some.Get), keepGoing,
		concurrently(1), concurrently(2), concurrently(9), fannedOut(1), fannedOut(2), fannedOut(9),
	} {
		verbs = append(verbs, list...)
	}
	cases := 0
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			for _, v := range verbs {
				for at := range 3 {
					cases++
					answer, want := fastModel(v.name, 3, at, f.kind, f.is)
					o := newOffice(t, make([]func(context.Context) (int, error), 3)...)
					for i, c := range o.all.Get().Values() {
						c.do = func(context.Context) (int, error) { return answer[i], nil }
						if i == at {
							c.do = func(context.Context) (int, error) { return f.do(o) }
						}
					}
					all := false // whether everybody is asked whatever happens
					switch v.mode {
					case "capability", "observed":
						switch f.kind {
						case panics:
							want = outcome{Panicked: f.was}
						case exits:
							want = outcome{Exited: true}
						}
					case "keepgoing":
						if f.kind == exits {
							want = outcome{Exited: true}
							break
						}
						want, all = goneModel(v.name, answer, at, f.kind, want), v.name != "Decide"
					case "concurrent":
						if f.kind == panics {
							want = outcome{Panicked: "relayed " + want.Errors[0]}
						}
					case "fanout":
						want, all = goneModel(v.name, answer, at, f.kind, want), true
					}
					got := o.run(context.Background(), v)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%v, fault at %d (-want +got):\n%s", v, at, diff)
					}
					asked := o.names()
					slices.Sort(asked)
					if all && !slices.Equal(asked, []string{"a", "b", "c"}) {
						t.Errorf("%v, fault at %d: asked %v, want everybody", v, at, asked)
					}
				}
			}
		})
	}
	if cases == 0 {
		t.Error("nothing was tried")
	}
}

// observerFunc is an observer that is a func.
type observerFunc func(observed.Event)

func (f observerFunc) Observe(e observed.Event) { f(e) }
