package backend

import "strings"

const pop3Capabilities = "+OK\r\nUSER\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n"

func pop3(c *conn) {
	name := ""
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
		case "USER":
			name = argument
		case "PASS":
			if !known(name, argument) {
				c.say("-ERR [AUTH] wrong\r\n")
				continue
			}
		case "AUTH":
			right, ok := c.plain(argument, "+ \r\n")
			if !ok {
				return
			}
			if !right {
				c.say("-ERR [AUTH] wrong\r\n")
				continue
			}
		case "QUIT":
			c.say("+OK bye\r\n")
			c.flush()
			return
		}
		c.say("+OK\r\n")
	}
}
