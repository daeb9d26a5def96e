package wire

import "bytes"

// Protocol is the protocol of a client, recognised by its first bytes.
type Protocol int

// The protocols that are recognised. No command of a mail program is mistaken
// for one of them.
const (
	Unrecognised Protocol = iota
	TLS
	SSLv2
	HTTP
	SSH
	RDP
	PROXYHeader
	Binary    // has a control character among the first bytes, unlike the commands of mail protocols
	Plaintext // text where TLS is expected; Recognise does not return it
)

var protocolNames = [...]string{
	Unrecognised: "another protocol", TLS: "TLS", SSLv2: "SSLv2", HTTP: "HTTP", SSH: "SSH", RDP: "RDP",
	PROXYHeader: "a PROXY header", Binary: "a binary protocol", Plaintext: "plaintext",
}

// String names the protocol for the log.
func (p Protocol) String() string { return protocolNames[p] }

// Foreign is the error for a client that uses another protocol than the listener's.
type Foreign struct{ Protocol Protocol }

func (f Foreign) Error() string { return "the client sent " + f.Protocol.String() }

// answer is the result of a rule of Recognise for the bytes so far.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// firstBytes recognises protocols by their first bytes; the first rule that
// does not answer no decides. No rule matches a possible command of a mail
// protocol. IMAP permits the most, because a command begins with a tag that the
// client chooses: "GET NOOP" and "SSH-2.0-x LOGOUT" are commands.
var firstBytes = []struct {
	protocol Protocol
	rule     func(b []byte) answer
}{
	{TLS, isRecord},
	{SSLv2, isSSLv2},
	{RDP, beginsWith("\x03\x00")},             // TPKT (RFC 1006 §6)
	{PROXYHeader, beginsWith("\r\n\r\n\x00")}, // version 2 goes on with "\r\nQUIT\n"
	{PROXYHeader, beginsWith("PROXY TCP")},
	{PROXYHeader, beginsWith("PROXY UNKNOWN")},
	{HTTP, isRequest},
	{SSH, isIdentification},
	{Binary, isControl},
}

// recognise fails with a Foreign error if the client uses another protocol. It checks
// the buffer until the first bytes decide the protocol.
func (c *Stream) recognise() error {
	if c.known || c.Buffered() == 0 {
		return nil
	}
	first := c.in[c.r:c.w]
	if len(c.early) > 0 {
		first = append(c.early, first...)
	}
	p, decided := Recognise(first)
	if !decided {
		return nil
	}
	c.known, c.early = true, nil
	if p == Unrecognised {
		return nil
	}
	return Foreign{p}
}

// passed keeps a line that was returned before the protocol was decided:
// version 2 of the PROXY header begins with two empty lines.
func (c *Stream) passed(line []byte) {
	if !c.known {
		c.early = append(c.early, line...)
	}
}

// Recognise returns the protocol of a connection by its first bytes. If more bytes are
// needed, decided is false.
func Recognise(first []byte) (p Protocol, decided bool) {
	for _, row := range firstBytes {
		switch row.rule(first) {
		case yes:
			return row.protocol, true
		case maybe:
			return Unrecognised, false
		}
	}
	return Unrecognised, true
}

// RecogniseLine is Recognise for a whole line, with or without its end.
func RecogniseLine(line []byte) Protocol {
	if len(line) == 0 || line[0] > 'Z' {
		return Unrecognised
	}
	p, decided := Recognise(line)
	if !decided && line[len(line)-1] != '\n' {
		p, _ = Recognise(append(bytes.Clone(line), '\r'))
	}
	if p == Unrecognised && isRequestLine(line) {
		return HTTP
	}
	return p
}

// isRequestLine recognises the first line of a request of HTTP, RTSP or SIP with any
// method: it has three words, and the last one is the version of the protocol.
func isRequestLine(line []byte) bool {
	if !bytes.Contains(line, []byte("TP/")) && !bytes.Contains(line, []byte("SP/")) && !bytes.Contains(line, []byte("SIP/")) {
		return false
	}
	words := bytes.Fields(line)
	if len(words) != 3 || isTarget(words[1]) != yes {
		return false
	}
	name, _, _ := bytes.Cut(words[2], []byte("/"))
	return string(name) == "HTTP" || string(name) == "RTSP" || string(name) == "SIP"
}

