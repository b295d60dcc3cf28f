// The axes.

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestStepLabels(t *testing.T) {
	for _, c := range []struct {
		s    step
		unit string
		want string
	}{
		{0, "", "1"}, {1, "", "2"}, {2, "", "5"}, {3, "", "10"}, {9, "", "1000"}, {12, "", "10 000"}, {15, "", "100 000"}, {18, "", "1 000 000"}, {21, "", "1e7"},
		{-1, "", "0.5"}, {-2, "", "0.2"}, {-3, "", "0.1"}, {-4, "", "0.05"}, {-9, "", "0.001"}, {-12, "", "1e-4"},
		{0, "ns", "1 ns"}, {8, "ns", "500 ns"}, {9, "ns", "1 µs"}, {19, "ns", "2 ms"}, {27, "ns", "1 s"}, {-1, "ns", "0.5 ns"},
		{6, "B", "100 B"}, {9, "B", "1 kB"}, {20, "B", "5 MB"}, {28, "B", "2 GB"},
	} {
		if got := strings.ReplaceAll(c.s.label(c.unit), string(noBreak), " "); got != c.want {
			t.Errorf("step %d in %q is labelled %q, want %q", c.s, c.unit, got, c.want)
		}
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		values      []float64
		least, most float64
		ticks       string
	}{
		{nil, 1, 10, "1 2 5 10"},
		{[]float64{math.NaN(), 0, -3, math.Inf(1)}, 1, 10, "1 2 5 10"},
		{[]float64{1, 100_000}, 1, 100_000, "1 10 100 1000 10 000 100 000"},
		{[]float64{1, 256}, 1, 500, "1 10 100"},
		{[]float64{10, 1000}, 10, 1000, "10 100 1000"},
		{[]float64{3, 70}, 2, 100, "2 5 10 20 50 100"},
		{[]float64{2.5, 2.6}, 1, 10, "1 2 5 10"}, // a flat curve keeps a decade around it
		{[]float64{7}, 2, 20, "2 5 10 20"},
		{[]float64{1}, 0.5, 5, "0.5 1 2 5"},
		{[]float64{0.02, 30}, 0.02, 50, "0.1 1 10"},
		{[]float64{1, 1e20}, 1, 1e20, "1 1000 1 000 000 1e9 1e12 1e15 1e18"},
	} {
		t.Run(fmt.Sprint(c.values), func(t *testing.T) {
			s := newScale(c.values, 100, 500)
			if got := math.Pow(10, s.least.log()); math.Abs(got/c.least-1) > 1e-6 {
				t.Errorf("the axis begins at %g, want %g", got, c.least)
			}
			if got := math.Pow(10, s.most.log()); math.Abs(got/c.most-1) > 1e-6 {
				t.Errorf("the axis ends at %g, want %g", got, c.most)
			}
			var labels []string
			for _, tick := range s.ticks() {
				labels = append(labels, strings.ReplaceAll(tick.label(""), string(noBreak), " "))
			}
			if got := strings.Join(labels, " "); got != c.ticks {
				t.Errorf("the ticks are %q, want %q", got, c.ticks)
			}
			if from, to := s.place(s.least.log()), s.place(s.most.log()); math.Abs(from-100) > 1e-6 || math.Abs(to-500) > 1e-6 {
				t.Errorf("the axis lies between %g and %g, want 100 and 500", from, to)
			}
		})
	}
}

// Whatever the values are, all are on the axis, it is labelled and not crowded.
func TestScaleHasAllValues(t *testing.T) {
	for power := -323; power <= 308; power += 7 {
		for _, span := range []int{0, 1, 2, 5, 40, 631} {
			low, high := math.Pow(10, float64(power)), math.Pow(10, float64(min(power+span, 308)))
			for _, factor := range []float64{1, 1.9999999, 2, 4.4, 9.99} {
				values := []float64{max(low*factor, 5e-324), min(high*factor, math.MaxFloat64)}
				s := newScale(values, 0, 1)
				for _, v := range values {
					if p := s.place(math.Log10(v)); !(p >= -1e-6 && p <= 1+1e-6) {
						t.Fatalf("%g lies at %g on the axis of %g", v, p, values)
					}
				}
				ticks := s.ticks()
				if len(ticks) < 3 || len(ticks) > 9 {
					t.Fatalf("the axis of %g has %d ticks", values, len(ticks))
				}
				labels := make([]string, len(ticks))
				for i, tick := range ticks {
					labels[i] = tick.label("ns")
				}
				slices.Sort(labels)
				if len(slices.Compact(labels)) != len(ticks) {
					t.Fatalf("the axis of %g has two ticks of one label: %q", values, labels)
				}
			}
		}
	}
}

// The fine lines are the other multiples of powers of ten within the axis.
func TestScaleBetween(t *testing.T) {
	var got []string
	for _, log := range newScale([]float64{5, 200}, 0, 1).between() {
		got = append(got, fmt.Sprintf("%.0f", math.Pow(10, log)))
	}
	if got, want := strings.Join(got, " "), "6 7 8 9 20 30 40 50 60 70 80 90"; got != want {
		t.Errorf("the fine lines are at %s, want %s", got, want)
	}
	if lines := newScale([]float64{1, 1e9}, 0, 1).between(); lines != nil {
		t.Errorf("ten decades have %d fine lines, want none", len(lines))
	}
}
