// The comparison of what a conformance vector came to with what was wanted.

package conformance_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// expected returns the outcome as an expectation.
func (o vectorOutcome) expected() *vectorExpected {
	e := &vectorExpected{Calls: o.calls, Result: o.result, Errors: o.faults}
	if o.build != nil {
		e.BuildError = o.build.Error()
	}
	return e
}

// differs returns an error that says how the outcome is not the wanted one.
func (table *verdictTable) differs(v *vector, want *vectorExpected, got vectorOutcome) error {
	rule := func(name string) bool { return table.Rules[name] != "" }
	faults, made := want.faults(), got.faults
	if got.build != nil {
		var e *capability.Error
		if !errors.As(got.build, &e) {
			return fmt.Errorf("the registration is refused with %T, which is no *Error: %w", got.build, got.build)
		}
		if want.BuildError != "" && rule("build-error") {
			return refusalNames(v, want.BuildError, got.build)
		}
		if len(faults) == 1 && (faults[0].Class == "validation" || faults[0].Class == "misuse") && rule("refused-registration") {
			return nil
		}
		return fmt.Errorf("the registration is refused: %w", got.build)
	}
	if want.BuildError != "" {
		return fmt.Errorf("nothing is refused, want the build error %q", want.BuildError)
	}
	if v.concurrent() && !want.Unordered && !rule("start-order") {
		return errors.New("no rule says in which order providers begin that are asked at the same time")
	}
	if v.layerAgain() && !rule("layer-again") {
		return errors.New("no rule says what a second source of a name is")
	}
	if v.Mode == "reload" && v.Steps != nil && !rule("reload-order") {
		return errors.New("no rule says in which order a watch hears of several sources")
	}
	if v.matchesAlone() && !rule("source-match") {
		return errors.New("no rule says how one source alone is matched")
	}
	if !rule("cancelled") {
		made = slices.Concat(made, got.cancelled)
	}
	if v.keepsGoing() && rule("ranked-errors") {
		faults = ranked(faults, func(f vectorFault) string { return f.Class })
	}
	if v.keepsGoing() && rule("ignored-errors") && want.Error == nil && want.Errors == nil {
		made = nil
	}
	cut := rule("short-circuit") && got.decisive(v)
	wantCalls, gotCalls := slices.Clone(want.Calls), slices.Clone(got.calls)
	if rule("observed-end") {
		endPoints(v, wantCalls, want.Result)
	}
	for i, c := range wantCalls {
		// A bar ends a round.
		if plain, ok := strings.CutSuffix(c, "|"); ok && slices.Contains(got.ends, i+1) {
			wantCalls[i] = plain
		}
	}
	if want.Unordered {
		slices.Sort(wantCalls)
		slices.Sort(gotCalls)
	}
	if v.Mode == "reload" || v.Mode == "historic" && rule("watch-order") {
		sortRounds(wantCalls, got.ends)
		sortRounds(gotCalls, got.ends)
	}
	if cut && len(gotCalls) < len(wantCalls) {
		if err := got.checkRest(v, wantCalls, faults); err != nil {
			return err
		}
		wantCalls = wantCalls[:len(gotCalls)]
		if len(faults) > 0 {
			faults, want = nil, &vectorExpected{Result: got.result}
		}
	}
	if d := gocmp.Diff(append([]string{}, wantCalls...), append([]string{}, gotCalls...)); d != "" {
		return fmt.Errorf("calls (-want +got):\n%s", d)
	}
	if d := differentFaults(faults, made); d != "" {
		return errors.New(d)
	}
	wanted := table.result(v, want.Result)
	if v.Steps != nil && wanted != nil && wanted.Kind == "void" && wanted.Value == nil && rule("void-steps") {
		return nil
	}
	if d := gocmp.Diff(wanted, got.result); d != "" {
		return fmt.Errorf("result (-want +got):\n%s", d)
	}
	return nil
}

// sortRounds sorts the calls of each round, of which ends has the ends, among
// themselves.
func sortRounds(calls []string, ends []int) {
	from := 0
	for _, end := range ends {
		if end = min(end, len(calls)); end > from {
			slices.Sort(calls[from:end])
			from = end
		}
	}
}

// decisive reports whether a vote ended with an answer that more calls could
// not change.
func (o vectorOutcome) decisive(v *vector) bool {
	return len(o.faults) == 0 && !v.keepsGoing() && o.result != nil && len(o.calls) > 0 &&
		(v.Mode == "any" && o.result.Value == true || v.Mode == "all" && o.result.Value == false)
}

// checkRest checks the measured calls behind a decisive vote. They are those of
// the chain: all of it, or as far as the provider that failed.
func (o vectorOutcome) checkRest(v *vector, calls []string, faults []vectorFault) error {
	asked := o.chain
	if len(faults) > 0 {
		fails := func(name string) bool {
			return slices.ContainsFunc(v.Providers, func(p vectorProvider) bool {
				b := p.Behaviour
				return p.Name == name && len(faults) == 1 && differentFaults(faults, []vectorFault{{name, b.Op, b.Value}}) == ""
			})
		}
		asked = asked[:slices.IndexFunc(asked, fails)+1]
	}
	if d := gocmp.Diff(asked, calls); d != "" {
		return fmt.Errorf("measured calls behind the decisive one (-chain +measured):\n%s", d)
	}
	return nil
}

// result returns the wanted result in the words of this library.
func (table *verdictTable) result(v *vector, r *vectorResult) *vectorResult {
	if r == nil {
		return nil
	}
	is := *r
	switch {
	case v.verb() == "decide" && table.Rules["decision-kinds"] != "":
		is.Kind = cmp.Or(map[string]string{"value": "decided", "none": "no_decision"}[is.Kind], is.Kind)
	case v.Mode == "register" && is.Kind == "value" && is.Value == "ok" && table.Rules["registered-ok"] != "":
		is = vectorResult{Kind: "void"}
	}
	return &is
}

// differentFaults returns how the errors are not the wanted ones, or "".
func differentFaults(want, got []vectorFault) string {
	same := slices.EqualFunc(want, got, func(w, g vectorFault) bool {
		return (w.Provider == "" || w.Provider == g.Provider) && w.Class == g.Class &&
			(w.Value == nil || strings.Contains(textOfValue(g.Value), textOfValue(w.Value)))
	})
	if same {
		return ""
	}
	return "errors (-want +got):\n" + gocmp.Diff(want, got)
}

// refusalNames returns an error unless the refusal names the providers that the
// suggested text names.
func refusalNames(v *vector, suggested string, refusal error) error {
	words := strings.FieldsFunc(suggested, func(r rune) bool { return strings.ContainsRune(" ,;:()", r) })
	var names []string
	for _, p := range v.providersAndSteps() {
		names = append(names, p.Name)
	}
	for _, l := range v.sources() {
		names = append(names, l.Name)
	}
	for _, name := range names {
		if slices.Contains(words, name) && !strings.Contains(refusal.Error(), fmt.Sprintf("%q", name)) {
			return fmt.Errorf("the refusal does not name %q: %w", name, refusal)
		}
	}
	return nil
}
