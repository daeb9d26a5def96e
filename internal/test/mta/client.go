package mta

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// client is an SMTP client with one connection to the server at a time.
type client struct {
	sender *Sender
	secure bool
	conn   net.Conn // nil: not connected
	in     *bufio.Reader
}

// outcome is how an attempt ends.
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
// groups, as its number has it.
func (c *client) attempt(id string, attempt int) outcome {
	if c.conn == nil && !c.connect() {
		c.disconnect()
		return unsent
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	way := int(sum(id)) + attempt
	result := c.transact(Text(id), way&1 == 0, way&2 == 0)
	if result == unsent || result == undecided {
		c.disconnect()
	}
	return result
}

func (c *client) disconnect() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn = nil
}

// connect connects to the server, starts TLS if secure is set, and sends EHLO.
func (c *client) connect() bool {
	conn, err := net.DialTimeout("tcp", c.sender.Address(), patience)
	if err != nil {
		return false
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if c.readCode() != 220 || c.ask("EHLO mta.example.net") != 250 {
		return false
	}
	if !c.secure {
		return true
	}
	if c.ask("STARTTLS") != 220 {
		return false
	}
	t := tls.Client(conn, c.sender.TLS)
	if t.Handshake() != nil {
		return false
	}
	c.conn, c.in = t, bufio.NewReader(t)
	return c.ask("EHLO mta.example.net") == 250
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
		if c.readCode() != 250 {
			return unsent
		}
	}
	if chunks {
		return c.chunks(text)
	}
	if c.ask("DATA") != 354 {
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
	if !c.write(fmt.Sprintf("BDAT %d\r\n%s", half, text[:half])) || c.readCode() != 250 {
		return unsent
	}
	c.write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text)-half, text[half:]))
	return c.verdict()
}

func (c *client) verdict() outcome {
	switch code := c.readCode(); {
	case code/100 == 2:
		return acknowledged
	case code == 0 || code == 421:
		return undecided
	}
	return refused
}

func (c *client) write(text string) bool {
	_, err := io.WriteString(c.conn, text)
	return err == nil
}

func (c *client) ask(line string) (code int) {
	if !c.write(line + "\r\n") {
		return 0
	}
	return c.readCode()
}

// readCode reads a reply and returns its code, or 0 if there is none.
func (c *client) readCode() (code int) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || len(line) < 4 {
			return 0
		}
		if _, err := fmt.Sscanf(line[:3], "%d", &code); err != nil {
			return 0
		}
		if line[3] != '-' {
			return code
		}
	}
}
