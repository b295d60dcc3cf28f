// Names: which are fit to be one, how errors print them, and what was meant.

package capability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the greatest length of a name in bytes: long enough for a path or
// a host name, short enough for a line of a report.
const maxName = 200

// nameProblem returns what is wrong with name, or "".
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty: give it one"
	case len(name) > maxName:
		return fmt.Sprintf("is %d bytes long: use at most %d", len(name), maxName)
	case !utf8.ValidString(name):
		return "is not UTF-8: encode it as UTF-8"
	}
	for i, r := range name {
		if r == ' ' || !unicode.IsPrint(r) {
			what := fmt.Sprintf("%U", r)
			if r == ' ' {
				what = "a space"
			}
			return fmt.Sprintf("holds %s at byte %d: use printable characters without spaces", what, i)
		}
	}
	return ""
}

// shorten cuts what a hostile name would do to an error text.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	return cut(name, 40)
}

// cut returns s, or its beginning if it is longer than most bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// quote returns name as errors print it.
func quote(name string) string { return strconv.Quote(shorten(name)) }

// quoteAll returns the names quoted and joined, at most six of them.
func quoteAll(names []string) string {
	const most = 6
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(name))
	}
	return b.String()
}

// hints counts the hints that the errors of one call got. To look for what was
// meant takes time in proportion to the known names, so only the first errors
// get one.
type hints int

const maxHints = 20

// hint returns what find finds, or "" if there were enough hints.
func (h *hints) hint(find func() string) string {
	if *h++; *h > maxHints {
		return ""
	}
	return find()
}

// bind returns a hint for a name that nobody has bound.
func (h *hints) bind(name string, known func() []string) string {
	if hint := h.hint(func() string { return didYouMean(name, known()) }); hint != "" {
		return hint
	}
	return "name another or bind it; only the first mistakes get a hint"
}

// didYouMean returns a hint at those of the known names that name was probably
// meant to be, or at what is known at all.
func didYouMean(name string, known []string) string {
	known = slices.Clone(known)
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) == 0 {
		return "none is bound"
	}
	limit := 1 + utf8.RuneCountInString(name)/4
	var near []string
	budget := 1 << 20 // letters compared with letters
	for _, k := range known {
		if budget -= len(name) * len(k); budget < 0 {
			break
		}
		if d := distance(name, k, limit); d < limit {
			near, limit = []string{k}, d
		} else if d == limit {
			near = append(near, k)
		}
	}
	if len(near) > 0 {
		return "did you mean " + quoteAll(near) + "?"
	}
	if len(known) == 1 {
		return "known is only " + quoteAll(known)
	}
	return "known are " + quoteAll(known)
}

// distance returns how many letters have to be inserted, removed, replaced or
// swapped with their neighbour to make b of a, or limit+1 if that is more than
// limit. Case does not count.
func distance(a, b string, limit int) int {
	s, t := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(s)-len(t) > limit || len(t)-len(s) > limit {
		return limit + 1
	}
	// Three rows of the table of distances between prefixes: two back, one back
	// and the current.
	back2, back1, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		back1[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(t); j++ {
			replace := back1[j-1]
			if s[i-1] != t[j-1] {
				replace++
			}
			row[j] = min(replace, back1[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], back2[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit {
			return limit + 1
		}
		back2, back1, row = back1, row, back2
	}
	return min(back1[len(t)], limit+1)
}
