// Mutation changes one thing after the other in files of the core and says which changes
// no test notices.
//
//	go run ./internal/mutation order.go registry.go
//	go run ./internal/mutation -since HEAD~10 -sample 200
//
// All changes are compiled into one test binary, each behind a number that the environment
// chooses, so that a change costs a run of the tests and no compilation. A change that
// makes the tests fail, panic or take four times as long is killed; others survive and are
// printed with their place. A survivor is a test that is missing, or a change that makes
// no difference: those are listed in harmless.txt, each with the reason, and left out.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// core is what is changed if nothing is named.
var core = []string{"order.go", "registry.go", "publish.go", "scope.go", "place.go", "handle.go", "lease.go", "retire.go", "derive.go", "session.go"}

// skipped are tests that look at the source, at the compiler or at a clock, and not at what
// the code does.
const skipped = "Misuse|Inlining|Budget|Alloc|EveryErrorText|HundredThousand|TenThousand|LongLines"

// late are tests that take long. They run on what no other test notices.
const late = "TestCycles|ManyUnknown|SmallWorld|CrossedCommits|RunUpToCycle|Candidates"

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutation", flag.ContinueOnError)
	sample := flags.Int("sample", 0, "how many changes to try, chosen at random; 0 is all")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "of the choice")
	since := flags.String("since", "", "change only funcs that have changed since this `commit`")
	least := flags.Float64("least", 0, "fail if fewer than so many per cent of the changes are killed")
	tests := flags.String("run", "", "the tests to run, all if it is empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files := flags.Args()
	if len(files) == 0 {
		files = core
	}
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var all []mutant
	replace := make(map[string]string)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("%w: run it in the root of the repository", err)
		}
		changed, mutants, err := mutate(name, text, len(all)+1)
		if err != nil {
			return err
		}
		all = append(all, mutants...)
		if err := overlay(dir, name, changed, replace); err != nil {
			return err
		}
	}
	if err := overlay(dir, "mutated.go", []byte(chooser), replace); err != nil {
		return err
	}
	all, err = without(all, harmless, flags.NArg() == 0)
	if err != nil {
		return err
	}
	if *since != "" {
		lines, err := newLines(*since, files)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(m mutant) bool { return !m.touched(lines[m.file]) })
	}
	if *sample > 0 && *sample < len(all) {
		random := rand.New(rand.NewPCG(*seed, 1))
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:*sample]
		fmt.Fprintf(out, "%d changes of the seed %d\n", *sample, *seed)
	}
	rounds := []round{{run: *tests, skip: skipped}}
	if *tests == "" {
		rounds = []round{{skip: skipped + "|" + late}, {run: late, skip: skipped}, {run: "Schedule", tags: "capability_yield"}}
	}
	if err := compile(dir, replace, rounds); err != nil {
		return err
	}
	return try(rounds, all, *least, out)
}

// harmless says which changes make no difference, and why.
//
//go:embed harmless.txt
var harmless string

// without returns the changes that list does not name. If they are all that there are, each
// line of the list must name one: code changes, and then a reason may hold no more.
func without(all []mutant, list string, complete bool) ([]mutant, error) {
	named := make(map[string]bool)
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, " — ")
		if !ok || reason == "" {
			return nil, fmt.Errorf("harmless.txt: %q has no reason after a dash", line)
		}
		named[name] = true
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return named[m.name()] })
	for _, m := range all {
		delete(named, m.name())
	}
	if complete && len(named) > 0 {
		return nil, fmt.Errorf("harmless.txt names what is no change any more: %q", slices.Sorted(maps.Keys(named)))
	}
	return kept, nil
}

// touched reports whether any of the lines is in the func of the change.
func (m mutant) touched(lines map[int]bool) bool {
	for l := m.first; l <= m.last; l++ {
		if lines[l] {
			return true
		}
	}
	return false
}

// chooser is the file that says which change is made.
const chooser = `package capability

import (
	"os"
	"strconv"
)

var theMutant, _ = strconv.Atoi(os.Getenv("CAPABILITY_MUTANT"))

func mutated(n int) bool { return theMutant == n }
`

