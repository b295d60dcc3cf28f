// A figure that is missed, a command that fails and an output without a figure each
// fail the table.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite golden files")

// The test binary is also the command of the checks in the tests: it prints what it
// is told to, and ends as it is told.
func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv("VERIFY_SAYS"); ok {
		fmt.Println(text)
		if os.Getenv("VERIFY_FAILS") != "" {
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// saying is a check whose command says that, and of which 100 reads, 10 commits and
// at most 2 losses are asked, ten times as many before a release.
func saying(t *testing.T, text string, more ...string) check {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return check{
		name: "soak", what: "readers beside writers",
		command: func(plan) command {
			return command{env: append([]string{"VERIFY_SAYS=" + text}, more...), args: []string{self}}
		},
		measures: []measure{
			{what: "reads", ci: 100, release: 1000, find: last(`(\d+) reads`)},
			{what: "commits", ci: 10, release: 100, find: last(`(\d+) commits`)},
			{what: "losses", ci: 2, release: 2, most: true, find: last(`(\d+) losses`)},
		},
	}
}

func TestVerdicts(t *testing.T) {
	gone := saying(t, "")
	gone.command = func(plan) command { return command{args: []string{filepath.Join(t.TempDir(), "none")}} }
	unprepared := saying(t, "100 reads, 10 commits, 2 losses")
	unprepared.prepare = func(plan) error { return errors.New("the disk is full") }
	unmeasured := saying(t, "100 reads")
	unmeasured.measures = nil
	several := saying(t, "100 reads")
	several.measures = []measure{{what: "reads", ci: 100, find: least(`(\d+) reads`, 2)}}
	other := saying(t, "1 reads, 10 commits, 0 losses")
	other.name = "other"
	wholly := saying(t, "100 reads, 10 commits, 3 losses")
	wholly.measures[2].whole = true
	for _, c := range []struct {
		name string
		args string
		code int
		says string
		do   []check
	}{
		{"as asked", "", 0, "1 of 1 checks met", []check{saying(t, "100 reads, 10 commits, 2 losses")}},
		{"more than asked", "", 0, "1 of 1 checks met", []check{saying(t, "1000 reads, 11 commits, 0 losses")}},
		{"the last counts", "", 0, "1 of 1 checks met", []check{saying(t, "1 reads\n100 reads, 10 commits, 0 losses")}},
		{"too few", "", 1, "MISSED", []check{saying(t, "99 reads, 10 commits, 0 losses")}},
		{"too few of the second", "", 1, "MISSED", []check{saying(t, "100 reads, 9 commits, 0 losses")}},
		{"too many", "", 1, "MISSED", []check{saying(t, "100 reads, 10 commits, 3 losses")}},
		{"no figure", "", 1, "NO FIGURE", []check{saying(t, "100 reads, some commits, 0 losses")}},
		{"no figure of what there may not be", "", 1, "NO FIGURE", []check{saying(t, "100 reads, 10 commits")}},
		{"no output", "", 1, "NO FIGURE", []check{saying(t, "")}},
		{"the command fails", "", 1, "FAILED", []check{saying(t, "100 reads, 10 commits, 0 losses", "VERIFY_FAILS=1")}},
		{"there is no such command", "", 1, "FAILED", []check{gone}},
		{"it cannot be prepared", "", 1, "the disk is full", []check{unprepared}},
		{"nothing is measured", "", 1, "0 of 1 checks met", []check{unmeasured}},
		{"one figure of two", "", 1, "NO FIGURE", []check{several}},
		{"a limit for the whole", "", 1, "MISSED", []check{wholly}},
		{"a limit for the whole, not for a part", "-scale 0.5", 0, "1 of 1 checks met", []check{wholly}},
		{"one of two", "", 1, "1 of 2 checks met", []check{other, saying(t, "100 reads, 10 commits, 0 losses")}},
		{"a tenth", "-scale 0.1", 0, "1 of 1 checks met", []check{saying(t, "10 reads, 1 commits, 2 losses")}},
		{"less than a tenth", "-scale 0.1", 1, "MISSED", []check{saying(t, "9 reads, 1 commits, 2 losses")}},
		{"losses are not scaled", "-scale 0.1", 1, "MISSED", []check{saying(t, "10 reads, 1 commits, 3 losses")}},
		{"never nothing", "-scale 0.0001", 1, "MISSED", []check{saying(t, "0 reads, 1 commits, 0 losses")}},
		{"release", "-release -scale 0.1", 0, "1 of 1 checks met", []check{saying(t, "100 reads, 10 commits, 2 losses")}},
		{"too few for a release", "-release -scale 0.5", 1, "MISSED", []check{saying(t, "100 reads, 10 commits, 2 losses")}},
		{"not chosen", "-only other", 2, "no check has a name", []check{saying(t, "100 reads")}},
		{"more than all", "-scale 2", 2, "-scale a number", nil},
		{"an argument", "soak", 2, "no arguments", nil},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			var out strings.Builder
			args := append([]string{"-root", t.TempDir()}, strings.Fields(c.args)...)
			if code := run(t.Context(), c.do, args, &out, &out); code != c.code {
				t.Errorf("the exit status is %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("the output does not say %q:\n%s", c.says, out.String())
			}
		})
	}
}

// outputs are what the commands of the checks print when all is well, shortened, and
// the figures in it.
var outputs = map[string]struct {
	text string
	want []float64
}{
	"models": {`    model_test.go:510: [rapid] OK, passed 20000 tests (50.5s)
    model_test.go:551: [rapid] OK, passed 20001 tests (37.2s)
    model_test.go:576: [rapid] OK, passed 20002 tests (38.8s)`, []float64{20000}},
	"oracles": {`    derive_model_test.go:720: [rapid] OK, passed 2002 tests (21.8s)
    derive_model_test.go:801: [rapid] OK, passed 2001 tests (11.1s)
    retire_model_test.go:1083: [rapid] OK, passed 2000 tests (15.3s)`, []float64{2000}},
	"schedules":        {"    schedules_test.go:100: 362816 schedules in 43 tests\n--- PASS: TestScheduleWriteAndWatch (0.15s)", []float64{362816, 0}},
	"soak-publication": {"    publication_test.go:232: 8650888 reads, 332960 commits, 107 scopes opened and closed in 2s", []float64{8650888, 332960}},
	"soak-retirement":  {"    retirement_test.go:397: 49844210 calls, 17731 retirements, 711 brief scopes in 2s", []float64{49844210, 17731}},
	"linearizability":  {"    linearizable_test.go:199: 1000040 operations, 90871 reads during a write, in 12.3s", []float64{1000040}},
	"twins": {`=== RUN   TestTwinsAreCaught
=== RUN   TestTwinsAreCaught/a-publish-forgets
=== PAUSE TestTwinsAreCaught/a-publish-forgets
=== RUN   TestTwinsAreCaught/a-commit-returns
--- PASS: TestTwinsAreCaught (0.00s)
    --- PASS: TestTwinsAreCaught/a-publish-forgets (1.10s)
    --- PASS: TestTwinsAreCaught/a-commit-returns (1.10s)
ok  	github.com/typedcap/capability/internal/zoo	3.000s`, []float64{2, 100, 45}},
	"mutation": {"100 changes, 10.6s of tests for each\nsurvives: a.go:1, f: without a++\n98 of 100 changes are noticed, 98.0 %, in 3m2s", []float64{100, 98}},
	"fuzz": {`== fuzz github.com/typedcap/capability FuzzNames 30s
fuzz: elapsed: 0s, gathering baseline coverage: 0/192 completed
fuzz: elapsed: 3s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)
fuzz: elapsed: 30s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)
== fuzz github.com/typedcap/capability/data FuzzJSON 30s
fuzz: elapsed: 1m1s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)`, []float64{2, 30}},
	"leaks":      {strings.Repeat("leaks: 0 goroutines\n", len(public)), []float64{0}},
	"leaks-soak": {"leaks: 1 goroutines\nleaks: 2 scopes\nleaks: 3 registries\n", []float64{1, 2, 3}},
	"coverage":   {"ok  	github.com/typedcap/capability	41.1s	coverage: 97.4% of statements in .", []float64{97.4}},
	"flakes": {`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"fail","Package":"p","Test":"TestA/sub"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"ExampleNew"}
{"Action":"pass","Package":"p","Test":"ExampleNew"}
` + strings.Repeat(`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
`, 6) + `{"Action":"fail","Package":"p"}`, []float64{2, 1}},
}

// Every figure of every check is read, and none out of an output that has none.
func TestFinders(t *testing.T) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			o := outputs[c.name]
			if len(o.want) != len(c.measures) {
				t.Fatalf("there is an output with %d figures, want %d", len(o.want), len(c.measures))
			}
			for i, m := range c.measures {
				if got, found := m.find(lines(strings.NewReader(o.text))); !found || got != o.want[i] {
					t.Errorf("%s: found %v, %v, want %v", m.what, got, found, o.want[i])
				}
				for _, text := range []string{"", "PASS\nok  \tp\t0.1s\n", "testing: warning: no tests to run\nPASS\nok  \tp\t0.1s [no tests to run]\n"} {
					if got, found := m.find(lines(strings.NewReader(text))); found {
						t.Errorf("%s: %q has the figure %v", m.what, text, got)
					}
				}
			}
		})
	}
}

