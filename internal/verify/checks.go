// The checks: what each runs and what is asked of it.

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A check is a row of the page.
type check struct {
	name     string // short, for -only
	what     string // for people
	alone    bool   // it uses all processors, or a figure depends on having them
	prepare  func(plan) error
	command  func(plan) command
	measures []measure
}

// A measure is one figure that the output of a check has.
type measure struct {
	what        string
	ci, release float64
	most        bool // the figure is the most that there may be, not the least
	fixed       bool // it does not depend on how much is run
	whole       bool // it says nothing of a part, and is left out at another scale
	find        finder
}

// asked is what the plan asks for.
func (m measure) asked(p plan) float64 {
	n := pick(p, m.ci, m.release)
	if m.fixed || m.most {
		return n
	}
	return max(1, math.Floor(n*p.scale))
}

const million = 1_000_000

var (
	outside = []string{"GOWORK=off"}
	raced   = []string{"GOWORK=off", "GORACE=atexit_sleep_ms=0"}
	rarely  = []string{"GOGC=400"} // else a quarter of the time of small cases goes to the collector
)

// public are the directories of the packages that programs import.
var public = []string{".", "keepgoing", "concurrent", "fanout", "observed", "data", "extension", "discover", "capabilitytest", "capabilityhttp"}

// checks are all of them. What takes longest of those that share the processors is first.
var checks = []check{
	{
		name: "flakes", what: "tests of the core again and again in another order, on 1, 2 and 8 processors; what has one goroutine and takes long is left out",
		command: func(p plan) command {
			// A random case that failed would be run again each time.
			return command{env: []string{"RAPID_NOFAILFILE=true"}, args: []string{"go", "test", "-json", fmt.Sprintf("-count=%d", p.number(50, 1000)), "-shuffle=on", "-cpu=1,2,8", "-short",
				"-timeout=0", "-skip", lone, "."}}
		},
		measures: []measure{
			{what: "times each test on each of 3 numbers of processors", ci: 50, release: 1000, find: runs},
			{what: "failures", most: true, find: failures},
		},
	},
	{
		name: "models", what: "order, merge and transactions, compared with a model in random cases",
		command: func(p plan) command {
			return command{env: rarely, args: []string{"go", "test", "-count=1", "-v", "-run", "Promise7|TransactionsEqual|EveryHandle",
				fmt.Sprintf("-rapid.checks=%d", p.number(20_000, 2*million)), "-timeout=0", "."}}
		},
		measures: []measure{{what: "cases of each of 3 models", ci: 20_000, release: 2 * million,
			find: least(`\[rapid\] OK, passed (\d+) tests`, 3)}},
	},
	{
		name: "oracles", what: "what is derived, made for each scope and retired, compared with an oracle in random cases",
		command: func(p plan) command {
			return command{env: rarely, args: []string{"go", "test", "-count=1", "-v", "-run", "Oracle|RetiredExactly",
				fmt.Sprintf("-rapid.checks=%d", p.number(2_000, 100_000)), "-timeout=0", "."}}
		},
		measures: []measure{{what: "cases of each of 3 oracles", ci: 2_000, release: 100_000,
			find: least(`\[rapid\] OK, passed (\d+) tests`, 3)}},
	},
	{
		name: "schedules", what: "two and three of commit, dispatch, lease, retire, watch, close, resolve, under every order of their steps",
		command: func(p plan) command {
			c := command{args: []string{"go", "test", "-tags", "capability_yield", "-count=1", "-v", "-run", "Schedule", "-timeout=0", "."}}
			if n := p.number(1, 15); n > 1 {
				c.env = []string{fmt.Sprintf("CAPABILITY_SCHEDULES=%d", n)}
			}
			return c
		},
		measures: []measure{
			{what: "schedules", ci: 200_000, release: 10 * million, find: last(`(\d+) schedules in \d+ tests`)},
			{what: "tests with a violation", most: true, find: count(`^--- FAIL: TestSchedule`, `\d+ schedules in \d+ tests`)},
		},
	},
	{
		name: "soak-publication", what: "readers beside committers under the race detector", alone: true,
		command: func(p plan) command {
			return p.soak("^TestSoakPublication$", 20*time.Minute)
		},
		measures: []measure{
			{what: "reads", ci: 50 * million, release: 2000 * million, find: last(`(\d+) reads, \d+ commits`)},
			{what: "commits", ci: 2 * million, release: 2 * million, find: last(`\d+ reads, (\d+) commits`)},
		},
	},
	{
		name: "soak-retirement", what: "callers beside replacements under the race detector, each provider retired once and not in use", alone: true,
		command: func(p plan) command {
			return p.soak("^TestSoakRetirement$", 8*time.Minute)
		},
		measures: []measure{
			{what: "calls", ci: 50 * million, release: 1000 * million, find: last(`(\d+) calls, \d+ retirements`)},
			{what: "retirements", ci: 5_000, release: 5_000, find: last(`\d+ calls, (\d+) retirements`)},
		},
	},
	{
		name: "linearizability", what: "histories of handles and derived values, each linearizable", alone: true,
		command: func(p plan) command {
			return command{dir: "stress", env: outside, args: []string{"go", "test", "-count=1", "-v", "-run", "^TestLinearizable$",
				fmt.Sprintf("-ops=%d", p.number(million, 100*million)), "-timeout=0", "."}}
		},
		measures: []measure{{what: "operations", ci: million, release: 100 * million, find: last(`: (\d+) operations, \d+ reads during a write`)}},
	},
	{
		name: "twins", what: "deliberately broken twins of the core, each caught by the test that it is for", alone: true,
		command: func(p plan) command {
			return command{args: []string{"go", "test", "-tags", "zoo", "-count=1", "-v", "-timeout=0", "-run", p.someTwins(), "./internal/zoo"}}
		},
		measures: []measure{
			{what: "twins", ci: 30, release: 30, find: count(`^=== RUN +TestTwinsAreCaught/`, `^=== RUN +TestTwinsAreCaught/`)},
			{what: "% caught", ci: 100, release: 100, fixed: true,
				find: percent(`^ +--- PASS: TestTwinsAreCaught/`, `^=== RUN +TestTwinsAreCaught/`)},
			{what: "s for 30 twins", ci: 60, release: 60, most: true, whole: true,
				find: ratio(last(`^ok\s+\S+\s+([\d.]+)s`), count(`^=== RUN +TestTwinsAreCaught/`, ``), 30)},
		},
	},
	{
		name: "mutation", what: "small changes of the core, each of which a test must notice; those that make no difference are listed with the reason", alone: true,
		command: func(p plan) command {
			c := command{args: []string{"go", "run", "./internal/mutation"}}
			if !p.release || p.scale < 1 {
				c.args = append(c.args, fmt.Sprintf("-sample=%d", p.number(100, 1000)))
			}
			return c
		},
		measures: []measure{
			{what: "changes", ci: 100, release: 1000, find: last(`^\d+ of (\d+) changes are noticed`)},
			{what: "% noticed", ci: 90, release: 95, fixed: true, find: last(`changes are noticed, ([\d.]+) %`)},
		},
	},
	{
		name: "fuzz", what: "names, order, decoding, errors as JSON, configuration", alone: true,
		command: func(p plan) command {
			return command{args: []string{"bash", ".ci/fuzz", p.time(30*time.Second, 20*time.Minute).String()}}
		},
		measures: []measure{
			{what: "targets", ci: 9, release: 9, fixed: true, find: count(`^== fuzz `, `^== fuzz `)},
			{what: "s for each target", ci: 30, release: 1200, find: fuzzed},
		},
	},
	{
		name: "leaks", what: "goroutines that go on when all tests of a public package have ended",
		prepare: func(p plan) error { return p.overlay("leaks", false, public) },
		command: func(p plan) command {
			args := []string{"go", "test", "-count=1", "-short", "-v", "-overlay=" + p.fileFrom("", "leaks.json"), "-timeout=0"}
			for _, dir := range public {
				args = append(args, "./"+dir)
			}
			return command{args: args}
		},
		measures: []measure{{what: "goroutines", most: true, find: sum(`^leaks: (\d+) goroutines`, len(public))}},
	},
	{
		name: "leaks-soak", what: "what the soaks have opened and left open, goroutines included",
		prepare: func(p plan) error { return p.overlay("leaks-soak", true, []string{"stress"}) },
		command: func(p plan) command {
			return command{dir: "stress", env: outside, args: []string{"go", "test", "-count=1", "-v", "-overlay=" + p.fileFrom("stress", "leaks-soak.json"),
				"-run", "Soak", fmt.Sprintf("-soak=%v", p.time(5*time.Second, 5*time.Minute)), "-timeout=0", "."}}
		},
		measures: []measure{
			{what: "goroutines", most: true, find: sum(`^leaks: (\d+) goroutines`, 1)},
			{what: "scopes", most: true, find: sum(`^leaks: (\d+) scopes`, 1)},
			{what: "registries", most: true, find: sum(`^leaks: (\d+) registries`, 1)},
		},
	},
	{
		name: "coverage", what: "statements of the core that its tests run",
		command: func(p plan) command {
			return command{args: []string{"go", "test", "-count=1", "-short", "-cover", "-coverpkg=.", "-timeout=0", "."}}
		},
		measures: []measure{{what: "% of statements", ci: 95, release: 95, fixed: true, find: last(`coverage: ([\d.]+)% of statements`)}},
	},
}

