// Conformance: what other plug-in systems were measured to do, as vectors, and
// how this library stands to each of them.

package conformance_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// judge returns the verdict on v and the reason, or an error if v cannot be
// judged or the library does otherwise.
func (table *verdictTable) judge(t *testing.T, v *vector) (verdict, reason string, err error) {
	if err := v.known(); err != nil {
		return "", "", err
	}
	switch v.Stance {
	case "refuse":
		_, reason := table.Refused.word(v)
		if reason = cmp.Or(reason, v.Ours); reason == "" {
			return "", "", errors.New("nobody says why it is refused")
		}
		return verdictRefused, reason, nil
	case "unrepresentable":
		for _, p := range table.Unrepresentable {
			if p.shows(v) {
				return verdictUnrepresentable, p.Program + ": " + p.Reason, nil
			}
		}
		return "", "", errors.New("no program shows that it does not compile")
	}
	return table.replay(t, v)
}

// replay replays v and compares the outcome with what is expected of this
// library: what was measured if it is kept or nobody suggests otherwise, else
// what the table or the vector suggests. What was measured is replayed with the
// order of the other system, what is suggested with ours.
func (table *verdictTable) replay(t *testing.T, v *vector) (verdict, reason string, err error) {
	verdict, reason, want, got, err := table.outcome(t, v)
	if err != nil {
		return "", "", err
	}
	if want == nil {
		return verdict, reason, nil
	}
	return verdict, reason, table.differs(v, want, got)
}

// outcome replays v and returns what it came to and what was wanted, which is nil
// if v does not say it.
func (table *verdictTable) outcome(t *testing.T, v *vector) (verdict, reason string, want *vectorExpected, got vectorOutcome, err error) {
	verdict = map[string]string{"keep": verdictKept, "adapt": verdictAdapted, "fix": verdictFixed}[v.Stance]
	want = v.Expected
	suggested := false
	if v.Stance != "keep" && v.Suggestion != nil {
		want, suggested = v.Suggestion, true
	}
	scenario, isScenario := table.Scenarios[v.ID]
	override := slices.IndexFunc(table.Overrides, func(o verdictOverride) bool { return o.ID == v.ID })
	switch {
	case isScenario && v.prose():
		reason = scenario.Reason
		if scenario.Expected != nil {
			want = scenario.Expected
		}
		synctest.Test(t, func(*testing.T) { got, err = vectorScenarios[scenario.Program]() })
	case override >= 0:
		o := table.Overrides[override]
		want, reason = o.Expected, o.Reason
		got, err = replayVector(t, v, false)
	case v.prose():
		return verdictProse, cmp.Or(v.Ours, v.Note), nil, got, nil
	case v.Stance == "fix" && !suggested:
		// Nobody wrote down what to do instead, but this much is known: it is
		// not what was measured.
		got, err = replayVector(t, v, true)
		if err == nil && table.differs(v, want, got) == nil {
			err = errors.New("the library does what is to be fixed")
		}
		return verdictProse, cmp.Or(v.Ours, v.Note), nil, got, err
	case suggested && want.BuildError != "" && v.strays() != nil && table.Rules["unknown-target"] != "":
		reason = table.Rules["unknown-target"]
		var plain vectorOutcome
		if plain, err = replayVector(t, v.withoutStrays(), false); err == nil {
			got, err = replayVector(t, v, false)
			want = plain.expected()
		}
	default:
		got, err = replayVector(t, v, !suggested)
		reason = table.Rules[got.leadingRule(v)]
	}
	return verdict, reason, want, got, err
}

// judgeVectors judges all vectors of a file, each in a subtest, and logs how
// many came to which verdict. It returns the words of those that have one.
func judgeVectors(t *testing.T, data []byte) (settled []vectorWord) {
	table := readVerdicts(t)
	vectors, err := decodeVectors(data)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := make(map[string][]string)
	for _, raw := range vectors {
		t.Run(raw.id, func(t *testing.T) {
			var v vector
			if err := decodeVector(raw.text, &v); err != nil {
				t.Fatal(err)
			}
			verdict, reason, err := table.judge(t, &v)
			if err != nil {
				t.Fatalf("stance %s, mode %s: %v", v.Stance, v.Mode, err)
			}
			verdicts[verdict] = append(verdicts[verdict], v.ID)
			settled = append(settled, v.words()...)
			t.Logf("%s: %s", verdict, reason)
		})
	}
	t.Logf("%d vectors, replayed: %d", len(vectors), len(verdicts[verdictKept])+len(verdicts[verdictAdapted])+len(verdicts[verdictFixed]))
	for _, verdict := range []string{verdictKept, verdictAdapted, verdictFixed, verdictRefused, verdictUnrepresentable, verdictProse} {
		t.Logf("%s: %d %s", verdict, len(verdicts[verdict]), strings.Join(verdicts[verdict], " "))
	}
	return settled
}