// What a part of the output lacks is not taken from another.
func TestFindersOfParts(t *testing.T) {
	for _, c := range []struct {
		check   string
		measure int
		old     string
		now     string
		found   bool
		want    float64
	}{
		{"models", 0, "passed 20001", "flopped 20001", false, 0},
		{"models", 0, "20002", "19999", true, 19999},
		{"schedules", 1, "--- PASS", "--- FAIL", true, 1},
		{"twins", 1, "    --- PASS: TestTwinsAreCaught/a-commit", "    --- FAIL: TestTwinsAreCaught/a-commit", true, 50},
		{"twins", 2, "ok  ", "FAIL", false, 0},
		{"fuzz", 1, "fuzz: elapsed: 1m1s", "fuzz: elapsed: 2s", true, 2},
		{"fuzz", 1, "fuzz: elapsed: 1m1s, execs", "killed", false, 0},
		{"leaks", 0, "leaks: 0 goroutines\n", "", false, 0},
		{"flakes", 0, `{"Action":"skip","Package":"p","Test":"TestB"}`, "", true, 1},
	} {
		i := slices.IndexFunc(checks, func(k check) bool { return k.name == c.check })
		text := strings.Replace(outputs[c.check].text, c.old, c.now, 1)
		if text == outputs[c.check].text {
			t.Errorf("%s: the output has no %q", c.check, c.old)
		}
		if got, found := checks[i].measures[c.measure].find(lines(strings.NewReader(text))); found != c.found || found && got != c.want {
			t.Errorf("%s with %q: found %v, %v, want %v, %v", c.check, c.now, got, found, c.want, c.found)
		}
	}
}

