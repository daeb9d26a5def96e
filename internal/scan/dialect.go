package scan

import (
	"bytes"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
)

// dialect holds what a scan must know of a protocol.
type dialect struct {
	start    string // the command that starts TLS
	password string // the protocol's own command for passwords; empty: none

	noise    string            // a harmless command
	answered func([]byte) bool // whether it has been answered, in the bytes that came inside TLS
}

var dialects = map[string]dialect{
	"smtp":  {"STARTTLS", "", "NOOP", some},
	"imap":  {"STARTTLS", "LOGIN", "x NOOP", func(b []byte) bool { return bytes.Contains(b, []byte("x ")) }},
	"pop3":  {"STLS", "USER", "CAPA", some},
	"sieve": {"STARTTLS", "", "NOOP \"injected\"", func(b []byte) bool { return bytes.Contains(b, []byte("injected")) }},
}

func some(b []byte) bool { return len(b) > 0 }

// hello reads the greeting and asks for the capabilities. It returns these, and
// the ways to log in that they offer.
func (d dialect) hello(c *mailclient.Conn) (offered mailclient.Capabilities, logins []string, err error) {
	if _, err := c.Greeting(); err != nil {
		return offered, nil, err
	}
	offered, err = c.Capabilities()
	logins = offered.Mechanisms
	if offered.Command && d.password != "" {
		logins = append(logins, d.password)
	}
	return offered, logins, err
}

// inject sends a command in plaintext right behind STARTTLS. A server that answers
// it inside TLS takes an attacker's command for the client's (CVE-2011-0411).
func (v *look) inject() {
	c, err := v.dial()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	d := dialects[v.Protocol]
	if _, _, err := d.hello(c); err != nil {
		return
	}
	if err := c.InjectStartTLS(d.noise, v.anyTLS(nil)); err != nil {
		return // refused, as it may be
	}
	_ = c.SetDeadline(time.Now().Add(min(quietTime, v.Timeout)))
	if d.answered(readUntil(c.Conn, d.answered)) {
		v.report.find(Bad, "a plaintext command behind %s is executed inside TLS (CVE-2011-0411)", d.start)
	}
}

// readUntil reads until the bytes so far are enough, or no more come.
func readUntil(conn net.Conn, enough func([]byte) bool) []byte {
	received := make([]byte, mailclient.MaxLine)
	n := 0
	for n < len(received) && !enough(received[:n]) {
		more, err := conn.Read(received[n:])
		if n += more; err != nil {
			break
		}
	}
	return received[:n]
}
