//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/measure"
	"github.com/letterlock/letterlock/bench/peers"
	"github.com/letterlock/letterlock/bench/report"
)

// day is the work of a mail server's day in a few minutes: sessions that are idle
// but for keepalives, polls, logins that come in bursts, mail in both directions, a
// flood, and a reload. Each proxy does it alone, at the same rates.
type day struct {
	*stage
	length time.Duration
	shifts []shift
}

// shift is one kind of work, for a part of the day.
type shift struct {
	name     string
	service  string
	job      load.Job
	from, to float64 // parts of the day
	drawn    bool    // the chart shows its latency
}

// The events of the day, as parts of it.
const (
	floodBegins = 0.45
	floodEnds   = 0.6
	reloadAt    = 0.7
)

// The sizes of a day for -length and -sessions, which are options.
const (
	dayLength       = 3 * time.Minute
	daySessions     = 3000
	quickDayLength  = 20 * time.Second
	quickDaySession = 200
)

// mailSizes are messages as a server gets them, in bytes: most are small, and a few
// carry pictures or documents.
var mailSizes = []int{
	3 << 10, 8 << 10, 5 << 10, 20 << 10, 4 << 10, 60 << 10, 9 << 10, 12 << 10, 30 << 10, 6 << 10,
	3 << 10, 150 << 10, 15 << 10, 7 << 10, 40 << 10, 10 << 10, 4 << 10, 2 << 20, 25 << 10, 500 << 10,
}

func newDay(s *stage, o *options) *day {
	d := &day{stage: s, length: o.length}
	sessions := o.sessions
	if o.quick {
		d.length, sessions = cmp.Or(d.length, quickDayLength), cmp.Or(sessions, quickDaySession)
	}
	d.length, sessions = cmp.Or(d.length, dayLength), cmp.Or(sessions, daySessions)
	d.shifts = shifts(sessions)
	for i := range d.shifts {
		d.shifts[i].complete(d.length)
	}
	return d
}

// shifts returns the kinds of work. The number of sessions that are open all day
// scales the rates.
func shifts(sessions int) []shift {
	n := float64(sessions)
	const all = 1.0
	return []shift{
		{name: "keepalive of an idle session", service: "imaps", to: all, drawn: true, job: load.Job{Protocol: "imap", Kind: load.NoOp, Sessions: sessions, Rate: n / 20}},
		{name: "message of 64 KiB read", service: "imaps", to: all, job: load.Job{Protocol: "imap", Kind: load.Download, Sessions: 16, Rate: n / 300, Size: 64 << 10}},
		{name: "POP3 poll", service: "pop3s", to: all, job: load.Job{Protocol: "pop3", Kind: load.Session, Sessions: 16, Rate: n / 300}},
		{name: "IMAP logins in a burst, first", service: "imaps", from: 0.1, to: 0.2, job: load.Job{Protocol: "imap", Kind: load.Session, Sessions: 32, Rate: n / 40}},
		{name: "IMAP logins in a burst, second", service: "imaps", from: 0.8, to: 0.9, job: load.Job{Protocol: "imap", Kind: load.Session, Sessions: 32, Rate: n / 40}},
		{name: "submission", service: "submissions", to: all, job: load.Job{Protocol: "smtp", Kind: load.Message, Fresh: true, Pipelining: true, Sessions: 8, Rate: n / 600, Sizes: mailSizes}},
		{name: "message from another server", service: "submissions", to: all, drawn: true, job: load.Job{Protocol: "smtp", Kind: load.Message, Pipelining: true, Sessions: 16, Rate: n / 150, Sizes: mailSizes}},
		{name: "connection of the flood", service: "imaps", from: floodBegins, to: floodEnds, job: load.Job{Protocol: "imap", Kind: load.Flood, Sessions: 64, Rate: n / 5}},
	}
}

// complete sets what follows from the length of the day.
func (w *shift) complete(length time.Duration) {
	j := &w.job
	j.Group, j.Tolerant, j.Window = x25519, true, max(length/45, time.Second)
	j.Sessions = max(1, j.Sessions)
	j.Count = max(1, int(j.Rate*(w.to-w.from)*length.Seconds()))
}

// course holds the results of a proxy's day.
type course struct {
	samples []sample
	results []load.Result // of each shift
}

// sample holds what a proxy used since the sample before it.
type sample struct {
	at     time.Duration // from the beginning of the day
	cpu    float64       // CPUs
	memory int64         // bytes
}

// measureDay lets each proxy that can reload its configuration pass the day.
func measureDay(s *stage, o *options) error {
	if len(o.peers) == 0 {
		o.peers = []string{"nginx-13", "haproxy-13"}
	}
	all, versions, err := chosen(s, o)
	if err != nil {
		return err
	}
	d, r := newDay(s, o), &dayReport{}
	for i, p := range all {
		if !p.Reloads {
			continue
		}
		fmt.Fprintf(os.Stderr, "a day in %s: %s\n", d.length, p.Name)
		passed, err := d.pass(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		r.add(report.Column{Name: p.Name, Detail: versions[i]}, passed)
	}
	table, chart := r.table(d), r.chart(d)
	report.Text(os.Stdout, []*report.Table{table})
	if o.write == "" {
		return nil
	}
	return report.WriteDay(o.write, machine(o, 1), table, chart)
}

// pass lets a proxy pass the day.
func (d *day) pass(p *peers.Peer) (passed course, err error) {
	x, err := d.startReloading(p)
	if err != nil {
		return passed, err
	}
	defer func() { err = errors.Join(err, d.stop(x)) }()
	generators := make([]*load.Generator, len(d.shifts))
	for i, w := range d.shifts {
		if generators[i], err = d.generate(x, w.service, w.job); err != nil {
			return passed, fmt.Errorf("%s: %w", w.name, err)
		}
		defer func() { _ = generators[i].Stop() }()
	}
	var group sync.WaitGroup
	passed.results = make([]load.Result, len(d.shifts))
	failed := make([]error, len(d.shifts)+1)
	start, done := time.Now(), make(chan struct{})
	for i, w := range d.shifts {
		group.Go(func() {
			time.Sleep(d.part(w.from))
			passed.results[i], failed[i] = generators[i].Go()
		})
	}
	group.Go(func() {
		time.Sleep(d.part(reloadAt))
		failed[len(d.shifts)] = p.Reload(x.Instance)
	})
	go func() {
		group.Wait()
		close(done)
	}()
	passed.samples, err = d.watch(x, start, done)
	<-done
	return passed, errors.Join(append(failed, err)...)
}

func (d *day) part(of float64) time.Duration { return time.Duration(of * float64(d.length)) }

// watch samples what the proxy uses, until the work is done.
func (d *day) watch(x *proxy, start time.Time, done <-chan struct{}) (all []sample, err error) {
	last, err := measure.CPU(x.PIDs())
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(max(d.length/90, time.Second))
	defer tick.Stop()
	for before := start; ; {
		select {
		case <-done:
			return all, nil
		case <-tick.C:
		}
		cpu, err := measure.CPU(x.PIDs())
		if err != nil {
			return all, err
		}
		now := time.Now()
		memory, err := measure.Memory(x.PIDs())
		if err != nil {
			return all, err
		}
		all = append(all, sample{now.Sub(start), (cpu - last).Seconds() / now.Sub(before).Seconds(), memory})
		last, before = cpu, now
	}
}
