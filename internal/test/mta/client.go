package mta

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
)

// client is an SMTP client with one connection to the server at a time.
type client struct {
	sender  *Sender
	secure  bool
	conn    *mailclient.Conn // nil: not connected
	letters int              // sent on this connection
}

// outcome is the result of an attempt.
type outcome int

const (
	unsent outcome = iota // not all of the text was sent
	refused
	undecided
	acknowledged
)

// patience bounds each attempt.
const patience = 30 * time.Second

// attempt sends a letter once: by DATA or in chunks, command by command or in
// groups, depending on the letter's number.
func (c *client) attempt(id string, attempt int) outcome {
	if c.conn == nil && !c.connect() {
		c.disconnect()
		return unsent
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	way := int(sum(id)) + attempt
	result := c.transact(c.sender.Header+Text(id), way&1 == 0, way&2 == 0)
	c.letters++
	if result == unsent || result == undecided || c.letters == c.sender.PerConnection {
		c.disconnect()
	}
	return result
}

func (c *client) disconnect() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn, c.letters = nil, 0
}

// connect connects to the server, starts TLS if secure is set, and sends EHLO.
func (c *client) connect() bool {
	conn, err := net.DialTimeout("tcp", c.sender.Address(), patience)
	if err != nil {
		return false
	}
	if c.conn, err = mailclient.New(conn, "smtp", "mta.example.net", time.Now().Add(patience)); err != nil {
		_ = conn.Close()
		return false
	}
	if _, err := c.conn.Greeting(); err != nil {
		return false
	}
	if _, err := c.conn.Capabilities(); err != nil {
		return false
	}
	if !c.secure {
		return true
	}
	if c.conn.StartTLS(c.handshake) != nil {
		return false
	}
	if _, err = c.conn.Capabilities(); err != nil {
		return false
	}
	return c.sender.User == "" || c.login()
}

// login logs in with SASL PLAIN (RFC 4616).
func (c *client) login() bool {
	token := "\x00" + c.sender.User + "\x00" + c.sender.Password
	r, err := c.conn.Command("AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte(token)))
	if err == nil && r.Code == 535 {
		c.sender.badPassword.Add(1)
	}
	return err == nil && r.Positive()
}

func (c *client) handshake(conn net.Conn) (net.Conn, error) {
	t := tls.Client(conn, c.sender.TLS)
	return t, t.Handshake()
}

// transact sends one message.
func (c *client) transact(text string, chunks, group bool) outcome {
	envelope := []string{"MAIL FROM:<sender@example.net>", "RCPT TO:<" + c.sender.To + ">"}
	if group {
		if !c.write(strings.Join(envelope, "\r\n") + "\r\n") {
			return unsent
		}
	}
	for _, line := range envelope {
		if !group && !c.write(line+"\r\n") {
			return unsent
		}
		if !c.replies(250) {
			return unsent
		}
	}
	if chunks {
		return c.chunks(text)
	}
	if !c.write("DATA\r\n") || !c.replies(354) {
		return unsent
	}
	stuffed := strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n..")[2:]
	half := len(stuffed) / 2
	if !c.write(stuffed[:half]) {
		return unsent
	}
	c.write(stuffed[half:] + ".\r\n")
	return c.verdict()
}

func (c *client) chunks(text string) outcome {
	half := len(text) / 2
	if !c.write(fmt.Sprintf("BDAT %d\r\n%s", half, text[:half])) || !c.replies(250) {
		return unsent
	}
	c.write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text)-half, text[half:]))
	return c.verdict()
}

// verdict reads the reply to a message.
func (c *client) verdict() outcome {
	switch r, err := c.conn.Reply(); {
	case err != nil, r.Code == 421:
		return undecided
	case r.Positive():
		return acknowledged
	}
	return refused
}

func (c *client) write(text string) bool {
	_, err := io.WriteString(c.conn, text)
	return err == nil
}

// replies reads a reply, and reports whether it has the code.
func (c *client) replies(code int) bool {
	r, err := c.conn.Reply()
	return err == nil && r.Code == code
}
