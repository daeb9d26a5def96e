package gate

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// ErrHeader says that a backend has answered the PROXY header as a command.
var ErrHeader = errors.New("the backend reads the PROXY header as commands; configure that port of it to expect a header")

// Handover is the way in which a gate sends the client's address to the backend.
type Handover int

// The handovers that gates implement. Each gate supports those of its protocol.
const (
	NoHandover  Handover = iota
	XCLIENT              // SMTP, POP3, ManageSieve: once, before all other commands
	XFORWARD             // SMTP: with each message, for logs and filters only
	IMAPID               // IMAP: x- fields of ID, as Dovecot accepts them
	PROXYHeader          // all protocols: the proxy sends it; the gate checks that the backend has not read it as a command
)

// Remedy describes what to configure on a backend that refuses the handover.
func (h Handover) Remedy() string {
	switch h {
	case XCLIENT:
		return "let the backend trust the proxy's address (Postfix smtpd_authorized_xclient_hosts, Exim hosts_xclient, Dovecot login_trusted_networks), or change the listener's handover"
	case XFORWARD:
		return "let the backend trust the proxy's address (Postfix smtpd_authorized_xforward_hosts), or change the listener's handover"
	case IMAPID:
		return "let the backend trust the proxy's address (Dovecot login_trusted_networks), or change the listener's handover"
	case PROXYHeader:
		return "let that port of the backend expect a PROXY header from the proxy's address (Dovecot haproxy = yes in the inet_listener and haproxy_trusted_networks; Postfix smtpd_upstream_proxy_protocol = haproxy, or postscreen_upstream_proxy_protocol; Exim hosts_proxy; Cyrus 3.12 imapd -H), or change the listener's handover"
	}
	return HandoverRefused.Remedy()
}

// Name is the result of a reverse DNS lookup of a client. Both names are valid host
// names or empty.
type Name struct {
	Confirmed string // a name that resolves to the client's address
	Claimed   string // the name in the PTR record, confirmed or not
	Temporary bool   // the lookup did not end in time
}

// ClientName returns the result of the reverse DNS lookup of the client. It may wait
// for the answer, for as long as the proxy allows.
func (s *Session) ClientName() Name {
	if s.LookupName == nil {
		return Name{}
	}
	return s.LookupName()
}

// Originating returns the client's address and port in the form of most handovers.
func (s *Session) Originating() (address, port string) { return written(s.Client) }

// Connected returns the address and port that the client connected to; see
// Originating.
func (s *Session) Connected() (address, port string) { return written(s.Local) }

func written(a netip.AddrPort) (address, port string) {
	return a.Addr().Unmap().WithZone("").String(), strconv.Itoa(int(a.Port()))
}

// Xtext encodes a value of XCLIENT or XFORWARD (RFC 3461 §4). A value with
// control characters is not ok: decoded, it could end a line at the backend.
func Xtext(value string) (text string, ok bool) {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(value) {
		switch {
		case c < ' ' || c == 0x7f:
			return "", false
		case c == ' ' || c > '~' || c == '+' || c == '=':
			b.WriteByte('+')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
