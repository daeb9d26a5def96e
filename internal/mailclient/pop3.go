package mailclient

import "strings"

func isOK(line string) bool { return strings.HasPrefix(line, "+OK") }

func (c *Conn) greetingPOP3() (string, error) {
	line, err := c.Line()
	if err == nil && !isOK(line) {
		err = errNegative
	}
	return line, err
}

// capabilitiesPOP3 asks for the capabilities (RFC 2449 §5). A server without
// CAPA takes USER.
func (c *Conn) capabilitiesPOP3() (Capabilities, error) {
	line, err := c.Exchange("CAPA")
	switch {
	case err != nil:
		return Capabilities{}, err
	case !isOK(line):
		return Capabilities{Unknown: true, Command: true}, nil
	}
	lines, err := c.DotLines()
	all := Capabilities{}
	for _, line := range lines {
		all.add(line)
	}
	all.StartTLS, all.Command = all.Has("STLS"), all.Has("USER")
	all.addMechanisms(all.Words["SASL"]...)
	return all, err
}

// DotLines reads the rest of a reply of several lines (RFC 1939 §3): the lines
// up to the one that is a dot, which is not returned.
func (c *Conn) DotLines() ([]string, error) {
	lines, err := c.until(func(line string) bool { return line == "." })
	if err != nil {
		return nil, err
	}
	lines = lines[:len(lines)-1]
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, ".")
	}
	return lines, nil
}
