// The verdict table of conformance vectors: how it is read, and which of its
// entries speak of a vector.

package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The verdicts. Kept, adapted and fixed vectors were replayed.
const (
	verdictKept            = "kept"
	verdictAdapted         = "adapted"
	verdictFixed           = "fixed"
	verdictRefused         = "refused"
	verdictUnrepresentable = "unrepresentable"
	verdictProse           = "in prose only"
)

// verdictTable is testdata/verdicts.json.
type verdictTable struct {
	What            string                    `json:"what"`
	Rules           map[string]string         `json:"rules"`
	Refused         verdictWords              `json:"refused"`
	Unrepresentable []verdictProgram          `json:"unrepresentable"`
	Overrides       []verdictOverride         `json:"overrides"`
	Scenarios       map[string]verdictProgram `json:"scenarios"`
}

// verdictWords gives a reason for each word.
type verdictWords struct {
	Modes map[string]string `json:"modes"`
	Steps map[string]string `json:"steps"`
	IDs   map[string]string `json:"ids"`
}

// A verdictProgram names the program that shows a verdict. Of the conditions
// that are given, each has to be met, by any of its words.
type verdictProgram struct {
	IDs      []string        `json:"ids"`
	Kinds    []string        `json:"kinds"`
	Modes    []string        `json:"modes"`
	Options  []string        `json:"options"`
	Ops      []string        `json:"ops"`
	Shape    string          `json:"shape"`
	Program  string          `json:"program"`
	Reason   string          `json:"reason"`
	Expected *vectorExpected `json:"expected"`
}

// A verdictOverride is another expectation than the vector has.
type verdictOverride struct {
	ID       string          `json:"id"`
	Reason   string          `json:"reason"`
	Expected *vectorExpected `json:"expected"`
}

// vectorRules are the rules that the runner knows how to apply.
var vectorRules = []string{
	"short-circuit", "decision-kinds", "refused-registration", "build-error", "unknown-target", "void-steps", "registered-ok",
	"watch-order", "start-order", "cancelled", "ignored-errors", "ranked-errors", "observed-end",
	"layer-again", "source-match", "reload-order",
}

// vectorShapes are conditions on a vector that no single word states.
var vectorShapes = map[string]func(*vector) bool{
	"":              func(*vector) bool { return true },
	"prose":         (*vector).prose,
	"vote-not-bool": func(v *vector) bool { return !sameVectorType(true, v.returned()) },
	"changing-type": func(v *vector) bool {
		args := v.arguments()
		return len(args) > 0 && !sameVectorType(args[0], v.returned())
	},
	"has-params": func(v *vector) bool {
		return slices.ContainsFunc(v.Providers, func(p vectorProvider) bool { return p.Params != nil })
	},
}

// returned returns the values that the providers of v return.
func (v *vector) returned() []any {
	var values []any
	for _, p := range v.Providers {
		if p.Behaviour.Op == "return" {
			values = append(values, p.Behaviour.Value)
		}
	}
	return values
}

// sameVectorType reports whether all values have the type of first.
func sameVectorType(first any, values []any) bool {
	return !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprintf("%T", v) != fmt.Sprintf("%T", first) })
}

// readVerdicts reads the verdict table and checks that it is of use.
func readVerdicts(t *testing.T) *verdictTable {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "verdicts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table verdictTable
	if err := decodeVector(data, &table); err != nil {
		t.Fatal(err)
	}
	for rule := range table.Rules {
		if !slices.Contains(vectorRules, rule) {
			t.Errorf("the runner does not know the rule %q", rule)
		}
	}
	for _, p := range table.Unrepresentable {
		if _, ok := vectorShapes[p.Shape]; !ok {
			t.Errorf("the runner does not know the shape %q", p.Shape)
		}
		program, err := os.ReadFile(filepath.Join("..", "..", "testdata", "misuse", p.Program, "main.go"))
		if err != nil || !strings.Contains(string(program), "// want: ") {
			t.Errorf("no program %s with a comment that says what the compiler wants, error %v", p.Program, err)
		}
	}
	for id, s := range table.Scenarios {
		if vectorScenarios[s.Program] == nil {
			t.Errorf("the runner does not know the scenario %q of %s", s.Program, id)
		}
	}
	return &table
}

// word returns the first word of v that the list has, and what it says of it.
func (w verdictWords) word(v *vector) (word, reason string) {
	if reason, ok := w.IDs[v.ID]; ok {
		return v.ID, reason
	}
	if reason, ok := w.Modes[v.Mode]; ok {
		return v.Mode, reason
	}
	for _, s := range v.Steps {
		if reason, ok := w.Steps[s.Op]; ok {
			return s.Op, reason
		}
	}
	return "", ""
}

// shows reports whether v meets the conditions of p.
func (p verdictProgram) shows(v *vector) bool {
	ops := func(op string) bool {
		return slices.ContainsFunc(v.Providers, func(q vectorProvider) bool { return q.Behaviour.Op == op })
	}
	option := func(o string) bool { return slices.Contains(v.Options, o) }
	return (p.IDs == nil || slices.Contains(p.IDs, v.ID)) &&
		(p.Kinds == nil || slices.Contains(p.Kinds, v.Kind)) &&
		(p.Modes == nil || slices.Contains(p.Modes, v.Mode)) &&
		(p.Options == nil || slices.ContainsFunc(p.Options, option)) &&
		(p.Ops == nil || slices.ContainsFunc(p.Ops, ops)) &&
		vectorShapes[p.Shape](v)
}

// leadingRule returns the rule that says most about how v was replayed, or "".
func (o vectorOutcome) leadingRule(v *vector) string {
	switch {
	case v.Mode == "historic":
		return "watch-order"
	case v.layerAgain():
		return "layer-again"
	case v.matchesAlone():
		return "source-match"
	case v.Mode == "reload":
		return "reload-order"
	case v.keepsGoing():
		return "ignored-errors"
	case len(o.cancelled) > 0:
		return "cancelled"
	case v.concurrent():
		return "start-order"
	case slices.ContainsFunc(v.Steps, func(s vectorStep) bool { return s.Op == "intercept" }):
		return "observed-end"
	}
	return ""
}
