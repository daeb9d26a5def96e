package scan

import (
	"bytes"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
)

// dialect holds the differences between the protocols for a scan.
type dialect struct {
	start    string // the command that starts TLS
	password string // the protocol's own command for passwords; empty: none

	noise    string            // a harmless command
	answered func([]byte) bool // whether these bytes, received inside TLS, answer noise
}

var dialects = map[string]dialect{
	"smtp":  {"STARTTLS", "", "NOOP", some},
	"imap":  {"STARTTLS", "LOGIN", "x NOOP", func(b []byte) bool { return bytes.Contains(b, []byte("x ")) }},
	"pop3":  {"STLS", "USER", "CAPA", some},
	"sieve": {"STARTTLS", "", "NOOP \"injected\"", func(b []byte) bool { return bytes.Contains(b, []byte("injected")) }},
}

func some(b []byte) bool { return len(b) > 0 }

// hello reads the greeting and asks for the capabilities. It returns them, and
// the login methods that they offer.
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

// inject sends a plaintext command directly after STARTTLS. A server that
// answers it inside TLS executes an attacker's command as the client's
// (CVE-2011-0411).
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
		return // the server may refuse the command
	}
	_ = c.SetDeadline(time.Now().Add(min(quietTime, v.Timeout)))
	if d.answered(readUntil(c.Conn, d.answered)) {
		v.report.find(Bad, "a plaintext command behind %s is executed inside TLS (CVE-2011-0411)", d.start)
	}
}

// readUntil reads until enough accepts the bytes, or no more arrive.
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
