package smtp

import (
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
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
// backend counts them: nothing in them can end it. But the backend may send
// its lines on by DATA, and so they are mended as those of DATA are.
func (g *Gate) bdat(cmd syntax.Line) error {
	size, last, ok := parseChunk(cmd.Args)
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
	if g.o.RejectBareNewline && g.mail.accepted == 0 {
		if err := g.skipChunk(size); err != nil {
			return err
		}
		return g.fault(needRecipient)
	}
	g.mail.undecided = true
	if err := g.beginText(); err != nil {
		return err
	}
	p := &pieces{g: g, last: last}
	if g.chunks == nil {
		p.header = g.beginChunks()
	}
	return g.chunk(p, size)
}

// beginChunks begins a message in chunks, and returns the header that is due
// in front of it.
func (g *Gate) beginChunks() (header string) {
	g.chunks = &syntax.Text{Form: syntax.Counted}
	if g.binary {
		g.chunks.Form = syntax.Binary
	}
	if g.o.Received {
		header = g.received()
	}
	return header
}

// chunk sends the chunk on, in pieces, and brings the answer back. If one of
// them may not pass, the message is over: its last chunk will not come.
func (g *Gate) chunk(p *pieces, size int64) error {
	if err := g.carryChunk(size, p.send); err != nil {
		return err
	}
	switch {
	case p.no != "":
		return g.discard(p.no)
	case p.held:
		g.answer("250 2.0.0 OK")
		return nil
	}
	return g.verdict(p.sunk, p.last)
}

// carryChunk moves exactly size octets from the client to send, as they come;
// even of none it is told that they are whole.
func (g *Gate) carryChunk(size int64, send func(part []byte, whole bool) error) error {
	for whole := false; !whole; {
		var part []byte
		if size > 0 {
			text, err := g.nextText()
			if err != nil {
				return err
			}
			part = text[:min(int64(len(text)), size)]
			size -= int64(len(part))
		}
		whole = size == 0
		if err := send(part, whole); err != nil {
			return err
		}
		g.front.Discard(len(part))
		g.mail.size += int64(len(part))
	}
	return nil
}

// refuseChunk answers a BDAT that may not pass, behind its octets.
func (g *Gate) refuseChunk(cmd syntax.Line, why string) error {
	size, _, ok := parseChunk(cmd.Args)
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
	return g.carryChunk(size, func([]byte, bool) error { return nil })
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
