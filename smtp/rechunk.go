package smtp

import (
	"strconv"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// pieces are the chunks of ours that one of the client's becomes: how long its
// text is once its lines are mended is only known of what has come. So each
// part goes on as it comes in, and nothing is held.
type pieces struct {
	g      *Gate
	header string // due in front of the next piece
	last   bool   // the client's chunk is the last of its message
	no     string // the answer to that chunk, if a piece of it may not pass; empty: it is the backend's to the last piece
	held   bool   // nothing of its text can go on before the next chunk
	sunk   error  // the backend does not hear any more
}

// send sends a part of the client's chunk on, or reads it for nobody if one
// before it may not pass. The last piece of a chunk goes when the backend has
// said yes to all others: a message of which something is missing gets no end.
func (p *pieces) send(part []byte, whole bool) error {
	if p.no != "" || p.sunk != nil {
		return nil
	}
	if whole || !p.g.caps.pipelining || len(p.g.pending) >= maxPending {
		if err := p.settle(); err != nil || p.no != "" || p.sunk != nil {
			return err
		}
	}
	return p.piece(part, whole)
}

// piece makes a chunk of a part. What is in order goes on without a copy, and
// is looked at once.
func (p *pieces) piece(part []byte, whole bool) error {
	g, end := p.g, ""
	run, tail, used, _ := g.chunks.Next(part)
	rest, ahead := part[used:], *g.chunks
	size := len(p.header) + len(run) + len(tail) + ahead.Length(rest)
	if whole && p.last {
		size, end = size+len(ahead.End()), " LAST"
	}
	switch {
	case ahead.Irregular && g.o.RejectBareNewline:
		p.no = bareNewline
		return nil
	case size == 0 && len(part) > 0 && end == "": // Postfix takes no empty chunk but the last
		*g.chunks, p.held = ahead, whole
		return nil
	}
	if err := g.inStep(); err != nil {
		return err
	}
	g.back.Print("BDAT ", strconv.Itoa(size), end, "\r\n", p.header)
	p.header = ""
	for p.sunk = g.write(run, tail); p.sunk == nil && len(rest) > 0; rest = rest[used:] {
		run, tail, used, _ = g.chunks.Next(rest)
		p.sunk = g.write(run, tail)
	}
	if whole && p.last {
		if err := g.s.Enter(gate.Verdict); err != nil {
			return err
		}
		g.back.Print(g.chunks.End())
	}
	if !whole {
		g.expect(expected{heard: p.heard, silent: true, slow: true})
	}
	return nil
}

// settle hears what the backend says to the pieces so far.
func (p *pieces) settle() error {
	if p.sunk = p.g.back.Flush(); p.sunk != nil {
		return nil
	}
	return p.g.gather()
}

// heard keeps the first no.
func (p *pieces) heard(r syntax.Reply) error {
	if p.no == "" && !r.OK() {
		p.no = r.String()
	}
	return nil
}
