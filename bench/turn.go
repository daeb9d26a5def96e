//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/measure"
	"github.com/letterlock/letterlock/bench/peers"
)

// notSame is the reason why a proxy has no figure: it cannot do the same work.
type notSame string

func (e notSame) Error() string { return string(e) }

// turn makes the proxy do the work once.
func turn(s *stage, x *proxy, service string, job load.Job) (o outcome, err error) {
	service, job = suited(x.peer, service, job)
	g, err := s.generate(x, service, job)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	before, err := measure.Settled(x.PIDs())
	if err != nil {
		return o, err
	}
	if o.result, err = g.Go(); err != nil {
		return o, err
	}
	after, err := measure.Settled(x.PIDs())
	if err != nil {
		return o, err
	}
	o.cpu = after - before
	o.bytes = int64(o.result.Done) * int64(job.Size)
	return o, same(job, o.result)
}

// plain maps each service to the one of the floor's relay, which has no TLS.
var plain = map[string]string{"imaps": "imap", "pop3s": "pop3", "submissions": "submission"}

// suited returns the job with a key exchange that the proxy supports. For the
// floor, work that mostly moves bytes goes through the relay without TLS.
func suited(p *peers.Peer, service string, job load.Job) (string, load.Job) {
	if job.Group == x25519 && p.Group != "" {
		job.Group = p.Group
	}
	switch job.Kind {
	case load.Download, load.Upload, load.NoOp, load.Message:
		if p.Floor {
			job.Plain = true
			return plain[service], job
		}
	}
	return service, job
}

// same checks that the proxy has done the same work as the others.
func same(job load.Job, r load.Result) error {
	switch {
	case job.Kind == load.Flood || job.Plain:
		return nil
	case r.Group != job.Group && !(job.TLS12 && r.Group == tls.CurveP256.String()): // the clients of TLS 1.2 offer both groups
		return notSame("does not know " + job.Group)
	case r.Version != version(job):
		return notSame("negotiates " + r.Version)
	case job.Resume && r.Resumed < r.Fresh*99/100:
		return notSame("resumes only some of the sessions")
	}
	return nil
}

// version returns the TLS version that the work requires.
func version(job load.Job) string {
	if job.TLS12 {
		return "TLS 1.2"
	}
	return "TLS 1.3"
}

// warmUp is the work that each proxy does before its memory is read, so that
// one-time costs are not attributed to the sessions.
var warmUp = load.Job{Protocol: "imap", Group: x25519, Kind: load.Session, Count: 100, Sessions: 8}

// sit opens a number of idle sessions. The caller must close the result.
func sit(s *stage, x *proxy, job load.Job) (o outcome, close func() error, err error) {
	if _, err := turn(s, x, "imaps", warmUp); err != nil {
		return o, nil, err
	}
	if o.before, err = measure.Memory(x.PIDs()); err != nil {
		return o, nil, err
	}
	service, job := suited(x.peer, "imaps", job)
	g, err := s.generate(x, service, job)
	if err != nil {
		return o, nil, err
	}
	o.sessions = job.Idle
	o.after, err = measure.Memory(x.PIDs())
	if err != nil {
		return o, nil, errors.Join(err, g.Stop())
	}
	return o, g.Stop, nil
}

func idleJob(n int) load.Job {
	return load.Job{Protocol: "imap", Group: x25519, Kind: load.Idle, Idle: n, Sessions: 1}
}

// aMinute is the time between opening idle sessions and reading the memory
// again.
func aMinute(quick bool) time.Duration {
	if quick {
		return 5 * time.Second
	}
	return time.Minute
}
