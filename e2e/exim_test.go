package e2e

import (
	"fmt"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// TestHandoverToExim checks that Exim reads PROXY headers, and decides about
// relaying by the addresses in them.
func TestHandoverToExim(t *testing.T) {
	e := startExim(t, "127.0.0.1")
	behind := func(name string, backend int, handover string, more ...string) world.Listener {
		return world.Listener{Name: name, Service: "smtp", Backend: backend, Keys: append(more, "handover: "+handover)}
	}
	l := serveCustom(t, "",
		behind("proxy-v1", e.SMTPBehindHeader, "proxy-v1"), behind("proxy-v2", e.SMTPBehindHeader, "proxy-v2"),
		behind("no header expected", e.SMTP, "proxy-v1"), behind("no header expected (v2)", e.SMTP, "proxy-v2"),
		behind("xclient", e.SMTP, "xclient"), // which this version of Exim lacks
		behind("header expected", e.SMTPBehindHeader, "none", "recipients: [example.com]"),
	)
	for _, name := range []string{"proxy-v1", "proxy-v2"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, secure), func(t *testing.T) {
				c, port := dialFrom(t, clientAddress, l.Address(name))
				c.introduce()
				if secure {
					c.secure()
				}
				l := foreignLetter
				l.From = fmt.Sprintf("s%d@elsewhere.example", port)
				c.mayNotRelay(l, "550", "relay not permitted")
				line, err := e.Mail.Await(0, world.Patience, "<= "+l.From, fmt.Sprintf("[%s]:%d", clientAddress, port), "PRX=127.0.0.1")
				if err != nil {
					t.Error(err)
				}
				t.Log(line)
			})
		}
	}
	for name, reason := range map[string]string{
		"no header expected": "handover-refused", "no header expected (v2)": "handover-refused", "xclient": "handover-refused", "header expected": "backend-",
	} {
		t.Run(name, func(t *testing.T) {
			mark := l.Log.Mark()
			c, _ := dialFrom(t, clientAddress, l.Address(name))
			c.reply("220")
			c.command("421", "EHLO e2e.example")
			c.expectEnd()
			awaitIn(t, l.Process, mark, "smtp[", ": error: session", "outcome="+reason)
		})
	}
}
