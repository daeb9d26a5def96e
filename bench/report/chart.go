package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
	"time"
)

// Chart shows values over time, in panels below each other.
type Chart struct {
	Title  string
	Length time.Duration
	Marks  []Mark // drawn in each panel
	Panels []Panel
}

// Mark is an event, or a time in which something happened.
type Mark struct {
	Name     string
	From, To time.Duration
}

// Panel has a line for each proxy, the first of which stands out.
type Panel struct {
	Name, Unit string
	Lines      []Line
}

// Line is the values of one proxy.
type Line struct {
	Name   string
	Points []Point
}

// Point is one value.
type Point struct {
	At    time.Duration
	Value float64
}

// The chart's measures, in pixels.
const (
	panelLeft   = 70
	panelWidth  = 780
	panelHeight = 150
	panelGap    = 50
	chartTop    = 60
)

var lineColors = []string{"#c8553d", "#3a6ea5", "#3a8f5c", "#8a6d9e", "#8a94a6"}

// SVG draws the chart.
func (c *Chart) SVG(w io.Writer) error {
	var body strings.Builder
	fmt.Fprintf(&body, `<text x="8" y="20" class="section">%s</text>`+"\n", html.EscapeString(c.Title))
	if len(c.Panels) > 0 {
		for i, l := range c.Panels[0].Lines {
			x := panelLeft + i*170
			fmt.Fprintf(&body, `<line x1="%d" y1="36" x2="%d" y2="36" stroke="%s" stroke-width="3"/><text x="%d" y="40">%s</text>`+"\n",
				x, x+20, lineColor(i), x+26, html.EscapeString(l.Name))
		}
	}
	for i, p := range c.Panels {
		c.panel(&body, p, chartTop+i*(panelHeight+panelGap))
	}
	height := chartTop + len(c.Panels)*(panelHeight+panelGap)
	_, err := fmt.Fprintf(w, seriesFrame, chartWidth, height, chartWidth, height, body.String())
	return err
}

func lineColor(i int) string { return lineColors[i%len(lineColors)] }

// panel draws a panel whose upper edge is at y.
func (c *Chart) panel(w io.Writer, p Panel, y int) {
	most := p.most()
	fmt.Fprintf(w, `<text x="%d" y="%d" class="section">%s, %s</text>`+"\n", panelLeft, y+10, html.EscapeString(p.Name), html.EscapeString(p.Unit))
	top, bottom := y+18, y+18+panelHeight-18
	for _, m := range c.Marks {
		from, to := c.across(m.From), c.across(m.To)
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="%d" height="%d" class="mark"/><text x="%d" y="%d" class="small">%s</text>`+"\n",
			from, top, max(1, to-from), bottom-top, from+3, top+11, html.EscapeString(m.Name))
	}
	for _, part := range []float64{0, 0.5, 1} {
		at := bottom - int(part*float64(bottom-top))
		fmt.Fprintf(w, `<line x1="%d" y1="%d" x2="%d" y2="%d" class="grid"/><text x="%d" y="%d" class="name">%s</text>`+"\n",
			panelLeft, at, panelLeft+panelWidth, at, panelLeft-6, at+4, number(part*most))
	}
	for i, l := range p.Lines {
		var points []string
		for _, each := range l.Points {
			points = append(points, fmt.Sprintf("%d,%.1f", c.across(each.At), float64(bottom)-each.Value/most*float64(bottom-top)))
		}
		fmt.Fprintf(w, `<polyline points="%s" fill="none" stroke="%s" stroke-width="%d"/>`+"\n", strings.Join(points, " "), lineColor(i), 1+max(0, 1-i))
	}
}

// across returns the place of a time, from the left.
func (c *Chart) across(at time.Duration) int {
	return panelLeft + int(float64(at)/float64(max(c.Length, 1))*panelWidth)
}

// most returns the upper end of the panel's scale, a round number.
func (p Panel) most() float64 {
	most := 0.0
	for _, l := range p.Lines {
		for _, each := range l.Points {
			most = max(most, each.Value)
		}
	}
	if most == 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 4, 5, 8, 10} {
		if most <= step*unit {
			return step * unit
		}
	}
	return most
}

const seriesFrame = `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
<style>
svg { background: #fff; font: 12px sans-serif; }
text { fill: #222; } .section { font-weight: bold; } .name { text-anchor: end; } .small { font-size: 10px; fill: #666; }
.grid { stroke: #ddd; } .mark { fill: #f3ead7; }
</style>
%s</svg>
`
