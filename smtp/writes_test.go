package smtp

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
	"github.com/letterlock/letterlock/internal/wire"
)

// counter counts the writes to a connection.
type counter struct {
	net.Conn
	writes int
}

func (c *counter) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// settled returns a gate whose client has introduced itself and logged in.
func settled(s *gate.Session) *Gate {
	g := New(s, Options{})
	g.helo, g.verb, g.authed, g.introduced = "client.example", "EHLO", true, true
	g.caps = capabilities{pipelining: true, chunking: true}
	return g
}

// packets is a client that sends each packet when the gate waits for it.
func packets(all ...string) *caller {
	text := strings.Join(all, "")
	return &caller{text: []byte(text), cut: func([]byte) int {
		next := all[0]
		all = all[1:]
		return len(next)
	}}
}

// eager is a client whose next packet arrives before the gate waits for it.
type eager struct{ *caller }

// ReadNow is used by a wire.Conn.
func (e eager) ReadNow(p []byte) (int, error) { return e.Read(p) }

// accepting is a backend that accepts a message: by DATA, or in a chunk whose last
// line is "last".
func accepting() *gatetest.Backend {
	return &gatetest.Backend{Answer: func(line string) string {
		verb, _, _ := strings.Cut(line, " ")
		switch verb {
		case "MAIL", "RCPT", ".", "last":
			return "250 2.0.0 ok\r\n"
		case "DATA":
			return "354 go on\r\n"
		}
		return ""
	}}
}

// The commands of a group go on in one write, with the chunk behind them if that has
// come whole, and so do their replies.
func TestGroupsAreWrittenAtOnce(t *testing.T) {
	const envelope, text, chunk = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n", "Subject: hello\r\n\r\nhello\r\n", "Subject: hello\r\n\r\nlast\r\n"
	bdat := fmt.Sprintf("BDAT %d LAST\r\n", len(chunk))
	for name, test := range map[string]struct {
		packets     []string
		back, front int
	}{
		"DATA":                                  {[]string{envelope + "DATA\r\n", text + ".\r\n"}, 2, 2},
		"BDAT":                                  {[]string{envelope + bdat + chunk}, 1, 1},
		"BDAT, cut before the chunk":            {[]string{envelope + bdat, chunk}, 2, 2},
		"BDAT, the chunk in a packet behind it": {[]string{envelope + bdat, chunk}, 1, 1},
		"BDAT behind its envelope":              {[]string{envelope, bdat + chunk}, 2, 2},
		"two messages in one packet":            {[]string{envelope + bdat + chunk + envelope + bdat + chunk}, 2, 1},
		"a group without a message":             {[]string{envelope + "RCPT TO:<c@example.com>\r\n"}, 1, 1},
		"a chunk of an empty message":           {[]string{envelope, "BDAT 0 LAST\r\n"}, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			client, backend := packets(test.packets...), &counter{Conn: accepting()}
			if strings.Contains(name, "empty") {
				backend.Conn.(*gatetest.Backend).Answer = func(string) string { return "250 2.0.0 ok\r\n" }
			}
			front := client.front()
			if strings.HasSuffix(name, "behind it") {
				front = wire.New(eager{client}, testLimits).ForGate()
			}
			err := settled(facts()).Settle(front, backOf(backend))
			if gate.ReasonOf(gate.FromClient(err)) != gate.ClientGone {
				t.Error(err)
			}
			if backend.writes != test.back || client.writes != test.front {
				t.Errorf("%d writes to the backend, want %d; %d to the client, want %d\n%s",
					backend.writes, test.back, client.writes, test.front, client.output.String())
			}
		})
	}
}

// A client keeps its slot while the backend decides on its message. A message without
// recipients does not count.
func TestVerdictNeedsRecipients(t *testing.T) {
	for name, test := range map[string]struct {
		commands string
		want     bool
	}{
		"without MAIL":       {"BDAT 0 LAST\r\n", false},
		"without recipients": {"MAIL FROM:<a@example.org>\r\nBDAT 0 LAST\r\n", false},
		"with a recipient":   {"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 0 LAST\r\n", true},
		"in one packet":      {"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 1 LAST\r\nx", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := gatetest.Session(10)
			backend := newTaker("PIPELINING")
			backend.due.Reset() // of the greeting
			_ = settled(s).Settle(packets(test.commands).conn().ForGate(), backOf(backend))
			steps := s.Observer.(*gatetest.Observer).Steps
			if got := slices.Contains(steps, gate.Verdict); got != test.want {
				t.Errorf("the steps are %v", steps)
			}
		})
	}
}
