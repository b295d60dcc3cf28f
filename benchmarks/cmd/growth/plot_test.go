// The plots: as they were, well-formed, and whole whatever the figures are.

package main

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// sample is a chart of given figures: several decades, a line by hand, a point at 0,
// a figure that is missing, labels that have to be escaped.
func sample() chart {
	return chart{
		Name: "sample", Title: "Orders <& more>", Axis: "scopes", Measure: "time of a \"commit\"", Unit: "ns", Per: "scope",
		Note: "Made up.",
		Lines: []line{
			{Name: "capability | ours", Against: "by map", Points: []point{
				{0, 900, 900}, {1, 1000, 1100}, {10, 1200, 1200}, {100, figure(math.NaN()), 2000}, {1000, 14_000, 13_000}, {100_000, 1.4e6, 1.5e6},
			}},
			{Name: "by map", ByHand: true, Points: []point{
				{1, 80, 80}, {10, 800, 790}, {100, 8000, 8000}, {1000, 81_000, 80_000}, {100_000, 9e6, 0},
			}},
			{Name: "one", Points: []point{{10, 5e5, 5e5}}},
			{Name: "none"},
		},
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wants, gots := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(wants), len(gots)) {
		var w, g string
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if w != g {
			t.Fatalf("%s is not what it was; if that is wanted, run the test with -update. Line %d (-want +got):\n-%s\n+%s", file, i+1, w, g)
		}
	}
}

func TestPlotIsGolden(t *testing.T) {
	for _, p := range sample().plots() {
		golden(t, p.file, p.svg())
	}
}

// An element is what a test looks at in a picture.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

// parse reads a picture as XML and returns its elements. It fails if the picture
// has anything that runs or that is fetched from elsewhere.
func parse(t *testing.T, svg []byte) []element {
	t.Helper()
	var all []element
	var open []int
	from := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := from.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attrs: make(map[string]string)}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "url(") {
					t.Errorf("<%s %s=%q> runs or fetches something", e.name, a.Name.Local, a.Value)
				}
			}
			switch e.name {
			case "svg", "title", "desc", "style", "rect", "g", "path", "text":
			default:
				t.Errorf("<%s> has no place in a plot", e.name)
			}
			open = append(open, len(all))
			all = append(all, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				all[open[len(open)-1]].text += string(token)
			}
		case xml.Directive, xml.ProcInst:
			t.Errorf("%v has no place in a plot", token)
		}
	}
	if len(all) == 0 || all[0].name != "svg" {
		t.Fatalf("there is no picture in %q", svg)
	}
	return all
}

// texts returns what can be read in a picture.
func texts(all []element) (texts []string) {
	for _, e := range all {
		if e.name == "text" {
			texts = append(texts, e.text)
		}
	}
	return texts
}

func has(texts []string, want string) bool {
	for _, text := range texts {
		if text == want {
			return true
		}
	}
	return false
}

var number = regexp.MustCompile(`-?[0-9.]+(e[-+]?[0-9]+)?|NaN|Inf`)

// inside fails for each place that is not in the picture.
func inside(t *testing.T, all []element) {
	t.Helper()
	for _, e := range all {
		for name, value := range e.attrs {
			switch name {
			case "x", "y", "d", "transform", "width", "height":
			default:
				continue
			}
			for _, place := range number.FindAllString(value, -1) {
				// The rotation of a label is the only angle.
				v, err := strconv.ParseFloat(place, 64)
				if err != nil || math.IsNaN(v) || v > 2000 || v < -90 {
					t.Errorf("<%s %s=%q> is not in the picture", e.name, name, value)
				}
			}
		}
	}
}

