package smarthost

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/letterlock/letterlock/internal/idle"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// server is a server of the recipients' domain and the state of our session
// with it.
type server struct {
	Server
	back       *wire.Conn
	account    *relayauth.Account // nil: no login
	login      *relayauth.Login   // that has succeeded; nil: none
	rewrite    nexthop.Rewrite
	terms      outbound.Terms
	implicit   bool // TLS has begun with the connection
	verdict    outbound.Verdict
	extensions []string // from its last reply to EHLO
	unusable   bool     // the connection is lost, or its replies can no longer be matched to commands
	ascii      bool     // the client asked for SMTPUTF8, and the server does not offer it

	kept *idle.Entry[*server] // nil: the connection was not kept yet
}

// label returns the server for the log. It is zero for a nil server.
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

// readVerdict reads the reply to the end of a message, which may take long (RFC
// 5321 §4.5.3.2.6: ten minutes).
func (s *server) readVerdict() (syntax.Reply, error) {
	s.back.AwaitVerdict()
	return s.readLines()
}

func (s *server) readLines() (syntax.Reply, error) {
	r, err := syntax.ReadReply(s.back.ForGate(), nil)
	if s.unusable = err != nil || r.Code == 421; err != nil {
		return r, err
	}
	if s.login != nil && slices.Contains(loginCodes, r.Code) {
		r = s.loginEnded(r)
	}
	return adapt(r), nil
}

// maxReplyLine bounds each line of a reply that the client gets, in bytes
// (RFC 5321 §4.5.3.1.5 allows 512).
const maxReplyLine = 1000

// adapt makes a server's reply suitable for the client: it shortens long lines,
// and turns 421 into 451, because the client's own session continues when the
// server's ends.
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

var errUnasked = errors.New("the server has sent a reply without a command")

// exchange sends a command that ends with its reply, or DATA, and reads the
// reply.
func (s *server) exchange(line string) (syntax.Reply, error) {
	r, err := s.command(line)
	if err == nil && r.Code/100 == 3 && line != "DATA" {
		s.unusable = true
		return syntax.Reply{}, syntax.ErrReply
	}
	return r, err
}

// command sends a line and reads its reply. If the server has sent anything
// before the line, its replies cannot be matched to commands any more.
func (s *server) command(line string) (syntax.Reply, error) {
	switch {
	case s.unusable:
		return syntax.Reply{}, io.EOF
	case s.back.Buffered() > 0:
		s.unusable = true
		return syntax.Reply{}, errUnasked
	}
	s.back.Print(line, "\r\n")
	if err := s.back.Flush(); err != nil {
		s.unusable = true
		return syntax.Reply{}, err
	}
	return s.readReply()
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

// startTLS starts TLS. Plaintext that the server has sent is not used
// afterwards.
func (s *server) startTLS() *failed {
	r, err := s.exchange("STARTTLS")
	if err != nil {
		return &failed{reply: s.lost("starting TLS"), tls: err}
	}
	if r.Code != 220 {
		return &failed{reply: quote(r, "451 4.7.4 TLS is required, but host "+s.String()+" refused to start TLS: "), tls: errors.New(syntax.OneLine(r.String()))}
	}
	return s.handshake()
}

// handshake negotiates TLS on the connection.
func (s *server) handshake() *failed {
	if err := s.back.Upgrade(""); err != nil {
		s.unusable = true
		why := &failed{reply: "451 4.7.5 Cannot start TLS with " + s.String() + ": handshake failure", tls: err, brokeOff: endedSilently(err)}
		if unproven, ok := errors.AsType[*outbound.NotVerified](err); ok {
			why.reply = "451 4.7.5 Server certificate not verified: " + s.String() + ": " + syntax.Printable(unproven.Err.Error())
			why.brokeOff = false
		}
		return why
	}
	return nil
}

// refused returns the failure of a server that refuses us. The client gets a
// temporary reply: it retries, and another server may accept the message.
func (s *server) refused(what string, r syntax.Reply, err error) *failed {
	if err != nil {
		return &failed{reply: s.lost("reading its reply to " + what)}
	}
	s.unusable = s.unusable || r.Code == 554
	return &failed{reply: quote(r, "451 4.4.0 Host "+s.String()+" refused "+what+": ")}
}

func (s *server) lost(when string) string {
	return "451 4.4.2 Lost connection with " + s.String() + " while " + when
}

// quit sends QUIT and does not wait for the reply.
func (s *server) quit() {
	if s.unusable {
		s.back.Abort()
		return
	}
	s.unusable = true
	s.back.Print("QUIT\r\n")
	_ = s.back.Close()
}

// endedSilently reports whether a handshake has ended without an alert, or in a
// timeout: old servers do not send an alert for a ClientHello that is too large
// for them.
func endedSilently(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, context.DeadlineExceeded)
}

// splitHostPort splits host:port; the host comes without brackets.
func splitHostPort(address string) (ip, port string) {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return address, ""
	}
	return strings.Trim(address[:colon], "[]"), address[colon+1:]
}
