package mailclient

import (
	"fmt"
	"strings"
)

func (c *Conn) greetingIMAP() (string, error) {
	line, err := c.Line()
	if err == nil && !strings.HasPrefix(strings.ToUpper(line), "* OK") {
		err = errNegative
	}
	return line, err
}

// nextTag returns the tag of the next command: a1, a2 and so on.
func (c *Conn) nextTag() string {
	c.tags++
	return fmt.Sprintf("a%d", c.tags)
}

// Respond answers a challenge of the server.
type Respond func(challenge string) (response string)

// Tagged sends an IMAP command. It returns the server's completion of it,
// without the tag and in upper case, and the untagged lines before that.
// Continuation requests are answered by respond, or left alone if that is nil.
// The completion is BAD for an untagged BAD: that is about a line that was not
// sent as a command, such as a PROXY header.
func (c *Conn) Tagged(respond Respond, format string, args ...any) (completion string, untagged []string, err error) {
	tag := c.nextTag()
	if err := c.Send("%s %s", tag, fmt.Sprintf(format, args...)); err != nil {
		return "", nil, err
	}
	for range MaxLines {
		line, err := c.Line()
		if err != nil {
			return "", untagged, err
		}
		if completion, ok := strings.CutPrefix(line, tag+" "); ok {
			return strings.ToUpper(completion), untagged, nil
		}
		if challenge, asks := strings.CutPrefix(line, "+"); asks && respond != nil {
			if err := c.Send("%s", respond(strings.TrimSpace(challenge))); err != nil {
				return "", untagged, err
			}
			continue
		}
		switch words := strings.Fields(strings.ToUpper(line)); {
		case len(words) < 2:
		case words[1] == "BAD":
			return "BAD", untagged, nil
		case words[1] == "BYE":
			return "", untagged, fmt.Errorf("%w with %.80q", ErrClosing, line)
		}
		untagged = append(untagged, line)
	}
	return "", untagged, ErrLines
}

// capabilitiesIMAP asks for the capabilities (RFC 9051 §6.1.1).
func (c *Conn) capabilitiesIMAP() (Capabilities, error) {
	_, untagged, err := c.Tagged(nil, "CAPABILITY")
	all := Capabilities{}
	for _, line := range untagged {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) < 2 || words[1] != "CAPABILITY" {
			continue
		}
		for _, word := range words[2:] {
			all.add(word)
			if mechanism, ok := strings.CutPrefix(word, "AUTH="); ok {
				all.addMechanisms(mechanism)
			}
		}
	}
	all.StartTLS, all.Command = all.Has("STARTTLS"), !all.Has("LOGINDISABLED")
	return all, err
}
