package syntax

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// TestReadCommand checks that an invalid command is answered, and that another
// protocol ends the session, malformed or not.
func TestReadCommand(t *testing.T) {
	for said, want := range map[string]struct {
		line Line
		ends gate.Reason // when it is the end
	}{
		"mail FROM:<a@b.example>\r\n": {line: Line{Verb: "MAIL", Args: "FROM:<a@b.example>"}},
		"NOOP\n":                      {line: Line{Bad: "500 5.5.2 Syntax error, bare <LF> in a command line"}},
		"GET / HTTP/1.1\r\n":          {ends: gate.OtherProtocol},
		"GET / HTTP/1.1\n":            {ends: gate.OtherProtocol},
		"NOOP":                        {ends: gate.ClientGone},
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.WriteString(theirs, said)
			_ = theirs.Close()
		}()
		line, err := ReadCommand(wire.New(ours, wire.Limits{Line: 100, Wait: time.Minute, Write: time.Minute}).ForGate())
		if line != want.line || gate.ReasonOf(err) != want.ends {
			t.Errorf("%q is %+v, %v", said, line, err)
		}
		_ = ours.Close()
	}
}
