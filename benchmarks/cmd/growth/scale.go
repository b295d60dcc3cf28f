// The logarithmic axis: where a value lies, and which values get a tick.

package main

import (
	"fmt"
	"math"
	"strings"
)

// A step is a value that an axis may begin or end at: 1, 2 or 5 times a power of
// ten. The steps are numbered, 0 is the value 1.
type step int

var stepDigits = [3]int{1, 2, 5}

// power returns the power of ten of the step.
func (s step) power() int {
	if s >= 0 {
		return int(s) / 3
	}
	return (int(s)+1)/3 - 1
}

// digit returns what the power of ten is multiplied by.
func (s step) digit() int { return stepDigits[int(s)-3*s.power()] }

// log returns the decimal logarithm of the step.
func (s step) log() float64 { return float64(s.power()) + math.Log10(float64(s.digit())) }

// label returns the step in a unit, or as a number if that is empty.
func (s step) label(unit string) string {
	power, name := s.power(), ""
	if all, ok := prefixes[unit]; ok {
		use := all[len(all)-1]
		for _, p := range all {
			if power >= p.power {
				use = p
				break
			}
		}
		power, name = power-use.power, string(noBreak)+use.name
	}
	switch {
	case power > 6 || power < -3:
		return fmt.Sprintf("%de%d%s", s.digit(), power, name)
	case power < 0:
		return "0." + strings.Repeat("0", -power-1) + fmt.Sprint(s.digit()) + name
	}
	n := s.digit()
	for range power {
		n *= 10
	}
	return count(n) + name
}

// closeTo is by how much a logarithm may miss a step and still be at it.
const closeTo = 1e-9

// A scale maps values to places between two ends.
type scale struct {
	least, most step
	from, to    float64
}

// newScale returns the scale from step to step that has all values, of at least a
// decade, so that a curve that hardly moves looks as if it hardly moved.
func newScale(values []float64, from, to float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if drawable(v) {
			low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
		}
	}
	s := scale{from: from, to: to}
	if low > high {
		low, high = 0, 1
	}
	s.least = step(3 * math.Floor(low))
	for (s.least + 1).log() <= low+closeTo {
		s.least++
	}
	s.most = s.least
	for s.most.log() < high-closeTo {
		s.most++
	}
	for up := true; s.most.log()-s.least.log() < 1-closeTo; up = !up {
		if up {
			s.most++
		} else {
			s.least--
		}
	}
	return s
}

// place returns where the value with that logarithm lies.
func (s scale) place(log float64) float64 {
	low, high := s.least.log(), s.most.log()
	return s.from + (log-low)/(high-low)*(s.to-s.from)
}

// decades returns the powers of ten on the scale.
func (s scale) decades() []step {
	var all []step
	for t := s.least; t <= s.most; t++ {
		if t.digit() == 1 {
			all = append(all, t)
		}
	}
	return all
}

// ticks returns what is labelled: powers of ten if there are enough of them, each
// of them unless there are too many.
func (s scale) ticks() []step {
	const few, many = 3, 9
	decades := s.decades()
	var all []step
	if len(decades) < few {
		for t := s.least; t <= s.most; t++ {
			all = append(all, t)
		}
		return all
	}
	every := (len(decades) + many - 1) / many
	for i := 0; i < len(decades); i += every {
		all = append(all, decades[i])
	}
	return all
}

// between returns the logarithms of the other multiples of powers of ten, for fine
// lines, if there is room for them.
func (s scale) between() []float64 {
	if len(s.decades()) > 7 {
		return nil
	}
	var all []float64
	for power := s.least.power(); power <= s.most.power(); power++ {
		for digit := 2; digit < 10; digit++ {
			if log := float64(power) + math.Log10(float64(digit)); log > s.least.log()+closeTo && log < s.most.log()-closeTo {
				all = append(all, log)
			}
		}
	}
	return all
}
