// Measuring: who takes turns with whom, and which of many figures counts.

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A plan says how thoroughly to measure.
type plan struct {
	rounds int           // in each of which everything is made anew
	slices int           // of an operation, of one twin, in a round
	slice  time.Duration // how long one lasts, about
	short  bool          // few small points

	// together is how many things are weighed together at least, so that what the
	// runtime takes for itself meanwhile does not show.
	together int
}

var (
	long  = plan{rounds: 3, slices: 30, slice: time.Millisecond, together: 4096}
	brief = plan{rounds: 1, slices: 2, slice: 20 * time.Microsecond, short: true, together: 16}
)

// or returns the other plan if yes.
func (p plan) or(yes bool, other plan) plan {
	if yes {
		return other
	}
	return p
}

// An axis is what grows. The points of a short run are few and small.
type axis struct {
	name   string
	points []int
	short  []int
	stand  func(x int) (*stand, error)           // of operations to be timed, nil if there are none
	weigh  func(groups, x int) ([]weight, error) // so many groups of x things together, x is not 0
}

// A stand is everything that operations need at one point of an axis.
type stand struct {
	probes []probe
	close  func() error
}

// A probe times one operation.
type probe struct {
	chart, line string
	// run does n times the operation, or so many times a few of them, and returns
	// how long that took, without what it does before and after.
	run func(n int) (time.Duration, error)
	ops int // how many operations each of the n times is
}

// A weight is how much memory something takes.
type weight struct {
	chart, line string
	bytes       float64
}

// A place is where a figure belongs.
type place struct {
	chart, line string
	x, twin     int
}

// samples holds all that was measured.
type samples map[place][]float64

// measure makes all figures.
func measure(p plan, log io.Writer) (*figures, error) {
	began := time.Now()
	warmUp(p)
	all := make(samples)
	for round := range p.rounds {
		for _, a := range axes {
			for _, x := range a.values(p) {
				fmt.Fprintf(log, "round %d of %d, %v: %d %s\n", round+1, p.rounds, time.Since(began).Round(time.Second), x, a.name)
				if err := all.point(p, a, x); err != nil {
					return nil, fmt.Errorf("at %d %s: %w", x, a.name, err)
				}
			}
		}
	}
	f := &figures{
		Date:    fmt.Sprintf("%s, %v", began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second)),
		Machine: machine(),
		Rounds:  p.rounds,
		Slices:  p.slices,
	}
	if err := all.charted(); err != nil {
		return nil, err
	}
	for _, c := range charts {
		f.Charts = append(f.Charts, all.fill(c))
	}
	return f, f.validate()
}

// charted returns an error if a figure would be in no chart.
func (s samples) charted() error {
	for at := range s {
		if !slices.ContainsFunc(charts, func(c chart) bool {
			return c.Name == at.chart && slices.ContainsFunc(c.Lines, func(l line) bool { return l.Name == at.line })
		}) {
			return fmt.Errorf("no chart %s has a line %q, which was measured", at.chart, at.line)
		}
	}
	return nil
}

// values returns the points of the axis.
func (a axis) values(p plan) []int {
	if p.short {
		return a.short
	}
	return a.points
}

// point measures all there is at one point of an axis.
func (s samples) point(p plan, a axis, x int) error {
	if a.stand != nil {
		if err := s.time(p, a, x); err != nil {
			return err
		}
	}
	if a.weigh != nil && x > 0 {
		for twin := range 2 {
			weights, err := a.weigh(max(1, p.together/x), x)
			if err != nil {
				return err
			}
			for _, w := range weights {
				at := place{w.chart, w.line, x, twin}
				s[at] = append(s[at], w.bytes)
			}
		}
	}
	return nil
}

// time lets the operations of two stands take turns.
func (s samples) time(p plan, a axis, x int) (err error) {
	var twins [2]*stand
	defer func() {
		for _, t := range twins {
			if t == nil || t.close == nil {
				continue
			}
			if closing := t.close(); err == nil {
				err = closing
			}
		}
	}()
	for i := range twins {
		if twins[i], err = a.stand(x); err != nil {
			return err
		}
	}
	// The collector runs between slices and not in them: what it takes depends on
	// the heap of all stands together, which no program has.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	tidied := heap()
	probes := twins[0].probes
	rounds := make([]int, len(probes))
	for i, probe := range probes {
		if rounds[i], err = calibrate(probe, p.slice); err != nil {
			return fmt.Errorf("%s, %s: %w", probe.chart, probe.line, err)
		}
	}
	for turn := range p.slices {
		for i := range probes {
			for j := range twins {
				twin := (turn + j) % 2 // neither is always the first
				probe := twins[twin].probes[i]
				spent, err := probe.slice(rounds[i])
				if err != nil {
					return fmt.Errorf("%s, %s: %w", probe.chart, probe.line, err)
				}
				at := place{probe.chart, probe.line, x, twin}
				s[at] = append(s[at], spent)
			}
		}
		const untidy = 256 << 20
		if heap() > tidied+untidy {
			runtime.GC()
		}
	}
	return nil
}

// slice runs the operation once for the caches and then n times, and returns the
// nanoseconds that one takes.
func (p probe) slice(n int) (float64, error) {
	if _, err := p.run(1); err != nil {
		return 0, err
	}
	spent, err := p.run(n)
	return float64(spent.Nanoseconds()) / float64(n*p.ops), err
}

// calibrate returns how often an operation is to be run for a slice to last as
// long as wanted, with what is done before and after it.
func calibrate(p probe, slice time.Duration) (int, error) {
	const most = 1 << 20
	for n := 1; ; n *= 2 {
		start := time.Now()
		if _, err := p.run(n); err != nil {
			return 0, err
		}
		if spent := time.Since(start); 2*spent > slice || n >= most {
			return n, nil
		}
	}
}

// heap returns how many bytes of the heap are taken.
func heap() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// fill returns the chart with the figures of its lines.
func (s samples) fill(c chart) chart {
	choose := slices.Min[[]float64]
	if c.Unit == "B" {
		choose = median
	}
	c.Lines = slices.Clone(c.Lines)
	for i, l := range c.Lines {
		var xs []int
		for at := range s {
			if at.chart == c.Name && at.line == l.Name {
				xs = append(xs, at.x)
			}
		}
		slices.Sort(xs)
		for _, x := range slices.Compact(xs) {
			a, b := s[place{c.Name, l.Name, x, 0}], s[place{c.Name, l.Name, x, 1}]
			c.Lines[i].Points = append(c.Lines[i].Points, point{x, figure(choose(a)), figure(choose(b))})
		}
	}
	return c
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// machine says what the figures were measured on.
func machine() string {
	model := "processor unknown"
	if info, err := os.Open("/proc/cpuinfo"); err == nil {
		defer info.Close()
		for lines := bufio.NewScanner(info); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s %s/%s, %s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, model, runtime.NumCPU())
}
