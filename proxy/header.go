package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// peers are the two ends of a client's connection.
type peers struct {
	client, local netip.AddrPort
	via           netip.Addr // the load balancer that has told us; usually none
}

// receive finds out whose a connection is, and then admits it. On a listener
// behind a load balancer that is what the PROXY header says, if it comes from
// one; nobody else is so much as listened to.
func (s *Server) receive(l *Listener, conn net.Conn) {
	p := peers{client: addrPort(conn.RemoteAddr()), local: addrPort(conn.LocalAddr())}
	client, balanced := p.client.Addr(), l.balances(p.client.Addr())
	if balanced {
		client = netip.Addr{} // not known before the header
	}
	slot, full := s.slots.Take(l.Service, client, time.Now())
	switch {
	case slot == nil:
		s.turnAway(l, conn, p.client, full)
	case balanced:
		hurry := func() { _ = conn.Close() }
		slot.Start(func() { s.running.Go(func() { s.awaitHeader(l, conn, p, slot) }) }, hurry, nil)
	default:
		s.admit(l, conn, p, slot)
	}
}

// awaitHeader reads the PROXY header and admits the client that it names.
func (s *Server) awaitHeader(l *Listener, conn net.Conn, p peers, slot *limit.Slot) {
	introduced, err := s.introduce(conn, p, l.generation.Timeouts.of(gate.Accepting.Rule().Total))
	if err != nil {
		s.Observer.HeaderFailed(l, p.client, err)
		_ = conn.Close()
		slot.Leave()
		return
	}
	if full := slot.Identify(introduced.client.Addr(), time.Now()); full != "" {
		s.turnAway(l, conn, introduced.client, full)
		slot.Leave()
		return
	}
	s.admit(l, conn, introduced, slot)
}

// balances reports whether an address is that of a load balancer.
func (l *Listener) balances(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, network := range l.ProxyFrom {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// introduce reads the PROXY header. It ends when patience does, and accepting.
func (s *Server) introduce(conn net.Conn, p peers, patience time.Duration) (peers, error) {
	stop := context.AfterFunc(s.accepting, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	h, err := readHeader(conn)
	if err != nil {
		return p, err
	}
	// A balancer that looks whether we are alive, or does not know, says
	// LOCAL or UNKNOWN, and then it is its own client.
	if h.Command.IsLocal() {
		return p, nil
	}
	client, local, ok := h.TCPAddrs()
	if !ok {
		return p, errNotTCP
	}
	return peers{addrPort(client), addrPort(local), p.client.Addr()}, nil
}

var (
	errNotTCP   = errors.New("the PROXY header is not about TCP")
	errNoHeader = errors.New("no PROXY header")
	errTooLong  = errors.New("the PROXY header is too long")
)

// headerRemedy is for the administrator of a load balancer.
const headerRemedy = "let the load balancer send a PROXY header (HAProxy: send-proxy-v2), or take its network out of the listener's proxy_from"

// The sizes of headers in bytes (haproxy's proxy-protocol.txt). Those of
// version 2 may be longer than maxRest; no balancer's is.
const (
	signature = 12
	maxLine   = 107
	fixed     = 16
	maxRest   = 2048
)

// readHeader reads a header and not a byte more, so that what follows is left
// to those who can tell commands from TLS.
func readHeader(r io.Reader) (*proxyproto.Header, error) {
	text, err := readSignature(r)
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.Equal(text, proxyproto.SIGV2):
		text, err = readRest(r, text)
	case bytes.HasPrefix(text, append(proxyproto.SIGV1, ' ')):
		text, err = readLine(r, text)
		text = oneFamily(text)
	default:
		err = errNoHeader
	}
	if err != nil {
		return nil, err
	}
	reader := bufio.NewReaderSize(bytes.NewReader(text), len(text))
	h, err := proxyproto.Read(reader)
	if err != nil {
		return nil, err
	}
	if _, err := h.TLVs(); err != nil {
		return nil, err
	}
	return h, nil
}

// readSignature reads as much as every header has at least. It fails before that
// where the first bytes are those of something else.
func readSignature(r io.Reader) ([]byte, error) {
	text := make([]byte, 0, maxLine)
	for len(text) < signature {
		n, err := r.Read(text[len(text):signature])
		text = text[:len(text)+n]
		if other := inPlaceOfHeader(text); other != nil {
			return nil, fmt.Errorf("%w: %w", errNoHeader, other)
		}
		if len(text) == 0 && err != nil && gate.ReasonOf(gate.FromClient(err)) == gate.ClientGone {
			return nil, ErrSilent
		}
		if err != nil && len(text) < signature {
			return nil, fmt.Errorf("%w: %w", errNoHeader, err)
		}
	}
	return text, nil
}

// inPlaceOfHeader tells what came first where a header should; nil is what may
// still be one.
func inPlaceOfHeader(first []byte) error {
	protocol, decided := wire.Recognise(first)
	if !decided && len(first) == signature {
		protocol, decided = wire.RecogniseLine(first), true
	}
	switch {
	case len(first) == 0, !decided, protocol == wire.PROXYHeader, bytes.HasPrefix(first, append(proxyproto.SIGV1, ' ')):
		return nil
	case protocol == wire.Unrecognised:
		protocol = wire.Plaintext
	}
	return wire.Foreign{Protocol: protocol}
}

func readLine(r io.Reader, text []byte) ([]byte, error) {
	for text[len(text)-1] != '\n' {
		if len(text) == maxLine {
			return nil, errTooLong
		}
		text = text[:len(text)+1]
		if _, err := io.ReadFull(r, text[len(text)-1:]); err != nil {
			return nil, fmt.Errorf("half a PROXY header: %w", err)
		}
	}
	return text, nil
}

// oneFamily writes the addresses of a version 1 header in one family, as the
// protocol demands. nginx names the family of the client's socket and writes both
// addresses as they are: IPv4 ones in a TCP6 line, an IPv6 one of its own in a
// TCP4 line. The IPv4 address becomes a mapped one. What is wrong otherwise, an
// IPv6 client in a TCP4 line too, is left for the parser to refuse.
func oneFamily(line []byte) []byte {
	fields := strings.Split(string(line), " ")
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return line
	}
	source, err := netip.ParseAddr(fields[2])
	destination, err2 := netip.ParseAddr(fields[3])
	if err != nil || err2 != nil {
		return line
	}
	switch source, destination := source.Unmap(), destination.Unmap(); {
	case source.Is4() && destination.Is4():
		fields[1], fields[2], fields[3] = "TCP4", source.String(), destination.String()
	case source.Is4() != destination.Is4() && (source.Is4() || fields[1] == "TCP6"):
		fields[1], fields[2], fields[3] = "TCP6", mapped(source), mapped(destination)
	}
	return []byte(strings.Join(fields, " "))
}

// mapped writes an address as one of IPv6 (RFC 4291 §2.5.5.2).
func mapped(a netip.Addr) string { return netip.AddrFrom16(a.As16()).WithZone(a.Zone()).String() }

func readRest(r io.Reader, text []byte) ([]byte, error) {
	text = text[:fixed]
	if _, err := io.ReadFull(r, text[signature:]); err != nil {
		return nil, fmt.Errorf("half a PROXY header: %w", err)
	}
	rest := int(text[fixed-2])<<8 | int(text[fixed-1])
	if rest > maxRest {
		return nil, errTooLong
	}
	text = append(text, make([]byte, rest)...)
	if _, err := io.ReadFull(r, text[fixed:]); err != nil {
		return nil, fmt.Errorf("half a PROXY header: %w", err)
	}
	return text, nil
}
