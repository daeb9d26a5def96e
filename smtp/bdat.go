package smtp

import (
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// maxChunk bounds the size that a BDAT may announce, in bytes. Chunks are not
// buffered.
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

// bdat handles one chunk of a message. Its octets are counted as the backend
// counts them, so nothing in them can end the chunk. The backend may send the
// lines on by DATA, so line endings are normalised as they are for DATA.
func (g *Gate) bdat(cmd syntax.Line) error {
	size, last, ok := parseChunk(cmd.Args)
	switch {
	case !ok:
		return g.badChunk()
	case !g.caps.chunking:
		return g.refuseChunk(cmd, "502 5.5.1 Command not implemented")
	}
	if accepted, err := g.introduceClient(); err != nil {
		return err
	} else if !accepted {
		return g.skipChunk(size)
	}
	if last && g.mayJoin(size) {
		return g.joinChunk(int(size))
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	if g.o.RejectBareNewline && g.mail.accepted == 0 {
		if err := g.skipChunk(size); err != nil {
			return err
		}
		return g.fault(needRecipient)
	}
	g.mail.replyDue = true
	if err := g.beginText(); err != nil {
		return err
	}
	p := &rechunker{g: g, last: last}
	if g.chunks == nil {
		p.header = g.beginChunks()
	}
	return g.chunk(p, size)
}

// maxJoined bounds the chunks that are forwarded together with the commands before
// them, in bytes.
const maxJoined = 4 << 10

// mayJoin reports whether a message that is one chunk can be forwarded in one write
// with the commands before it, whose replies are still due. The client has sent all
// of the chunk without waiting for these replies, so it accepts that the chunk is
// sent even if a recipient is refused; a backend drops the octets of a chunk that it
// refuses (RFC 3030 §4.2).
//
// The client must have logged in. The session of any other client could lose its slot
// while the backend already decides on the message, as the session counts as working
// only after the reply to RCPT.
func (g *Gate) mayJoin(size int64) bool {
	return g.authed && g.caps.pipelining && !g.o.RejectBareNewline &&
		len(g.pending) > 0 && len(g.pending) < maxPending && !g.mail.resetting &&
		g.chunks == nil && !g.binary && !g.mail.askedBinary &&
		size > 0 && size <= maxJoined && g.front.Fill(int(size))
}

// joinChunk forwards a message that is one chunk behind the commands whose replies
// are due; see mayJoin. The client gets the replies before the verdict if the verdict
// is not there yet: it may take longer than a client waits for the reply to RCPT.
func (g *Gate) joinChunk(size int) error {
	text, err := g.nextText()
	if err != nil {
		return err
	}
	g.mail.replyDue = true
	p := &rechunker{g: g, last: true, header: g.beginChunks()}
	if err := p.sendChunk(text[:size], true); err != nil {
		return err
	}
	g.front.Discard(size)
	if p.writeErr != nil {
		return g.backendLost(p.writeErr)
	}
	if err := g.readReplies(); err != nil {
		return err
	}
	g.mail.size += int64(size)
	if err := g.awaitVerdict(); err != nil {
		return err
	}
	if !g.back.HasLine() {
		if err := g.front.Flush(); err != nil {
			return gate.FromClient(err)
		}
	}
	return g.verdict(nil, true)
}

// beginChunks begins a message in chunks, and returns the header that goes in
// front of it.
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

// chunk forwards a chunk and passes the reply on. If a part of it was refused,
// the message is over, and the backend never gets its last chunk.
func (g *Gate) chunk(p *rechunker, size int64) error {
	if err := g.carryChunk(size, p.send); err != nil {
		return err
	}
	switch {
	case p.refusal != "":
		return g.discard(p.refusal)
	case p.kept:
		g.answer("250 2.0.0 OK")
		return nil
	}
	return g.verdict(p.writeErr, p.last)
}

// carryChunk moves exactly size octets from the client to send, in the parts in
// which they come. The last call of send has whole set, and an empty part if
// size is 0.
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

// refuseChunk reads and drops the octets of a BDAT that is refused, and answers
// it.
func (g *Gate) refuseChunk(cmd syntax.Line, why string) error {
	size, _, ok := parseChunk(cmd.Args)
	if !ok {
		return g.badChunk()
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	if err := g.skipChunk(size); err != nil {
		return err
	}
	return g.fault(why)
}

// skipChunk reads a chunk and drops it.
func (g *Gate) skipChunk(size int64) error {
	return g.carryChunk(size, func([]byte, bool) error { return nil })
}

// badChunk ends the session: without a size it is unknown where the next
// command begins.
func (g *Gate) badChunk() error {
	g.answer("501 5.5.4 Syntax: BDAT size [LAST]")
	if err := g.flushReplies(); err != nil {
		return err
	}
	g.finished = true
	return gate.Because(gate.Desynchronised, nil)
}
