package gate

// Rejection is a sender or a recipient that the backend or the gate has
// refused.
type Rejection struct {
	Command string // MAIL or RCPT
	From    string // empty: the null sender
	To      string // empty for MAIL
	Reply   string // the reply to the client, in one line
	Ours    bool   // the gate refused it, not the backend
}

// Message is the result of a message that the client has begun to send.
type Message struct {
	From       string
	Recipients int    // accepted by the backend
	Size       int64  // bytes of text that the client has sent, dots included
	Reply      string // the reply to the client, in one line; empty: there was none
	Err        error  // why there is no reply
}

// Accepted reports whether the backend has accepted the message.
func (m Message) Accepted() bool { return m.Reply != "" && m.Reply[0] == '2' }

// Outcome describes the result in one word.
func (m Message) Outcome() string {
	switch {
	case m.Reply == "":
		return "lost"
	case m.Accepted():
		return "accepted"
	case m.Reply[0] == '4':
		return "deferred"
	}
	return "refused"
}
