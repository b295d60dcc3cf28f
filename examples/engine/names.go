// Names: which can be given, and what was probably meant by one that nobody has.

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/typedcap/capability"
)

// nameable reports whether a provider can have the name.
func nameable(name string) bool {
	r := capability.NewRegistry(capability.Node, "names")
	defer r.Close(context.Background())
	return r.Apply(Rows.Bind(name, 1)) == nil
}

// didYouMean returns a hint at those of the known names that name was probably meant to
// be, or at all that are known.
func didYouMean(name string, known []string) string {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	near, least := []string(nil), 1+len(name)/4
	for _, k := range known {
		if d := distance(name, k); d < least {
			near, least = []string{k}, d
		} else if d == least {
			near = append(near, k)
		}
	}
	switch {
	case len(known) == 0:
		return "there are none"
	case len(near) > 0:
		return "did you mean " + quoted(near, " or ") + "?"
	}
	return "known are " + quoted(known, ", ")
}

// distance returns how many letters have to be added, left out or changed to make one
// name of another. One that is much longer is far away.
func distance(a, b string) int {
	const most = 100
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// quoted returns names in quotes, the first few of them.
func quoted(names []string, between string) string {
	const most = 10
	var list []string
	for _, n := range names[:min(len(names), most)] {
		list = append(list, fmt.Sprintf("%q", clip(n, maxKey)))
	}
	if more := len(names) - most; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, between)
}
