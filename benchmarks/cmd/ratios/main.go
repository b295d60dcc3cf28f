// Command ratios runs the benchmarks of the core in several link layouts and
// prints how they compare to hand-written code, beside the budgets.

// Ratios prints, as Markdown, the tables of RESULTS.md.
//
// Where the linker puts a loop can change its time by more than the budgets
// allow for, so the program links the benchmarks several times with functions in
// random order. For each layout it runs base, control and variants in turn, in
// short slices, and keeps the minimum of each, because noise only ever adds.
// Ratios are formed within a layout; the tables show their median, least and
// greatest over the layouts. The control is the base under another name: its
// ratio says what to believe of the others.
//
// With -guard it measures only what a mistake in the core would slow down most, and prints
// and fails if a ratio is beyond twice its budget, or a peer within half its bar, in all
// layouts. It says nothing of times, and little of noise.
//
//	GOWORK=off go run ./cmd/ratios [-layouts 8] [-bench regexp] [-time 2ms] [-guard]
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	layouts := flag.Int("layouts", 8, "number of link layouts")
	bench := flag.String("bench", ".", "which benchmarks, as for go test; the part before the first slash selects tables")
	slice := flag.Duration("time", 2*time.Millisecond, "time for each slice of a benchmark of dispatch or lookup")
	guard := flag.Bool("guard", false, "measure what is guarded, and fail if a ratio is far beyond its budget")
	flag.Parse()
	if err := run(os.Stdout, *layouts, *bench, *slice, *guard); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, layouts int, bench string, slice time.Duration, guard bool) error {
	top, below, nested := strings.Cut(bench, "/")
	match, err := regexp.Compile(top)
	if err != nil {
		return fmt.Errorf("the flag -bench: %w", err)
	}
	if layouts < 1 {
		return fmt.Errorf("the flag -layouts is %d: there must be at least one", layouts)
	}
	dir, err := os.MkdirTemp("", "ratios")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	// All layouts are linked before the first is measured, so that they are of one
	// state of the source.
	binaries := make([]string, layouts)
	for layout := range binaries {
		binaries[layout] = filepath.Join(dir, fmt.Sprintf("layout-%d.test", layout))
		if err := build(binaries[layout], layout+1); err != nil {
			return err
		}
	}
	r := results{}
	began := time.Now()
	for layout, binary := range binaries {
		fmt.Fprintf(os.Stderr, "layout %d of %d, %v\n", layout+1, layouts, time.Since(began).Round(time.Second))
		for _, f := range families {
			if !match.MatchString("Benchmark"+f.name) || guard && !f.guarded {
				continue
			}
			pattern := "^Benchmark" + f.name + "$"
			if nested {
				pattern += "/" + below
			}
			benchtime := f.benchtime
			if benchtime == "" {
				benchtime = slice.String()
			}
			for range f.slices {
				out, err := measure(binary, pattern, benchtime)
				if err != nil {
					return err
				}
				r.add(f, layout, out)
			}
		}
	}
	header(w, began, layouts)
	if guard {
		return r.guard(w)
	}
	r.ratios(w)
	r.values(w)
	r.bars(w)
	return nil
}

// build links the benchmarks with functions in an order that seed decides.
func build(binary string, seed int) error {
	return command(io.Discard, "go", "test", "-c", "-o", binary, "-ldflags=-randlayout="+strconv.Itoa(seed), "github.com/typedcap/capability/benchmarks")
}

// measure runs one slice of all benchmarks that match.
func measure(binary, pattern, benchtime string) ([]byte, error) {
	var out bytes.Buffer
	err := command(&out, binary, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+benchtime)
	return out.Bytes(), err
}

func command(out io.Writer, name string, args ...string) error {
	var problem bytes.Buffer
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "GOWORK=off")
	c.Stdout, c.Stderr = out, &problem
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, problem.Bytes())
	}
	return nil
}

