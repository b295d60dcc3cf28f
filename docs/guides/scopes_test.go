// The code of scopes.md: the checks of a weather service, at three levels.

package guides_test

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/typedcap/capability"
)

// A WeatherCheck refuses a temperature that cannot be right.
type WeatherCheck func(celsius float64) error

// WeatherChecks is the extension point.
var WeatherChecks = capability.New[WeatherCheck]("checks", "refuse what cannot be right")

// between is a provider, with limits of its own.
func between(low, high float64) WeatherCheck {
	return func(celsius float64) error {
		if celsius < low || celsius > high {
			return fmt.Errorf("%v is not between %v and %v", celsius, low, high)
		}
		return nil
	}
}

func weatherPass(float64) error { return nil }

// seen composes the registries and returns the names of the checks in chain order.
func seen(registries ...*capability.Registry) []string {
	scope, err := capability.Compose(registries...)
	must(err)
	defer scope.Close()
	checks, err := WeatherChecks.All().Handle(scope)
	must(err)
	return checks.Get().Names()
}

// withoutSites takes file and line out of a text, which differ from machine to machine.
func withoutSites(text string) string {
	return regexp.MustCompile(` at \S+\.go:\d+`).ReplaceAllString(text, "")
}

func Example_scopes() {
	service := capability.NewRegistry(capability.Engine, "service")
	alps := capability.NewRegistry(capability.Group, "alps")
	summit := capability.NewRegistry(capability.Pipeline, "summit")
	must(service.Apply(
		WeatherChecks.Bind("range", between(-50, 50)),
		WeatherChecks.Bind("spike", weatherPass),
		WeatherChecks.Bind("frozen", weatherPass),
	))
	must(alps.Apply(WeatherChecks.Mask("frozen"), WeatherChecks.Bind("snow", weatherPass)))
	must(summit.Apply(
		WeatherChecks.Rebind("range", between(-80, 30)),
		WeatherChecks.Bind("wind", weatherPass),
	))

	scope, err := capability.Compose(alps, service, summit) // any order: levels decide
	must(err)
	defer scope.Close()
	checks, err := WeatherChecks.All().Handle(scope)
	must(err)
	fmt.Println(scope, checks.Get().Names())

	check := func(celsius float64) error {
		return capability.Each(checks.Get(), func(c WeatherCheck) error { return c(celsius) })
	}
	fmt.Println(check(-62))
	fmt.Println(check(41))

	fmt.Print(withoutSites(scope.Snapshot().Explain("checks")))

	must(service.Apply(WeatherChecks.Bind("clock", weatherPass)))
	fmt.Println(checks.Get().Names())

	trial := capability.NewRegistry(capability.Node, "trial")
	must(trial.Apply(WeatherChecks.Mask("spike")))
	branch, err := scope.With(trial)
	must(err)
	defer branch.Close()
	tried, err := WeatherChecks.All().Handle(branch)
	must(err)
	fmt.Println(branch, tried.Get().Names())

	err = trial.Apply(WeatherChecks.Mask("spkie"))
	fmt.Println(errors.Is(err, capability.ErrUnknown), withoutSites(err.Error()))
	var one capability.Handle[WeatherCheck]
	err = branch.Check(WeatherChecks.Named("spike").Into(&one))
	fmt.Println(errors.Is(err, capability.ErrNotProvided))
	_, err = capability.Compose(service, capability.NewRegistry(capability.Engine, "archive"))
	fmt.Println(errors.Is(err, capability.ErrInvalid))
	// Output:
	// summit over alps over service [wind snow range spike]
	// <nil>
	// capability "checks", provider "range", scope "summit over alps over service": 41 is not between -80 and 30
	// "checks" in scope "summit over alps over service" at generation 3: refuse what cannot be right
	//   declared as a Capability[guides_test.WeatherCheck]
	//   the one provider is "wind"
	//   1. "wind", bound in "summit" (pipeline); ahead of "snow": its place is in a narrower registry
	//   2. "snow", bound in "alps" (group); ahead of "range": its place is in a narrower registry
	//   3. "range", rebound in "summit" (pipeline); ahead of "spike": it was bound earlier
	//   4. "spike", bound in "service" (engine)
	//   not "frozen", bound in "service" (engine); masked by "alps"
	//   not "range", bound in "service" (engine); replaced: "summit" rebinds it
	//   all is resolved since generation 3, plain
	// [wind snow range spike clock]
	// trial over summit over alps over service [wind snow range clock]
	// true capability "checks", provider "spkie": Mask in registry "trial" (node) names a provider that no broader registry binds in any open scope: did you mean "spike"?
	// true
	// true
}

