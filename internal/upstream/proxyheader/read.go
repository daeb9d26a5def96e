package proxyheader

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/pires/go-proxyproto"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Header is the information of a load balancer about a connection.
type Header struct {
	// Local says that the connection has no client, like a health check, or
	// that the balancer does not know the client (LOCAL, UNKNOWN).
	Local bool

	Client, Destination netip.AddrPort // without Local
}

// ErrSilent says that the peer has closed the connection without sending a
// byte.
var ErrSilent = errors.New("closed without a byte")

var (
	errNotTCP  = errors.New("the PROXY header is not about TCP")
	errNone    = errors.New("no PROXY header")
	errTooLong = errors.New("the PROXY header is too long")
)

// The lengths of headers in bytes (haproxy's proxy-protocol.txt). Headers of
// version 2 may be longer than maxRestV2, but no load balancer sends such
// headers.
const (
	signatureLength = 12
	maxV1           = 107
	fixedV2         = 16
	maxRestV2       = 2048
)

// Read reads exactly a header: the following bytes may be commands or TLS.
func Read(r io.Reader) (Header, error) {
	h, err := read(r)
	if err != nil {
		return Header{}, err
	}
	if h.Command.IsLocal() {
		return Header{Local: true}, nil
	}
	client, destination, ok := h.TCPAddrs()
	if !ok {
		return Header{}, errNotTCP
	}
	return Header{Client: addrPort(client), Destination: addrPort(destination)}, nil
}

func addrPort(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func read(r io.Reader) (*proxyproto.Header, error) {
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
		err = errNone
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

// readSignature reads as many bytes as the shortest header has. It fails as
// soon as the bytes cannot be a header.
func readSignature(r io.Reader) ([]byte, error) {
	text := make([]byte, 0, maxV1)
	for len(text) < signatureLength {
		n, err := r.Read(text[len(text):signatureLength])
		text = text[:len(text)+n]
		if other := notAHeader(text); other != nil {
			return nil, fmt.Errorf("%w: %w", errNone, other)
		}
		if len(text) == 0 && err != nil && gate.ReasonOf(gate.FromClient(err)) == gate.ClientGone {
			return nil, ErrSilent
		}
		if err != nil && len(text) < signatureLength {
			return nil, fmt.Errorf("%w: %w", errNone, err)
		}
	}
	return text, nil
}

// notAHeader returns the protocol of the first bytes; nil if they may still
// become a header.
func notAHeader(first []byte) error {
	protocol, decided := wire.Recognise(first)
	if !decided && len(first) == signatureLength {
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
		if len(text) == maxV1 {
			return nil, errTooLong
		}
		text = text[:len(text)+1]
		if _, err := io.ReadFull(r, text[len(text)-1:]); err != nil {
			return nil, fmt.Errorf("half a PROXY header: %w", err)
		}
	}
	return text, nil
}

// oneFamily rewrites the addresses of a version 1 header in one family, as the
// specification requires. nginx names the family of the client's socket and
// writes both addresses unchanged: IPv4 addresses in a TCP6 line, its own IPv6
// address in a TCP4 line. oneFamily maps the IPv4 address into IPv6. It leaves
// other errors to the parser, such as an IPv6 client in a TCP4 line.
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

// mapped returns an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2).
func mapped(a netip.Addr) string { return netip.AddrFrom16(a.As16()).WithZone(a.Zone()).String() }

func readRest(r io.Reader, text []byte) ([]byte, error) {
	text = text[:fixedV2]
	if _, err := io.ReadFull(r, text[signatureLength:]); err != nil {
		return nil, fmt.Errorf("half a PROXY header: %w", err)
	}
	rest := int(text[fixedV2-2])<<8 | int(text[fixedV2-1])
	if rest > maxRestV2 {
		return nil, errTooLong
	}
	text = append(text, make([]byte, rest)...)
	if _, err := io.ReadFull(r, text[fixedV2:]); err != nil {
		return nil, fmt.Errorf("half a PROXY header: %w", err)
	}
	return text, nil
}
