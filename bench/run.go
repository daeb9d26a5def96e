//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/bench/peers"
	"github.com/letterlock/letterlock/bench/report"
)

// measureAll does the selected works and writes the tables.
func measureAll(s *stage, o *options) error {
	all, versions, err := chosen(s, o)
	if err != nil {
		return err
	}
	m := &measuring{stage: s, options: o, peers: all, running: make(map[string]*proxy)}
	main := m.newTable(versions)
	for _, w := range works(o.quick) {
		if o.only.MatchString(w.section + ": " + w.name) {
			m.all = append(m.all, w)
			m.rows = append(m.rows, m.rowsOf(main, w))
		}
	}
	g := m.newGrowth()
	tables := []*report.Table{main, g.table}
	for round := range o.rounds {
		m.round(round)
		m.fail(g.round(round))
		if o.write != "" { // after each round, because a run takes long
			m.fail(report.Write(o.write, machine(o, round+1), tables))
		}
	}
	report.Text(os.Stdout, tables)
	return m.failed
}

// measuring is one run.
type measuring struct {
	*stage
	options *options
	peers   []*peers.Peer
	all     []work
	rows    [][]*report.Row   // by work and figure
	running map[string]*proxy // by name and key
	failed  error
}

func (m *measuring) newTable(versions []string) *report.Table {
	t := &report.Table{Title: "Letterlock and the others"}
	for i, p := range m.peers {
		t.Columns = append(t.Columns, report.Column{Name: p.Name, Detail: versions[i], Floor: p.Floor})
	}
	return t
}

func (m *measuring) rowsOf(t *report.Table, w work) []*report.Row {
	var rows []*report.Row
	for _, f := range w.figures {
		rows = append(rows, t.Add(report.Row{
			Section: w.section, Name: w.name + f.suffix, Unit: f.unit, Higher: f.higher,
			Goal: f.goal, Bound: f.bound, Against: f.against,
		}))
	}
	return rows
}

// round does each work once with each proxy, in random order.
func (m *measuring) round(number int) {
	for i, at := range rand.Perm(len(m.all)) {
		w := m.all[at]
		fmt.Fprintf(os.Stderr, "round %d of %d, %3d of %d: %s: %s\n", number+1, m.options.rounds, i+1, len(m.all), w.section, w.name)
		order := m.shuffled(at)
		record := func(p *peers.Peer, o outcome, err error) { m.record(at, p, o, err) }
		if w.idle > 0 {
			m.fail(holdIdle(m.stage, order, w.idle, aMinute(m.options.quick), record))
			continue
		}
		for _, p := range order {
			o, err := m.once(p, w)
			record(p, o, err)
		}
	}
}

// shuffled returns the proxies that have not done the work yet, in random
// order.
func (m *measuring) shuffled(at int) []*peers.Peer {
	var order []*peers.Peer
	for i, p := range m.peers {
		if cell := m.rows[at][0].Cells[i]; cell.Note == "" || len(cell.Samples) > 0 {
			order = append(order, p)
		}
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

func (m *measuring) once(p *peers.Peer, w work) (outcome, error) {
	if !p.Serves(w.service) {
		return outcome{}, notSame("does not offer " + w.service)
	}
	x, err := m.proxy(p, w.key)
	if err != nil {
		return outcome{}, err
	}
	return turn(m.stage, x, w.service, w.job)
}

// proxy returns a running proxy, and starts it if necessary.
func (m *measuring) proxy(p *peers.Peer, key string) (*proxy, error) {
	name := p.Name + " " + key
	if m.running[name] == nil {
		x, err := m.start(p, key, 0)
		if err != nil {
			return nil, err
		}
		m.running[name] = x
	}
	return m.running[name], nil
}

// record writes an outcome into the table.
func (m *measuring) record(at int, p *peers.Peer, o outcome, err error) {
	column := slices.Index(m.peers, p)
	_, expected := errors.AsType[notSame](err)
	if p.Fragile && err != nil && !expected {
		err, expected = notSame("ends sessions before their work is done"), true
	}
	for i, f := range m.all[at].figures {
		cell := &m.rows[at][i].Cells[column]
		if err == nil {
			cell.Samples = append(cell.Samples, f.of(o))
			if p.Group != "" {
				cell.Note = p.Name + " with " + p.Group
			}
			continue
		}
		cell.Samples, cell.Note = nil, p.Name+" "+strings.ReplaceAll(err.Error(), "\n", " ")
	}
	if err != nil && !expected {
		m.fail(fmt.Errorf("%s: %s: %w", p.Name, m.all[at].name, err))
	}
}

// fail records an error; the run continues.
func (m *measuring) fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		m.failed = errors.Join(m.failed, err)
	}
}