// The page has the table of the checks.
func TestPage(t *testing.T) {
	file := filepath.Join("..", "..", filepath.FromSlash(page))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, table, after, err := cutPage(string(text))
	if err != nil {
		t.Fatal(err)
	}
	want := render(checks, outcomesOf(table))
	if *update {
		if err := os.WriteFile(file, []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("%s is not made from the checks: run go test ./internal/verify -update\nit has\n%s\nwant\n%s", page, table, want)
	}
}

// An outcome goes to its row and stays when the table is made anew.
func TestRecord(t *testing.T) {
	good := saying(t, "1000 reads, 100 commits, 0 losses")
	bad := saying(t, "1000 reads, 99 commits, 0 losses", "VERIFY_FAILS=1")
	bad.name = "other"
	file := filepath.Join(t.TempDir(), "page.md")
	begin := "# Page\n\n" + tableBegins + render([]check{good, bad}, nil) + tableEnds + "\nThe end.\n"
	if err := os.WriteFile(file, []byte(begin), 0o644); err != nil {
		t.Fatal(err)
	}
	content := func() string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var out strings.Builder
	if code := run(t.Context(), []check{good, bad}, []string{"-root", t.TempDir(), "-page", file, "-only", "soak|other"}, &out, &out); code != 1 {
		t.Errorf("the exit status is %d", code)
	}
	if content() != begin {
		t.Error("a run that is no release writes to the page")
	}
	if code := run(t.Context(), []check{good, bad}, []string{"-release", "-root", t.TempDir(), "-page", file, "-only", "soak|other"}, &out, &out); code != 1 {
		t.Errorf("the exit status is %d", code)
	}
	today := time.Now().Format(time.DateOnly)
	for _, want := range []string{
		"# Page\n", "\nThe end.\n", "**met** " + today + ": 1 000 reads, 100 commits, 0 losses in",
		"**failed** " + today + ": 1 000 reads, 99 commits, 0 losses, the command ended with exit status 3 in", `by ` + "`go run ./internal/verify -release", `soak\|other`,
	} {
		if !strings.Contains(content(), want) {
			t.Errorf("the page does not say %q:\n%s", want, content())
		}
	}
	_, table, _, err := cutPage(content())
	if err != nil {
		t.Fatal(err)
	}
	if again := render([]check{good, bad}, outcomesOf(table)); again != table {
		t.Errorf("made anew, the table is\n%s\nand was\n%s", again, table)
	}
	if err := record(file, outcome{check: check{name: "third"}}, "", time.Now()); err == nil {
		t.Error("an outcome without a row is written")
	}
	out.Reset()
	if run(t.Context(), []check{good}, []string{"-release", "-scale", "0.5", "-root", t.TempDir()}, &out, &out); !strings.Contains(out.String(), "nothing is written") {
		t.Errorf("a part of a release check does not say that it is not written:\n%s", out.String())
	}
}

// A check may take hours, and go test ends what takes ten minutes.
func TestGoTestHasNoLimit(t *testing.T) {
	for _, c := range checks {
		args := c.command(plan{release: true, scale: 1}).args
		if args[0] == "go" && args[1] == "test" && !slices.Contains(args, "-timeout=0") {
			t.Errorf("%s ends after ten minutes: %q has no -timeout=0", c.name, args)
		}
	}
}

// Checks run beside each other but for those that have to be alone, and are told in the
// order in which they stand.
func TestBesideAndAlone(t *testing.T) {
	var mu sync.Mutex
	var do []check
	running, alone, most := 0, 0, 0
	for i := range 8 {
		c := saying(t, fmt.Sprint(i))
		c.name, c.alone = fmt.Sprint("check", i), i%4 == 1
		c.prepare = func(plan) error {
			mu.Lock()
			defer mu.Unlock()
			if running++; c.alone {
				alone++
			}
			if most = max(most, running); alone > 0 && running > 1 {
				t.Errorf("%s began, and %d run, of which %d should be alone", c.name, running, alone)
			}
			return nil
		}
		c.measures = []measure{{what: "number", ci: float64(i), fixed: true, find: func(output iter.Seq[string]) (float64, bool) {
			mu.Lock()
			defer mu.Unlock()
			if running--; c.alone {
				alone--
			}
			return last(`(\d+)`)(output)
		}}}
		do = append(do, c)
	}
	var out strings.Builder
	if code := run(t.Context(), do, []string{"-root", t.TempDir()}, &out, io.Discard); code != 0 {
		t.Errorf("the exit status is %d:\n%s", code, out.String())
	}
	if most > runtime.NumCPU() {
		t.Errorf("%d ran at the same time on %d processors", most, runtime.NumCPU())
	}
	var order []string
	for text := range strings.Lines(out.String()) {
		if name, _, _ := strings.Cut(text, " "); strings.HasPrefix(name, "check") && name != "check" {
			order = append(order, name)
		}
	}
	if len(order) != len(do) || !slices.IsSorted(order) {
		t.Errorf("the table has %q:\n%s", order, out.String())
	}
}

// What has not begun when the run is interrupted is not met.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	first, second := saying(t, "100 reads, 10 commits, 0 losses"), saying(t, "100 reads, 10 commits, 0 losses")
	first.alone, second.alone = true, true
	find := first.measures[2].find
	first.measures[2].find = func(output iter.Seq[string]) (float64, bool) {
		cancel()
		return find(output)
	}
	var out strings.Builder
	if code := run(ctx, []check{first, second}, []string{"-root", t.TempDir()}, &out, &out); code != 1 || !strings.Contains(out.String(), "1 of 2 checks met") {
		t.Errorf("the exit status is %d:\n%s", code, out.String())
	}
	out.Reset()
	shared := saying(t, "")
	if code := run(ctx, []check{shared}, []string{"-root", t.TempDir()}, &out, &out); code != 1 || !strings.Contains(out.String(), "0 of 1 checks met") {
		t.Errorf("the exit status is %d:\n%s", code, out.String())
	}
}

