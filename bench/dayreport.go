//go:build linux

package main

import (
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/report"
)

// dayReport gathers how the proxies passed the day.
type dayReport struct {
	columns []report.Column
	courses []course
}

func (r *dayReport) add(c report.Column, passed course) {
	r.columns, r.courses = append(r.columns, c), append(r.courses, passed)
}

// table sums the day up: what each proxy used, and what its clients saw.
func (r *dayReport) table(d *day) *report.Table {
	t := &report.Table{Title: "A day in " + d.length.String(), Columns: r.columns}
	fill := func(row report.Row, of func(course) float64) {
		added := t.Add(row)
		for i, c := range r.courses {
			added.Cells[i].Samples = []float64{of(c)}
		}
	}
	fill(report.Row{Section: "The proxy", Name: "CPU time", Unit: "s"}, course.cpu)
	fill(report.Row{Section: "The proxy", Name: "most memory", Unit: "MiB"}, course.memory)
	for i, w := range d.shifts {
		if w.job.Kind == load.Flood {
			continue
		}
		fill(report.Row{Section: "p99", Name: w.name, Unit: "ms"}, func(c course) float64 { return milliseconds(c.results[i].P99) })
	}
	fill(report.Row{Section: "The clients", Name: "operations that failed", Unit: ""}, course.failed)
	return t
}

// cpu returns the seconds of CPU time.
func (c course) cpu() (sum float64) {
	before := time.Duration(0)
	for _, s := range c.samples {
		sum += s.cpu * (s.at - before).Seconds()
		before = s.at
	}
	return sum
}

// memory returns the most memory, in MiB.
func (c course) memory() float64 {
	most := int64(0)
	for _, s := range c.samples {
		most = max(most, s.memory)
	}
	return float64(most) / (1 << 20)
}

func (c course) failed() float64 {
	n := 0
	for _, r := range c.results {
		n += r.Failed
	}
	return float64(n)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// chart draws the day: a panel for CPU time, one for memory, and one for the latency
// of each shift that is drawn.
func (r *dayReport) chart(d *day) *report.Chart {
	c := &report.Chart{Title: "A day in " + d.length.String(), Length: d.length, Marks: []report.Mark{
		{Name: "flood", From: d.part(floodBegins), To: d.part(floodEnds)}, {Name: "reload", From: d.part(reloadAt), To: d.part(reloadAt)},
	}}
	cpu, memory := report.Panel{Name: "CPU time", Unit: "%"}, report.Panel{Name: "memory", Unit: "MiB"}
	for i, passed := range r.courses {
		name := r.columns[i].Name
		used, held := report.Line{Name: name}, report.Line{Name: name}
		for _, s := range passed.samples {
			used.Points = append(used.Points, report.Point{At: s.at, Value: 100 * s.cpu})
			held.Points = append(held.Points, report.Point{At: s.at, Value: float64(s.memory) / (1 << 20)})
		}
		cpu.Lines, memory.Lines = append(cpu.Lines, used), append(memory.Lines, held)
	}
	c.Panels = []report.Panel{cpu, memory}
	for i, w := range d.shifts {
		if w.drawn {
			c.Panels = append(c.Panels, r.latency(d, i))
		}
	}
	return c
}

// latency returns the panel for the latency of a shift.
func (r *dayReport) latency(d *day, at int) report.Panel {
	w := d.shifts[at]
	p := report.Panel{Name: w.name + ", p99", Unit: "ms"}
	for i, passed := range r.courses {
		line := report.Line{Name: r.columns[i].Name}
		for n, window := range passed.results[at].Windows {
			if window.Done > 0 {
				end := d.part(w.from) + time.Duration(n+1)*w.job.Window
				line.Points = append(line.Points, report.Point{At: min(end, d.length), Value: milliseconds(window.P99)})
			}
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}
