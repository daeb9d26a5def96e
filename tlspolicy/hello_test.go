package tlspolicy_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

// hello is a ClientHello. It can offer what libraries no longer offer: export
// suites, anonymous suites, 3DES, SSL 3. The ServerHello shows which parameters
// the server agrees to, so no key exchange is needed.
type hello struct {
	version     uint16 // the highest, and the only one if it is TLS 1.3
	suites      []uint16
	groups      []uint16
	algorithms  []uint16 // of signatures, from TLS 1.2 on; default: anyAlgorithm, empty: no extension
	older       bool     // TLS 1.2 is offered beside TLS 1.3
	compression []byte   // default: none
}

// answer holds the parameters that a server agreed to, or the alert it sent.
type answer struct {
	alert       byte
	version     uint16
	suite       uint16
	group       uint16 // TLS 1.3 only
	compression byte
}

const (
	recordAlert     = 21
	recordHandshake = 22
	serverHello     = 2

	extGroups     = 10
	extPoints     = 11
	extAlgorithms = 13
	extVersions   = 43
	extKeyShare   = 51
)

// anyAlgorithm lists the signature algorithms from SHA-1 up, for RSA and ECDSA.
var anyAlgorithm = []uint16{0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201}

// classicGroups lists P-256, P-384, P-521 and X25519.
var classicGroups = []uint16{23, 24, 25, 29}

func u16s(values []uint16) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// sized prefixes b with its length in two bytes.
func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func extension(kind uint16, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, kind), sized(body)...)
}

// record returns the hello as a TLS record.
func (h hello) record() []byte {
	groups, compression := h.groups, h.compression
	if groups == nil {
		groups = classicGroups
	}
	if compression == nil {
		compression = []byte{0}
	}
	extensions := extension(extGroups, sized(u16s(groups)))
	extensions = append(extensions, extension(extPoints, []byte{1, 0})...)
	algorithms := h.algorithms
	if algorithms == nil {
		algorithms = anyAlgorithm
	}
	if h.version >= tls.VersionTLS12 && len(algorithms) > 0 {
		extensions = append(extensions, extension(extAlgorithms, sized(u16s(algorithms)))...)
	}
	if h.version >= tls.VersionTLS13 {
		offered := []uint16{h.version}
		if h.older {
			offered = append(offered, tls.VersionTLS12)
		}
		// Without a key share the server asks for one, and names its choices.
		extensions = append(extensions, extension(extVersions, append([]byte{byte(2 * len(offered))}, u16s(offered)...))...)
		extensions = append(extensions, extension(extKeyShare, sized(nil))...)
	}
	body := binary.BigEndian.AppendUint16(nil, min(h.version, tls.VersionTLS12))
	body = append(body, make([]byte, 32+1)...) // random, and no session to resume
	body = append(body, sized(u16s(h.suites))...)
	body = append(body, append([]byte{byte(len(compression))}, compression...)...)
	body = append(body, sized(extensions)...)
	message := append([]byte{1, 0}, sized(body)...)
	return append([]byte{recordHandshake, 3, 1}, sized(message)...)
}

// ask sends a first record to a server and reads what comes back.
func ask(config *tls.Config, record []byte) (answer, error) {
	client, server := net.Pipe()
	defer client.Close()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = client.SetDeadline(deadline), server.SetDeadline(deadline)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tls.Server(server, config).Handshake()
		_ = server.Close()
	}()
	go func() { _, _ = client.Write(record) }() // the server may not want all of it
	a, err := readAnswer(client)
	_ = client.Close()
	<-ended
	return a, err
}

func readAnswer(r io.Reader) (answer, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return answer{}, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return answer{}, err
	}
	switch {
	case head[0] == recordAlert && len(body) == 2:
		return answer{alert: body[1]}, nil
	case head[0] == recordHandshake && len(body) > 4 && body[0] == serverHello:
		return parseServerHello(body[4:])
	}
	return answer{}, fmt.Errorf("record of type %d begins with %x", head[0], body[:min(len(body), 4)])
}

// parseServerHello reads RFC 8446 §4.1.3, which is RFC 5246 §7.4.1.3 for older
// versions.
func parseServerHello(b []byte) (answer, error) {
	const beforeSession = 2 + 32
	if len(b) < beforeSession+1 || len(b) < beforeSession+1+int(b[beforeSession])+3 {
		return answer{}, errors.New("the ServerHello is too short")
	}
	a := answer{version: binary.BigEndian.Uint16(b)}
	b = b[beforeSession+1+int(b[beforeSession]):]
	a.suite, a.compression = binary.BigEndian.Uint16(b), b[2]
	if b = b[3:]; len(b) < 2 {
		return a, nil
	}
	for b = b[2:]; len(b) >= 4; {
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		switch {
		case len(b) < 4+size:
			return a, errors.New("an extension of the ServerHello is too short")
		case kind == extVersions:
			a.version = binary.BigEndian.Uint16(b[4:])
		case kind == extKeyShare:
			a.group = binary.BigEndian.Uint16(b[4:])
		}
		b = b[4+size:]
	}
	return a, nil
}

// pair returns a store with an ECDSA and an RSA certificate, made once for all
// tests.
func pair(t testing.TB) *certs.Store {
	t.Helper()
	ca := authority.New(t)
	return certs.NewStore([]tls.Certificate{ca.ECDSA(t, "mail.example.com"), ca.RSA(t, "mail.example.com")})
}

// serverOf returns the configuration of a listener with the policy.
func serverOf(t testing.TB, name string, store *certs.Store) *tls.Config {
	t.Helper()
	policy, err := tlspolicy.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	config := policy.Config()
	config.GetCertificate = store.Get(policy)
	config.SessionTicketsDisabled = true
	return config
}