// TestConformance judges the vectors of the file that CAPABILITY_VECTORS names.
func TestConformance(t *testing.T) {
	path := os.Getenv("CAPABILITY_VECTORS")
	if path == "" {
		t.Log("CAPABILITY_VECTORS is not set: TestConformanceOwn judges the vectors of the library only")
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	judgeVectors(t, data)
}

// TestConformanceOwn judges the library's own vectors and checks that the verdict
// table is complete: each word of the vocabulary is in a vector that has a verdict.
func TestConformanceOwn(t *testing.T) {
	settled := judgeVectors(t, []byte(ownVectors))
	table := readVerdicts(t)
	for what, words := range vectorVocabulary {
		for _, word := range words {
			if !slices.Contains(settled, vectorWord{what, word}) {
				t.Errorf("no vector with a verdict uses the %s %q", what, word)
			}
		}
	}
	shown := make(map[string]bool)
	for id, s := range table.Scenarios {
		if strings.Contains(ownVectors, fmt.Sprintf(`"id": %q`, id)) {
			shown[s.Program] = true
		}
	}
	for program := range vectorScenarios {
		if !shown[program] {
			t.Errorf("no vector of the library has the scenario %q", program)
		}
	}
}

// TestConformanceRejects proves that the runner fails where it must: each case
// changes a good vector in one place.
func TestConformanceRejects(t *testing.T) {
	table := readVerdicts(t)
	all := maps.Clone(badVectors)
	maps.Copy(all, badModeVectors)
	maps.Copy(all, badDataVectors)
	if len(all) < len(badVectors)+len(badModeVectors)+len(badDataVectors) {
		t.Error("two bad vectors have one name")
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		bad := all[name]
		t.Run(name, func(t *testing.T) {
			vectors, err := decodeVectors([]byte(ownVectors))
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(vectors, func(v rawVector) bool { return v.id == bad.id })
			text := strings.Replace(string(vectors[i].text), bad.old, bad.new, 1)
			if text == string(vectors[i].text) {
				t.Fatalf("%s has no %s", bad.id, bad.old)
			}
			var v vector
			err = decodeVector([]byte(text), &v)
			verdict := ""
			if err == nil {
				verdict, _, err = table.judge(t, &v)
			}
			if err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("verdict %q, error %v, want an error with %q", verdict, err, bad.want)
			}
		})
	}
}

// TestConformanceSpoiled proves of each vector that is replayed that it would
// fail if something else were wanted.
func TestConformanceSpoiled(t *testing.T) {
	table := readVerdicts(t)
	files := map[string][]byte{"own": []byte(ownVectors)}
	if path := os.Getenv("CAPABILITY_VECTORS"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files["measured"] = data
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		vectors, err := decodeVectors(files[name])
		if err != nil {
			t.Fatal(err)
		}
		spoiled := 0
		for _, raw := range vectors {
			var v vector
			if err := decodeVector(raw.text, &v); err != nil {
				t.Fatal(err)
			}
			switch verdict, _, err := table.judge(t, &v); {
			case err != nil:
				t.Errorf("%s: %v", v.ID, err)
				continue
			case verdict != verdictKept && verdict != verdictAdapted && verdict != verdictFixed:
				continue
			}
			_, _, want, got, err := table.outcome(t, &v)
			if err != nil {
				t.Errorf("%s: %v", v.ID, err)
				continue
			}
			spoiled++
			for what, other := range spoilt(want, got) {
				if table.differs(&v, other, got) == nil {
					t.Errorf("%s passes with %s", v.ID, what)
				}
			}
		}
		t.Logf("%s: %d vectors spoiled", name, spoiled)
	}
}

// spoilt returns expectations that the outcome does not meet, by what is wrong
// with them.
func spoilt(want *vectorExpected, got vectorOutcome) map[string]*vectorExpected {
	with := func(change func(*vectorExpected)) *vectorExpected {
		other := *want
		other.Calls, other.Errors = slices.Clone(want.Calls), slices.Clone(want.Errors)
		change(&other)
		return &other
	}
	nothingWrong := with(func(e *vectorExpected) { e.BuildError, e.Error, e.Errors = "", nil, []vectorFault{} })
	if got.build != nil {
		return map[string]*vectorExpected{"no refusal": nothingWrong}
	}
	list := map[string]*vectorExpected{
		"a call more": with(func(e *vectorExpected) { e.Calls = append(e.Calls, "stranger") }),
		"a refusal":   with(func(e *vectorExpected) { e.BuildError = "stranger" }),
		"an error more": with(func(e *vectorExpected) {
			e.Errors = append(e.Errors, vectorFault{"stranger", "error", "odd"})
		}),
	}
	if len(got.calls) > 0 {
		list["a call less"] = with(func(e *vectorExpected) { e.Calls = e.Calls[1:] })
		list["another caller"] = with(func(e *vectorExpected) { e.Calls[0] = "stranger" })
	}
	if len(want.faults()) > 0 || len(got.faults) > 0 {
		list["no error"] = nothingWrong
	}
	if len(want.faults()) == 0 || len(got.faults) > 0 && got.result != nil {
		list["another result"] = with(func(e *vectorExpected) { e.Result = &vectorResult{"value", "odd"} })
	}
	return list
}
