// Plots: a chart as an SVG that needs nothing but itself.

package main

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A plot is a picture of one chart.
type plot struct {
	file    string
	title   string
	measure string
	chart   chart
}

// plots returns the pictures that a chart has.
func (c chart) plots() []plot {
	all := []plot{{c.Name + ".svg", c.Title, c.Measure, c}}
	if c.Per != "" {
		per := " for each " + c.Per
		all = append(all, plot{c.Name + "-each.svg", c.Title + "," + per, c.Measure + per, c.divided()})
	}
	return all
}

// The picture, in pixels. The legend is below the plot, and the picture grows
// with it.
const (
	width       = 760
	left, right = 84, 736 // of the plot
	top, bottom = 44, 404
	inset       = 10 // of the scales in the plot
	zeroRoom    = 44 // at the left, for points at 0, which a logarithmic axis has not
	legendTop   = bottom + 70
	legendRow   = 20
)

// A paint is a colour on a light and on a dark ground.
type paint struct{ class, light, dark string }

var (
	ground = paint{"ground", "#ffffff", "#0d1117"}
	ink    = paint{"ink", "#1f2328", "#e6edf3"}
	frame  = paint{"frame", "#6e7781", "#8b949e"}
	rules  = paint{"rules", "#d0d7de", "#30363d"}
	fine   = paint{"fine", "#eceff2", "#1c2128"}
	paints = []paint{
		{"p0", "#0a5ad1", "#6cb1ff"},
		{"p1", "#b84300", "#ff9d5c"},
		{"p2", "#0b7a5d", "#3fd6ac"},
		{"p3", "#8430ce", "#c9a0ff"},
		{"p4", "#b3185f", "#ff8cbb"},
		{"p5", "#6b6500", "#d8cf4c"},
	}
)

// stroke and fill return attributes for the colour. A viewer that does not heed
// the style sheet draws the light one, on the light ground.
func (p paint) stroke() string { return fmt.Sprintf(`class="%s-line" stroke="%s"`, p.class, p.light) }
func (p paint) fill() string   { return fmt.Sprintf(`class="%s-area" fill="%s"`, p.class, p.light) }

// markers are the shapes of points, each with the middle at 0 0. There is one
// fewer than there are paints, so that thirty lines look different.
var markers = []string{
	"M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z",
	"M-3.6 -3.6H3.6V3.6H-3.6Z",
	"M0 -4.6L4.4 3.4H-4.4Z",
	"M0 -5L5 0L0 5L-5 0Z",
	"M0 4.6L4.4 -3.4H-4.4Z",
}

// A canvas is where a plot is drawn.
type canvas struct {
	strings.Builder
	x, y scale
	zero bool // there is room for points at 0
}

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