// Where a failure is, is read without the log.
func TestExcerpt(t *testing.T) {
	numbered := func(from, to int) (text string) {
		for i := from; i < to; i++ {
			text += fmt.Sprintf("line %d\n", i)
		}
		return text
	}
	event := func(text string) string {
		line, err := json.Marshal(map[string]string{"Action": "output", "Output": text})
		if err != nil {
			t.Fatal(err)
		}
		return string(line) + "\n"
	}
	for _, c := range []struct {
		name, log, first, last string
		count                  int
	}{
		{"short", numbered(0, 5), "line 0", "line 4", 5},
		{"the end", numbered(0, 100), "line 70", "line 99", 30},
		{"a failure", numbered(0, 100) + "--- FAIL: TestA\n" + numbered(100, 200) + "--- FAIL: TestB\n", "line 70", "line 129", 61},
		{"a panic at once", "panic: here\n" + numbered(0, 100), "panic: here", "line 29", 31},
		{"a race at the end", numbered(0, 100) + "WARNING: DATA RACE\n", "line 70", "WARNING: DATA RACE", 31},
		{"events", event("a_test.go:1: why\n") + `{"Action":"run","Test":"TestA"}` + "\n" + event("--- FAIL: TestA\n") + event("FAIL"), "a_test.go:1: why", "FAIL", 3},
		{"nothing", "", "", "", 0},
	} {
		log := filepath.Join(t.TempDir(), "a.log")
		if err := os.WriteFile(log, []byte(c.log), 0o644); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		excerpt(&out, log)
		said := strings.Fields(strings.ReplaceAll(out.String(), " ", "_"))
		if len(said) != c.count {
			t.Errorf("%s: %d lines, want %d:\n%s", c.name, len(said), c.count, out.String())
			continue
		}
		if c.count > 0 && (said[0] != strings.ReplaceAll(c.first, " ", "_") || said[c.count-1] != strings.ReplaceAll(c.last, " ", "_")) {
			t.Errorf("%s: from %q to %q, want from %q to %q", c.name, said[0], said[c.count-1], c.first, c.last)
		}
	}
}

// The script of CI leaves out the same tests when it runs all others many times.
func TestLoneTestsAreThoseOfCI(t *testing.T) {
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "-skip '"+lone+"' ") {
		t.Errorf(".ci/run has no -skip '%s'", lone)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 7: "7", 999: "999", 1000: "1 000", 1234567: "1 234 567", 97.44: "97.4", 99.96: "100"} {
		if got := grouped(n); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
}
