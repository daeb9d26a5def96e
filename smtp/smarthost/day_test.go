package smarthost_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// moody is the servers of a domain, which fail at any step. It counts the letters that
// it has stored.
type moody struct {
	config *tls.Config

	mu        sync.Mutex
	steps     map[string]int // how often each was reached
	failures  map[string]int // by step
	kept      map[string]int // by the letter's ID
	unreplied map[string]int // stored letters to which there was no reply
}

// The ways in which a server fails at a step.
var failuresOf = map[string][]string{
	"connect":  {"421 4.3.2 busy", ""},
	"EHLO":     {"421 4.3.2 no", ""},
	"STARTTLS": {"454 4.7.0 not now", ""},
	"MAIL":     {"450 4.7.1 greylisted", "421 4.7.0 too many messages on this connection", ""},
	"RCPT":     {"452 4.2.2 full", "421 4.3.2 no", ""},
	"DATA":     {"451 4.3.0 no", "", "250 ok"},
	"text":     {""},
	"stored":   {""},
	"end":      {"451 4.3.0 no disk", "421 4.3.2 no"},
	"idle":     {"", "421 4.4.2 timeout", "250 ok", "4"},
}

// fails reports whether the server fails at a step now, as it does each thirteenth time, and
// what it sends then. Empty: it closes the connection.
func (m *moody) fails(step string) (reply string, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps[step]++; m.steps[step]%13 > 0 {
		return "", false
	}
	m.failures[step]++
	ways := failuresOf[step]
	return ways[m.failures[step]%len(ways)], true
}

func (m *moody) count(of map[string]int, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of[id]++
}

func (m *moody) serve(l net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(6 * patience))
			(&moodySession{moody: m, conn: conn, received: bufio.NewReader(conn)}).run()
		})
	}
}

// moodySession is a connection to the server.
type moodySession struct {
	*moody
	conn     net.Conn
	received *bufio.Reader
}

// reply sends the reply of a step, or fails. It reports whether the connection goes on.
func (s *moodySession) reply(step, positive string) bool {
	reply, failed := s.fails(step)
	if !failed {
		reply = positive
	}
	if reply != "" {
		_, _ = io.WriteString(s.conn, reply+"\r\n")
	}
	return reply != "" && !strings.HasPrefix(reply, "421")
}

func (s *moodySession) run() {
	for goes := s.reply("connect", "220 mx"); goes; {
		line, err := s.received.ReadString('\n')
		if err != nil {
			return
		}
		switch step, _, _ := strings.Cut(strings.TrimSpace(line), " "); step {
		case "EHLO":
			goes = s.reply(step, "250-mx\r\n250 STARTTLS")
		case "STARTTLS":
			goes = s.startTLS()
		case "DATA":
			goes = s.data()
		case "QUIT":
			return
		default:
			goes = s.reply(step, "250 ok")
		}
	}
}

func (s *moodySession) startTLS() bool {
	if reply, failed := s.fails("STARTTLS"); failed {
		_, _ = io.WriteString(s.conn, reply+"\r\n")
		return reply != ""
	}
	_, _ = io.WriteString(s.conn, "220 go\r\n")
	t := tls.Server(s.conn, s.config)
	s.conn, s.received = t, bufio.NewReader(t)
	return t.Handshake() == nil
}

// data receives a letter. Only a letter to which it replies 250 is acknowledged.
func (s *moodySession) data() bool {
	if reply, failed := s.fails("DATA"); failed {
		_, _ = io.WriteString(s.conn, reply+"\r\n")
		return reply != ""
	}
	_, _ = io.WriteString(s.conn, "354 go\r\n")
	id, complete := "", false
	for {
		line, err := s.received.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		if header, found := strings.CutPrefix(line, mta.IDHeader); found {
			id = strings.TrimSpace(header)
			if _, failed := s.fails("text"); failed {
				return false
			}
		}
		complete = line == "the end of "+id+"\r\n"
	}
	if !complete {
		id = "incomplete " + id
	}
	if reply, failed := s.fails("end"); failed {
		_, _ = io.WriteString(s.conn, reply+"\r\n")
		return !strings.HasPrefix(reply, "421")
	}
	s.count(s.kept, id)
	if _, failed := s.fails("stored"); failed {
		s.count(s.unreplied, id)
		return false
	}
	_, _ = io.WriteString(s.conn, "250 queued\r\n")
	if reply, failed := s.fails("idle"); failed {
		_, _ = io.WriteString(s.conn, reply+"\r\n")
		return reply != ""
	}
	return true
}

// The mail of a day to servers that fail at every step, counted at both ends: each
// acknowledged message has arrived, and none twice, but those whose server has closed
// the connection instead of replying to the message. Connections are kept. The messages
// of the second day have the header TLS-Required: No, and need it.
func TestADayOfFailingServers(t *testing.T) {
	t.Parallel()
	for name, day := range map[string]struct {
		world  func(*testing.T) *world
		rules  nexthop.Rules
		header string
	}{
		"required TLS":     {newWorld, nexthop.Rules{Level: outbound.Verify}, ""},
		"TLS-Required: No": {newRelaxing, heeded, relaxed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := day.world(t)
			w.config.Smarthost.KeepConnections = patience
			w.dayOfFailures(day.rules, day.header)
		})
	}
}

func (w *world) dayOfFailures(rules nexthop.Rules, header string) {
	w.t.Helper()
	const letters = 60
	m := &moody{
		config: &tls.Config{Certificates: []tls.Certificate{w.ca.ECDSA(w.t, "mx1.example.net", "mx2.example.net")}},
		steps:  map[string]int{}, failures: map[string]int{}, kept: map[string]int{}, unreplied: map[string]int{},
	}
	w.domain("example.net", rules, m.serve, m.serve)
	w.start()
	sender := &mta.Sender{Address: func() string { return w.proxy.Addresses()[0].String() }, To: "b@example.net", Letters: letters, Sessions: 4, PerConnection: 20, Header: header}
	all := sender.Run(w.t.Context())
	w.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		// The smarthost replied 451, which promises nothing (RFC 1047).
		all[i].Undecided += m.unreplied[all[i].ID]
	}
	for _, problem := range mta.Check(all, m.kept) {
		w.t.Error(problem)
	}
	for step := range failuresOf {
		if m.failures[step] == 0 {
			w.t.Errorf("no server has failed at %s", step)
		}
	}
	if !strings.Contains(w.read(), "use 2") {
		w.t.Error("no message went over a kept connection")
	}
	if header != "" && !strings.Contains(w.read(), "relaxed") {
		w.t.Error("no message needed the header")
	}
}