func TestPlotOfOddSeries(t *testing.T) {
	nan, inf := figure(math.NaN()), figure(math.Inf(1))
	series := func(points ...point) []line { return []line{{Name: "line", Points: points}} }
	for _, c := range []struct {
		name   string
		lines  []line
		say    string // a text that has to be there
		points int    // that are drawn
	}{
		{"no-lines", nil, "no figures", 0},
		{"empty", series(), "no figures", 0},
		{"one-point", series(point{10, 7, 7}), "line", 1},
		{"one-point-at-0", series(point{0, 7, 7}), "0", 1},
		{"all-0", series(point{0, 0, 0}, point{1, 0, 0}), "no figures", 0},
		{"one-0", series(point{1, 5, 5}, point{10, 0, 5}, point{100, 6, 6}), "not drawn, because not above 0: 1", 2},
		{"all-nan", series(point{1, nan, nan}, point{2, nan, nan}), "no figures", 0},
		{"nan-first", series(point{1, nan, 3}, point{2, 3, nan}), "not drawn, because not above 0: 1", 1},
		{"infinite", series(point{1, inf, inf}, point{2, 3, inf}), "not drawn, because not above 0: 1", 1},
		{"negative", series(point{1, -5, 5}, point{2, 5, -5}), "not drawn, because not above 0: 1", 1},
		{"flat", series(point{1, 2.5, 2.5}, point{100_000, 2.5, 2.5}), "line", 2},
		{"huge-and-tiny", series(point{1, 5e-324, 5e-324}, point{math.MaxInt, math.MaxFloat64, math.MaxFloat64}), "line", 2},
		{"out-of-order", series(point{100, 3, 3}, point{1, 1, 1}, point{10, 2, 2}), "line", 3},
		{"same-x", series(point{5, 3, 3}, point{5, 4, 4}), "line", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			drawn := chart{Name: "odd", Title: "Odd", Axis: "scopes", Measure: "time", Unit: "ns", Per: "scope", Lines: c.lines}
			for i, p := range drawn.plots() {
				all := parse(t, p.svg())
				inside(t, all)
				if i > 0 {
					continue
				}
				if !has(texts(all), c.say) {
					t.Errorf("the picture does not say %q but %q", c.say, texts(all))
				}
				markers := -len(c.lines) // the legend has one each
				for _, e := range all {
					if e.name == "path" && strings.HasPrefix(e.attrs["transform"], "translate(") {
						markers++
					}
				}
				if markers != c.points {
					t.Errorf("%d points are drawn, want %d", markers, c.points)
				}
			}
		})
	}
}

// A line is not drawn across a figure that is missing, and not out of order.
func TestLineHasGaps(t *testing.T) {
	draw := func(points ...point) (lines int, d string) {
		p := chart{Name: "gap", Unit: "ns", Lines: []line{{Name: "line", Points: points}}}.plots()[0]
		for _, e := range parse(t, p.svg()) {
			if e.attrs["stroke-linejoin"] != "" {
				lines, d = lines+1, e.attrs["d"]
			}
		}
		return lines, d
	}
	if lines, d := draw(point{1, 1, 1}, point{10, 1, 1}, point{100, figure(math.NaN()), 1}, point{1000, 1, 1}, point{10_000, 1, 1}); lines != 1 || strings.Count(d, "M") != 2 || strings.Count(d, "L") != 2 {
		t.Errorf("a line with a gap is %q, want two pieces", d)
	}
	_, sorted := draw(point{1, 1, 1}, point{10, 2, 2}, point{100, 9, 9})
	if _, d := draw(point{100, 9, 9}, point{1, 1, 1}, point{10, 2, 2}); d != sorted {
		t.Errorf("the order of points changes the line (-want +got):\n-%s\n+%s", sorted, d)
	}
}

// A point that is not drawn does not stretch the axes.
func TestAxesFitWhatIsDrawn(t *testing.T) {
	draw := func(points ...point) string {
		p := chart{Name: "fit", Unit: "ns", Lines: []line{{Name: "line", Points: points}}}.plots()[0]
		var ticks []string
		for _, text := range texts(parse(t, p.svg())) {
			if !strings.HasPrefix(text, "not drawn") {
				ticks = append(ticks, text)
			}
		}
		return strings.Join(ticks, ", ")
	}
	seen := []point{{1, 10, 10}, {100, 500, 500}}
	want := draw(seen...)
	for _, unseen := range []point{{1_000_000, figure(math.NaN()), 100}, {10, 0, 1e9}, {0, -1, 100}} {
		if got := draw(append(seen, unseen)...); got != want {
			t.Errorf("the point %v, which is not drawn, changes the axes (-want +got):\n-%s\n+%s", unseen, want, got)
		}
	}
}