func beginsWith(whole string) func([]byte) answer {
	return func(b []byte) answer {
		switch n := min(len(b), len(whole)); {
		case string(b[:n]) != whole[:n]:
			return no
		case n < len(whole):
			return maybe
		}
		return yes
	}
}

// isRecord recognises records of TLS and SSL 3.0 by their type and the first
// half of their version (RFC 8446 §5.1).
func isRecord(b []byte) answer {
	switch {
	case len(b) > 0 && (b[0] < 20 || b[0] > 24):
		return no
	case len(b) < 2:
		return maybe
	case b[1] != 3:
		return no
	}
	return yes
}

// isSSLv2 recognises the ClientHello of SSLv2, with which clients from before
// 2010 also offered later versions (RFC 5246 appendix E.2).
func isSSLv2(b []byte) answer {
	const clientHello = 1
	switch {
	case len(b) > 0 && b[0]&0x80 == 0, len(b) > 2 && b[2] != clientHello, len(b) > 3 && b[3] != 0 && b[3] != 3:
		return no
	case len(b) < 4:
		return maybe
	}
	return yes
}

// methods are methods of HTTP, RTSP and SIP.
var methods = []string{
	"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "PRI ",
	"PROPFIND ", "PROPPATCH ", "MKCOL ", "LOCK ", "UNLOCK ", "REPORT ", "RPC_IN_DATA ", "RPC_OUT_DATA ", "SSTP_DUPLEX_POST ", "M-SEARCH ", "NOTIFY ",
	"DESCRIBE ", "SETUP ", "REGISTER ", "INVITE ",
}

// maxFirst is the maximum number of bytes that are examined before a protocol
// is decided.
const maxFirst = 255

// isRequest recognises a method and a target. Unlike a command after a tag, the
// target is a path, an address or a star.
func isRequest(b []byte) answer {
	for _, method := range methods {
		switch beginsWith(method)(b) {
		case maybe:
			return maybe
		case yes:
			return isTarget(b[len(method):])
		}
	}
	return no
}

func isTarget(b []byte) answer {
	for i, c := range b {
		switch {
		case c == '/' || c == ':' || c == '.' || c == '*' && i == 0:
			return yes
		case c <= ' ' || i == maxFirst:
			return no
		}
	}
	return maybe
}

// isIdentification recognises SSH's first line: SSH-2.0-software, and perhaps a
// comment after a blank (RFC 4253 §4.2). With one word of letters after the
// blank it may be a tag and its command.
func isIdentification(b []byte) answer {
	const name = "SSH-"
	if a := beginsWith(name)(b); a != yes {
		return a
	}
	version, rest, whole := bytes.Cut(b[len(name):], []byte("-"))
	for _, c := range version {
		if c != '.' && (c < '0' || c > '9') {
			return no
		}
	}
	if !whole {
		return maybeUpTo(b)
	}
	_, comment, found := bytes.Cut(rest, []byte(" "))
	switch {
	case !found && bytes.ContainsAny(rest, "\r\n"):
		return yes
	case !found:
		return maybeUpTo(b)
	}
	return isComment(comment)
}

// isComment reports whether a word is not a command.
func isComment(b []byte) answer {
	for i, c := range b {
		switch {
		case (c == '\r' || c == '\n' || c == ' ') && i > 0, i == maxFirst:
			return no
		case (c|0x20) < 'a' || (c|0x20) > 'z':
			return yes
		}
	}
	return maybe
}

func maybeUpTo(b []byte) answer {
	if len(b) > maxFirst {
		return no
	}
	return maybe
}

// controlFree is the number of bytes at the beginning that must have no control
// characters. In binary protocols whose first byte is a letter, such as LDAP, AMQP and
// that of MongoDB, one of these bytes is a control character. A name in EHLO begins
// after them: one with a NUL is refused as a name.
const controlFree = 5

// isControl recognises a control character other than a tab and a line end, and a byte
// that UTF-8 does not have, such as Telnet's IAC. No command begins with them.
func isControl(b []byte) answer {
	for i, c := range b[:min(len(b), controlFree)] {
		switch {
		case c == '\r' && i > 0, c == '\n':
			return no
		case c == '\r', c == '\t':
		case c < ' ', c == 0x7f, c >= 0xf8:
			return yes
		}
	}
	if len(b) < controlFree {
		return maybe
	}
	return no
}
