//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/measure"
	"github.com/letterlock/letterlock/bench/report"
)

// crowd is the number of sessions and listeners that Letterlock has during a
// measurement.
type crowd struct {
	sessions, listeners int
}

var crowds = []crowd{{100, 1}, {1000, 1}, {9000, 1}, {9000, 1000}}

const growthSection = "Growth"

// growth measures whether the cost of an operation depends on the size of the
// crowd.
type growth struct {
	*measuring
	table *report.Table
	works []work
	rows  [][]*report.Row // by work
}

func (m *measuring) newGrowth() *growth {
	g := &growth{measuring: m, works: m.growthWorks()}
	g.table = &report.Table{Title: "Letterlock with more and more sessions", Growth: true}
	for _, c := range crowds {
		name := fmt.Sprintf("%d sessions", c.sessions)
		if c.listeners > 1 {
			name += fmt.Sprintf(" on %d listeners", c.listeners)
		}
		g.table.Columns = append(g.table.Columns, report.Column{Name: name})
	}
	for _, w := range g.works {
		g.rows = append(g.rows, m.rowsOf(g.table, w))
	}
	return g
}

func (g *growth) round(number int) error {
	if len(g.works) == 0 {
		return nil
	}
	for column, c := range crowds {
		name := g.table.Columns[column].Name
		fmt.Fprintf(os.Stderr, "round %d of %d, growth: %s\n", number+1, g.options.rounds, name)
		err := g.gather(c, func(i int, o outcome) {
			for at, f := range g.works[i].figures {
				cell := &g.rows[i][at].Cells[column]
				cell.Samples = append(cell.Samples, f.of(o))
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// growthWorks returns some of the other works, and the crowd's own memory as
// the last one.
func (m *measuring) growthWorks() []work {
	var chosen []work
	for _, w := range append(sessions()[:1], bulk()...) {
		w.section = growthSection
		for i := range w.figures {
			w.figures[i].goal = 0
		}
		if m.options.quick {
			w.job.Count = max(w.job.Count/10, w.job.Sessions)
		}
		chosen = append(chosen, w)
	}
	memory := idles()[0]
	memory.section, memory.name = growthSection, "memory of an idle session"
	for i := range memory.figures {
		memory.figures[i].goal, memory.figures[i].bound = 0, 0
	}
	chosen = append(chosen, memory)
	var wanted []work
	for _, w := range chosen {
		if m.options.only.MatchString(w.section + ": " + w.name) {
			wanted = append(wanted, w)
		}
	}
	return wanted
}

// gather starts a new Letterlock, opens the crowd's sessions, and does the
// works.
func (g *growth) gather(c crowd, record func(i int, o outcome)) (err error) {
	x, err := g.start(g.peers[0], ecdsa, c.listeners-1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop(x)) }()
	job := idleJob(c.sessions)
	for _, port := range x.ports() {
		job.Addresses = append(job.Addresses, fmt.Sprintf("127.0.0.1:%d", port))
	}
	idle, close, err := sit(g.stage, x, job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, close()) }()
	time.Sleep(aMinute(g.options.quick))
	if idle.late, err = measure.Memory(x.PIDs()); err != nil {
		return err
	}
	for i, w := range g.works {
		o := idle
		if w.idle == 0 {
			if o, err = g.inCrowd(x, w, job.Addresses); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		record(i, o)
	}
	return nil
}

func (g *growth) inCrowd(x *proxy, w work, addresses []string) (outcome, error) {
	job := w.job
	if job.Kind == load.Session {
		job.Addresses = addresses
	}
	return turn(g.stage, x, w.service, job)
}

// ports returns the ports of all listeners for imaps. The first listener has
// the name and the certificate that all proxies use.
func (x *proxy) ports() []int {
	ports := []int{x.setting.Ports["imaps"]}
	for _, l := range x.setting.More {
		ports = append(ports, l.Port)
	}
	return ports
}
