package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The chart's dimensions, in pixels.
const (
	chartWidth = 900
	chartLeft  = 430 // for the names
	chartRight = 60
	chartLine  = 18
	chartMost  = 1.5 // the ratio at the right edge
)

// SVG draws the ratios to the best peer: a bar for each row, a line at equal
// cost, and a mark at the row's goal.
func SVG(w io.Writer, t *Table) error {
	var body strings.Builder
	y, section := 3*chartLine, ""
	for _, r := range t.Rows {
		ratio := r.Ratio()
		if math.IsNaN(ratio) {
			continue
		}
		if r.Section != section {
			section = r.Section
			y += chartLine / 2
			fmt.Fprintf(&body, `<text x="8" y="%d" class="section">%s</text>`+"\n", y+13, html.EscapeString(section))
			y += chartLine
		}
		r.draw(&body, y, ratio)
		y += chartLine
	}
	height := y + chartLine
	_, err := fmt.Fprintf(w, chartFrame, chartWidth, height, chartWidth, height,
		html.EscapeString(t.Title), place(1), 2*chartLine, place(1), y, place(1), 2*chartLine-4, body.String())
	return err
}

// place returns the horizontal position of a ratio.
func place(ratio float64) int {
	return chartLeft + int(min(ratio, chartMost)/chartMost*(chartWidth-chartLeft-chartRight))
}

func (r *Row) draw(w io.Writer, y int, ratio float64) {
	class := [...]string{NoGoal: "none", Met: "met", Missed: "missed"}[r.Verdict()]
	fmt.Fprintf(w, `<text x="%d" y="%d" class="name">%s</text><rect x="%d" y="%d" width="%d" height="12" class="%s"/><text x="%d" y="%d">%.2f</text>`+"\n",
		chartLeft-8, y+13, html.EscapeString(r.Name), chartLeft, y+3, place(ratio)-chartLeft, class, place(ratio)+5, y+13, ratio)
	if r.Goal > 0 {
		fmt.Fprintf(w, `<line x1="%d" y1="%d" x2="%d" y2="%d" class="goal"/>`+"\n", place(r.Goal), y+1, place(r.Goal), y+17)
	}
}

const chartFrame = `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
<style>
svg { background: #fff; font: 12px sans-serif; }
text { fill: #222; } .section { font-weight: bold; } .name { text-anchor: end; } .middle { text-anchor: middle; }
.met { fill: #3a8f5c; } .missed { fill: #c8553d; } .none { fill: #8a94a6; }
.goal { stroke: #222; stroke-width: 2; } .equal { stroke: #999; stroke-dasharray: 4 3; }
</style>
<text x="8" y="20" class="section">%s: ratio to the best peer, shorter is better; the mark is the goal</text>
<line x1="%d" y1="%d" x2="%d" y2="%d" class="equal"/>
<text x="%d" y="%d" class="middle">1</text>
%s</svg>
`
