// Tables: all figures as Markdown.

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// markdown returns the page with all tables. Equal figures make equal pages.
func (f *figures) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Growth\n\n")
	fmt.Fprintf(&b, "How time and memory grow with what there is. A time is the least of %d slices, of\n", f.Rounds*f.Slices)
	fmt.Fprintf(&b, "memory it is the median of %d weighings. Everything is made and measured twice, in\n", f.Rounds)
	fmt.Fprintf(&b, "turns: the control is the second figure divided by the first, and says how much of\na curve to believe. In the plots a bar spans both.")
	if least, most, ok := f.controls(); ok {
		fmt.Fprintf(&b, " The controls lie between %s\nand %s.", ratio(least), ratio(most))
	}
	fmt.Fprintf(&b, "\n\n- command: `%s`\n- date: %s\n- machine: %s\n\n", strings.ReplaceAll(strings.Map(printable, f.Command), "`", "'"), cell(f.Date), cell(f.Machine))
	f.summary(&b)
	for _, c := range f.Charts {
		c.table(&b)
	}
	return b.Bytes()
}

// controls returns the least and the greatest control.
func (f *figures) controls() (least, most float64, ok bool) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, c := range f.Charts {
		for _, l := range c.Lines {
			for _, p := range l.Points {
				if v := p.control(); drawable(v) {
					least, most, ok = min(least, v), max(most, v), true
				}
			}
		}
	}
	return least, most, ok
}

// summary compares the ends of each line.
func (f *figures) summary(w io.Writer) {
	fmt.Fprintln(w, "| | operation | from | to | first figure | last figure | so many times | the axis grew so many times |")
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range f.Charts {
		for _, l := range c.Lines {
			points := slices.DeleteFunc(slices.Clone(l.Points), func(p point) bool { return p.X == 0 || !drawable(float64(p.A)) })
			if len(points) < 2 {
				continue
			}
			byX := func(a, b point) int { return cmp.Compare(a.X, b.X) }
			first, last := slices.MinFunc(points, byX), slices.MaxFunc(points, byX)
			fmt.Fprintf(w, "| %s | %s | %s | %s %s | %s | %s | %s | %s |\n", cell(c.Title), operation(l), count(first.X), count(last.X), cell(c.Axis),
				quantity(float64(first.A), c.Unit), quantity(float64(last.A), c.Unit), ratio(quotient(float64(last.A), float64(first.A))), digits(float64(last.X)/float64(first.X)))
		}
	}
	fmt.Fprintln(w)
}

// table writes the chart.
func (c chart) table(w io.Writer) {
	fmt.Fprintf(w, "## %s\n\n", cell(c.Title))
	if c.Note != "" {
		fmt.Fprintf(w, "%s\n\n", escapeMarkdown(c.Note))
	}
	for _, p := range c.plots() {
		fmt.Fprintf(w, "![%s](%s)\n\n", cell(p.title), p.file)
	}
	per, rule := "", ""
	if c.Per != "" {
		per, rule = " for each "+cell(c.Per)+" |", " ---: |"
	}
	fmt.Fprintf(w, "| operation | %s | %s |%s control | to hand-written |\n", cell(c.Axis), cell(c.Measure), per)
	fmt.Fprintf(w, "| --- | ---: | ---: |%s ---: | ---: |\n", rule)
	for _, l := range c.Lines {
		base, compared := c.against(l)
		for _, p := range l.Points {
			fmt.Fprintf(w, "| %s | %s | %s |", operation(l), count(p.X), quantity(float64(p.A), c.Unit))
			if c.Per != "" {
				each := math.NaN()
				if p.X > 0 {
					each = float64(p.A) / float64(p.X)
				}
				fmt.Fprintf(w, " %s |", quantity(each, c.Unit))
			}
			to := ""
			if compared {
				to = "–"
				if other, ok := base.at(p.X); ok {
					to = ratio(quotient(float64(p.A), float64(other.A)))
				}
			}
			fmt.Fprintf(w, " %s | %s |\n", ratio(p.control()), to)
		}
	}
	fmt.Fprintln(w)
}

func operation(l line) string {
	if l.ByHand {
		return "by hand: " + cell(l.Name)
	}
	return cell(l.Name)
}

// cell returns s for a cell of a table or for a line.
func cell(s string) string { return escapeMarkdown(plain(s)) }

// escapeMarkdown returns s as text that Markdown shows as it is.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r = printable(r); r < 0x80 && strings.ContainsRune("\\`*_[]<>|&!#~$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
