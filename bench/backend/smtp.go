package backend

import (
	"strconv"
	"strings"
)

const smtpCapabilities = "250-backend\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n" +
	"250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN\r\n250 CHUNKING\r\n"

// smtp takes any message and throws it away.
func smtp(c *conn) {
	c.say("220 backend ESMTP\r\n")
	for {
		line, ok := c.line()
		if !ok {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			c.say(smtpCapabilities)
			continue
		case "AUTH":
			if !c.smtpToken(argument) {
				return
			}
			c.say("235 2.7.0 welcome\r\n")
			continue
		case "DATA":
			c.say("354 go on\r\n")
			ok = c.flush() && c.smtpText()
		case "BDAT":
			size, _, _ := strings.Cut(argument, " ")
			n, err := strconv.Atoi(size)
			ok = err == nil && c.skip(n)
		case "QUIT":
			c.say("221 2.0.0 bye\r\n")
			c.flush()
			return
		}
		if !ok {
			return
		}
		c.say("250 2.0.0 ok\r\n")
	}
}

func (c *conn) smtpToken(argument string) bool {
	if strings.Contains(argument, " ") {
		return true // an initial response
	}
	c.say("334 \r\n")
	_, ok := c.line()
	return ok
}

// smtpText reads to the line that is a dot alone.
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
