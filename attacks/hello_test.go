package attacks

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
)

// oldHello returns a ClientHello for TLS 1.2 and earlier (RFC 5246 §7.4.1.2).
// crypto/tls does not offer what an attacker offers.
func oldHello(version uint16, suites []uint16, compression ...byte) []byte {
	var body []byte
	body = binary.BigEndian.AppendUint16(body, version)
	body = append(body, bytes.Repeat([]byte{0x42}, 32)...) // random
	body = append(body, 0)                                 // no session
	body = binary.BigEndian.AppendUint16(body, uint16(2*len(suites)))
	for _, suite := range suites {
		body = binary.BigEndian.AppendUint16(body, suite)
	}
	compression = append(compression, 0)
	body = append(append(body, byte(len(compression))), compression...)
	extensions := []byte{
		0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: P-256
		0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
		0, 13, 0, 6, 0, 4, 4, 3, 2, 3, // signature_algorithms: ECDSA with SHA-256, SHA-1
	}
	body = binary.BigEndian.AppendUint16(body, uint16(len(extensions)))
	body = append(body, extensions...)
	message := append([]byte{1, 0}, binary.BigEndian.AppendUint16(nil, uint16(len(body)))...)
	return framed(22, append(message, body...))
}

// framed returns a TLS record (RFC 5246 §6.2.1).
func framed(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 1}, uint16(len(body))), body...)
}

// verdict is a server's reply to a ClientHello.
type verdict struct {
	alert       byte // 0: the server agreed
	version     uint16
	suite       uint16
	compression byte
}

// The alerts of RFC 8446 §6.
const (
	unexpectedMessage     = 10
	handshakeFailure      = 40
	protocolVersion       = 70
	inappropriateFallback = 86
	noApplicationProtocol = 120
)

// offer sends a ClientHello and reads the first record of the answer.
func (c *client) offer(hello []byte) verdict {
	c.t.Helper()
	c.send(string(hello))
	head := make([]byte, 5)
	if _, err := io.ReadFull(c.in, head); err != nil {
		c.t.Fatalf("no answer to the hello: %v", err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(c.in, body); err != nil {
		c.t.Fatal(err)
	}
	switch {
	case head[0] == 21 && len(body) == 2:
		return verdict{alert: body[1]}
	case head[0] != 22 || body[0] != 2:
		c.t.Fatalf("the hello is answered %q", body)
	}
	hello = body[4:] // version, random, session, suite, compression
	session := int(hello[34])
	rest := hello[35+session:]
	return verdict{0, binary.BigEndian.Uint16(hello), binary.BigEndian.Uint16(rest), rest[2]}
}

// The suites of a strict client, and those that a server must refuse.
var (
	goodSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	weakSuites = map[string][]uint16{
		"RC4":    {tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, 0x0004},
		"3DES":   {tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, 0x0016},
		"NULL":   {0x0001, 0x0002, 0x003b, 0xc006, 0xc010},
		"aNULL":  {0x0018, 0x001b, 0x0034, 0x003a, 0x006c, 0x00a6, 0xc015, 0xc016, 0xc017, 0xc018, 0xc019},
		"EXPORT": {0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019},
		"DES":    {0x0009, 0x000c, 0x000f, 0x0012, 0x0015},
		"DHE":    {0x0033, 0x0039, 0x009e, 0x009f},
		"PSK":    {0x008c, 0x00a8, 0xc035},
		"SCSV":   {0x00ff, 0x5600},
	}
)

const fallbackSCSV = 0x5600 // RFC 7507
