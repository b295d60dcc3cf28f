// Command pgo says what a profile makes of the main example.

// Pgo builds the engine, lets it write a profile of one run, builds it again with that
// profile, and measures both on the same lines, beside a third build that is the first
// one over again: the control. A time is the processor time of the whole process.
//
// The builds take turns, and the least time of each counts. As where the linker puts a
// loop can change more than a profile does, all is done for several link layouts; the
// table shows the median of the ratios, the least and the greatest.
//
//	GOWORK=off go run ./cmd/pgo [-layouts 6] [-rounds 10] [-mb 64]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	layouts := flag.Int("layouts", 6, "number of link layouts")
	rounds := flag.Int("rounds", 10, "how often each build runs in a layout")
	size := flag.Int("mb", 64, "how many `megabytes` the engine reads")
	flag.Parse()
	if err := run(os.Stdout, *layouts, *rounds, *size); err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1)
	}
}

// recorded is the file of test events that the engine has built in.
const recorded = "../examples/engine/testdata/self.jsonl"

func run(w io.Writer, layouts, rounds, size int) error {
	if layouts < 1 || rounds < 1 || size < 1 {
		return fmt.Errorf("the flags are -layouts %d, -rounds %d and -mb %d: each must be at least 1", layouts, rounds, size)
	}
	events, err := os.ReadFile(recorded)
	if err != nil {
		return fmt.Errorf("%w: run it in the directory benchmarks", err)
	}
	dir, err := os.MkdirTemp("", "pgo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	input, profile := filepath.Join(dir, "input.jsonl"), filepath.Join(dir, "engine.pgo")
	if err := os.WriteFile(input, bytes.Repeat(events, size<<20/len(events)), 0o644); err != nil {
		return err
	}
	began := time.Now()
	first := filepath.Join(dir, "first")
	if err := build(first, "off", 0); err != nil {
		return err
	}
	if _, err := read(first, "-cpuprofile", profile, input); err != nil {
		return err
	}
	var times, controls []float64
	var plain, guided time.Duration
	for layout := range layouts {
		fmt.Fprintf(os.Stderr, "layout %d of %d, %v\n", layout+1, layouts, time.Since(began).Round(time.Second))
		least, err := measure(dir, input, profile, layout+1, rounds)
		if err != nil {
			return err
		}
		times = append(times, least[1].Seconds()/least[0].Seconds())
		controls = append(controls, least[2].Seconds()/least[0].Seconds())
		if layout == 0 || least[0] < plain {
			plain = least[0]
		}
		if layout == 0 || least[1] < guided {
			guided = least[1]
		}
	}
	fmt.Fprintf(w, "- command: `%s`\n", strings.Join(append([]string{"GOWORK=off go run ./cmd/pgo"}, os.Args[1:]...), " "))
	fmt.Fprintf(w, "- date: %s, %v for %d layouts\n", began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second), layouts)
	fmt.Fprintf(w, "- machine: %s %s/%s, %d processors\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(w, "| the engine on %d MB of test events | processor time | ratio | least – greatest |\n", size)
	fmt.Fprintln(w, "| --- | ---: | ---: | :---: |")
	fmt.Fprintf(w, "| without a profile | %v | 1 | |\n", plain.Round(time.Millisecond))
	fmt.Fprintf(w, "| with its profile | %v | %s |\n", guided.Round(time.Millisecond), spread(times))
	fmt.Fprintf(w, "| without, once more | | %s |\n", spread(controls))
	return nil
}

// spread writes the median, the least and the greatest.
func spread(all []float64) string {
	slices.Sort(all)
	median := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	return fmt.Sprintf("%.3f | %.3f – %.3f", median, all[0], all[len(all)-1])
}

// measure returns the least times of the builds of one layout: without the profile, with it,
// and without it once more.
func measure(dir, input, profile string, layout, rounds int) (least [3]time.Duration, err error) {
	var binaries [3]string
	for i, pgo := range []string{"off", profile, "off"} {
		binaries[i] = filepath.Join(dir, fmt.Sprintf("engine-%d", i))
		if err := build(binaries[i], pgo, layout); err != nil {
			return least, err
		}
	}
	for round := range rounds {
		for i, binary := range binaries {
			took, err := read(binary, input)
			if err != nil {
				return least, err
			}
			if round == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least, nil
}

// build builds the engine with the profile in the link layout; 0 is the usual one.
func build(binary, profile string, layout int) error {
	cmd := exec.Command("go", "build", "-pgo="+profile, fmt.Sprintf("-ldflags=-randlayout=%d", layout), "-o", binary, "./examples/engine")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the engine: %w\n%s", err, out)
	}
	return nil
}

// read lets the engine read and returns its processor time.
func read(binary string, args ...string) (time.Duration, error) {
	cmd := exec.Command(binary, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, complaint.Bytes())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
