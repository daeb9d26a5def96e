package gate

// Rejection is a sender or a recipient that was refused, by the backend or by
// us.
type Rejection struct {
	Command string // MAIL or RCPT
	From    string // empty is the null sender
	To      string // empty for MAIL
	Reply   string // what the client was told, in one line
	Ours    bool   // the backend was not asked
}

// Message is what has become of a message, once the client has begun to send
// it.
type Message struct {
	From       string
	Recipients int    // that the backend has accepted
	Size       int64  // bytes of text that the client has sent, dots included
	Reply      string // what the client was told, in one line; empty: nothing came to that
	Err        error  // why there is no reply
}

// Accepted reports whether the backend has taken the message.
func (m Message) Accepted() bool { return m.Reply != "" && m.Reply[0] == '2' }

// Outcome is the message's in one word.
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
