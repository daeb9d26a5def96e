package backend

import (
	"strconv"
	"strings"
)

const smtpCapabilities = "250-backend\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n" +
	"250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN\r\n250 CHUNKING\r\n"

// smtp accepts any message after a login, and discards it.
func smtp(c *conn) {
	in := false // the client has logged in
	c.print("220 backend ESMTP\r\n")
	for {
		verb, argument, ok := c.command()
		if !ok {
			return
		}
		switch verb {
		case "EHLO":
			c.print(smtpCapabilities)
			continue
		case "AUTH":
			if in, ok = c.plain(argument, "334 \r\n"); !ok {
				return
			}
			if in {
				c.print("235 2.7.0 welcome\r\n")
			} else {
				c.print("535 5.7.8 wrong\r\n")
			}
			continue
		case "MAIL":
			if !in {
				c.print("530 5.7.0 log in first\r\n")
				continue
			}
		case "DATA":
			c.print("354 go on\r\n")
			ok = c.flush() && c.smtpText()
		case "BDAT":
			size, _, _ := strings.Cut(argument, " ")
			n, err := strconv.Atoi(size)
			ok = err == nil && c.skip(n)
		case "QUIT":
			c.print("221 2.0.0 bye\r\n")
			c.flush()
			return
		}
		if !ok {
			return
		}
		c.print("250 2.0.0 ok\r\n")
	}
}

// smtpText discards lines up to the one with only a dot.
func (c *conn) smtpText() bool {
	for {
		line, err := c.ReadSlice('\n')
		if err != nil {
			return false
		}
		if len(line) == 3 && line[0] == '.' {
			return true
		}
	}
}
