package scan

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// offer is what a server offers before TLS.
type offer struct {
	startTLS bool
	logins   []string // mechanisms, and the commands that take passwords
}

// offer adds mechanisms, each once.
func (o *offer) offer(mechanisms []string) {
	for _, name := range mechanisms {
		if name != "" && !slices.Contains(o.logins, name) {
			o.logins = append(o.logins, name)
		}
	}
}

// dialect is how a protocol comes to TLS.
type dialect struct {
	hello func(c *conn) (offer, error)
	start string // the command
	ready string // how the answer that allows TLS begins

	noise    string            // a harmless command
	answered func([]byte) bool // whether it has been answered, in what came inside TLS
}

var dialects = map[string]dialect{
	"smtp":  {helloSMTP, "STARTTLS", "220", "NOOP", some},
	"imap":  {helloIMAP, "2 STARTTLS", "2 OK", "3 NOOP", func(b []byte) bool { return bytes.Contains(b, []byte("3 ")) }},
	"pop3":  {helloPOP3, "STLS", "+OK", "CAPA", some},
	"sieve": {helloSieve, "STARTTLS", "OK", "NOOP \"injected\"", func(b []byte) bool { return bytes.Contains(b, []byte("injected")) }},
}

func some(b []byte) bool { return len(b) > 0 }

const maxLines = 200 // of one answer

var errLines = errors.New("an answer has no end")

// until reads lines up to one that is the last, which comes with them.
func (c *conn) until(last func(line string) bool) ([]string, error) {
	var all []string
	for range maxLines {
		line, err := c.line()
		if err != nil {
			return all, err
		}
		if all = append(all, line); last(line) {
			return all, nil
		}
	}
	return all, errLines
}

// helloSMTP introduces us (RFC 5321 §4.1.1.1).
func helloSMTP(c *conn) (o offer, err error) {
	last := func(line string) bool { return len(line) < 4 || line[3] != '-' }
	greeting, err := c.until(last)
	if err != nil {
		return o, err
	}
	if !strings.HasPrefix(greeting[0], "220") {
		return o, fmt.Errorf("it greets with %q", greeting[0])
	}
	if err := c.write("EHLO scan.invalid"); err != nil {
		return o, err
	}
	lines, err := c.until(last)
	if err == nil && !strings.HasPrefix(lines[0], "250") {
		return o, fmt.Errorf("EHLO: %q", lines[0])
	}
	for _, line := range lines {
		words := strings.Fields(strings.ToUpper(line[min(4, len(line)):]))
		switch {
		case len(words) == 0:
		case words[0] == "STARTTLS":
			o.startTLS = true
		case words[0] == "AUTH":
			o.offer(words[1:])
		case strings.HasPrefix(words[0], "AUTH="): // the form of an old draft, and for some servers the only one
			o.offer(append([]string{words[0][len("AUTH="):]}, words[1:]...))
		}
	}
	return o, err
}

// helloIMAP asks for the capabilities (RFC 9051 §6.1.1).
func helloIMAP(c *conn) (o offer, err error) {
	greeting, err := c.line()
	if err != nil {
		return o, err
	}
	if !strings.HasPrefix(greeting, "* OK") {
		return o, fmt.Errorf("it greets with %q", greeting)
	}
	if err := c.write("1 CAPABILITY"); err != nil {
		return o, err
	}
	lines, err := c.until(func(line string) bool { return strings.HasPrefix(line, "1 ") })
	login := true
	for _, line := range lines {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) < 2 || words[1] != "CAPABILITY" {
			continue
		}
		for _, word := range words[2:] {
			if mechanism, ok := strings.CutPrefix(word, "AUTH="); ok {
				o.logins = append(o.logins, mechanism)
			}
			o.startTLS = o.startTLS || word == "STARTTLS"
			login = login && word != "LOGINDISABLED"
		}
	}
	if login {
		o.logins = append(o.logins, "LOGIN")
	}
	return o, err
}

// helloPOP3 asks for the capabilities (RFC 2449 §5). A server that has never
// offered of them takes USER.
func helloPOP3(c *conn) (o offer, err error) {
	greeting, err := c.line()
	if err != nil {
		return o, err
	}
	if !strings.HasPrefix(greeting, "+OK") {
		return o, fmt.Errorf("it greets with %q", greeting)
	}
	if err := c.write("CAPA"); err != nil {
		return o, err
	}
	lines, err := c.until(func(line string) bool { return line == "." || strings.HasPrefix(line, "-ERR") })
	if len(lines) == 1 && err == nil {
		return offer{logins: []string{"USER"}}, err
	}
	for _, line := range lines {
		words := strings.Fields(strings.ToUpper(line))
		switch {
		case len(words) == 0:
		case words[0] == "STLS":
			o.startTLS = true
		case words[0] == "USER":
			o.logins = append(o.logins, "USER")
		case words[0] == "SASL":
			o.logins = append(o.logins, words[1:]...)
		}
	}
	return o, err
}

// helloSieve reads the capabilities, which come unasked (RFC 5804 §1.7).
func helloSieve(c *conn) (o offer, err error) {
	lines, err := c.until(func(line string) bool { return strings.HasPrefix(line, "OK") || strings.HasPrefix(line, "NO") })
	for _, line := range lines {
		name, value, _ := strings.Cut(strings.ToUpper(line), " ")
		switch strings.Trim(name, `"`) {
		case "STARTTLS":
			o.startTLS = true
		case "SASL":
			o.logins = append(o.logins, strings.Fields(strings.Trim(value, `"`))...)
		}
	}
	return o, err
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
	if _, err := d.hello(c); err != nil {
		return
	}
	if err := c.command(d.start+"\r\n"+d.noise, d.ready); err != nil {
		return // refused, as it may be
	}
	t := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: v.Host}) //nolint:gosec // a test of the server, which sends nothing of value
	if t.HandshakeContext(v.ctx) != nil {
		return
	}
	_ = t.SetDeadline(time.Now().Add(min(quietTime, v.Timeout)))
	received := make([]byte, maxLine)
	n := 0
	for n < len(received) && !d.answered(received[:n]) {
		more, err := t.Read(received[n:])
		if n += more; err != nil {
			break
		}
	}
	if d.answered(received[:n]) {
		v.report.find(Bad, "a plaintext command behind %s is executed inside TLS (CVE-2011-0411)", d.start)
	}
}
