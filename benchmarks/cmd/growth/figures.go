// The figures that were measured, as data and as a file.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
)

// figures are all that one run measured.
type figures struct {
	Command string  `json:"command"`
	Date    string  `json:"date"`
	Machine string  `json:"machine"`
	Rounds  int     `json:"rounds"`
	Slices  int     `json:"slices"` // of an operation, of one twin, in a round
	Charts  []chart `json:"charts"`
}

// A chart is one table with its plots.
type chart struct {
	Name    string `json:"name"` // of the plot, without its ending
	Title   string `json:"title"`
	Note    string `json:"note,omitempty"`
	Axis    string `json:"axis"`          // what grows, in the plural
	Measure string `json:"measure"`       // what is measured
	Unit    string `json:"unit"`          // ns or B
	Per     string `json:"per,omitempty"` // what a figure is divided by in a second plot: one of Axis, if anything
	Lines   []line `json:"lines"`
}

// A line is one operation.
type line struct {
	Name    string  `json:"name"`
	ByHand  bool    `json:"byHand,omitempty"`
	Against string  `json:"against,omitempty"` // the line by hand that it is compared with, if any
	Points  []point `json:"points"`
}

// A point is a figure of both twins.
type point struct {
	X int    `json:"x"`
	A figure `json:"a"`
	B figure `json:"b"`
}

// control returns the ratio of the second twin to the first.
func (p point) control() float64 { return quotient(float64(p.B), float64(p.A)) }

// quotient returns a / b, NaN where that says nothing.
func quotient(a, b float64) float64 {
	if !drawable(a) || !drawable(b) {
		return math.NaN()
	}
	return a / b
}

// drawable reports whether v has a place on a logarithmic axis.
func drawable(v float64) bool { return v > 0 && !math.IsInf(v, 1) }

// at returns the point of l at x.
func (l line) at(x int) (point, bool) {
	i := slices.IndexFunc(l.Points, func(p point) bool { return p.X == x })
	if i < 0 {
		return point{}, false
	}
	return l.Points[i], true
}

// against returns the line that l is compared with.
func (c chart) against(l line) (line, bool) {
	i := slices.IndexFunc(c.Lines, func(other line) bool { return l.Against != "" && other.Name == l.Against })
	if i < 0 {
		return line{}, false
	}
	return c.Lines[i], true
}

// divided returns the chart with each figure divided by its x. Points at 0 have
// no quotient and are left out.
func (c chart) divided() chart {
	d := c
	d.Lines = slices.Clone(c.Lines)
	for i, l := range d.Lines {
		points := make([]point, 0, len(l.Points))
		for _, p := range l.Points {
			if x := figure(p.X); p.X > 0 {
				points = append(points, point{p.X, p.A / x, p.B / x})
			}
		}
		d.Lines[i].Points = points
	}
	return d
}

// A figure is a number, or NaN where there is none. JSON has no NaN; there it is
// null.
type figure float64

func (f figure) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

func (f *figure) UnmarshalJSON(data []byte) error {
	v := math.NaN() // which null leaves as it is
	err := json.Unmarshal(data, &v)
	*f = figure(v)
	return err
}

// save writes the figures to a file.
func (f *figures) save(file string) error {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	to.SetIndent("", "\t")
	if err := to.Encode(f); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// load reads and validates what save has written.
func load(file string) (*figures, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	f := new(figures)
	from := json.NewDecoder(bytes.NewReader(data))
	from.DisallowUnknownFields()
	if err := from.Decode(f); err != nil {
		return nil, fmt.Errorf("the figures in %s: %w", file, err)
	}
	if _, err := from.Token(); err != io.EOF {
		return nil, fmt.Errorf("the figures in %s: there is more behind them", file)
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("the figures in %s: %w", file, err)
	}
	return f, nil
}

var chartName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// validate refuses what cannot be drawn. Names of charts become names of files.
func (f *figures) validate() error {
	taken := make(map[string]bool)
	for _, c := range f.Charts {
		if len(c.Name) > 100 || !chartName.MatchString(c.Name) {
			return fmt.Errorf("the chart %q: a name is made of small letters, digits and single hyphens between them", c.Name)
		}
		for _, p := range c.plots() {
			if taken[p.file] {
				return fmt.Errorf("the chart %q: another one has a plot %s, too", c.Name, p.file)
			}
			taken[p.file] = true
		}
		if c.Unit != "ns" && c.Unit != "B" {
			return fmt.Errorf("the chart %q: the unit is %q, it has to be ns or B", c.Name, c.Unit)
		}
		for _, l := range c.Lines {
			if _, ok := c.against(l); l.Against != "" && !ok {
				return fmt.Errorf("the chart %q: the line %q is compared with %q, which is no line", c.Name, l.Name, l.Against)
			}
			for _, p := range l.Points {
				if p.X < 0 {
					return fmt.Errorf("the chart %q: the line %q has a point at %d, less than nothing", c.Name, l.Name, p.X)
				}
			}
		}
	}
	return nil
}
