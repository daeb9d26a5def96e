package mailclient

import (
	"fmt"
	"strconv"
	"strings"
)

// Reply is a reply of an SMTP server.
type Reply struct {
	Code int
	Text string // without the codes; lines end in LF
}

// Positive reports whether the code is one of 200 to 299.
func (r Reply) Positive() bool { return r.Code/100 == 2 }

// String is the code and the text in one line.
func (r Reply) String() string {
	return fmt.Sprintf("%d %s", r.Code, strings.ReplaceAll(r.Text, "\n", " "))
}

// Reply reads a reply of an SMTP server (RFC 5321 §4.2.1). A line that repeats
// no code continues the text.
func (c *Conn) Reply() (Reply, error) {
	lines, err := c.until(func(line string) bool { return !strings.HasPrefix(line[min(3, len(line)):], "-") })
	if err != nil {
		return Reply{}, err
	}
	code, err := strconv.ParseUint(lines[0][:min(3, len(lines[0]))], 10, 16)
	if err != nil || code < 100 {
		return Reply{}, fmt.Errorf("%w: %.80q", errReply, lines[0])
	}
	for i, line := range lines {
		lines[i] = line[min(4, len(line)):]
	}
	return Reply{int(code), strings.Join(lines, "\n")}, nil
}

// Command sends an SMTP command and reads the reply. The reply 421 is the
// error ErrClosing: the server closes the connection after it.
func (c *Conn) Command(format string, args ...any) (Reply, error) {
	if c.Buffered() > 0 {
		return Reply{}, ErrUnasked
	}
	if err := c.Send(format, args...); err != nil {
		return Reply{}, err
	}
	r, err := c.Reply()
	if err == nil && r.Code == 421 {
		err = fmt.Errorf("%w with %.80q", ErrClosing, r)
	}
	return r, err
}

func (c *Conn) greetingSMTP() (string, error) {
	r, err := c.Reply()
	if err == nil && r.Code != 220 {
		err = errNegative
	}
	return r.String(), err
}

// capabilitiesSMTP introduces the client and returns the extensions of the
// server. A server that refuses EHLO permanently gets HELO, and has none.
func (c *Conn) capabilitiesSMTP() (Capabilities, error) {
	r, err := c.Command("EHLO %s", c.hostname)
	switch {
	case err != nil:
		return Capabilities{}, err
	case r.Code/100 == 5:
		return c.HELO()
	case !r.Positive():
		return Capabilities{}, &Rejected{"EHLO", r.String()}
	}
	return Extensions(r), nil
}

// HELO introduces the client to a server without EHLO, which has no extensions.
func (c *Conn) HELO() (Capabilities, error) {
	r, err := c.Command("HELO %s", c.hostname)
	if err == nil && !r.Positive() {
		err = &Rejected{"HELO", r.String()}
	}
	return Capabilities{Unknown: true}, err
}

// Extensions reads the reply to EHLO (RFC 5321 §4.1.1.1).
func Extensions(r Reply) Capabilities {
	all := Capabilities{}
	_, extensions, _ := strings.Cut(r.Text, "\n")
	for line := range strings.Lines(extensions) {
		all.add(line)
		words := strings.Fields(strings.ToUpper(line))
		switch {
		case len(words) == 0:
		case words[0] == "AUTH":
			all.addMechanisms(words[1:]...)
		case strings.HasPrefix(words[0], "AUTH="): // the form of a draft, and the only one of some old servers
			all.addMechanisms(append([]string{words[0][len("AUTH="):]}, words[1:]...)...)
		}
	}
	all.StartTLS = all.Has("STARTTLS")
	return all
}
