package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const before = `package p

const limit = 1 < 2

func f(a, b int, ok bool) bool {
	if a < b && (ok || g(a)) {
		a++
		x := a
		b = x
		return true
	}
	for a == b {
		switch {
		case ok:
			continue
		}
		g(b)
		panic("never")
	}
	return ok
}
`

const after = `package p

const limit = 1 < 2

func f(a, b int, ok bool) bool {
	if mutated(1) != (mutated(2) && ((mutated(3) && (a <= b) || !mutated(3) && (a < b)) || (mutated(4) && (ok && g(a)) || !mutated(4) && (ok || g(a)))) || !mutated(2) && ((mutated(3) && (a <= b) || !mutated(3) && (a < b)) && (mutated(4) && (ok && g(a)) || !mutated(4) && (ok || g(a))))) {
		if !mutated(5) {
			a++
		}
		x := a
		if !mutated(6) {
			b = x
		}
		return (mutated(7) != true)
	}
	for mutated(8) && (a != b) || !mutated(8) && (a == b) {
		switch {
		case ok:
			if !mutated(10) {
				continue
			}
		}
		if !mutated(9) {
			g(b)
		}
		panic("never")
	}
	return ok
}
`

func TestMutate(t *testing.T) {
	changed, mutants, err := mutate("p.go", []byte(before), 1)
	if err != nil {
		t.Fatal(err)
	}
	remove := strings.NewReplacer("(", " ", ")", " ", "{", " ", "}", " ")
	if diff := cmp.Diff(strings.Fields(remove.Replace(after)), strings.Fields(remove.Replace(string(changed)))); diff != "" {
		t.Errorf("changed text, without brackets (-want +got):\n%s\n%s", diff, changed)
	}
	var got []string
	for _, m := range mutants {
		got = append(got, m.String())
	}
	want := []string{
		"p.go:6, f: if not a < b && (ok || g(a))",
		"p.go:6, f: || in place of && in a < b && (ok || g(a))",
		"p.go:6, f: <= in place of < in a < b",
		"p.go:6, f: && in place of || in ok || g(a)",
		"p.go:7, f: without a++",
		"p.go:9, f: without b = x",
		"p.go:10, f: return not true",
		"p.go:12, f: != in place of == in a == b",
		"p.go:17, f: without g(b)",
		"p.go:15, f: without continue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestFuncName(t *testing.T) {
	_, mutants, err := mutate("p.go", []byte(`package p

var v = func() bool { return true }

func (s *set[K]) add(k K) { s.n++ }

func (m many[K, V]) add(k K) { m.n++ }

func (plain) add() {
	var f = func() { n-- }
	n++
}
`), 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		got = append(got, m.name())
	}
	want := []string{"p.go, var: return not true", "p.go, set.add: without s.n++", "p.go, many.add: without m.n++", "p.go, plain.add: without n++", "p.go, plain.add: without n--"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestHarmless(t *testing.T) {
	all := []mutant{{number: 1, file: "p.go", in: "f", change: "without a++"}, {number: 2, file: "p.go", in: "g", change: "without a++"}}
	kept, err := without(all, "# comment\n\np.go, f: without a++ — it is a hint\n", true)
	if err != nil || len(kept) != 1 || kept[0].number != 2 {
		t.Errorf("kept are %v, %v", kept, err)
	}
	for list, want := range map[string]string{
		"p.go, f: without a++\n":           "has no reason",
		"p.go, f: without b++ — is gone\n": "is no change any more",
	} {
		if _, err := without(all, list, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the list %q gives %v, want an error that says %q", list, err, want)
		}
	}
	if _, err := without(all, "p.go, f: without b++ — of another file\n", false); err != nil {
		t.Errorf("a part of the changes: %v", err)
	}
}

func TestTouched(t *testing.T) {
	m := mutant{first: 3, last: 5}
	for lines, want := range map[int]bool{2: false, 3: true, 5: true, 6: false} {
		if got := m.touched(map[int]bool{lines: true}); got != want {
			t.Errorf("line %d: %v, want %v", lines, got, want)
		}
	}
}

// A change survives if the tests pass with it, and the score is that of those that do not.
func TestTry(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tests")
	script := "#!/bin/sh\ncase $CAPABILITY_MUTANT in 0|3) exit 0;; esac\nexit 1\n"
	if err := os.WriteFile(binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var all []mutant
	for n := range 4 {
		all = append(all, mutant{number: n + 1, file: "a.go", line: n + 1, in: "f", change: "x"})
	}
	if err := try([]round{{binary: binary}}, all, 75, &out); err != nil {
		t.Errorf("75 %% is not enough for 75: %v", err)
	}
	for _, want := range []string{"survives: a.go:3, f: x\n", "3 of 4 changes are noticed, 75.0 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if err := try([]round{{binary: binary}}, all, 76, &out); err == nil || !strings.Contains(err.Error(), "75.0 % is less than 76 %") {
		t.Errorf("75 %% is enough for 76: %v", err)
	}
	if err := os.WriteFile(binary, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := try([]round{{binary: binary}}, all, 0, &out); err == nil || !strings.Contains(err.Error(), "fail without a change") {
		t.Errorf("tests that always fail are told as %v", err)
	}
}

func TestParseDiff(t *testing.T) {
	got := parseDiff("diff --git a/x.go b/x.go\n--- a/x.go\n+++ b/x.go\n@@ -1,2 +3 @@ func f() {\n@@ -9 +10,2 @@\n@@ -20,3 +21,0 @@\n")
	want := map[string]map[int]bool{"x.go": {3: true, 10: true, 11: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("new lines (-want +got):\n%s", diff)
	}
}
