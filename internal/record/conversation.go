package record

import (
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// Side is a direction of a session's bytes.
type Side uint8

// The sides.
const (
	FromClient Side = iota
	ToClient
	FromBackend
	ToBackend
)

// Conversation holds the masked lines of one session, in memory and bounded. Its
// methods may be called from any goroutine.
type Conversation struct {
	mu      sync.Mutex
	about   about
	steps   []step
	held    []step // sent to the backend while the client's chunk or text is read; see add
	streams [ToBackend + 1]*stream
	secrets secrets

	left   int  // bytes that may still be added
	cut    bool // the limit of bytes was reached
	over   bool // nothing more is added
	wanted bool // the session is one of those that the order means
	late   bool // the session was open already: its state is not known yet

	backends                int // connections to backends
	backendTLS              int // handshakes with backends
	clientGone, backendGone bool

	begun time.Time
	moved time.Time // the last byte before now
	now   time.Time // the present byte
}

// stepCost is the memory that a step takes besides its text, in bytes.
const stepCost = 96

// NewConversation returns an empty conversation of a protocol: smtp, imap, pop3 or
// sieve. At most so many bytes are kept. With texts, the texts of messages pass.
func NewConversation(protocol string, limit int, texts bool) *Conversation {
	c := &Conversation{left: limit, begun: time.Now()}
	c.moved, c.now = c.begun, c.begun
	masks := languages[protocol]
	if masks == nil {
		masks = opaque{}
	}
	client := &exchange{language: masks, secrets: &c.secrets, texts: texts}
	backend := &exchange{language: masks, secrets: &c.secrets, texts: texts, toBackend: true}
	c.streams = [...]*stream{
		FromClient:  {c: c, x: client, index: commands, verb: "C"},
		ToClient:    {c: c, x: client, index: replies, verb: "S"},
		FromBackend: {c: c, x: backend, index: replies, verb: "B>"},
		ToBackend:   {c: c, x: backend, index: commands, verb: "B<"},
	}
	return c
}

// Add adds bytes, or the event of a handshake. It reports false if the conversation
// takes no more.
func (c *Conversation) Add(side Side, kind wire.Tapped, p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.moved, c.now = c.now, time.Now()
	switch {
	case kind == wire.TLSBegun || kind == wire.TLSFailed:
		c.handshake(side, kind == wire.TLSBegun)
	case kind == wire.Closed:
		c.closed(side)
	case len(p) == 0:
	default:
		if kind == wire.Command {
			c.late = false
		}
		c.streams[side].feed(kind, p)
	}
	if c.left <= 0 || c.secrets.full {
		c.cut, c.over = true, true
	}
	return !c.over
}

// handshake marks the end of a handshake.
func (c *Conversation) handshake(side Side, begun bool) {
	mark := "TLS"
	switch {
	case side == FromBackend || side == ToBackend:
		mark = "B! TLS"
		c.backendTLS++
		if !begun {
			mark = "# the TLS handshake with the backend fails"
		}
	case !begun:
		mark = "TLS fails"
	}
	c.add(step{verb: mark})
}

// closed marks that a peer has closed its half of the connection.
func (c *Conversation) closed(side Side) {
	gone, mark := &c.clientGone, "C! close"
	if side == FromBackend || side == ToBackend {
		gone, mark = &c.backendGone, "B! close"
	}
	if !*gone {
		*gone = true
		c.add(step{verb: mark})
	}
}

// Backend marks that a backend is dialled.
func (c *Conversation) Backend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.backends++; c.backends > 1 {
		c.add(step{verb: "B! next"})
		backend := c.streams[FromBackend].x
		c.backendGone = false
		c.streams[FromBackend].finish()
		c.streams[ToBackend].finish()
		*backend = exchange{language: backend.language, secrets: backend.secrets, texts: backend.texts, toBackend: true}
	}
}

// add adds a step. A gate passes a part of a chunk or a text on before the client's
// part has a step; the dialog has it in the order of cause and effect.
func (c *Conversation) add(st step) {
	if c.streams[FromClient].partial() && strings.HasPrefix(st.verb, "B") {
		c.held = append(c.held, st)
		c.left -= len(st.text) + stepCost
		return
	}
	st.at = c.now
	st.text = strings.Clone(st.text)
	c.left -= len(st.text) + stepCost
	c.steps = append(c.steps, st)
	c.release()
}

// release adds the steps that were held, unless a chunk or a text is still being read.
func (c *Conversation) release() {
	held := c.held
	c.held = nil
	for _, st := range held {
		c.add(st)
	}
}

// hid writes the masked lines of the other direction first, where they came first.
func (c *Conversation) hid(s *stream) {
	for _, other := range c.streams {
		if other.x == s.x && other != s && other.hidden > 0 {
			other.flush()
		}
	}
}

// pause is the silence after which a line of the client is a new command.
const pause = time.Second

// synchronised reports whether a line begins the part of a session whose state is
// known: the client's first command after a pause. Everything before it is masked,
// because it may be the text of a message.
func (c *Conversation) synchronised(s *stream, line string) bool {
	if s.verb != "C" || c.now.Sub(c.moved) < pause {
		return false
	}
	for _, other := range c.streams {
		if len(other.line) > 0 {
			return false
		}
		other.x.reset()
		other.x.literals, other.x.multi, other.x.pending = [2]literal{}, false, nil
	}
	trial := exchange{language: s.x.language, secrets: &secrets{}}
	c.late = strings.HasPrefix(trial.command(&trial, line), "[")
	return !c.late
}

// finish takes nothing more, because the session has ended, or goes on without being
// recorded.
func (c *Conversation) finish(ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over && !c.cut {
		return
	}
	for _, s := range c.streams {
		s.finish()
	}
	c.over = true
	c.streams[FromClient].x.reset()
	c.release()
	switch {
	case !ended:
		c.add(step{verb: "# the session goes on"})
		return
	case !c.clientGone:
		c.add(step{verb: "S! closed"})
	}
	if c.backends > 0 && !c.backendGone {
		c.add(step{verb: "B! closed"})
	}
}

// discard frees the memory, and takes nothing more.
func (c *Conversation) discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps, c.secrets, c.over = nil, secrets{}, true
}

// opaque masks all lines of a protocol that is not known.
type opaque struct{}

func (opaque) command(x *exchange, line string) string { return x.unknown(line) }
func (opaque) reply(x *exchange, line string) string   { return x.unknown(line) }
