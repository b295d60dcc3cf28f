package capability_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A house is what pre-flight checks look at: an engine and two pipelines.
type house struct {
	lamps, bells         capability.Capability[int]
	engine, day, night   *capability.Registry
	dayScope, nightScope *capability.Scope
	lamp, bell           capability.Handle[int]
	allLamps             capability.ChainHandle[int]
	someLamp             capability.Leased[int]
}

func newHouse() *house {
	f := &house{
		lamps: capability.New[int]("lamps", "shine"), bells: capability.New[int]("bells", "ring"),
		engine: capability.NewRegistry(capability.Engine, "engine"),
		day:    capability.NewRegistry(capability.Pipeline, "day"),
		night:  capability.NewRegistry(capability.Pipeline, "night"),
	}
	f.dayScope = must1(capability.Compose(f.day, f.engine))
	f.nightScope = must1(capability.Compose(f.night, f.engine))
	return f
}

// A report has the errors of all consumers, and what does nothing in any scope.
func TestPreflight(t *testing.T) {
	f := newHouse()
	must(f.engine.Apply(f.lamps.Bind("ceiling", 1), f.lamps.Bind("desk", 2).Before("ceiling", "celing"), f.bells.Bind("door", 3)))
	must(f.night.Apply(f.lamps.Mask("desk"), f.lamps.Bind("bed", 4).After("desk")))
	must(f.day.Apply(f.bells.Bind("phone", 5)))
	report := capability.Preflight(
		capability.Consumer{Name: "reader", Scope: f.dayScope, Needs: []capability.Need{f.lamps.Into(&f.lamp), f.bells.Named("phone").Into(&f.bell)}},
		capability.Consumer{Name: "sleeper", Scope: f.nightScope, Needs: []capability.Need{f.lamps.Named("desk").Into(&f.lamp), f.lamps.Named("bed").Into(&f.lamp)}},
		capability.Consumer{Name: "nobody"},
	)
	place := regexp.MustCompile(`\S*/(preflight_test\.go):\d+`)
	got := place.ReplaceAllString(report.String(), "$1")
	want := `error: consumer "sleeper": capability "lamps", provider "desk", scope "night over engine": nobody provides it here under this name ("desk" of registry "engine" (engine) is masked by registry "night" (pipeline)): bind it in one of the registries, or resolve All and use Find if it is optional
error: consumer "nobody": Preflight at preflight_test.go of a nil or zero Scope: make scopes with Compose and look at its error
warning: capability "bells", provider "door", scope "engine": no consumer is answered with what is bound at preflight_test.go: unbind it, or name its consumer
warning: capability "lamps", provider "bed", scope "night": what is bound at preflight_test.go is never seen together with "desk", which its Before or After names: correct the name, or leave it out
warning: capability "lamps", provider "ceiling", scope "engine": no consumer is answered with what is bound at preflight_test.go: unbind it, or name its consumer
warning: capability "lamps", provider "desk", scope "engine": what is bound at preflight_test.go is never seen together with "celing", which its Before or After names: correct the name, or leave it out
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if !errors.Is(report.Err(), capability.ErrNotProvided) {
		t.Errorf("got %v", report.Err())
	}
}

// A program without mistakes has an empty report; nothing was resolved for it, so that
// its registries can be changed still.
func TestPreflightOfAProgramWithoutMistakes(t *testing.T) {
	f := newHouse()
	must(f.engine.Apply(f.lamps.Bind("ceiling", 1), f.lamps.Bind("desk", 2).Before("ceiling"), f.bells.Bind("door", 3)))
	must(f.night.Apply(f.lamps.Mask("desk")))
	report := capability.Preflight(
		capability.Consumer{Name: "reader", Scope: f.dayScope, Needs: []capability.Need{f.lamps.All().Into(&f.allLamps), f.bells.Into(&f.bell)}},
		capability.Consumer{Name: "sleeper", Scope: f.nightScope, Needs: []capability.Need{f.lamps.IntoLeased(&f.someLamp)}},
	)
	if len(report.Errors)+len(report.Warnings) > 0 || report.Err() != nil {
		t.Errorf("got %v", report)
	}
	must(f.engine.Apply(f.bells.Unbind("door")))
	if n := len(f.dayScope.Snapshot().Capabilities[0].Resolved); n > 0 {
		t.Errorf("%d were resolved", n)
	}
}

// A name that has no target in one scope may have one in another.
func TestPreflightLooksAtAllScopes(t *testing.T) {
	f := newHouse()
	must(f.day.Apply(f.lamps.Bind("desk", 1)))
	must(f.night.Apply(f.lamps.Bind("bed", 1)))
	node := capability.NewRegistry(capability.Node, "node")
	dayNode, nightNode := must1(f.dayScope.With(node)), must1(f.nightScope.With(node))
	must(node.Apply(f.lamps.Mask("desk"), f.lamps.Bind("torch", 2).After("bed")))
	consumers := []capability.Consumer{
		{Name: "day", Scope: dayNode, Needs: []capability.Need{f.lamps.All().Into(&f.allLamps)}},
		{Name: "night", Scope: nightNode, Needs: []capability.Need{f.lamps.All().Into(&f.allLamps)}},
	}
	if r := capability.Preflight(consumers[1]); len(r.Warnings) != 1 || !strings.Contains(r.String(), `provider "desk", scope "node": what is named at `) {
		t.Errorf("of the night alone: %v", r)
	}
	if r := capability.Preflight(consumers[0]); len(r.Warnings) != 2 || !strings.Contains(r.String(), `never seen together with "bed"`) {
		t.Errorf("of the day alone: %v", r)
	}
	r := capability.Preflight(consumers...)
	if got := fmt.Sprint(r); !strings.Contains(got, `provider "desk", scope "day": no consumer`) || len(r.Warnings) != 1 {
		t.Errorf("of both: %v", r)
	}
}

// What nobody can know is not said: a derived value that has not been built may read
// anybody.
func TestPreflightBeforeBuilds(t *testing.T) {
	f := newHouse()
	must(f.engine.Apply(f.lamps.Bind("ceiling", 1), f.bells.Bind("door", 3)))
	sum := capability.Derive(func(r *capability.Resolver) (int, error) { return f.lamps.Named("").In(r) })
	var total capability.Handle[int]
	consumer := capability.Consumer{Name: "sum", Scope: f.dayScope, Needs: []capability.Need{sum.Into(&total)}}
	if r := capability.Preflight(consumer); len(r.Warnings) > 0 {
		t.Errorf("before it is built: %v", r)
	}
	must1(sum.Handle(f.dayScope))
	if r := capability.Preflight(consumer); len(r.Warnings) != 1 || !strings.Contains(r.String(), `provider "door"`) {
		t.Errorf("once it is built: %v", r)
	}
}

// Reports add up, and adding changes none of them.
func TestReportsAddUp(t *testing.T) {
	one := capability.Report{Errors: make([]error, 1, 8), Warnings: make([]error, 0, 8)}
	one.Errors[0] = errors.New("no lamp")
	two := capability.Report{Errors: []error{errors.New("no bell")}, Warnings: []error{errors.New("an idle lamp")}}
	sum := one.Add(two, capability.Report{})
	_ = one.Add(capability.Report{Errors: []error{errors.New("something else")}})
	want := "error: no lamp\nerror: no bell\nwarning: an idle lamp\n"
	if got := sum.String(); got != want || len(one.Errors) != 1 || len(one.Warnings) != 0 {
		t.Errorf("got %q, want %q; the first report has %v", got, want, one)
	}
}
