// Numbers and labels as text.

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// printable returns r, or a mark if it has no place in a text: control
// characters, those that change the direction of writing, surrogates.
func printable(r rune) rune {
	if r == noBreak || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// noBreak is a space at which no line is broken.
const noBreak = '\u00a0'

// plain returns s on one line, cut to a length that fits, with a mark in place of
// what is not printable or not UTF-8.
func plain(s string) string {
	const most = 90
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			return b.String() + "…"
		}
		b.WriteRune(printable(r))
	}
	return b.String()
}

// A prefix is a name for so many powers of ten of a unit.
type prefix struct {
	power int
	name  string
}

// prefixes are the names of multiples of a unit, the greatest first.
var prefixes = map[string][]prefix{
	"ns": {{9, "s"}, {6, "ms"}, {3, "µs"}, {0, "ns"}},
	"B":  {{9, "GB"}, {6, "MB"}, {3, "kB"}, {0, "B"}},
}

// quantity returns v with three significant digits and the multiple of the unit
// that suits it, or a dash if there is no such number.
func quantity(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	// Rounding comes first, so that 999.9 ns are 1.00 µs.
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64); err == nil {
		v = rounded
	}
	all := prefixes[unit]
	use := all[len(all)-1]
	for _, p := range all {
		if math.Abs(v) >= math.Pow10(p.power) {
			use = p
			break
		}
	}
	return digits(v/math.Pow10(use.power)) + " " + use.name
}

// digits returns v with three significant digits, whole if it has as many before
// the point.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a >= 1e6, a < 0.001:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// ratio returns v, or a dash if there is none.
func ratio(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v >= 1000 || v < 0.001:
		return digits(v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// count returns n with a no-break space between thousands, from five digits on.
func count(n int) string {
	s := strconv.Itoa(n)
	if len(s) < 5 {
		return s
	}
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune(noBreak)
		}
		b.WriteRune(digit)
	}
	return b.String()
}
