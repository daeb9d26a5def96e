package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// expected is an entry of the queue: a reply that the client is due.
//
// The gate forwards a command while the replies to earlier commands are still
// on their way, as long as the client has sent its next command already (RFC
// 2920). The queue, Gate.pending, holds an entry for each reply that is due, in
// the order of the client's commands:
//
//	command of the client            goes to the backend   its entry
//	MAIL FROM:<a@example.com>        MAIL FROM:<a@...>     onReply: begin the transaction
//	RCPT TO:<b@example.net>          RCPT TO:<b@...>       onReply: count the recipient
//	RCPT TO:<c@example.org>          (nothing)             own: 550 5.7.1 Relaying denied
//	RSET, sent by the gate itself    RSET                  silent
//
// The life of an entry:
//
//	           forward, sendLine       readReplies
//	command ------------------> reply due ------> read --> onReply --> passed to the client
//	   |                                                         \--> dropped, if silent and not 421
//	   | answer, replies are due       readReplies
//	   +----------------------> own waits ----------------------> written to the client
//	   | answer, queue is empty
//	   +--------------------------------------------------------> written to the client
//
// readReplies empties the queue before a command whose reply decides what comes
// next, such as DATA, and before the gate waits for the client.
type expected struct {
	own     string                   // our own reply, with its CRLF; empty: the reply comes from the backend
	onReply func(syntax.Reply) error // is called with the backend's reply before it is passed on; nil: nothing to do
	silent  bool                     // the client did not send the command, and does not get the reply
	slow    bool                     // the reply is to a text, and may take as long as a verdict
}

// maxPending bounds the queue. The replies to so many commands must fit into
// the buffers between the backend and the gate. With more, the backend could
// wait for the gate to read replies while the gate waits for the backend to
// read commands.
const maxPending = 64

func (g *Gate) expect(e expected) { g.pending = append(g.pending, e) }

// forward sends a command to the backend and queues its reply.
func (g *Gate) forward(line string, onReply func(syntax.Reply) error) error {
	if accepted, err := g.introduceClient(); err != nil || !accepted {
		return err
	}
	if err := g.sendLine(line); err != nil {
		return err
	}
	g.expect(expected{onReply: onReply})
	return nil
}

// flushReplies sends the client all replies that it is due.
func (g *Gate) flushReplies() error {
	if err := g.readReplies(); err != nil {
		return err
	}
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// readReplies reads the replies that are due, and writes them to the client's
// buffer.
func (g *Gate) readReplies() error {
	due := g.pending
	g.pending = g.pending[:0]
	if len(due) > 0 {
		if err := g.back.Flush(); err != nil {
			return gate.FromBackend(err)
		}
	}
	for _, e := range due {
		if e.own != "" {
			g.front.Print(e.own)
			continue
		}
		if err := g.readExpected(e); err != nil {
			return err
		}
	}
	return nil
}

// readExpected reads the backend's reply for an entry of the queue.
func (g *Gate) readExpected(e expected) error {
	read := g.readReply
	if e.slow {
		read = g.readVerdict
	}
	r, err := read()
	if err != nil {
		return err
	}
	if r.Code/100 == 3 {
		return gate.Because(gate.BackendGarbage, r.Unexpected("a command"))
	}
	if e.onReply != nil {
		if err := e.onReply(r); err != nil {
			return err
		}
	}
	if e.silent && r.Code != 421 {
		return nil
	}
	return g.pass(r)
}

// pass writes a reply of the backend to the client unchanged. A 421 ends the
// session (RFC 5321 §3.8), and is also the reply to the client's command.
func (g *Gate) pass(r syntax.Reply) error {
	_, _ = g.front.Write(r.Text)
	if r.Code == 421 {
		g.finished = true
		_ = g.front.Flush()
		return gate.Because(gate.ClientRefused, r.Unexpected("a command"))
	}
	return nil
}
