package mailclient

import (
	"slices"
	"strings"
)

// Capabilities lists the features that a server offers.
type Capabilities struct {
	StartTLS bool

	// Mechanisms are the SASL mechanisms, each once, in upper case and in the
	// server's order.
	Mechanisms []string

	// Command reports whether the server takes the protocol's own command for
	// passwords: LOGIN in IMAP, USER in POP3.
	Command bool

	// Unknown reports that the server does not have the command that asks for
	// capabilities: EHLO in SMTP, CAPA in POP3.
	Unknown bool

	// Words are all of it: a keyword in upper case, and its parameters, in
	// upper case too. A keyword of IMAP has no parameters.
	Words map[string][]string
}

// Has reports whether a keyword is offered.
func (c Capabilities) Has(keyword string) bool {
	_, ok := c.Words[keyword]
	return ok
}

// addMechanisms adds SASL mechanisms that are not there yet.
func (c *Capabilities) addMechanisms(names ...string) {
	for _, name := range names {
		if name != "" && !slices.Contains(c.Mechanisms, name) {
			c.Mechanisms = append(c.Mechanisms, name)
		}
	}
}

// add takes in one line of a list: a keyword and its parameters.
func (c *Capabilities) add(line string) {
	words := strings.Fields(strings.ToUpper(line))
	if len(words) == 0 {
		return
	}
	if c.Words == nil {
		c.Words = map[string][]string{}
	}
	c.Words[words[0]] = words[1:]
}