func header(w io.Writer, began time.Time, layouts int) {
	fmt.Fprintf(w, "- command: `%s`\n", strings.Join(append([]string{"GOWORK=off go run ./cmd/ratios"}, os.Args[1:]...), " "))
	fmt.Fprintf(w, "- date: %s, %v for %d layouts\n", began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second), layouts)
	fmt.Fprintf(w, "- machine: %s %s/%s, %s, %d processors\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, processor(), runtime.NumCPU())
}

// processor returns the model of the processor, if the system tells it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processor unknown"
	}
	lines := bufio.NewScanner(bytes.NewReader(info))
	for lines.Scan() {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "processor unknown"
}

// A sample is where a figure was measured.
type sample struct {
	layout int
	name   string // of the benchmark, without the leading Benchmark and the trailing number of processors
	unit   string
}

// results holds the least figure of each sample; of allocations the greatest,
// since one too many is a fault and not noise.
type results map[sample]float64

var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// add reads what a test binary printed of a family. It leaves out the slices in
// which the writer did not keep its pace: their minimum would be that of a reader
// without a writer.
func (r results) add(f family, layout int, out []byte) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		found := line.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		fields := strings.Fields(found[2])
		if f.slow(found[1], fields) {
			continue
		}
		for i := 0; i+1 < len(fields); i += 2 {
			figure, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			s := sample{layout, found[1], fields[i+1]}
			old, ok := r[s]
			switch {
			case !ok:
				r[s] = figure
			case s.unit == "allocs/op":
				r[s] = max(old, figure)
			default:
				r[s] = min(old, figure)
			}
		}
	}
}

// slow reports whether the fields of a line say that the variant of that name did
// not keep the pace of the family.
func (f family) slow(name string, fields []string) bool {
	if f.pace == 0 || strings.HasSuffix(name, "/"+f.base) || strings.HasSuffix(name, "/control") {
		return false
	}
	i := slices.Index(fields, "commits/s")
	if i < 1 {
		return false
	}
	commits, err := strconv.ParseFloat(fields[i-1], 64)
	return err == nil && commits < f.pace
}

// spread is a figure over the layouts.
type spread struct{ median, least, greatest float64 }

