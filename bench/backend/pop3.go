package backend

const pop3Capabilities = "+OK\r\nUSER\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n"

func pop3(c *conn) {
	name := ""
	c.say("+OK ready\r\n")
	for {
		verb, argument, ok := c.command()
		if !ok {
			return
		}
		switch verb {
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
