package smarthost

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"iter"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// tape is a connection with a recorded peer. A write to it releases the next
// piece, so that no reply is read too early.
type tape struct {
	net.Conn
	pieces []string
	due    bytes.Buffer
	sent   bytes.Buffer
}

func newTape(pieces ...string) *tape {
	p := &tape{pieces: pieces}
	p.next()
	return p
}

func (p *tape) next() {
	if len(p.pieces) > 0 {
		p.due.WriteString(p.pieces[0])
		p.pieces = p.pieces[1:]
	}
}

func (p *tape) Read(b []byte) (int, error) { return p.due.Read(b) }

func (p *tape) Write(b []byte) (int, error) {
	p.next()
	return p.sent.Write(b)
}

func (p *tape) LocalAddr() net.Addr              { return nil }
func (p *tape) Close() error                     { return nil }
func (p *tape) SetDeadline(time.Time) error      { return nil }
func (p *tape) SetReadDeadline(time.Time) error  { return nil }
func (p *tape) SetWriteDeadline(time.Time) error { return nil }

var patient = wire.Limits{Line: 64 << 10, Wait: time.Minute, Text: time.Minute, Verdict: time.Minute, Write: time.Minute, Backend: true}

// lone is a Finder and an Observer of one server.
type lone struct{ level outbound.Level }

func (l lone) Hops(context.Context, string, string) iter.Seq2[nexthop.Hop, error] {
	return func(yield func(nexthop.Hop, error) bool) {
		yield(nexthop.Hop{Host: "mx.example", Addresses: []string{"192.0.2.25:25"}, Terms: outbound.Terms{Level: l.level, Policy: l.level.Policy()}}, nil)
	}
}

func (lone) Spare(string)                                  {}
func (lone) Secured(Handshake)                             {}
func (lone) Unsecured(Server, outbound.Level, bool, error) {}
func (lone) Ended(Delivery)                                {}

// tapes are the connections to next hops. Each reads the same replies.
type tapes struct {
	gate.NextHops
	server []string
	all    []*tape
}

func (h *tapes) Search(gate.Bound) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

func (h *tapes) Connect(_ context.Context, _ string, config *tls.Config) (*wire.Conn, error) {
	tape := newTape(h.server...)
	h.all = append(h.all, tape)
	back := wire.New(tape, patient)
	if config != nil {
		back.Handshake = func(net.Conn) (*tls.Conn, error) { return nil, io.EOF }
	}
	return back, nil
}

// converse runs a client against the server of its recipients; each piece of
// the server is a reply.
func converse(client, server []string, level outbound.Level) (toClient, toServer string) {
	return converseBy(Options{Finder: lone{level}}, client, server)
}

// converseBy is converse with a search for the server of its own.
func converseBy(o Options, client, server []string) (toClient, toServer string) {
	front := newTape(append([]string{""}, client...)...) // the client waits for the greeting
	hops := &tapes{server: server}
	s := &gate.Session{
		ID: "ID", Hostname: "mail.example.com", Banner: "ready", Client: netip.MustParseAddrPort("127.0.0.1:4321"),
		Mail: gate.Mail{Date: func() string { return "Sat, 21 Nov 2026 12:00:00 +0000" }}, Limits: gate.Limits{Errors: 5},
		Backends: gate.Backends{NextHops: hops},
	}
	limits := patient
	limits.Backend = false
	o.Name, o.Observer, o.Message, o.Recipients = "mail.example.com", lone{}, 1<<20, 10
	g, conn := New(s, o), wire.New(front, limits)
	err := g.Settle(conn.ForGate(), nil)
	g.Refuse(conn.ForGate(), gate.ReasonOf(err))
	for _, b := range hops.all {
		toServer += b.sent.String()
	}
	return front.sent.String(), toServer
}

var replyForm = regexp.MustCompile(`^(?:[2-5][0-9][0-9]-[^\r\n]*\r\n)*([2-5])[0-9][0-9](?: [^\r\n]*)?\r\n`)

// classes returns the first digits of the replies that were received.
func classes(t *testing.T, received string) (digits string) {
	t.Helper()
	for rest := received; rest != ""; {
		m := replyForm.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("no reply: %q", rest)
		}
		digits += m[1]
		rest = rest[len(m[0]):]
	}
	return digits
}

