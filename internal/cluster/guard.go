package cluster

import (
	"errors"
	"net"
	"strconv"
)

// Bounds on the replies of the store. The library allocates a string by its announced
// length before the bytes arrive, and reads nested lists recursively, so that without
// these bounds a hostile store could exhaust the memory of the process.
const (
	maxBulk  = maxValue + overhead
	maxReply = 8 << 20 // of all strings of a list
	maxItems = 4096    // of a list
	maxDepth = 2       // of lists in lists
	maxLine  = 4096
)

var errReply = errors.New("the store has sent a reply that is too long, or not one")

// guard is a connection that fails when the store exceeds the bounds. It follows the
// framing of RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type guard struct {
	net.Conn
	line []byte // the begin of a header that is not complete
	skip int    // bytes of a string, with its line end, that are still to come
	open []int  // for each list that has begun, how many items are to come
	size int    // bytes of the strings of the list so far
	bad  bool
}

func (g *guard) Read(p []byte) (int, error) {
	if g.bad {
		return 0, errReply
	}
	n, err := g.Conn.Read(p)
	if !g.follow(p[:n]) {
		g.bad = true
		_ = g.Close()
		return 0, errReply
	}
	return n, err
}

// follow reports whether the bytes continue valid replies.
func (g *guard) follow(p []byte) bool {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(p))
			g.skip -= n
			p = p[n:]
			if g.skip == 0 {
				g.ended()
			}
			continue
		}
		c := p[0]
		p = p[1:]
		if c != '\n' {
			if len(g.line) == maxLine {
				return false
			}
			g.line = append(g.line, c)
			continue
		}
		line := g.line
		g.line = g.line[:0]
		if !g.header(line) {
			return false
		}
	}
	return true
}

// header reports whether a line, without its line feed, may begin an item.
func (g *guard) header(line []byte) bool {
	if len(line) < 2 || line[len(line)-1] != '\r' {
		return false
	}
	kind, rest := line[0], string(line[1:len(line)-1])
	switch kind {
	case '+', '-', ':':
		g.ended()
		return true
	case '$', '*':
	default:
		return false
	}
	n, err := strconv.Atoi(rest)
	switch {
	case err != nil:
		return false
	case n < 0, n == 0 && kind == '*':
		g.ended()
	case kind == '$' && n <= maxBulk && g.size+n <= maxReply:
		g.skip, g.size = n+len("\r\n"), g.size+n
	case kind == '*' && n <= maxItems && len(g.open) < maxDepth:
		g.open = append(g.open, n)
	default:
		return false
	}
	return true
}

// ended counts an item that is complete, and the lists that are complete with it.
func (g *guard) ended() {
	for len(g.open) > 0 {
		last := len(g.open) - 1
		g.open[last]--
		if g.open[last] > 0 {
			return
		}
		g.open = g.open[:last]
	}
	g.size = 0
}
