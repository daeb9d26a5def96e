package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/observe/timeline"
)

// span holds the drawings of the last hour, day or week.
type span struct {
	Name        string
	TLS, Failed drawing
	Rows        []colour // of TLS
	Failures    []colour // of Failed
}

// colour is a kind of event in a drawing, with its sum.
type colour struct {
	Class, Name string
	Count       uint64

	of func(timeline.Counts) uint64
}

// drawing is a bar for each part of a span. The bars of the colours stand on each
// other.
type drawing struct {
	Label  string
	Step   string // the length of a part
	Width  int
	Height int
	Most   uint64 // the highest bar
	Layers []layer
}

// layer is the bars of a colour, as an SVG path.
type layer struct{ Class, Path string }

const chartHeight = 40

func (s *Status) spans(now time.Time) []span {
	var all []span
	if s.options.Timeline == nil {
		return nil
	}
	for i, of := range timeline.Spans() {
		parts := s.options.Timeline.Parts(i, now)
		shown := span{
			Name: of.Name,
			Rows: []colour{
				{"tls13", "TLSv1.3", 0, func(c timeline.Counts) uint64 { return c.TLS13 }},
				{"tls12", "TLSv1.2", 0, func(c timeline.Counts) uint64 { return c.TLS12 }},
				{"old", "TLSv1, TLSv1.1", 0, func(c timeline.Counts) uint64 { return c.OldTLS }},
				{"plaintext", "ended without TLS", 0, func(c timeline.Counts) uint64 { return c.Plaintext }},
			},
			Failures: []colour{
				{"handshakes", "failed handshakes", 0, func(c timeline.Counts) uint64 { return c.FailedHandshakes }},
				{"logins", "failed logins", 0, func(c timeline.Counts) uint64 { return c.FailedLogins }},
			},
		}
		shown.TLS = draw("Sessions in the last "+of.Name, of, parts, shown.Rows)
		shown.Failed = draw("Failures in the last "+of.Name, of, parts, shown.Failures)
		all = append(all, shown)
	}
	return all
}

// draw draws the parts of a span, and sets the sums of the colours.
func draw(title string, of timeline.Span, parts []timeline.Counts, colours []colour) drawing {
	d := drawing{Step: partWords(of.Step), Width: len(parts), Height: chartHeight}
	for _, p := range parts {
		var sum uint64
		for _, c := range colours {
			sum += c.of(p)
		}
		d.Most = max(d.Most, sum)
	}
	below := make([]float64, len(parts))
	words := make([]string, len(colours))
	for i := range colours {
		c := &colours[i]
		var path strings.Builder
		for x, p := range parts {
			n := c.of(p)
			c.Count += n
			if n == 0 {
				continue
			}
			high := chartHeight * float64(n) / float64(d.Most)
			fmt.Fprintf(&path, "M%d %.2fh.85v-%.2fh-.85z", x, chartHeight-below[x], high)
			below[x] += high
		}
		d.Layers = append(d.Layers, layer{c.Class, path.String()})
		words[i] = fmt.Sprintf("%s %s", commas(c.Count), c.Name)
	}
	d.Label = title + ": " + strings.Join(words, ", ")
	return d
}

func partWords(step time.Duration) string {
	switch step {
	case time.Minute:
		return "a minute"
	case time.Hour:
		return "an hour"
	}
	return fmt.Sprintf("%.0f minutes", step.Minutes())
}
