// The program as a whole, and the file of figures.

package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// files returns what is in a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// A short run measures each line of each chart and writes all files. Drawing its
// figures again writes the same.
func TestShortRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := run([]string{"-short", "-o", dir}, io.Discard); err != nil {
		t.Fatal(err)
	}
	written := files(t, dir)
	f, err := load(filepath.Join(dir, "figures.json"))
	if err != nil {
		t.Fatal(err)
	}
	points := make(map[string]axis)
	for _, a := range axes {
		points[a.name] = a
	}
	expected := 2 // the figures and the tables
	if len(f.Charts) != len(charts) {
		t.Errorf("%d charts were measured, want %d", len(f.Charts), len(charts))
	}
	for _, c := range f.Charts {
		a, ok := points[c.Axis]
		if !ok {
			t.Errorf("the chart %s has an axis of %q, which does not exist", c.Name, c.Axis)
		}
		for _, l := range c.Lines {
			for _, x := range a.short {
				p, ok := l.at(x)
				if weighed := x == 0 && c.Unit == "B"; ok == weighed {
					t.Errorf("%s, %s: measured at %d is %t", c.Name, l.Name, x, ok)
				}
				// What few things weigh together drowns in what the runtime takes.
				if ok && c.Unit == "ns" && (!drawable(float64(p.A)) || !drawable(float64(p.B))) {
					t.Errorf("%s, %s: at %d the times are %g and %g", c.Name, l.Name, x, p.A, p.B)
				}
			}
		}
		for _, p := range c.plots() {
			expected++
			svg, ok := written[p.file]
			if !ok {
				t.Errorf("there is no %s", p.file)
				continue
			}
			parse(t, []byte(svg))
			if !strings.Contains(written["README.md"], "]("+p.file+")") {
				t.Errorf("the tables do not show %s", p.file)
			}
		}
	}
	if len(written) != expected {
		t.Errorf("%d files were written, want %d", len(written), expected)
	}

	again := t.TempDir()
	if err := run([]string{"-redraw", "-figures", filepath.Join(dir, "figures.json"), "-o", again}, io.Discard); err != nil {
		t.Fatal(err)
	}
	redrawn := files(t, again)
	if _, ok := redrawn["figures.json"]; ok {
		t.Error("figures were written that nobody measured")
	}
	delete(written, "figures.json")
	for name, text := range written {
		if redrawn[name] != text {
			t.Errorf("%s is another when it is redrawn", name)
		}
	}
	if len(redrawn) != len(written) {
		t.Errorf("%d files were redrawn, want %d", len(redrawn), len(written))
	}
}

// Without a file of its own, -redraw takes the one in the directory, and it leaves
// that as it is.
func TestRedrawInPlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "figures.json")
	if err := sampleFigures().save(file); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)["figures.json"]
	if err := run([]string{"-redraw", "-o", dir}, io.Discard); err != nil {
		t.Fatal(err)
	}
	after := files(t, dir)
	if after["figures.json"] != before {
		t.Error("the figures are others")
	}
	for _, p := range sample().plots() {
		if after[p.file] != string(p.svg()) {
			t.Errorf("%s is not the plot of the figures, NaN included", p.file)
		}
	}
	if after["README.md"] != string(sampleFigures().markdown()) {
		t.Error("the tables are not those of the figures")
	}
}

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-redraw", "-short", "-o", dir}, "exclude each other"},
		{[]string{"-short", "-o", dir, "orders"}, `unexpected argument "orders"`},
		{[]string{"-redraw", "-o", filepath.Join(dir, "none")}, "no such file"},
		{[]string{"-unknown"}, "not defined"},
		{[]string{"-short", "-o", filepath.Join(dir, "file")}, "not a directory"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: the error is %v, want one with %q", c.args, err, c.want)
		}
	}
	var help bytes.Buffer
	if err := run([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h returns %v", err)
	}
	if want := filepath.Join("..", "..", "growth"); home() != want || !strings.Contains(help.String(), want) {
		t.Errorf("from here the default directory is %s, want %s; the help says\n%s", home(), want, help.String())
	}
}

// Wherever in the repository the program runs, it writes to the same place.
func TestHome(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"benchmarks", filepath.Join("docs", "guides")} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "benchmarks", "go.mod"), []byte("module github.com/typedcap/capability/benchmarks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		".":           filepath.Join("benchmarks", "growth"),
		"benchmarks":  "growth",
		"docs/guides": filepath.Join("..", "..", "benchmarks", "growth"),
	} {
		t.Chdir(filepath.Join(root, dir))
		if got := home(); got != want {
			t.Errorf("in %s the directory is %s, want %s", dir, got, want)
		}
	}
	t.Chdir(t.TempDir())
	if got, want := home(), filepath.Join("benchmarks", "growth"); got != want {
		t.Errorf("elsewhere the directory is %s, want %s", got, want)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "EOF"},
		{"cut", `{"charts": [`, "EOF"},
		{"more", `{} {}`, "more behind"},
		{"rubbish", `{} x`, "more behind"},
		{"unknown", `{"figures": 1}`, "unknown field"},
		{"escape", `{"charts": [{"name": "../x", "unit": "ns"}]}`, "small letters"},
		{"no-name", `{"charts": [{"unit": "ns"}]}`, "small letters"},
		{"long", `{"charts": [{"name": "` + strings.Repeat("x", 101) + `", "unit": "ns"}]}`, "small letters"},
		{"twice", `{"charts": [{"name": "x", "unit": "ns"}, {"name": "x", "unit": "ns"}]}`, "another one has a plot x.svg"},
		{"each", `{"charts": [{"name": "x", "unit": "ns", "per": "scope"}, {"name": "x-each", "unit": "ns"}]}`, "another one has a plot x-each.svg"},
		{"unit", `{"charts": [{"name": "x", "unit": "m"}]}`, `the unit is "m"`},
		{"against", `{"charts": [{"name": "x", "unit": "B", "lines": [{"name": "a", "against": "b"}]}]}`, "which is no line"},
		{"negative", `{"charts": [{"name": "x", "unit": "B", "lines": [{"name": "a", "points": [{"x": -1}]}]}]}`, "less than nothing"},
		{"text", `{"charts": [{"name": "x", "unit": "B", "lines": [{"name": "a", "points": [{"x": 1, "a": "5"}]}]}]}`, "string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "figures.json")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := load(file); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("the error is %v, want one with %q and the file", err, c.want)
			}
		})
	}
}

