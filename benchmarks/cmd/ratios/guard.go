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
	check := func(what string, best, limit float64, broken bool) {
		verdict := "ok"
		if broken {
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
		measured := false
		for _, group := range r.groups(f) {
			for _, unit := range f.units {
				for _, v := range f.variants {
					ratio, ok := r.ratio(group+"/"+v.name, group+"/"+f.base, unit)
					if !ok || v.budget == nil || v.budget(group) == 0 {
						continue
					}
					measured = true
					limit := wide * v.budget(group)
					check(group+"/"+v.name+" to "+f.base, ratio.least, limit, ratio.least > limit)
				}
				for _, b := range f.bars {
					times, ok := r.ratio(group+"/"+b.peer, group+"/"+b.variant, unit)
					if !ok || b.missed {
						continue
					}
					measured = true
					limit := b.least / wide
					check(group+"/"+b.String(), times.greatest, limit, times.greatest < limit)
				}
			}
		}
		if !measured {
			wrong = append(wrong, fmt.Errorf("nothing of the benchmark %s was measured", f.name))
		}
	}
	return errors.Join(wrong...)
}
