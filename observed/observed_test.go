package observed_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// A recorder is an observer that keeps what it is told.
type recorder struct {
	events []observed.Event
	at     func(observed.Event) // what else it does
}

func (r *recorder) Observe(e observed.Event) {
	r.events = append(r.events, e)
	if r.at != nil {
		r.at(e)
	}
}

// texts returns the events without what differs from run to run.
func (r *recorder) texts() []string {
	var texts []string
	for _, e := range r.events {
		text := fmt.Sprintf("%s %s/%s %s", e.Verb, e.Capability, e.Scope, e.Provider)
		if e.End {
			text += fmt.Sprintf(" ended after %v", e.Took)
		}
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		texts = append(texts, text)
	}
	return texts
}

// world returns chains of rules and of observers, and the registry that has both.
func world(t *testing.T, observers []observed.Observer, rules ...Rule) (capability.Chain[observed.Observer], capability.Chain[Rule], *capability.Registry) {
	t.Helper()
	engine := capability.NewRegistry(capability.Engine, "engine")
	for i, r := range rules {
		must(engine.Apply(Rules.Bind(string(rune('a'+i)), r)))
	}
	for i, o := range observers {
		must(engine.Apply(observed.Observers.Bind(string(rune('a'+i)), o)))
	}
	scope, err := capability.Compose(engine)
	must(err)
	t.Cleanup(func() { must(scope.Close()) })
	var p post
	must(scope.Resolve(Rules.All().Into(&p.rules), observed.Observers.All().Into(&p.observers)))
	return p.observers.Get(), p.rules.Get(), engine
}

func TestEventsOfADispatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &recorder{}
		observers, rules, _ := world(t, []observed.Observer{seen},
			func(l string) (string, error) { time.Sleep(time.Second); return l, nil },
			func(string) (string, error) { time.Sleep(time.Minute); return "", errors.New("no stamp") },
			func(string) (string, error) { t.Error("asked after an error"); return "", nil },
		)
		err := observed.Each(observers, rules, func(r Rule) error { _, err := r("hi"); return err })
		want := []string{
			"Each rule/engine ",
			"Each rule/engine a",
			"Each rule/engine a ended after 1s",
			"Each rule/engine b",
			`Each rule/engine b ended after 1m0s: capability "rule", provider "b", scope "engine": no stamp`,
			`Each rule/engine  ended after 1m1s: capability "rule", provider "b", scope "engine": no stamp`,
		}
		if diff := cmp.Diff(want, seen.texts()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		for i, e := range seen.events {
			if e.Dispatch != seen.events[0].Dispatch {
				t.Errorf("event %d is of another dispatch", i)
			}
			if at := time.Duration([]int{0, 0, 1, 1, 61, 61}[i]) * time.Second; e.Time.Sub(seen.events[0].Time) != at {
				t.Errorf("event %d comes after %v, want %v", i, e.Time.Sub(seen.events[0].Time), at)
			}
		}
		if e := seen.events[5].Err; e == nil || e.Error() != err.Error() {
			t.Errorf("the end of the dispatch has %v, the caller %v", e, err)
		}
		first := seen.events[0].Dispatch
		_, _ = observed.Any(observers, rules, func(Rule) (bool, error) { return true, nil })
		if again := seen.events[len(seen.events)-1].Dispatch; again == first {
			t.Error("two dispatches have one number")
		}
	})
}

// Observers are told also when a provider panics or ends its goroutine, and the caller
// sees the same as if nobody had looked.
func TestProviderThatDoesNotReturn(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("no ink") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			seen := &recorder{}
			observers, rules, _ := world(t, []observed.Observer{seen}, func(string) (string, error) { leave(); return "", nil })
			var panicked any
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { panicked = recover() }()
				_, _ = observed.Collect(observers, rules, func(r Rule) (string, error) { return r("hi") })
				t.Error("returned")
			}()
			<-done
			if name == "panic" != (panicked == "no ink") {
				t.Errorf("panicked with %v", panicked)
			}
			if len(seen.events) != 4 {
				t.Fatalf("%d events: %q", len(seen.events), seen.texts())
			}
			for _, e := range seen.events[2:] {
				if !e.End || !errors.Is(e.Err, capability.ErrPanic) {
					t.Errorf("the end of %q has error %v", e.Provider, e.Err)
				}
			}
		})
	}
}

// An observer that panics misses the rest of that dispatch and hurts nobody else.
func TestObserverThatPanics(t *testing.T) {
	before, after := &recorder{}, &recorder{}
	broken := &recorder{at: func(e observed.Event) {
		if e.Provider == "a" {
			panic("cannot write")
		}
	}}
	observers, rules, _ := world(t, []observed.Observer{before, broken, after},
		func(l string) (string, error) { return l + "!", nil },
		func(l string) (string, error) { return l + "?", nil },
	)
	for range 2 {
		got, err := observed.Pipe(observers, rules, "hi", func(r Rule, l string) (string, error) { return r(l) })
		if got != "hi!?" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if len(before.events) != 12 || len(after.events) != 12 || len(broken.events) != 4 {
		t.Errorf("told %d, %d and %d events, want 12, 4 and 12", len(before.events), len(broken.events), len(after.events))
	}
}

// A dispatch tells the observers that there were when it began; others come and go.
func TestObserversComeAndGo(t *testing.T) {
	seen := &recorder{}
	observers, rules, engine := world(t, []observed.Observer{seen}, func(l string) (string, error) { return l, nil })
	seen.at = func(e observed.Event) {
		if e.Provider == "" && !e.End {
			must(engine.Apply(observed.Observers.Unbind("a")))
		}
	}
	_, err := observed.Every(observers, rules, func(Rule) (bool, error) { return true, nil })
	if err != nil || len(seen.events) != 4 {
		t.Errorf("told %q, %v", seen.texts(), err)
	}
}

// A dispatch over nobody is one too.
func TestEmptyChainIsObserved(t *testing.T) {
	seen := &recorder{}
	observers, rules, _ := world(t, []observed.Observer{seen})
	d, err := observed.Decide(observers, rules, func(Rule) (capability.Decision[int], error) { return capability.Decided(1), nil })
	if _, ok := d.Get(); ok || err != nil {
		t.Errorf("got %v, %v", d, err)
	}
	if got := seen.texts(); !slices.Equal(got, []string{"Decide / ", "Decide /  ended after " + seen.events[1].Took.String()}) {
		t.Errorf("told %q", got)
	}
}
