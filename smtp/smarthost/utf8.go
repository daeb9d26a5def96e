package smarthost

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/smtp/syntax"
)

// mail sends the server the sender. It returns the reason why the server cannot
// be used, or nil.
//
// SMTPUTF8 is handled as in Postfix: a client that asks for it gets it from a
// server that offers it. To other servers, a message whose envelope and header
// are ASCII is sent without it (RFC 6531 §3.1). A domain in an envelope can
// always be written in ASCII.
func (s *server) mail(p syntax.Path) *failed {
	s.ascii = p.Has("SMTPUTF8") && !s.offers("SMTPUTF8")
	if s.rewrite.Sender != "" && p.Address != "" {
		p.Address = s.rewrite.Sender
	}
	address, ok := s.writableAddress(p.Address)
	if !ok {
		return &failed{reply: s.needsUTF8()}
	}
	r, err := s.exchange(syntax.Path{Address: address, Params: s.offeredParameters(p.Params)}.Line("MAIL FROM:"))
	switch {
	case err != nil:
		return &failed{reply: s.lost("beginning a message")}
	case !r.OK():
		return &failed{reply: r.String(), final: r.Code/100 == 5}
	}
	return nil
}

// offeredParameters drops the parameters of MAIL whose extension the server has
// not offered.
func (s *server) offeredParameters(params string) string {
	var kept []string
	for param := range strings.FieldsSeq(params) {
		extension, _, _ := strings.Cut(strings.ToUpper(param), "=")
		if extension == "BODY" {
			extension = "8BITMIME"
		}
		if s.offers(extension) {
			kept = append(kept, param)
		}
	}
	return strings.Join(kept, " ")
}

// writableAddress returns an address in a form that the server understands. It
// is not ok if there is none.
func (s *server) writableAddress(address string) (written string, ok bool) {
	if !s.ascii || asciiOnly(address) {
		return address, true
	}
	local, _, _ := cutDomain(address)
	domain, err := domainOf(address)
	if err != nil || !asciiOnly(local) {
		return "", false
	}
	return local + "@" + domain, true
}

// cutDomain cuts an address at its last @.
func cutDomain(address string) (local, domain string, found bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, "", false
	}
	return address[:at], address[at+1:], true
}

func (s *server) needsUTF8() string {
	return "550 5.6.7 SMTPUTF8 is required, but was not offered by host " + s.String()
}

var errNeedsUTF8 = errors.New("the header is not ASCII, and the server has not offered SMTPUTF8")

// header finds the end of a message's header (RFC 5322 §2.2) while the message
// passes: an empty line, or a line that is not a field.
type header struct {
	at    headerPlace
	begun bool // a field has been read
}

// headerPlace is the position of the next byte in a header.
type headerPlace int

const (
	fieldStart headerPlace = iota
	fieldName
	afterName // blanks before the colon
	fieldBody
	headerEnd
)

// hasUTF8 reports whether the next part of the message holds a byte of the
// header that is not ASCII.
func (h *header) hasUTF8(piece []byte) bool {
	for _, b := range piece {
		switch {
		case h.at == headerEnd:
			return false
		case h.at == fieldBody && b > '~':
			return true
		}
		h.step(b)
	}
	return false
}

func (h *header) step(b byte) {
	blank := b == ' ' || b == '\t'
	switch {
	case h.at == fieldBody:
		if b == '\n' {
			h.at = fieldStart
		}
	case h.at == fieldStart && b == '\r': // an empty line, most likely
	case h.at == fieldStart && blank && h.begun: // a continuation line
		h.at = fieldBody
	case h.at != fieldStart && b == ':':
		h.at, h.begun = fieldBody, true
	case h.at != fieldStart && blank:
		h.at = afterName
	case h.at != afterName && b > ' ' && b <= '~' && b != ':':
		h.at = fieldName
	default:
		h.at = headerEnd
	}
}
