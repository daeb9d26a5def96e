package backend

import "strings"

const pop3Capabilities = "+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\nPIPELINING\r\n.\r\n"

func pop3(c *conn) {
	c.say("+OK ready\r\n")
	for {
		line, ok := c.line()
		if !ok {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "CAPA":
			c.say(pop3Capabilities)
			continue
		case "AUTH":
			if !strings.Contains(argument, " ") {
				c.say("+ \r\n")
				if _, ok = c.line(); !ok {
					return
				}
			}
		case "QUIT":
			c.say("+OK bye\r\n")
			c.flush()
			return
		}
		c.say("+OK\r\n")
	}
}
