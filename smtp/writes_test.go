package smtp

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

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
