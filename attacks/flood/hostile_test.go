//go:build linux

package flood

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// flood is a job in progress.
type flood struct {
	job
	kind kind
	rows []row
	half []byte // half of a ClientHello

	arriving chan struct{}    // limits the sessions that have not reached their step yet
	leaving  <-chan time.Time // lets one session end
	settled  chan struct{}    // closed when all sessions are noted

	mu     sync.Mutex
	open   int
	noted  int
	report report
}

// arriving bounds the sessions that are on the way to their step. The flood shares
// two cores with the proxy and with the honest clients: more of them would only
// measure how long a queue for the processor is, with any proxy.
const arriving = 4

// run starts all sessions, and then ends those that are left. They start at the
// configured rate, or as fast as the proxy serves them: the test limits the
// proxy's sessions, not its processor time.
func (f *flood) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	tokens := make(chan struct{}, f.Open)
	f.arriving = make(chan struct{}, arriving)
	f.leaving = time.Tick(time.Second / time.Duration(f.Rate))
	f.settled = make(chan struct{})
	for i := range f.Sessions {
		time.Sleep(time.Second / time.Duration(f.Rate)) // the pace of the flood, which does not catch up after a delay
		tokens <- struct{}{}
		f.arriving <- struct{}{}
		running.Go(func() {
			f.one(ctx, i)
			<-tokens
		})
	}
	select { // each session has reached its step, or has failed to
	case <-f.settled:
	case <-time.After(f.Hold):
	}
	cancel()
	running.Wait()
	f.report.Begun = f.Sessions
}

// one runs session i, from its own address, at its own row.
func (f *flood) one(ctx context.Context, i int) {
	at := f.at(i)
	f.count(1)
	defer f.count(-1)
	s, err := dial(ctx, source(i), f.Addresses[at.Service])
	if err != nil {
		f.note(at, err)
		return
	}
	over, end := context.WithCancel(context.Background())
	defer end()
	defer context.AfterFunc(ctx, func() { // sessions leave as they came, one after another
		<-f.leaving
		_ = s.socket.Close()
		end()
	})()
	defer func() { _ = s.socket.Close() }()
	_ = s.SetDeadline(later(f.Hold))
	if f.kind.server != "" {
		f.wait(s, at)
		return
	}
	if f.kind.name == "slow readers" {
		_ = s.socket.SetReadBuffer(4 << 10)
	}
	if err = s.follow(script(at.Service, at.Step)); err != nil {
		f.note(at, err)
		return
	}
	f.note(at, nil)
	f.behave(over, s, stepOf(at.Service, at.Step), i)
}

// at returns the row of session i. For a kind of hostile server the row selects
// the service; its listener here has that server as its backend.
func (f *flood) at(i int) row {
	if f.kind.server == "next hop" {
		return row{"smarthost", f.kind.name}
	}
	if f.kind.server == "backend" {
		behind := services[i%(len(services)-1)]
		return row{behind + " " + f.kind.name, f.kind.name}
	}
	return f.rows[i%len(f.rows)]
}

func (f *flood) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += n
	f.report.Open = max(f.report.Open, f.open)
}

// note counts a session that has reached its step, or has failed to.
func (f *flood) note(at row, err error) {
	<-f.arriving
	f.mu.Lock()
	defer f.mu.Unlock()
	name := at.String()
	if err == nil {
		f.report.Reached[name]++
	} else {
		f.report.Refused[name]++
		f.report.Error = name + ": " + err.Error()
	}
	if f.noted++; f.noted == f.Sessions {
		close(f.settled)
	}
}

// source returns the address of session i: one of 200 in each of 64 networks;
// every fourth session uses the first network.
func source(i int) net.IP {
	if i%4 == 0 {
		return net.IPv4(127, 16, 0, byte(1+i/4%200))
	}
	return net.IPv4(127, 16, byte(rand.IntN(64)), byte(1+rand.IntN(200)))
}

// behave runs the hostile part of a session.
func (f *flood) behave(ctx context.Context, s *session, at step, i int) {
	switch f.kind.name {
	case "idle":
		s.drain()
	case "trickling":
		go s.drain() // returns when the connection ends
		for s.send("x") == nil {
			time.Sleep(500 * time.Millisecond) // the pace of the trickle
		}
	case "pipelining":
		_ = s.send(strings.Repeat(at.noise+"\r\n", 200))
		s.drain()
	case "half-closed":
		_ = s.socket.CloseWrite()
		s.drain()
	case "reset":
		_ = s.socket.SetLinger(0)
	case "empty transactions":
		f.begins(s, at)
	case "failed handshakes":
		f.handshake(s, i)
	case "slow readers":
		_ = s.send(strings.Repeat(at.bulk+"\r\n", 200))
		select {
		case <-ctx.Done():
		case <-time.After(f.Hold):
		}
	}
}

// begins starts transactions again and again, and completes none.
func (f *flood) begins(s *session, at step) {
	go s.drain()
	for range 20 {
		if s.send(at.empty+"\r\n") != nil {
			return
		}
		time.Sleep(250 * time.Millisecond) // the pace of the client
	}
}

// handshake fails the handshake in one of several ways.
func (f *flood) handshake(s *session, i int) {
	switch i % 5 {
	case 0: // no TLS
		_ = s.send("\x16\x02\x00\x00\x05hello")
	case 1: // no common version
		_ = s.handshake(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}})
	case 2: // the client rejects the certificate
		_ = s.handshake(&tls.Config{ServerName: "other.example", CurvePreferences: cheap})
	case 3: // half a ClientHello, then the client closes
		_, _ = s.socket.Write(f.half)
		_ = s.socket.SetLinger(0)
		return
	case 4: // another protocol by ALPN
		_ = s.handshake(&tls.Config{InsecureSkipVerify: true, CurvePreferences: cheap, NextProtos: []string{"h2"}})
	}
	s.drain()
}

// wait is an honest client whose server is hostile: it follows its script as
// far as possible.
func (f *flood) wait(s *session, at row) {
	service, _, _ := strings.Cut(at.Service, " ")
	all := steps[service]
	path := script(service, all[len(all)-1].name)
	if f.kind.server == "next hop" {
		path = append(append([]exchange(nil), script(service, "mail")...), exchange{"RCPT TO:<b@" + f.kind.name + ".example>", "250 "}, exchange{"DATA", "354"}, exchange{"\r\ntext\r\n.", "250 "})
	} else if protocols[service] == "smtp" {
		path = append(path, exchange{"\r\ntext\r\n.", "250 "})
	}
	arrived := sync.OnceFunc(func() { f.note(at, nil) })
	if strings.HasPrefix(f.kind.name, "flooding") { // the other servers let the client wait
		defer time.AfterFunc(floodTime, arrived).Stop()
	} else {
		arrived()
	}
	err := s.follow(path)
	arrived()
	if err == nil { // the session has reached the relay
		_, _ = io.CopyN(io.Discard, s, relayed)
	}
}

// floodTime bounds the time for which a flooding server uses the processor. After
// it, the server is silent.
const floodTime = 100 * time.Millisecond

// relayed is the number of bytes that a client reads from a server that floods
// a session after its login. Such traffic is not hostile to the proxy, and uses
// the processor. It is less than the server writes at once, so that no client
// waits for more.
const relayed = 256 << 10
