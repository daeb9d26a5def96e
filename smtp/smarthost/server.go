package smarthost

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// server is the recipients' server, and how far we have come with it.
type server struct {
	Server
	back       *wire.Conn
	terms      outbound.Terms
	verdict    outbound.Verdict
	extensions []string // of its last reply to EHLO
	gone       bool     // it has hung up, or is out of step
	ascii      bool     // the message must do without the SMTPUTF8 that its client has asked for
}

// label is the server for the log; that of none is zero.
func (s *server) label() Server {
	if s == nil {
		return Server{}
	}
	return s.Server
}

func (s *server) secured() *tls.ConnectionState {
	if s == nil {
		return nil
	}
	return s.back.TLS()
}

func (s *server) readReply() (syntax.Reply, error) {
	s.back.AwaitReply()
	return s.readLines()
}

// readVerdict reads the reply to the end of a message, which may take long
// (RFC 5321 §4.5.3.2.6: ten minutes).
func (s *server) readVerdict() (syntax.Reply, error) {
	s.back.AwaitVerdict()
	return s.readLines()
}

func (s *server) readLines() (syntax.Reply, error) {
	r, err := syntax.ReadReply(s.back, nil)
	if s.gone = err != nil || r.Code == 421; err != nil {
		return r, err
	}
	return adapt(r), nil
}

// maxReplyLine bounds each line of a reply that the client gets, in bytes
// (RFC 5321 §4.5.3.1.5 allows 512).
const maxReplyLine = 1000

// adapt makes a server's reply fit for the client: it shortens long lines, and
// turns 421 into 451, as the client's own session goes on when the server's
// ends.
func adapt(r syntax.Reply) syntax.Reply {
	if r.Code == 421 {
		r.Code = 451
	}
	var text []byte
	for line := range strings.SplitSeq(r.String(), "\r\n") {
		text = strconv.AppendInt(text, int64(r.Code), 10)
		text = append(append(text, line[min(len(line), 3):min(len(line), maxReplyLine)]...), "\r\n"...)
	}
	r.Text = text
	return r
}

var errUnasked = errors.New("the server has spoken unasked")

// exchange sends a command and reads its reply. A server that has said
// anything beforehand is out of step: its next yes might mean another thing.
func (s *server) exchange(line string) (syntax.Reply, error) {
	switch {
	case s.gone:
		return syntax.Reply{}, io.EOF
	case s.back.Buffered() > 0:
		s.gone = true
		return syntax.Reply{}, errUnasked
	}
	s.back.Print(line, "\r\n")
	if err := s.back.Flush(); err != nil {
		s.gone = true
		return syntax.Reply{}, err
	}
	r, err := s.readReply()
	if err == nil && r.Code/100 == 3 && line != "DATA" { // to go on is an answer to that alone
		s.gone = true
		return syntax.Reply{}, syntax.ErrReply
	}
	return r, err
}

// offers reports whether the server has an extension.
func (s *server) offers(name string) bool {
	for _, line := range s.extensions {
		keyword, _, _ := strings.Cut(line, " ")
		if strings.EqualFold(keyword, name) {
			return true
		}
	}
	return false
}

// startTLS turns TLS on. What the server has said in clear counts for nothing
// behind it.
func (s *server) startTLS() *failed {
	r, err := s.exchange("STARTTLS")
	if err != nil {
		return &failed{reply: s.lost("starting TLS"), tls: err}
	}
	if r.Code != 220 {
		return &failed{reply: quote(r, "451 4.7.4 TLS is required, but host "+s.String()+" refused to start TLS: "), tls: errors.New(syntax.OneLine(r.String()))}
	}
	if err := s.back.Upgrade(""); err != nil {
		s.gone = true
		why := &failed{reply: "451 4.7.5 Cannot start TLS with " + s.String() + ": handshake failure", tls: err, silent: brokeOff(err)}
		if unproven, ok := errors.AsType[*outbound.NotVerified](err); ok {
			why.reply = "451 4.7.5 Server certificate not verified: " + s.String() + ": " + syntax.Printable(unproven.Err.Error())
			why.silent = false
		}
		return why
	}
	return nil
}

// refused is the failure of a server that does not want us. Whether it means
// that for ever is for the client to find out: there may be other servers.
func (s *server) refused(what string, r syntax.Reply, err error) *failed {
	if err != nil {
		return &failed{reply: s.lost("hearing its answer to " + what)}
	}
	s.gone = s.gone || r.Code == 554
	return &failed{reply: quote(r, "451 4.4.0 Host "+s.String()+" refused "+what+": ")}
}

func (s *server) lost(when string) string {
	return "451 4.4.2 Lost connection with " + s.String() + " while " + when
}

// quit says goodbye; nothing depends on the answer.
func (s *server) quit() {
	if s.gone {
		s.back.Abort()
		return
	}
	s.gone = true
	s.back.Print("QUIT\r\n")
	_ = s.back.Close()
}

// brokeOff reports whether a handshake has ended without a word, or with none
// in time: of what is too much for them, old servers do not complain.
func brokeOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, context.DeadlineExceeded)
}

// split takes host:port apart; the host comes without brackets.
func split(address string) (ip, port string) {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return address, ""
	}
	return strings.Trim(address[:colon], "[]"), address[colon+1:]
}