// FuzzServer checks that the client gets one reply for each command, a positive
// reply to its message only if the server has sent one, and that above level
// may nothing of the mail is sent in plaintext.
func FuzzServer(f *testing.F) {
	for _, said := range []string{
		"220 mx|250 mx|250 ok|250 ok|354 go|250 done|221 bye",
		"220 mx|250-mx\r\n250 STARTTLS|220 go|250 mx|250 ok|250 ok|354 go|250 done",
		"220 mx|500 what|250 mx|250 ok|550-no\r\n550 such user|250 ok",
		"220-mx\r\n220 mx|250 mx|250 ok|250 ok|354 go|421 bye", "554 no", "", "220 mx|250 mx|250 ok|250 ok|354 go\r\n250 done|250 done",
	} {
		f.Add(said, false)
		f.Add(said, true)
	}
	const client = "EHLO legacy\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nNOOP\r\nDATA\r\n"
	f.Fuzz(func(t *testing.T, said string, strict bool) {
		level := outbound.May
		if strict {
			level = outbound.Encrypt
		}
		var answers []string
		for answer := range strings.SplitSeq(said, "|") {
			answers = append(answers, answer+"\r\n")
		}
		received, sent := converse([]string{client, "text\r\n.\r\nQUIT\r\n"}, answers, level)
		if strict && strings.Contains(sent, "MAIL FROM") {
			t.Fatalf("sent in plaintext: %q", sent)
		}
		got := classes(t, received)
		// The replies to the greeting, EHLO, MAIL and NOOP are ours, as is the
		// one to QUIT after a message.
		own := strings.Count(received, "250 2.0.0 OK\r\n") + strings.Count(received, "221 2.0.0 Bye\r\n") + 3
		if yes := len(positive.FindAllString(said, -1)); !strings.HasPrefix(got, "222") || strings.Count(got, "2") > own+yes {
			t.Fatalf("the client received %q of %q", received, said)
		}
		if strings.Contains(got, "3") && !strings.Contains(sent, "text\r\n.\r\n") {
			t.Fatalf("the text has not arrived: %q", sent)
		}
	})
}

// positive matches the last line of a positive reply.
var positive = regexp.MustCompile(`(?m)(?:^|\|)2[0-9][0-9](?: |\r?$|\|)`)

// FuzzClient checks that every input of the legacy server gets replies, and
// that the session ends.
func FuzzClient(f *testing.F) {
	for _, said := range []string{
		"EHLO legacy\r\nMAIL FROM:<a@example.com> SIZE=7 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
		"HELO legacy\r\nMAIL FROM:<>\r\nRCPT TO:<b@[192.0.2.1]>\r\nRCPT TO:<c@example.org>\r\nRSET\r\nQUIT\r\n",
		"EHLO x\r\nRCPT TO:<\"a b\"@xn--jrg-0na.example>\r\nVRFY x\r\nHELP\r\nBDAT 7 LAST\r\nGET / HTTP/1.0\r\n", "\n\r\x00",
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		received, sent := converse([]string{said}, strings.SplitAfter(strings.Repeat("220 ok\r\n|250 ok\r\n|250 ok\r\n|250 ok\r\n|354 ok\r\n|250 ok\r\n|", 3), "|"), outbound.May)
		classes(t, received)
		for line := range strings.Lines(sent) {
			if !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") {
				t.Fatalf("the server received %q", line)
			}
		}
	})
}

// unmet is a Finder of no server, because of what the domain publishes.
type unmet struct{ lone }

func (unmet) Hops(context.Context, string, string) iter.Seq2[nexthop.Hop, error] {
	return func(yield func(nexthop.Hop, error) bool) {
		yield(nexthop.Hop{}, &nexthop.Failure{Reply: "451 4.7.5 not verified", Published: true})
	}
}

// FuzzHeldText checks that only a text with the header TLS-Required: No leaves, whole,
// and that each other text gets the refusal of its recipient.
func FuzzHeldText(f *testing.F) {
	for _, text := range []string{
		"TLS-Required: No\r\n\r\nhello", "Subject: x\r\nTLS-Required:\r\n no\r\n\r\n", "Subject: x\r\n\r\nTLS-Required: No", "tls-required: No", "x\nTLS-Required: No\r\n",
		"TLS-Required: No\r\nTLS-Required: No\r\n", ".TLS-Required: No", "\x00TLS-Required: No\r\n", "",
		"TLS-Required: No\v", "TLS-Required:\u00a0No", "TLS-Required: No\u0085", "TL\u017f-Required: No",
	} {
		f.Add(text)
	}
	field := regexp.MustCompile(`(?:^|\n)[Tt][Ll][Ss]-[Rr][Ee][Qq][Uu][Ii][Rr][Ee][Dd][ \t]*:[ \t\r\n]*[Nn][Oo][ \t\r\n]*(?:\r\n|$)`)
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n.", "\n") + "\n"
		text = strings.ReplaceAll(strings.TrimPrefix(text, "."), "\n", "\r\n")
		received, sent := converseBy(Options{Finder: unmet{}, Lenient: lone{outbound.May}},
			[]string{"EHLO legacy\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n", text + ".\r\nQUIT\r\n"},
			[]string{"220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 done\r\n"})
		accepted, refused := strings.Contains(received, "250 done"), strings.Contains(received, "451 4.7.5 not verified")
		if classes(t, received); accepted == refused {
			t.Fatalf("the client received %q", received)
		}
		if accepted && (!field.MatchString(strings.ReplaceAll(text, "\x00", "")) || !strings.HasSuffix(sent, strings.ReplaceAll(text, "\x00", "")+".\r\nQUIT\r\n")) || refused && sent != "" {
			t.Fatalf("the server received %q", sent)
		}
	})
}