// over returns how figure spreads over the layouts that have it.
func over(layouts []int, figure func(layout int) (float64, bool)) (spread, bool) {
	var all []float64
	for _, l := range layouts {
		if f, ok := figure(l); ok {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return spread{}, false
	}
	slices.Sort(all)
	middle := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	return spread{middle, all[0], all[len(all)-1]}, true
}

// value returns the figures of one benchmark.
func (r results) value(name, unit string) (spread, bool) {
	return over(r.layouts(), func(l int) (float64, bool) {
		f, ok := r[sample{l, name, unit}]
		return f, ok
	})
}

// ratio returns the ratios of two benchmarks.
func (r results) ratio(name, base, unit string) (spread, bool) {
	return over(r.layouts(), func(l int) (float64, bool) {
		a, ok := r[sample{l, name, unit}]
		b, too := r[sample{l, base, unit}]
		return a / b, ok && too && b > 0
	})
}

func (r results) layouts() []int {
	var all []int
	for s := range r {
		all = append(all, s.layout)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// groups returns the benchmarks of a family, sorted, without their last
// elements.
func (r results) groups(f family) []string {
	var all []string
	for s := range r {
		if i := strings.LastIndexByte(s.name, '/'); i >= 0 && (s.name[:i] == f.name || strings.HasPrefix(s.name, f.name+"/")) {
			all = append(all, s.name[:i])
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(strings.Split(a, "/")), len(strings.Split(b, "/"))), cmp.Compare(a, b))
	})
	return slices.Compact(all)
}

// verdict compares a median with a budget; 0 is none.
func verdict(median, budget float64) string {
	switch {
	case budget == 0:
		return "none |"
	case median <= budget:
		return fmt.Sprintf("%.4g | met", budget)
	}
	return fmt.Sprintf("%.4g | **missed**", budget)
}

// ratios prints the table of ratios.
func (r results) ratios(w io.Writer) {
	fmt.Fprintln(w, "| benchmark | variant | base | variant | allocs | ratio | least – greatest | control | least – greatest | budget | |")
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | ---: | :---: | ---: | :---: | ---: | --- |")
	for _, f := range families {
		for _, group := range r.groups(f) {
			for _, unit := range f.units {
				for _, v := range f.variants {
					r.row(w, f, group, unit, v)
				}
			}
		}
	}
	fmt.Fprintln(w)
}

// row prints one ratio, if it was measured.
func (r results) row(w io.Writer, f family, group, unit string, v variant) {
	name, base := group+"/"+v.name, group+"/"+f.base
	ratio, ok := r.ratio(name, base, unit)
	if !ok {
		return
	}
	control, _ := r.ratio(group+"/control", base, unit)
	was, _ := r.value(base, unit)
	is, _ := r.value(name, unit)
	allocs := ""
	if a, ok := r.value(name, "allocs/op"); ok {
		allocs = fmt.Sprintf("%.0f", a.greatest)
	}
	budget := 0.0
	if v.budget != nil {
		budget = v.budget(group)
	}
	fmt.Fprintf(w, "| %s | %s | %.4g %s | %.4g | %s | %.3f | %.3f – %.3f | %.3f | %.3f – %.3f | %s |\n",
		group, v.name, was.median, unit, is.median, allocs, ratio.median, ratio.least, ratio.greatest,
		control.median, control.least, control.greatest, verdict(ratio.median, budget))
}

// values prints the table of figures that are no ratios.
func (r results) values(w io.Writer) {
	fmt.Fprintln(w, "| benchmark | unit | median | least – greatest | budget | |")
	fmt.Fprintln(w, "| --- | --- | ---: | :---: | ---: | --- |")
	for _, f := range figures {
		v, ok := r.value(f.name, f.unit)
		if !ok {
			continue
		}
		fmt.Fprintf(w, "| %s | %s | %.4g | %.4g – %.4g | %s |\n", f.name, f.unit, v.median, v.least, v.greatest, verdict(v.median, f.budget))
	}
}

// bars prints the table of the peers that must take longer, if there are any.
func (r results) bars(w io.Writer) {
	titles := `
| benchmark | peer | variant | peer | times as long | least – greatest | control | least – greatest | bar | |
| --- | --- | ---: | ---: | ---: | :---: | ---: | :---: | ---: | --- |
`
	for _, f := range families {
		for _, group := range r.groups(f) {
			for _, unit := range f.units {
				for _, b := range f.bars {
					fmt.Fprint(w, titles)
					titles = ""
					r.bar(w, f, group, unit, b)
				}
			}
		}
	}
}

// bar prints one bar. That of a peer which was not measured says so, because a name
// that no benchmark has would go unnoticed.
func (r results) bar(w io.Writer, f family, group, unit string, b bar) {
	name, peer := group+"/"+b.variant, group+"/"+b.peer
	times, ok := r.ratio(peer, name, unit)
	if !ok {
		fmt.Fprintf(w, "| %s | %s | | | | | | | %.4g | not measured |\n", group, b, b.least)
		return
	}
	control, _ := r.ratio(group+"/control", group+"/"+f.base, unit)
	ours, _ := r.value(name, unit)
	theirs, _ := r.value(peer, unit)
	is := "**missed**"
	if times.median >= b.least {
		is = "met"
	}
	fmt.Fprintf(w, "| %s | %s | %.4g %s | %.4g | %.3f | %.3f – %.3f | %.3f | %.3f – %.3f | %.4g | %s |\n",
		group, b, ours.median, unit, theirs.median, times.median, times.least, times.greatest,
		control.median, control.least, control.greatest, b.least, is)
}
