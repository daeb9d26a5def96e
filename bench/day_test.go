//go:build linux

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/peers"
	"github.com/letterlock/letterlock/bench/report"
)

// Each proxy that can reload offers what the day asks for, and each shift has work in
// a day of any length.
func TestShifts(t *testing.T) {
	for _, o := range []options{{}, {quick: true}, {length: time.Second, sessions: 10}} {
		d := newDay(nil, &o)
		for _, p := range peers.All("letterlock", []peers.Release{{Name: "Debian 13"}}) {
			for _, w := range d.shifts {
				if p.Reloads && !p.Serves(w.service) {
					t.Errorf("%s does not offer %s", p.Name, w.service)
				}
			}
		}
		for _, w := range d.shifts {
			if w.job.Count < 1 || w.job.Sessions < 1 || w.job.Window <= 0 || w.to <= w.from {
				t.Errorf("%s: %+v", w.name, w)
			}
		}
	}
}

func TestDayReport(t *testing.T) {
	d := newDay(nil, &options{quick: true})
	passed := course{results: make([]load.Result, len(d.shifts)), samples: []sample{{time.Second, 0.5, 3 << 20}, {3 * time.Second, 0.25, 2 << 20}}}
	passed.results[0] = load.Result{P99: 1500 * time.Microsecond, Failed: 2, Windows: []load.Window{{Done: 1, P99: time.Millisecond}, {}, {Done: 1, P99: 2 * time.Millisecond}}}
	r := &dayReport{}
	r.add(report.Column{Name: "Letterlock"}, passed)
	table := r.table(d)
	for name, want := range map[string]float64{"CPU time": 1, "most memory": 3, d.shifts[0].name: 1.5, "operations that failed": 2} {
		at := slices.IndexFunc(table.Rows, func(r *report.Row) bool { return r.Name == name })
		if at < 0 || table.Rows[at].Cells[0].Median() != want {
			t.Errorf("%s is not %v", name, want)
		}
	}
	chart := r.chart(d)
	if n := len(chart.Panels); n != 4 {
		t.Fatalf("%d panels", n)
	}
	latency := chart.Panels[2].Lines[0].Points
	if want := []report.Point{{At: d.shifts[0].job.Window, Value: 1}, {At: 3 * d.shifts[0].job.Window, Value: 2}}; !slices.Equal(latency, want) {
		t.Errorf("the latency is %v, want %v", latency, want)
	}
}
