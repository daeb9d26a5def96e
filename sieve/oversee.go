package sieve

// Oversee looks on while the session is relayed, for the one command that
// leads back to before the login (RFC 5804 §2.14.1): there the backend would
// believe an XCLIENT, and the next login would pass unseen. Its last letter is
// changed on its way, so that the backend answers that it has no such command,
// in step. All other bytes, scripts among them, pass as they are.
func (g *Gate) Oversee(piece []byte) error {
	for i := 0; i < len(piece); {
		if n := min(g.oversight.literal, len(piece)-i); n > 0 {
			g.oversight.literal -= n
			i += n
			continue
		}
		if g.oversight.forbids(piece[i]) {
			piece[i] = 'X'
		}
		i++
	}
	return nil
}

const forbidden = "UNAUTHENTICATE"

// oversight is how far the client's current line is read.
type oversight struct {
	literal int  // bytes that are still to come
	words   bool // the line has begun with something else than the command
	matched int  // bytes of the command
	quoted  bool
	escaped bool
	count   count
}

// forbids takes the next byte of a line, and reports whether the command is
// whole with it.
func (o *oversight) forbids(b byte) bool {
	if b == '\n' {
		*o = oversight{literal: o.count.announced()}
		o.words = o.literal > 0 // what stands behind the literal goes on with the line
		return false
	}
	o.count.take(b, o.quoted)
	o.follow(b)
	switch {
	case o.words, o.matched == 0 && (b == ' ' || b == '\t' || b == '\r'):
	case b&^0x20 != forbidden[o.matched]:
		o.words = true
	case o.matched+1 == len(forbidden):
		o.words = true
		return true
	default:
		o.matched++
	}
	return false
}

// follow keeps track of quotes, in which a brace is a brace.
func (o *oversight) follow(b byte) {
	switch {
	case o.escaped:
		o.escaped = false
	case o.quoted && b == '\\':
		o.escaped = true
	case b == '"':
		o.quoted = !o.quoted
	}
}

// count reads the announcement of a literal at the end of a line, `{n+}`.
type count struct {
	at   byte // what was read last of it; 0: there is none
	size int
}

// maxCount bounds what is taken for the size of a literal: more is none.
const maxCount = 1 << 30

func (c *count) take(b byte, quoted bool) {
	digit := '0' <= b && b <= '9'
	switch {
	case b == '{' && !quoted:
		*c = count{at: '{'}
	case digit && (c.at == '{' || c.at == '0') && c.size < maxCount:
		c.at, c.size = '0', c.size*10+int(b-'0')
	case b == '+' && c.at == '0', b == '}' && c.at == '+', b == '\r' && c.at == '}':
		c.at = b
	default:
		c.at = 0
	}
}

func (c *count) announced() int {
	if c.at != '\r' || c.size > maxCount {
		return 0
	}
	return c.size
}