func Example_scopesStatements() {
	service := capability.NewRegistry(capability.Engine, "service")
	must(service.Apply(
		WeatherChecks.Bind("spike", weatherPass).Priority(1),
		WeatherChecks.Bind("range", between(-50, 50)),
		WeatherChecks.Bind("frozen", weatherPass),
	))
	station := func(says ...capability.Change) []string {
		station := capability.NewRegistry(capability.Pipeline, "station")
		must(station.Apply(says...))
		return seen(station, service)
	}
	fmt.Println("inherited", station())
	fmt.Println("bind     ", station(WeatherChecks.Bind("range", between(-10, 40))))
	fmt.Println("rebind   ", station(WeatherChecks.Rebind("range", between(-10, 40))))
	fmt.Println("mask     ", station(WeatherChecks.Mask("spike", "frozen")))
	fmt.Println("select   ", station(WeatherChecks.Select("frozen", "range")))
	fmt.Println("before   ", station(WeatherChecks.Bind("dew", weatherPass).Before("frozen")))
	fmt.Println("after    ", station(WeatherChecks.Bind("dew", weatherPass).After("range")))

	configured := map[string][]string{"checks": {"range"}} // out of a file
	var changes capability.Changes
	for name, providers := range configured {
		changes = append(changes, capability.Select(name, providers...))
	}
	fmt.Println("by name  ", station(changes))
	// Output:
	// inherited [spike range frozen]
	// bind      [range spike frozen]
	// rebind    [spike range frozen]
	// mask      [range]
	// select    [frozen range]
	// before    [dew spike range frozen]
	// after     [spike range dew frozen]
	// by name   [range]
}

// Three more extension points, each with a rule of its own.
var (
	WeatherAlarms   = capability.New[WeatherCheck]("alarms", "raise an alarm", capability.BroadFirst())
	WeatherFormats  = capability.New[WeatherCheck]("formats", "write down", capability.Shadow())
	WeatherLicences = capability.New[WeatherCheck]("licences", "allow", capability.OnlyAt(capability.Engine))
)

func Example_scopesRules() {
	service := capability.NewRegistry(capability.Engine, "service")
	summit := capability.NewRegistry(capability.Pipeline, "summit")
	must(service.Apply(WeatherAlarms.Bind("flood", weatherPass), WeatherFormats.Bind("synop", weatherPass)))
	must(summit.Apply(WeatherAlarms.Bind("gust", weatherPass), WeatherFormats.Bind("metar", weatherPass)))
	scope, err := capability.Compose(service, summit)
	must(err)
	defer scope.Close()
	var alarms, formats capability.ChainHandle[WeatherCheck]
	must(scope.Resolve(WeatherAlarms.All().Into(&alarms), WeatherFormats.All().Into(&formats)))
	fmt.Println(alarms.Get().Names(), formats.Get().Names())

	err = summit.Apply(WeatherLicences.Bind("own", weatherPass))
	fmt.Println(errors.Is(err, capability.ErrInvalid), withoutSites(err.Error()))
	// Output:
	// [flood gust] [metar]
	// true capability "licences", provider "own": Bind in registry "summit" (pipeline) is at the wrong level: bind it at engine, as OnlyAt of the key says
}