// Figures come back as they were, NaN as NaN; what is infinite is none either.
func TestFiguresSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	f := sampleFigures()
	f.Charts[0].Lines[2].Points = []point{{1, 1.0 / 3, 5e-324}, {2, figure(math.Inf(1)), math.MaxFloat64}}
	if err := f.save(file); err != nil {
		t.Fatal(err)
	}
	back, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	p := back.Charts[0].Lines[2].Points
	if p[0] != (point{1, 1.0 / 3, 5e-324}) || p[1].B != math.MaxFloat64 || !math.IsNaN(float64(p[1].A)) {
		t.Errorf("the points are %v", p)
	}
	if v := back.Charts[0].Lines[0].Points[3]; !math.IsNaN(float64(v.A)) || v.B != 2000 {
		t.Errorf("the point without a figure is %v", v)
	}
}

// Of many times the least counts, of many weights the median; the twins are kept
// apart and the points sorted.
func TestFillChooses(t *testing.T) {
	s := samples{
		{"c", "l", 10, 0}: {5, 3, 4}, {"c", "l", 10, 1}: {9, 8, 7},
		{"c", "l", 2, 0}: {1, 100, 2}, {"c", "l", 2, 1}: {6, 6, 30},
		{"c", "other", 3, 0}: {1}, {"d", "l", 4, 0}: {1},
	}
	for unit, want := range map[string][]point{
		"ns": {{2, 1, 6}, {10, 3, 7}},
		"B":  {{2, 2, 6}, {10, 4, 8}},
	} {
		c := s.fill(chart{Name: "c", Unit: unit, Lines: []line{{Name: "l"}}})
		got := c.Lines[0].Points
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("in %s the points are %v, want %v", unit, got, want)
		}
	}
}

// The twins take turns and neither is always the first, every slice is measured,
// and what fails stops the run and closes both stands.
func TestTwinsTakeTurns(t *testing.T) {
	var order []int
	made, closed := 0, 0
	fail := errors.New("no more")
	var failing bool
	a := axis{stand: func(int) (*stand, error) {
		twin := made % 2
		made++
		return &stand{
			close: func() error { closed++; return nil },
			probes: []probe{{chart: "c", line: "l", ops: 4, run: func(n int) (time.Duration, error) {
				if failing {
					return 0, fail
				}
				order = append(order, twin)
				return time.Duration(n) * time.Hour, nil
			}}},
		}, nil
	}}
	s := make(samples)
	if err := s.time(plan{slices: 3, slice: 0}, a, 7); err != nil {
		t.Fatal(err)
	}
	// The first run calibrates; then each slice is one run for the caches and one
	// that is measured.
	want := []int{0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}
	if len(order) != len(want) {
		t.Fatalf("the twins ran %v, want %v", order, want)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("the twins ran %v, want %v", order, want)
		}
	}
	for twin := range 2 {
		got := s[place{"c", "l", 7, twin}]
		if len(got) != 3 || got[0] != float64(time.Hour.Nanoseconds())/4 {
			t.Errorf("twin %d has the figures %v, want three of a quarter of an hour", twin, got)
		}
	}
	failing = true
	if err := s.time(plan{slices: 3}, a, 7); !errors.Is(err, fail) || !strings.Contains(err.Error(), "c, l") {
		t.Errorf("the error is %v, want %q with chart and line", err, fail)
	}
	if made != 4 || closed != 4 {
		t.Errorf("%d stands were made and %d closed, want 4 and 4", made, closed)
	}
}

// A figure that no chart shows would have been measured in vain.
func TestUncharted(t *testing.T) {
	for at, want := range map[place]bool{
		{"get-scopes", inLibrary, 1, 0}: true,
		{"get-scopes", entry, 1, 0}:     false,
		{"get-orders", inLibrary, 1, 0}: false,
	} {
		if err := (samples{at: {1}}).charted(); (err == nil) != want {
			t.Errorf("%v: the error is %v, want none: %t", at, err, want)
		}
	}
}

// A commit whose value a scope does not read is no figure.
func TestStaleCommit(t *testing.T) {
	first := newChecks(1)[0]
	run := committing(func(check) error { return nil }, func() check { return first })
	if _, err := run(3); !errors.Is(err, errStale) {
		t.Errorf("the error is %v, want %v", err, errStale)
	}
}