// soak is the command of a soak, which lasts for so long before a release. The test has
// figures of its own for 30 seconds and more, and less of them in less time; a part of a
// check asks it for no more than its part.
func (p plan) soak(test string, release time.Duration) command {
	d := p.time(45*time.Second, release)
	c := command{dir: "stress", env: raced, args: []string{"go", "test", "-race", "-count=1", "-v", "-run", test, fmt.Sprintf("-soak=%v", d)}}
	if p.scale < 1 {
		c.args = append(c.args, fmt.Sprintf("-times=%.3g", p.scale/min(d.Seconds()/30, 1)))
	}
	c.args = append(c.args, "-timeout=0", ".")
	return c
}

// lone are tests that have one goroutine and take long.
const lone = `InUseByScopes|HoldThemselves|WithinTheLimits|ManyProviders|ClosedScopes|TenThousand|ErrorJSON|World|SmallGraphs|Candidates|OrderAround|Cycle|LongLines|HundredThousand|ManyUnknown|Misuse|Inlining|EveryErrorText|Promise14|BadNames|Fuzz`

// file is a file that a command needs.
func (p plan) file(name string) string { return filepath.Join(p.scratch, name) }

// fileFrom is the same, seen from a directory of the repository.
func (p plan) fileFrom(dir, name string) string {
	file := p.file(name)
	if rel, err := filepath.Rel(filepath.Join(p.root, dir), file); err == nil {
		file = rel
	}
	return filepath.ToSlash(file)
}

