// Scenarios: conformance facts that a vector states in prose only, written out
// as programs. Those of the live part are in live_test.go, those of observers in
// observed_scenario_test.go, that of data in reload_test.go.

package conformance_test

import (
	"errors"
	"fmt"

	"github.com/typedcap/capability"
)

// vectorScenarios are the programs that the verdict table names.
var vectorScenarios = map[string]func() (vectorOutcome, error){
	"failed-registration": scenarioFailedRegistration,
	"unregister-all":      scenarioUnregisterAll,
	"unknown-key":         scenarioUnknownKey,
	"fan-out":             scenarioFanOut,
	"key-identity":        scenarioKeyIdentity,
	"late-observer":       scenarioLateObserver,
	"failure-seen":        scenarioFailureSeen,
	"watch-one":           scenarioWatchOne,
	"reload-one":          scenarioReloadOne,
	"reordered":           scenarioReordered,
	"removed":             scenarioRemoved,
	"watcher-panic":       scenarioWatcherPanic,
	"per-scope":           scenarioPerScope,
}

// The two extension points of the scenarios.
var (
	scenarioOpenings = capability.New[func() string]("conformance.openings", "is told that a file was opened")
	scenarioClosings = capability.New[func() string]("conformance.closings", "is told that a file was closed")
)

// scenarioAnswers returns what the chains of both extension points answer in s.
func scenarioAnswers(s *capability.Scope) ([]any, error) {
	var opened, closed capability.ChainHandle[func() string]
	if err := s.Resolve(scenarioOpenings.All().Into(&opened), scenarioClosings.All().Into(&closed)); err != nil {
		return nil, err
	}
	list := []any{}
	for _, c := range []capability.Chain[func() string]{opened.Get(), closed.Get()} {
		said, err := capability.Collect(c, func(f func() string) (string, error) { return f(), nil })
		if err != nil {
			return nil, err
		}
		for _, text := range said {
			list = append(list, text)
		}
	}
	return list, nil
}

// scenarioAuditor makes the changes that bind one extension at both points.
func scenarioAuditor() capability.Changes {
	return capability.Changes{
		scenarioOpenings.Bind("auditor", func() string { return "A@h1" }),
		scenarioClosings.Bind("auditor", func() string { return "A@h2" }),
	}
}

// scenarioFailedRegistration binds an extension whose second provider is
// invalid: the first is not bound either.
func scenarioFailedRegistration() (vectorOutcome, error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		return vectorOutcome{}, err
	}
	defer scope.Close()
	refused := engine.Apply(scenarioOpenings.Bind("auditor", func() string { return "opened" }), scenarioClosings.Bind("auditor", nil))
	bound, err := scenarioAnswers(scope)
	listed := false
	for _, c := range scope.Snapshot().Capabilities {
		listed = listed || len(c.Providers) > 0
	}
	return vectorOutcome{result: &vectorResult{"value", map[string]any{
		"register":           map[bool]string{true: "validation_error", false: "ok"}[errors.Is(refused, capability.ErrInvalid)],
		"still_listed":       listed,
		"earlier_hook_bound": len(bound) > 0,
	}}}, err
}

// scenarioUnregisterAll withdraws all that an extension bound, in one
// transaction.
func scenarioUnregisterAll() (vectorOutcome, error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		return vectorOutcome{}, err
	}
	defer scope.Close()
	if err := engine.Apply(scenarioAuditor()); err != nil {
		return vectorOutcome{}, err
	}
	if before, err := scenarioAnswers(scope); err != nil || len(before) != 2 {
		return vectorOutcome{}, fmt.Errorf("before the withdrawal %v answer, error %w", before, err)
	}
	if err := engine.Apply(scenarioOpenings.Unbind("auditor"), scenarioClosings.Unbind("auditor")); err != nil {
		return vectorOutcome{}, err
	}
	left, err := scenarioAnswers(scope)
	return vectorOutcome{result: &vectorResult{"list", left}}, err
}

// scenarioUnknownKey looks up by name who was never bound, beside one who was.
func scenarioUnknownKey() (vectorOutcome, error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		return vectorOutcome{}, err
	}
	defer scope.Close()
	if err := engine.Apply(scenarioAuditor()); err != nil {
		return vectorOutcome{}, err
	}
	h, err := scenarioOpenings.All().Handle(scope)
	if err != nil {
		return vectorOutcome{}, err
	}
	if _, ok := h.Get().Find("auditor"); !ok {
		return vectorOutcome{}, errors.New("the bound provider is not found")
	}
	if _, ok := h.Get().Find("accountant"); ok {
		return vectorOutcome{result: &vectorResult{"value", "accountant"}}, nil
	}
	return vectorOutcome{result: &vectorResult{Kind: "none"}}, nil
}

// scenarioFanOut binds one extension at two extension points by one change and
// calls both.
func scenarioFanOut() (vectorOutcome, error) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		return vectorOutcome{}, err
	}
	defer scope.Close()
	if err := engine.Apply(scenarioAuditor()); err != nil {
		return vectorOutcome{}, err
	}
	said, err := scenarioAnswers(scope)
	out := vectorOutcome{result: &vectorResult{Kind: "void"}}
	for _, text := range said {
		out.calls = append(out.calls, text.(string))
	}
	return out, err
}

// scenarioKeyIdentity binds under three keys whose names or joined names are equal:
// each answers for itself, and two keys of one name are refused by a registry.
func scenarioKeyIdentity() (vectorOutcome, error) {
	newKey := func(name string) capability.Capability[string] {
		return capability.New[string](name, "is one of several whose names are alike")
	}
	keys := []capability.Capability[string]{newKey("a_b.c"), newKey("a.b_c")}
	twin := newKey("a_b.c")
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		return vectorOutcome{}, err
	}
	defer scope.Close()
	if err := engine.Apply(keys[0].Bind("owner", "first"), keys[1].Bind("owner", "second")); err != nil {
		return vectorOutcome{}, err
	}
	answers := map[string]any{}
	for _, key := range keys {
		h, err := key.Handle(scope)
		if err != nil {
			return vectorOutcome{}, err
		}
		answers[key.Name()] = h.Get()
	}
	refused := engine.Apply(twin.Bind("owner", "third"))
	answers["twin"] = map[bool]string{true: "conflict", false: "bound"}[errors.Is(refused, capability.ErrConflict)]
	answers["equal"] = keys[0] == twin
	return vectorOutcome{result: &vectorResult{"value", answers}}, nil
}