// overlay writes a file that takes the place of another one.
func overlay(dir, name string, text []byte, replace map[string]string) error {
	real, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	replace[real] = filepath.Join(dir, filepath.Base(name))
	return os.WriteFile(replace[real], text, 0o644)
}

// A round is some of the tests. The last one is for changes that only an unlucky order of
// steps shows.
type round struct {
	run, skip string
	tags      string // for the build
	binary    string
	limit     time.Duration // for how long a round may go on
}

// compile makes the test binaries of the root package with all changes in them.
func compile(dir string, replace map[string]string, rounds []round) error {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o644); err != nil {
		return err
	}
	for i, r := range rounds {
		binary := filepath.Join(dir, "capability"+r.tags+".test")
		rounds[i].binary = binary
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-tags", r.tags, "-overlay", list, "-o", binary, ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the changes do not compile: %w\n%s", err, out)
		}
	}
	return nil
}

// measure sets the limits of rounds. Without a change they must pass.
func measure(rounds []round) error {
	for i := range rounds {
		begun := time.Now()
		if text, err := rounds[i].test(context.Background(), 0); err != nil {
			return fmt.Errorf("the tests fail without a change: %w\n%s", err, text)
		}
		rounds[i].limit = 4*time.Since(begun) + 5*time.Second
	}
	return nil
}

// try runs the tests with each change and prints those that nobody notices.
func try(rounds []round, all []mutant, least float64, out io.Writer) error {
	begun := time.Now()
	if err := measure(rounds); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d changes, %v of tests for each\n", len(all), time.Since(begun).Round(time.Millisecond))

	var mu sync.Mutex
	var survivors []mutant
	next := make(chan mutant)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for m := range next {
				if !m.survives(rounds) {
					continue
				}
				mu.Lock()
				survivors = append(survivors, m)
				fmt.Fprintf(out, "survives: %v\n", m)
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		next <- m
	}
	close(next)
	work.Wait()

	score := 100.0
	if len(all) > 0 {
		score = 100 * float64(len(all)-len(survivors)) / float64(len(all))
	}
	fmt.Fprintf(out, "%d of %d changes are noticed, %.1f %%, in %v\n", len(all)-len(survivors), len(all), score, time.Since(begun).Round(time.Second))
	if score < least {
		return fmt.Errorf("%.1f %% is less than %v %%", score, least)
	}
	return nil
}

// survives reports whether no round notices the change.
func (m mutant) survives(rounds []round) bool {
	for _, r := range rounds {
		ctx, cancel := context.WithTimeout(context.Background(), r.limit)
		_, err := r.test(ctx, m.number)
		cancel()
		if err != nil {
			return false
		}
	}
	return true
}

// test runs the tests of the round with the change of that number.
func (r round) test(ctx context.Context, number int) ([]byte, error) {
	cmd := exec.CommandContext(ctx, r.binary, "-test.short", "-test.failfast", "-test.run", r.run, "-test.skip", r.skip)
	cmd.Env = append(os.Environ(), "CAPABILITY_MUTANT="+strconv.Itoa(number), "RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=1ms")
	return cmd.CombinedOutput()
}

// newLines returns the lines of the files that are new since a commit.
func newLines(commit string, files []string) (map[string]map[int]bool, error) {
	cmd := exec.Command("git", append([]string{"diff", "--unified=0", "--no-color", commit, "--"}, files...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(complaint.String()))
	}
	return parseDiff(string(text)), nil
}

var hunk = regexp.MustCompile(`^@@ -\S+ \+(\d+)(?:,(\d+))? @@`)

func parseDiff(text string) map[string]map[int]bool {
	lines := make(map[string]map[int]bool)
	file := ""
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
			file = strings.TrimSpace(name)
			lines[file] = make(map[int]bool)
		}
		m := hunk.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		first, _ := strconv.Atoi(m[1])
		number, err := strconv.Atoi(m[2])
		if err != nil {
			number = 1
		}
		for n := range number {
			lines[file][first+n] = true
		}
	}
	return lines
}
