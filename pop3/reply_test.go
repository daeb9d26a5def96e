package pop3

import (
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// TestRefuse checks the last reply for each reason, and whose turn it is.
func TestRefuse(t *testing.T) {
	const failure = "-ERR [SYS/TEMP] service not available [ID]\r\n"
	for name, c := range map[string]struct {
		turn turn
		why  gate.Reason
		next string // the client's next command
		want string
	}{
		"greeting":          {serversTurn, gate.Busy, "", "-ERR [SYS/TEMP] too many connections [ID]\r\n"},
		"a reply is due":    {serversTurn, gate.BackendGone, "", failure},
		"a command first":   {clientsTurn, gate.BackendDown, "CAPA\r\n", failure},
		"no question":       {clientsTurn, gate.BackendDown, "", ""},
		"shutdown":          {clientsTurn, gate.Shutdown, "", "-ERR [SYS/TEMP] the service is shutting down [ID]\r\n"},
		"relayed":           {relayed, gate.Shutdown, "", ""},
		"timeout, no reply": {clientsTurn, gate.Timeout, "", ""},
		"the last error":    {clientsTurn, gate.TooManyErrors, "", ""},
		"injected":          {serversTurn, gate.Injected, "", "-ERR plaintext data after the command that starts TLS\r\n"},
		"done":              {clientsTurn, gate.Done, "", ""},
		"gone":              {serversTurn, gate.ClientGone, "", ""},
		"no TLS":            {clientsTurn, gate.HandshakeFailed, "", ""},
	} {
		client := &gatetest.Client{Text: []byte(c.next), Piece: func() int { return 99 }}
		g := New(gatetest.Session(5))
		g.turn = c.turn
		g.Refuse(client.Front(), c.why)
		if got := client.Output.String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
