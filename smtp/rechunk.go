package smtp

import (
	"strconv"

	"github.com/letterlock/letterlock/smtp/syntax"
)

// rechunker forwards one chunk of the client as one or more chunks of ours.
//
// Normalising line endings changes the length of a chunk, and BDAT announces
// the length. The length of a part is known once the part has been read, so
// each part is forwarded in a chunk of its own when it comes in, and nothing is
// buffered. Only the last of these chunks may carry LAST, and the client gets
// one reply.
type rechunker struct {
	g        *Gate
	header   string // the Received header, due at the beginning of the next chunk; empty: none
	last     bool   // the client's chunk is the last of its message
	refusal  string // the reply to the client's chunk, if a part of it was refused; empty: the backend's reply to the last chunk is
	kept     bool   // nothing of the chunk can be forwarded before the next one, as with a single CR
	writeErr error  // the backend cannot be written to any more
}

// send forwards a part of the client's chunk, or drops it if an earlier part
// was refused. Before the last part it reads the replies to all other chunks:
// the end of a message is sent only if nothing of the message is missing.
func (p *rechunker) send(part []byte, whole bool) error {
	if p.refusal != "" || p.writeErr != nil {
		return nil
	}
	if whole || !p.g.caps.pipelining || len(p.g.pending) >= maxPending {
		if err := p.readReplies(); err != nil || p.refusal != "" || p.writeErr != nil {
			return err
		}
	}
	return p.sendChunk(part, whole)
}

// sendChunk forwards a part as one chunk. A part whose lines need no change is
// scanned once and not copied.
func (p *rechunker) sendChunk(part []byte, whole bool) error {
	g, end := p.g, ""
	run, tail, used, _ := g.chunks.Next(part)
	rest, ahead := part[used:], *g.chunks
	size := len(p.header) + len(run) + len(tail) + ahead.Length(rest)
	if whole && p.last {
		size, end = size+len(ahead.Finish()), " LAST"
	}
	switch {
	case ahead.Irregular && g.o.RejectBareNewline:
		p.refusal = bareNewline
		return nil
	case size == 0 && len(part) > 0 && end == "": // Postfix accepts an empty chunk only if it is the last
		*g.chunks, p.kept = ahead, whole
		return nil
	}
	if err := g.inStep(); err != nil {
		return err
	}
	g.back.Print("BDAT ", strconv.Itoa(size), end, "\r\n", p.header)
	p.header = ""
	for p.writeErr = g.write(run, tail); p.writeErr == nil && len(rest) > 0; rest = rest[used:] {
		run, tail, used, _ = g.chunks.Next(rest)
		p.writeErr = g.write(run, tail)
	}
	if whole && p.last {
		if err := g.awaitVerdict(); err != nil {
			return err
		}
		g.back.Print(g.chunks.Finish())
	}
	if !whole {
		g.expect(expected{onReply: p.onReply, silent: true, slow: true})
	}
	return nil
}

// readReplies reads the backend's replies to the chunks that were sent.
func (p *rechunker) readReplies() error {
	if p.writeErr = p.g.back.Flush(); p.writeErr != nil {
		return nil
	}
	return p.g.readReplies()
}

// onReply keeps the first refusal.
func (p *rechunker) onReply(r syntax.Reply) error {
	if p.refusal == "" && !r.OK() {
		p.refusal = r.String()
	}
	return nil
}