// svg returns the picture. Equal figures make equal pictures.
func (p plot) svg() []byte {
	c := p.canvas()
	height := legendTop + legendRow*len(p.chart.Lines) + 16
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="13">`, width, height, width, height)
	c.put(`<title>%s</title>`, escape(p.title))
	c.put(`<desc>%s against %s, both on logarithmic axes. A bar spans the figures of two twins.</desc>`, escape(p.measure), escape(p.chart.Axis))
	c.style()
	c.put(`<rect width="%d" height="%d" %s/>`, width, height, ground.fill())
	c.put(`<text x="%d" y="26" font-size="16" font-weight="bold" %s>%s</text>`, left, ink.fill(), escape(p.title))
	c.axes(p)
	missing := 0
	for i, l := range p.chart.Lines {
		missing += c.line(i, l)
	}
	c.legend(p.chart.Lines)
	switch {
	case !p.drawn():
		c.put(`<text x="%d" y="%d" text-anchor="middle" %s>no figures</text>`, (left+right)/2, (top+bottom)/2, ink.fill())
	case missing > 0:
		c.put(`<text x="%d" y="%d" text-anchor="end" font-size="11" %s>not drawn, because not above 0: %d</text>`, right, top-6, ink.fill(), missing)
	}
	c.put(`</svg>`)
	return []byte(c.String())
}

// canvas returns one with scales for all figures of the plot.
func (p plot) canvas() *canvas {
	c := new(canvas)
	var xs, ys []float64
	for _, l := range p.chart.Lines {
		for _, at := range l.Points {
			if !drawable(float64(at.A)) {
				continue
			}
			ys = append(ys, float64(at.A), float64(at.B))
			if at.X == 0 {
				c.zero = true
			} else {
				xs = append(xs, float64(at.X))
			}
		}
	}
	from := float64(left + inset)
	if c.zero {
		from += zeroRoom
	}
	c.x = newScale(xs, from, right-inset)
	c.y = newScale(ys, bottom-inset, top+inset)
	return c
}

// drawn reports whether any point is.
func (p plot) drawn() bool {
	return slices.ContainsFunc(p.chart.Lines, func(l line) bool {
		return slices.ContainsFunc(l.Points, func(at point) bool { return drawable(float64(at.A)) })
	})
}

// style makes all colours those for a dark ground where that is preferred.
func (c *canvas) style() {
	c.put(`<style>@media (prefers-color-scheme: dark) {`)
	for _, p := range append([]paint{ground, ink, frame, rules, fine}, paints...) {
		c.put(`.%s-area { fill: %s } .%s-line { stroke: %s }`, p.class, p.dark, p.class, p.dark)
	}
	c.put(`}</style>`)
}

func (c *canvas) axes(p plot) {
	for _, log := range c.x.between() {
		c.put(`<path d="M%s %dV%d" %s/>`, num(c.x.place(log)), top, bottom, fine.stroke())
	}
	for _, log := range c.y.between() {
		c.put(`<path d="M%d %sH%d" %s/>`, left, num(c.y.place(log)), right, fine.stroke())
	}
	for _, t := range c.x.ticks() {
		x := num(c.x.place(t.log()))
		c.put(`<path d="M%s %dV%d" %s/>`, x, top, bottom+5, rules.stroke())
		c.put(`<text x="%s" y="%d" text-anchor="middle" %s>%s</text>`, x, bottom+21, ink.fill(), escape(t.label("")))
	}
	for _, t := range c.y.ticks() {
		y := c.y.place(t.log())
		c.put(`<path d="M%d %sH%d" %s/>`, left-5, num(y), right, rules.stroke())
		c.put(`<text x="%d" y="%s" text-anchor="end" %s>%s</text>`, left-9, num(y+4.5), ink.fill(), escape(t.label(p.chart.Unit)))
	}
	if c.zero {
		c.put(`<path d="M%d %dV%d" stroke-dasharray="2 3" %s/>`, left+zeroRoom, top, bottom, frame.stroke())
		c.put(`<text x="%d" y="%d" text-anchor="middle" %s>0</text>`, left+zeroRoom/2, bottom+21, ink.fill())
	}
	c.put(`<path d="M%d %dV%dH%d" fill="none" %s/>`, left, top, bottom, right, frame.stroke())
	c.put(`<text x="%d" y="%d" text-anchor="middle" %s>%s</text>`, (left+right)/2, bottom+44, ink.fill(), escape(p.chart.Axis))
	c.put(`<text transform="translate(18 %d) rotate(-90)" text-anchor="middle" %s>%s</text>`, (top+bottom)/2, ink.fill(), escape(p.measure))
}

// line draws the i-th line and returns how many of its points have no place.
func (c *canvas) line(i int, l line) (missing int) {
	points := slices.Clone(l.Points)
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.X, b.X) })
	var path, bars, shapes strings.Builder
	pen := "M"
	for _, p := range points {
		if !drawable(float64(p.A)) {
			missing++
			pen = "M" // the line is not drawn across what is not there
			continue
		}
		x, y := float64(left+zeroRoom/2), c.y.place(math.Log10(float64(p.A)))
		if p.X > 0 {
			x = c.x.place(math.Log10(float64(p.X)))
			fmt.Fprintf(&path, "%s%s %s", pen, num(x), num(y))
			pen = "L"
		}
		if drawable(float64(p.B)) {
			fmt.Fprintf(&bars, "M%s %sV%s", num(x), num(y), num(c.y.place(math.Log10(float64(p.B)))))
		}
		fmt.Fprintln(&shapes, mark(i, l, num(x), num(y)))
	}
	if path.Len() > 0 {
		c.put(`<path d="%s" fill="none" stroke-width="2" stroke-linejoin="round"%s %s/>`, path.String(), dashes(l), colour(i).stroke())
	}
	if bars.Len() > 0 {
		c.put(`<path d="%s" fill="none" stroke-width="4" stroke-opacity="0.45" %s/>`, bars.String(), colour(i).stroke())
	}
	c.WriteString(shapes.String())
	return missing
}

// legend names the lines, each in a row of its own.
func (c *canvas) legend(lines []line) {
	for i, l := range lines {
		y := legendTop + legendRow*i
		c.put(`<path d="M%d %dH%d" fill="none" stroke-width="2"%s %s/>`, left, y, left+40, dashes(l), colour(i).stroke())
		c.put(`%s`, mark(i, l, fmt.Sprint(left+20), fmt.Sprint(y)))
		name := l.Name
		if l.ByHand {
			name = "by hand: " + name
		}
		c.put(`<text x="%d" y="%d" %s>%s</text>`, left+52, y+4, ink.fill(), escape(name))
	}
}

func colour(i int) paint { return paints[i%len(paints)] }

// dashes returns the attribute that tells what is written by hand.
func dashes(l line) string {
	if l.ByHand {
		return ` stroke-dasharray="6 4"`
	}
	return ""
}

// mark returns the marker of a point of the i-th line, hollow if that is by hand.
func mark(i int, l line, x, y string) string {
	shape := fmt.Sprintf(`<path transform="translate(%s %s)" d="%s"`, x, y, markers[i%len(markers)])
	if l.ByHand {
		return fmt.Sprintf(`<g %s>%s stroke-width="1.6" %s/></g>`, ground.fill(), shape, colour(i).stroke())
	}
	return fmt.Sprintf(`%s %s/>`, shape, colour(i).fill())
}

// num returns a place with one decimal.
func num(v float64) string {
	s := fmt.Sprintf("%.1f", v)
	if s == "-0.0" {
		return "0.0"
	}
	return s
}

// escape returns a label as text of XML.
func escape(label string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(plain(label))) // a Builder takes everything
	return b.String()
}
