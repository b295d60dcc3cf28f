// What is so far beyond a budget that it is a mistake.

package main

import (
	"errors"
	"fmt"
	"io"
)

// wide is how many times its budget a ratio may be. On a machine that others use ratios
// of the same code have been half of their median and twice of it, but not in all layouts.
const wide = 2

// guard prints the guarded ratios, each with the one of its layouts that is best for us,
// and returns an error for each that is beyond what is allowed, or was not measured.
func (r results) guard(w io.Writer) error {
	var wrong []error
	check := func(what string, best, limit float64, measured, broken bool) {
		verdict := "ok"
		switch {
		case !measured:
			verdict = "**not measured**"
			wrong = append(wrong, fmt.Errorf("%s was not measured", what))
		case broken:
			verdict = "**broken**"
			wrong = append(wrong, fmt.Errorf("%s is %.3f in the best layout, where %.4g is the limit", what, best, limit))
		}
		fmt.Fprintf(w, "| %s | %.3f | %.4g | %s |\n", what, best, limit, verdict)
	}
	fmt.Fprintln(w, "| ratio | best | limit | |\n| --- | ---: | ---: | --- |")
	for _, f := range families {
		if !f.guarded {
			continue
		}
		groups := r.groups(f)
		if len(groups) == 0 {
			wrong = append(wrong, fmt.Errorf("nothing of the benchmark %s was measured", f.name))
		}
		for _, group := range groups {
			for _, unit := range f.units {
				for _, v := range f.variants {
					if v.budget == nil || v.budget(group) == 0 {
						continue
					}
					ratio, ok := r.ratio(group+"/"+v.name, group+"/"+f.base, unit)
					limit := wide * v.budget(group)
					check(group+"/"+v.name+" to "+f.base, ratio.least, limit, ok, ratio.least > limit)
				}
				for _, b := range f.bars {
					if b.missed {
						continue
					}
					times, ok := r.ratio(group+"/"+b.peer, group+"/"+b.variant, unit)
					limit := b.least / wide
					check(group+"/"+b.String(), times.greatest, limit, ok, times.greatest < limit)
				}
			}
		}
	}
	return errors.Join(wrong...)
}
