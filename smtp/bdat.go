package smtp

import (
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// maxChunk is the largest chunk that a BDAT may announce, in bytes. It bounds
// nothing that is held: chunks pass through.
const maxChunk = 1 << 40

// parseChunk reads `size [LAST]` (RFC 3030 §2).
func parseChunk(args string) (size int64, last, ok bool) {
	digits, rest, _ := strings.Cut(args, " ")
	if digits == "" || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return 0, false, false
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	rest = strings.Trim(rest, " ")
	last = strings.EqualFold(rest, "LAST")
	return size, last, err == nil && size <= maxChunk && (last || rest == "")
}

// bdat is one chunk of a message. Its octets are counted here exactly as the
// backend counts them, and go on as they are: nothing in them can end it.
func (g *Gate) bdat(cmd command) error {
	size, last, ok := parseChunk(cmd.args)
	switch {
	case !ok:
		return g.badChunk()
	case !g.caps.chunking:
		return g.refuseChunk(cmd, "502 5.5.1 Command not implemented")
	}
	if welcome, err := g.introduceClient(); err != nil {
		return err
	} else if !welcome {
		return g.skipChunk(size)
	}
	if err := g.collect(); err != nil {
		return err
	}
	var header string
	if g.o.Received && !g.chunked {
		header = g.received()
	}
	g.chunked = true
	return g.chunk(header, size, last)
}

// chunk sends the chunk on, behind the header if that is due, and brings the
// reply back.
func (g *Gate) chunk(header string, size int64, last bool) error {
	if err := g.inStep(); err != nil {
		return err
	}
	end := ""
	if last {
		end = " LAST"
	}
	if size > 0 {
		if _, err := g.nextText(); err != nil { // so that the command goes with some text
			return err
		}
	}
	g.back.Print("BDAT ", strconv.FormatInt(size+int64(len(header)), 10), end, "\r\n", header)
	sunk, err := g.carryChunk(size, g.back.Write)
	if err != nil {
		return err
	}
	if last {
		g.chunked = false
		g.front.Release()
	}
	return g.verdict(sunk, last)
}

// carryChunk moves exactly size bytes from the client to write.
func (g *Gate) carryChunk(size int64, write func([]byte) (int, error)) (sunk, err error) {
	for size > 0 {
		b, err := g.nextText()
		if err != nil {
			return nil, err
		}
		b = b[:min(int64(len(b)), size)]
		if sunk == nil {
			_, sunk = write(b)
		}
		g.front.Discard(len(b))
		size -= int64(len(b))
	}
	return sunk, nil
}

// refuseChunk answers a BDAT that may not pass, behind its octets.
func (g *Gate) refuseChunk(cmd command, why string) error {
	size, _, ok := parseChunk(cmd.args)
	if !ok {
		return g.badChunk()
	}
	if err := g.collect(); err != nil {
		return err
	}
	if err := g.skipChunk(size); err != nil {
		return err
	}
	return g.fault(why)
}

// skipChunk reads a chunk for nobody.
func (g *Gate) skipChunk(size int64) error {
	_, err := g.carryChunk(size, func(b []byte) (int, error) { return len(b), nil })
	return err
}

// badChunk ends the session: where the next command begins is anybody's guess.
func (g *Gate) badChunk() error {
	g.answer("501 5.5.4 Syntax: BDAT size [LAST]")
	if err := g.collect(); err != nil {
		return err
	}
	g.parted = true
	return gate.Because(gate.Desynchronised, nil)
}
