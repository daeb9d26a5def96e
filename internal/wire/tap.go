package wire

// Tap receives the plaintext of a connection: what a gate reads, at the moment when
// the gate reads it, and what is sent. It must not keep the bytes.
type Tap interface {
	Tapped(kind Tapped, p []byte)
}

// Tapped is the way in which a gate has read bytes, so that a Tap knows a command from a response
// to a challenge, or that bytes were sent.
type Tapped uint8

// The kinds of bytes that a Tap receives.
const (
	Command   Tapped = iota // a client's command line, with its end
	Line                    // any other line, with its end
	Text                    // a part of a text or of a literal
	Raw                     // bytes that were sent, or are relayed
	TLSBegun                // no bytes: a handshake has succeeded
	TLSFailed               // no bytes: a handshake has failed
	Closed                  // no bytes: the peer has closed the connection, or its half
)

// tapLine passes on the last line, unless UnreadLine has returned it.
func (c *Stream) tapLine(command bool) {
	if c.Tap == nil {
		return
	}
	again := c.tapped
	c.tapped = false
	switch {
	case again:
	case command:
		c.Tap.Tapped(Command, c.LastLine())
	default:
		c.Tap.Tapped(Line, c.LastLine())
	}
}

// tap passes on bytes, if there is a Tap.
func (c *Stream) tap(kind Tapped, p []byte) {
	if c.Tap != nil {
		c.Tap.Tapped(kind, p)
	}
}
