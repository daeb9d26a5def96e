//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/letterlock/letterlock/bench/load"
)

// work is a kind of work that is measured, and its rows of the table.
type work struct {
	section string
	name    string
	service string
	key     string // the certificate's algorithm
	job     load.Job
	idle    int // the number of sessions to hold open; 0: the work is the job
	figures []figure
}

// The algorithms of certificates.
const (
	ecdsa = "ecdsa"
	rsa   = "rsa"
)

// figure is a value that is taken from an outcome.
type figure struct {
	suffix  string // added to the row's name
	unit    string
	higher  bool    // higher is better
	goal    float64 // maximum ratio to the best peer; 0: none
	bound   float64 // maximum of the figure; 0: none
	against string  // the row with the best peer; empty: this row
	of      func(outcome) float64
}

// outcome is the result of one measurement.
type outcome struct {
	cpu                 time.Duration
	bytes               int64
	result              load.Result
	before, after, late int64 // memory: before the sessions, with them, a minute later
	sessions            int
}

func (o outcome) microseconds() float64 {
	return float64(o.cpu.Microseconds()) / float64(o.result.Done)
}

func (o outcome) perGiB() float64 { return o.cpu.Seconds() / float64(o.bytes) * (1 << 30) }

func (o outcome) rate() float64 { return float64(o.result.Done) / o.result.Took.Seconds() }

func (o outcome) kib(now int64) float64 {
	return float64(now-o.before) / float64(o.sessions) / (1 << 10)
}

// The goals, as ratios to the best peer's figure.
const (
	goalHandshake = 0.8
	goalQuantum   = 0.75
	goalTLS12     = 0.9
	goalRSA       = 1.5 // crypto/tls signs slower than OpenSSL
	goalResumed   = 0.8
	goalSTARTTLS  = 0.6
	goalBulk      = 0.85
	goalNoOp      = 0.9
	goalSmall     = 0.85
	goalLarge     = 1.0
	goalP99       = 1.0
	goalRate      = 1.2 // CPU time at a fixed rate
	goalFlood     = 0.8
	goalIdle      = 0.45
	boundIdle     = 8  // KiB a session after a minute
	boundAtOnce   = 14 // KiB a session
)

func works(quick bool) []work {
	var all []work
	for _, part := range [][]work{sessions(), bulk(), messages(), latencies(), floods(), idles()} {
		all = append(all, part...)
	}
	if quick {
		for i := range all {
			job := &all[i].job
			job.Count = max(job.Count/10, job.Sessions)
		}
	}
	return all
}

const (
	x25519  = "X25519"
	quantum = "X25519MLKEM768"
)

var services = []struct{ name, implicit, starttls, protocol string }{
	{"IMAP", "imaps", "imap", "imap"},
	{"POP3", "pop3s", "pop3", "pop3"},
	{"SMTP", "submissions", "submission", "smtp"},
}

// handshakes are the kinds of TLS handshakes that are measured.
var handshakes = []struct {
	name, key, group string
	resume, tls12    bool
	goal             float64
}{
	{x25519, ecdsa, x25519, false, false, goalHandshake},
	{quantum, ecdsa, quantum, false, false, goalQuantum},
	{"TLS 1.2", ecdsa, x25519, false, true, goalTLS12},
	{"RSA-2048", rsa, x25519, false, false, goalRSA},
	{"resumed", ecdsa, x25519, true, false, goalResumed},
}

// sessions returns the works that connect, start TLS, log in and log out.
func sessions() []work {
	const section = "Handshake, login, logout"
	var all []work
	for _, s := range services {
		for _, starttls := range []bool{false, true} {
			service, how := s.implicit, "TLS first"
			if starttls {
				service, how = s.starttls, "STARTTLS"
			}
			for _, kind := range handshakes {
				f := figure{unit: "µs", goal: kind.goal, of: outcome.microseconds}
				if starttls && kind.key == ecdsa {
					f.goal = goalSTARTTLS
				}
				all = append(all, work{
					section: section, name: fmt.Sprintf("%s, %s, %s", s.name, how, kind.name), service: service, key: kind.key,
					job: load.Job{
						Protocol: s.protocol, STARTTLS: starttls, Group: kind.group, Resume: kind.resume, TLS12: kind.tls12,
						Kind: load.Session, Count: 800, Sessions: 8,
					},
					figures: []figure{f},
				})
			}
		}
	}
	return all
}

