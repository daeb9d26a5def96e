package mailclient

import "strings"

// greetingSieve reads the capabilities that a ManageSieve server greets with
// (RFC 5804 §1.7), and returns the response after them.
func (c *Conn) greetingSieve() (string, error) {
	all, response, err := c.List()
	if err == nil && !strings.HasPrefix(strings.ToUpper(response), "OK") {
		err = errNegative
	}
	c.offered = &all
	return response, err
}

// capabilitiesSieve returns the capabilities of the greeting. After STARTTLS
// the server sends them anew (RFC 5804 §2.2).
func (c *Conn) capabilitiesSieve() (Capabilities, error) {
	if c.offered != nil {
		return *c.offered, nil
	}
	all, response, err := c.List()
	if err == nil && !strings.HasPrefix(strings.ToUpper(response), "OK") {
		err = &Rejected{"STARTTLS", response}
	}
	c.offered = &all
	return all, err
}

// List reads a list of ManageSieve capabilities, and the response after it.
func (c *Conn) List() (all Capabilities, response string, err error) {
	lines, err := c.until(func(line string) bool { return !strings.HasPrefix(line, `"`) })
	if err != nil {
		return all, "", err
	}
	last := len(lines) - 1
	for _, line := range lines[:last] {
		name, value, _ := strings.Cut(line[1:], `"`)
		all.add(name + " " + strings.Trim(strings.TrimSpace(value), `"`))
	}
	all.StartTLS = all.Has("STARTTLS")
	all.addMechanisms(all.Words["SASL"]...)
	return all, lines[last], nil
}
