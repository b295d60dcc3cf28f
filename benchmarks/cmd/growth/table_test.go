// The tables.

package main

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

func sampleFigures() *figures {
	return &figures{
		Command: "go run ./cmd/growth -o `here`", Date: "2026-01-02 03:04 UTC, 5s", Machine: "go1 | test", Rounds: 3, Slices: 30,
		Charts: []chart{sample()},
	}
}

func TestTableIsGolden(t *testing.T) {
	golden(t, "sample.md", sampleFigures().markdown())
}

func TestQuantity(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "ns", "0 ns"}, {0.334, "ns", "0.334 ns"}, {1.5, "ns", "1.50 ns"}, {14.04, "ns", "14.0 ns"}, {999.4, "ns", "999 ns"}, {999.6, "ns", "1.00 µs"},
		{1234, "ns", "1.23 µs"}, {5e6, "ns", "5.00 ms"}, {2.5e10, "ns", "25.0 s"}, {-3, "B", "-3.00 B"}, {165, "B", "165 B"}, {9390, "B", "9.39 kB"}, {3e9, "B", "3.00 GB"},
		{math.NaN(), "ns", "–"}, {math.Inf(1), "B", "–"}, {math.Inf(-1), "B", "–"}, {1e300, "ns", "1.00e+291 s"}, {1e-9, "B", "1.00e-09 B"},
	} {
		if got := quantity(c.v, c.unit); got != c.want {
			t.Errorf("quantity(%g, %q) = %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestRatio(t *testing.T) {
	for v, want := range map[float64]string{1: "1.000", 0.9996: "1.000", 12.34: "12.3", 278000: "278000", 1e-5: "1.00e-05", math.Inf(1): "–"} {
		if got := ratio(v); got != want {
			t.Errorf("ratio(%g) = %q, want %q", v, got, want)
		}
	}
}

// bar finds the ends of cells.
var bar = regexp.MustCompile(`(^|[^\\])\|`)

// A label makes no cells, no rows and no markup of its own.
func TestTableOfHostileLabels(t *testing.T) {
	rows := len(strings.Split(string(sampleFigures().markdown()), "\n"))
	for _, label := range hostile {
		f := sampleFigures()
		f.Command, f.Date, f.Machine = label, label, label
		c := &f.Charts[0]
		c.Title, c.Note, c.Axis, c.Measure, c.Per = label, label, label, label, label
		c.Lines[0].Name = label
		lines := strings.Split(string(f.markdown()), "\n")
		if len(lines) != rows {
			t.Errorf("the label %.20q makes %d lines of %d", label, len(lines), rows)
		}
		width := 0
		for _, row := range lines {
			if !strings.HasPrefix(row, "|") {
				width = 0
				if strings.HasPrefix(row, "<") {
					t.Errorf("the label %.20q makes HTML: %.200s", label, row)
				}
				continue
			}
			cells := len(bar.FindAllString(row, -1))
			if width == 0 {
				width = cells
			}
			if cells != width {
				t.Errorf("the label %.20q makes a row of %d cells in a table of %d: %.300s", label, cells, width, row)
			}
		}
	}
}

// Whatever has meaning in Markdown loses it.
func TestEscapeMarkdown(t *testing.T) {
	const label = "<b> | [x](y) `c` *d* _e_ \\ &amp; #f"
	if got, want := escapeMarkdown(label), `\<b\> \| \[x\](y) \`+"`c\\`"+` \*d\* \_e\_ \\ \&amp; \#f`; got != want {
		t.Errorf("escaped (-want +got):\n-%s\n+%s", want, got)
	}
}