// bulk returns the works that move messages after an IMAP login.
func bulk() []work {
	const section = "After login"
	perGiB := []figure{{unit: "s/GiB", goal: goalBulk, of: outcome.perGiB}}
	of := func(name string, figures []figure, job load.Job) work {
		job.Protocol, job.Group = "imap", x25519
		return work{section: section, name: name, service: "imaps", key: ecdsa, job: job, figures: figures}
	}
	return []work{
		of("download of 10 MiB messages", perGiB, load.Job{Kind: load.Download, Count: 150, Sessions: 4, Size: 10 << 20}),
		of("upload of 10 MiB messages", perGiB, load.Job{Kind: load.Upload, Count: 150, Sessions: 4, Size: 10 << 20}),
		of("round trip (NOOP)", []figure{{unit: "µs", goal: goalNoOp, of: outcome.microseconds}},
			load.Job{Kind: load.NoOp, Count: 60000, Sessions: 16}),
	}
}

// messages returns the works that send messages by SMTP, with and without
// pipelining and chunking.
func messages() []work {
	var all []work
	for _, size := range []struct {
		name           string
		bytes          int
		kept, fresh, n int
		goal           float64
	}{{"2 KiB", 2 << 10, 8000, 800, 8, goalSmall}, {"1 MiB", 1 << 20, 400, 200, 4, goalLarge}} {
		for _, fresh := range []bool{false, true} {
			for _, pipelining := range []bool{true, false} {
				for _, chunking := range []bool{false, true} {
					name, count := size.name+", one connection", size.kept
					if fresh {
						name, count = size.name+", new connections", size.fresh
					}
					all = append(all, work{
						section: "SMTP message", name: name + how(chunking, pipelining), service: "submissions", key: ecdsa,
						job: load.Job{
							Protocol: "smtp", Group: x25519, Kind: load.Message, Count: count, Sessions: size.n,
							Size: size.bytes, Fresh: fresh, Pipelining: pipelining, Chunking: chunking,
						},
						figures: []figure{{unit: "µs", goal: size.goal, of: outcome.microseconds}},
					})
				}
			}
		}
	}
	return all
}

func how(chunking, pipelining bool) string {
	text := ", DATA"
	if chunking {
		text = ", BDAT"
	}
	if !pipelining {
		return text
	}
	return text + ", pipelined"
}

// latencies returns the works at a rate that no proxy is busy at.
func latencies() []work {
	of := func(name, service string, job load.Job) work {
		job.Group = x25519
		return work{
			section: "Latency", name: fmt.Sprintf("%s, %.0f a second", name, job.Rate), service: service, key: ecdsa, job: job,
			figures: []figure{
				{suffix: ", p50", unit: "µs", of: func(o outcome) float64 { return float64(o.result.P50.Microseconds()) }},
				{suffix: ", p99", unit: "µs", goal: goalP99, of: func(o outcome) float64 { return float64(o.result.P99.Microseconds()) }},
				{suffix: ", CPU", unit: "µs", goal: goalRate, of: outcome.microseconds},
			},
		}
	}
	return []work{
		of("IMAP NOOP", "imaps", load.Job{Protocol: "imap", Kind: load.NoOp, Count: 5000, Sessions: 64, Rate: 1000}),
		of("IMAP NOOP in quiet sessions", "imaps", load.Job{Protocol: "imap", Kind: load.NoOp, Count: 8000, Sessions: 2000, Rate: 1000}),
		of("IMAP session", "imaps", load.Job{Protocol: "imap", Kind: load.Session, Count: 600, Sessions: 32, Rate: 100}),
		of("SMTP message of 2 KiB", "submissions", load.Job{
			Protocol: "smtp", Kind: load.Message, Count: 1500, Sessions: 32, Rate: 300, Size: 2 << 10, Pipelining: true,
		}),
	}
}

// floods returns the works with connections that send nothing.
func floods() []work {
	return []work{{
		section: "Flood", name: "connections without a word", service: "imaps", key: ecdsa,
		job: load.Job{Protocol: "imap", Kind: load.Flood, Count: 10000, Sessions: 64},
		figures: []figure{
			{suffix: ", CPU", unit: "µs", goal: goalFlood, of: outcome.microseconds},
			{suffix: ", rate", unit: "1/s", higher: true, of: outcome.rate},
		},
	}}
}

// idles returns the works with sessions in IMAP IDLE.
func idles() []work {
	var all []work
	for _, n := range []int{1000, 9000} {
		all = append(all, work{
			section: "Memory of an idle session", name: fmt.Sprintf("%d sessions", n), service: "imaps", key: ecdsa, idle: n,
			figures: []figure{
				{suffix: ", at once", unit: "KiB", goal: goalIdle, bound: boundAtOnce, of: func(o outcome) float64 { return o.kib(o.after) }},
				{suffix: ", after a minute", unit: "KiB", goal: goalIdle, bound: boundIdle, of: func(o outcome) float64 { return o.kib(o.late) }},
			},
		})
	}
	return all
}