// hostile are labels that somebody might put into a file of figures.
var hostile = []string{
	`</text><script>alert(1)</script>`,
	`"><image href="x" onload="y"/>`,
	`]]> & <!-- &amp; &#0; -->`,
	"a\x00b\x1bc\nd\te\r",
	"\xff\xfe not UTF-8 \xc3",
	"\u202egnp.x\u2066 \ufeff\u200b",
	"\ufffe\uffff\U0001fffe",
	"| a | b |\n| --- |\n`code` [x](javascript:y) ![z](w) *b* _i_ $m$ #h",
	strings.Repeat("long ", 200_000),
}

func TestPlotOfHostileLabels(t *testing.T) {
	for _, label := range hostile {
		c := sample()
		c.Title, c.Axis, c.Measure, c.Per = label, label, label, label
		c.Lines[0].Name = label
		for _, p := range c.plots() {
			svg := p.svg()
			if len(svg) > 50_000 {
				t.Errorf("the label %.20q makes a picture of %d bytes", label, len(svg))
			}
			all := parse(t, svg)
			if !has(texts(all), plain(label)) {
				t.Errorf("the picture does not have the label %q but %q", plain(label), texts(all))
			}
			for _, text := range texts(all) {
				if strings.ContainsFunc(text, func(r rune) bool { return r != printable(r) }) {
					t.Errorf("the picture has %q, which is not printable", text)
				}
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for label, want := range map[string]string{
		"time of a commit, µs":  "time of a commit, µs",
		"a\nb\x00":              "a\ufffdb\ufffd",
		"\xffz":                 "\ufffdz",
		"\u202ex\ufeff":         "\ufffdx\ufffd",
		strings.Repeat("é", 91): strings.Repeat("é", 90) + "…",
		strings.Repeat("é", 90): strings.Repeat("é", 90),
	} {
		if got := plain(label); got != want {
			t.Errorf("plain(%.20q) = %q, want %q", label, got, want)
		}
	}
}

// Each colour can be told from its ground, in light and in dark: text by the
// contrast that WCAG asks of text, lines by that of graphics.
func TestPaintsAreReadable(t *testing.T) {
	luminance := func(colour string) float64 {
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil || len(colour) != 7 {
				t.Fatalf("%q is no colour", colour)
			}
			c := float64(v) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	contrast := func(a, b string) float64 {
		x, y := luminance(a), luminance(b)
		return (max(x, y) + 0.05) / (min(x, y) + 0.05)
	}
	need := map[string]float64{ink.class: 7, frame.class: 3}
	for _, p := range paints {
		need[p.class] = 4.5
	}
	for _, p := range append([]paint{ink, frame}, paints...) {
		if c := contrast(p.light, ground.light); c < need[p.class] {
			t.Errorf("%s has a contrast of %.1f in light, want %.1f", p.class, c, need[p.class])
		}
		if c := contrast(p.dark, ground.dark); c < need[p.class] {
			t.Errorf("%s has a contrast of %.1f in dark, want %.1f", p.class, c, need[p.class])
		}
	}
	svg := string(sample().plots()[0].svg())
	for _, p := range append([]paint{ground, ink, frame, rules, fine}, paints...) {
		if !strings.Contains(svg, "."+p.class+"-line { stroke: "+p.dark+" }") || !strings.Contains(svg, "."+p.class+"-area { fill: "+p.dark+" }") {
			t.Errorf("the picture has no dark %s", p.class)
		}
	}
}

// As many lines as a chart may well have look different.
func TestLinesLookDifferent(t *testing.T) {
	looks := make(map[string]int)
	for i := range 30 {
		l := line{Name: "line"}
		look := mark(i, l, "0", "0")
		if other, ok := looks[look]; ok {
			t.Errorf("lines %d and %d look the same", other, i)
		}
		looks[look] = i
		l.ByHand = true
		if mark(i, l, "0", "0") == look || dashes(l) == "" {
			t.Errorf("line %d looks the same by hand", i)
		}
	}
}
