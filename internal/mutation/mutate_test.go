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
		"p.go:6: if not a < b && (ok || g(a))",
		"p.go:6: || in place of && in a < b && (ok || g(a))",
		"p.go:6: <= in place of < in a < b",
		"p.go:6: && in place of || in ok || g(a)",
		"p.go:7: without a++",
		"p.go:9: without b = x",
		"p.go:10: return not true",
		"p.go:12: != in place of == in a == b",
		"p.go:17: without g(b)",
		"p.go:15: without continue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
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
	all := []mutant{{1, "a.go", 1, "x"}, {2, "a.go", 2, "x"}, {3, "a.go", 3, "y"}, {4, "a.go", 4, "x"}}
	if err := try(binary, "", all, 75, &out); err != nil {
		t.Errorf("75 %% is not enough for 75: %v", err)
	}
	for _, want := range []string{"survives: a.go:3: y\n", "3 of 4 changes are noticed, 75.0 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if err := try(binary, "", all, 76, &out); err == nil || !strings.Contains(err.Error(), "75.0 % is less than 76 %") {
		t.Errorf("75 %% is enough for 76: %v", err)
	}
	if err := os.WriteFile(binary, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := try(binary, "", all, 0, &out); err == nil || !strings.Contains(err.Error(), "fail without a change") {
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
