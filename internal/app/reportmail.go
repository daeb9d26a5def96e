package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/smarthost"
)

// reportMail sends messages by a gate of the service smarthost, to which it is the only
// client. What domains publish about TLS is ignored, and the results of TLS are not
// reported: reports about failures of TLS must arrive in spite of them, and are not
// counted in the next ones (RFC 8460 §3, §5.3.1).
type reportMail struct {
	options  smarthost.Options
	hostname string
	timeouts upstream.Timeouts
	limits   gate.Limits
	observer func(session string) smarthost.Observer
}

func newReportMail(c *configs.Config, finder *nexthop.Finder, m *maintenance) reportMail {
	return reportMail{
		options:  smarthost.Options{Name: c.Smarthost.EHLOName, Finder: m.lenientFinder(finder), Message: c.Smarthost.MaxMessage, Recipients: 1},
		hostname: c.Hostname,
		timeouts: upstream.Timeouts{Dial: c.Timeouts.Dial, Handshake: c.Timeouts.Handshake, Reply: c.Timeouts.Greeting, Verdict: c.Timeouts.EndOfData},
		limits:   gate.Limits{Token: c.Limits.Token, Literal: c.Limits.Literal, Errors: c.Limits.Errors, Message: c.Limits.Message},
		observer: func(session string) smarthost.Observer {
			return m.observerOf(deliveryLog{m.log, session, "tlsrpt", m.outbound})
		},
	}
}

// reportLine is the maximum length of a line that reportMail itself sends, in bytes.
const reportLine = 4 << 10

// Send implements send.Mailer. It takes as long as the context permits.
func (r reportMail) Send(ctx context.Context, from, to string, message []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	client, server := net.Pipe()
	var served sync.WaitGroup
	defer served.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	served.Go(func() {
		defer func() { _ = server.Close() }()
		r.serve(ctx, server)
	})
	c := gosmtp.NewClient(client)
	if err := c.Hello(r.options.Name); err != nil {
		return err
	}
	if err := c.SendMail(from, []string{to}, bytes.NewReader(message)); err != nil {
		return err
	}
	return c.Quit()
}

// serve runs the gate for one client.
func (r reportMail) serve(ctx context.Context, conn net.Conn) {
	id := strings.ToLower(rand.Text()[:12])
	o := r.options
	o.Observer = r.observer(id)
	longest := time.Hour // the context ends it
	front := wire.New(conn, wire.Limits{Line: reportLine, Wait: longest, Text: longest, Verdict: longest, Write: longest})
	session := &gate.Session{
		ID: id, Hostname: r.hostname, Banner: "ready", Limits: r.limits, Observer: reportSession{ctx},
		AuthAllowed: func(*tls.ConnectionState) bool { return false },
		Mail:        gate.Mail{Date: func() string { return time.Now().Format(time.RFC1123Z) }},
		Backends:    gate.Backends{NextHops: reportHops{r, ctx}},
	}
	if err := smarthost.New(session, o).Settle(front.ForGate(), nil); err == nil || gate.ReasonOf(err) == gate.Done {
		_ = front.Close()
	}
}

// reportSearch bounds the search for a server.
const reportSearch = 4 * time.Minute

// reportHops are the next hops of a session, whose connections end with its context.
type reportHops struct {
	reportMail
	session context.Context
}

// Search implements gate.NextHops.
func (h reportHops) Search(gate.Bound) (context.Context, context.CancelFunc) {
	return context.WithTimeout(h.session, reportSearch)
}

// Release implements gate.NextHops. No connection is kept: a session sends one report.
func (reportHops) Release() (free func(), ok bool) { return nil, false }

// Adopt implements gate.NextHops.
func (reportHops) Adopt(context.Context, string, *wire.Conn) bool { return false }

// Connect implements gate.NextHops.
func (h reportHops) Connect(search context.Context, address string, config *tls.Config) (*wire.Conn, error) {
	dialer := net.Dialer{Timeout: h.timeouts.Dial, KeepAlive: -1}
	conn, err := dialer.DialContext(search, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := search.Deadline()
	back := upstream.NewConn(h.session, h.timeouts, conn, config, deadline)
	context.AfterFunc(h.session, back.Abort)
	return back, nil
}

// reportSession is the gate.Observer of a report's session, which has no listener. It
// ends the session with the context.
type reportSession struct{ ctx context.Context }

func (s reportSession) EnterStep(gate.Step) error { return s.ctx.Err() }
func (reportSession) Refused(string)              {}
func (reportSession) Admit(string) error          { return nil }
func (reportSession) Login(string, string, gate.Answer) {
}
func (reportSession) Denied(string, string, error) {}
func (reportSession) Rejected(gate.Rejection)      {}
func (reportSession) Message(gate.Message)         {}