var twinName = regexp.MustCompile(`(?m)^\t\tname: "([^"]+)",$`)

// someTwins is a pattern for as many twins as the scale leaves. It says all if the
// list cannot be read, which the command then will say better.
func (p plan) someTwins() string {
	all := "^TestTwinsAreCaught$"
	source, err := os.ReadFile(filepath.Join(p.root, "internal", "zoo", "twins.go"))
	names := twinName.FindAllStringSubmatch(string(source), -1)
	n := int(math.Ceil(float64(len(names)) * p.scale))
	if err != nil || n >= len(names) {
		return all
	}
	var some []string
	for _, m := range names[:n] {
		some = append(some, regexp.QuoteMeta(strings.ReplaceAll(m[1], " ", "-")))
	}
	return all + "/^(" + strings.Join(some, "|") + ")$"
}

// leaksMain runs the tests of a package and says what they have left behind. Whoever
// ends has five seconds for it.
const leaksMain = `package %s

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
%s)

func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
%s	code := m.Run()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	left := runtime.NumGoroutine() - before
	fmt.Printf("leaks: %%d goroutines\n", left)
%s	if left > 0 {
		stacks := make([]byte, 1<<20)
		fmt.Printf("%%s\n", stacks[:runtime.Stack(stacks, true)])
	}
	os.Exit(code)
}
`

// The parts of leaksMain for what the core notes of scopes and registries.
const (
	leaksImport = "\t\"strings\"\n\n\t\"github.com/typedcap/capability/internal/inside\"\n"
	leaksBefore = "\tsince, stop := inside.Look()\n\tdefer stop()\n"
	leaksAfter  = `	open := map[bool]int{}
	for _, o := range inside.StillOpen(since) {
		open[strings.HasPrefix(o.Name, "scope")]++
		fmt.Println(o.Name, "is open, opened at", o.Site)
	}
	fmt.Printf("leaks: %d scopes\nleaks: %d registries\n", open[true], open[false])
`
)

// overlay writes, for go test -overlay, a TestMain for each directory.
func (p plan) overlay(name string, opened bool, dirs []string) error {
	replace := make(map[string]string)
	for _, dir := range dirs {
		at := filepath.Join(p.root, dir)
		parts := []any{filepath.Base(at), "", "", ""}
		if dir == "." {
			parts[0] = "capability"
		}
		parts[0] = parts[0].(string) + "_test"
		if opened {
			copy(parts[1:], []any{leaksImport, leaksBefore, leaksAfter})
		}
		source := p.file(name + "-" + parts[0].(string) + ".txt") // no .go, as gofmt would look at it
		if err := os.WriteFile(source, fmt.Appendf(nil, leaksMain, parts...), 0o644); err != nil {
			return err
		}
		replace[filepath.Join(at, "leaks_main_test.go")] = source
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(p.file(name+".json"), text, 0o644)
}
