package backend

const pop3Capabilities = "+OK\r\nUSER\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n"

func pop3(c *conn) {
	name := ""
	c.print("+OK ready\r\n")
	for {
		verb, argument, ok := c.command()
		if !ok {
			return
		}
		switch verb {
		case "CAPA":
			c.print(pop3Capabilities)
			continue
		case "USER":
			name = argument
		case "PASS":
			if !known(name, argument) {
				c.print("-ERR [AUTH] wrong\r\n")
				continue
			}
		case "AUTH":
			right, ok := c.plain(argument, "+ \r\n")
			if !ok {
				return
			}
			if !right {
				c.print("-ERR [AUTH] wrong\r\n")
				continue
			}
		case "QUIT":
			c.print("+OK bye\r\n")
			c.flush()
			return
		}
		c.print("+OK\r\n")
	}
}
