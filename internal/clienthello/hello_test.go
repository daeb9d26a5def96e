package clienthello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func u16(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func with8(b ...byte) []byte { return append([]byte{byte(len(b))}, b...) }

func with16(b ...byte) []byte { return append(u16(uint16(len(b))), b...) }

func ext(kind uint16, data ...byte) []byte { return append(u16(kind), with16(data...)...) }

func nameExt(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(append(list, 0), with16([]byte(name)...)...)
	}
	return ext(serverName, with16(list...)...)
}

// message returns a ClientHello with the extensions. If they are nil, it has no
// extensions field.
func message(version uint16, extensions ...[]byte) []byte {
	body := append(u16(version), make([]byte, 32)...)
	body = append(body, 0)
	body = append(body, with16(u16(0x0a0a, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)...)...)
	body = append(body, 1, 0)
	if extensions != nil {
		body = append(body, with16(slices.Concat(extensions...)...)...)
	}
	return append([]byte{clientHello, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// records splits a message into records of at most n bytes.
func records(message []byte, n int) (b []byte) {
	for part := range slices.Chunk(message, n) {
		b = append(append(b, handshake, 3, 1), with16(part...)...)
	}
	return b
}

// collected passes the bytes to a Collector in pieces of n bytes, and returns
// the Collector.
func collected(b []byte, n int) (Hello, bool) {
	var c Collector
	for part := range slices.Chunk(b, n) {
		c.Add(part)
	}
	return c.Hello()
}

func TestHello(t *testing.T) {
	suites := []uint16{0x0a0a, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	long := strings.Repeat("a", 10_000)
	groups := ext(10, with16(u16(29, 23)...)...)
	for _, c := range []struct {
		name    string
		message []byte
		want    Hello
	}{
		{"SSL 3.0", message(0x0300), Hello{Versions: []uint16{0x0300}}},
		{"no extension", message(0x0303), Hello{Versions: []uint16{0x0303}}},
		{"all", message(0x0303, nameExt("Mail.Example.com"), groups, ext(13, with16(u16(0x0201)...)...),
			ext(16, with16(append(with8([]byte("imap")...), with8([]byte("imap")...)...)...)...), ext(43, with8(u16(0x0304, 0x0303)...)...), ext(0x0a0a)),
			Hello{ServerName: "Mail.Example.com", Versions: []uint16{0x0304, 0x0303}, Groups: []uint16{29, 23}, Signatures: []uint16{0x0201}, Protocols: []string{"imap", "imap"}}},
		{"dot", message(0x0303, nameExt("mail.example.com."), groups), Hello{ServerName: "mail.example.com.", Versions: []uint16{0x0303}, Groups: []uint16{29, 23}, Flaw: "the server name ends with a dot (RFC 6066 §3)"}},
		{"no names", message(0x0303, nameExt()), Hello{Versions: []uint16{0x0303}, Flaw: "the list of server names is empty (RFC 6066 §3)"}},
		{"empty name", message(0x0303, nameExt("")), Hello{Versions: []uint16{0x0303}, Flaw: "the server name is empty (RFC 6066 §3)"}},
		{"two names", message(0x0303, nameExt("a", "b")), Hello{ServerName: "a", Versions: []uint16{0x0303}, Flaw: "there are several server names (RFC 6066 §3)"}},
		{"twice", message(0x0303, groups, nameExt("a"), nameExt("b")), Hello{ServerName: "a", Versions: []uint16{0x0303}, Groups: []uint16{29, 23}, Flaw: "the extension server_name is there twice (RFC 8446 §4.2)"}},
		{"unknown, twice", message(0x0303, ext(0x0a0a), ext(0x0a0a)), Hello{Versions: []uint16{0x0303}, Flaw: "the extension 2570 is there twice (RFC 8446 §4.2)"}},
		{"empty ALPN", message(0x0303, ext(16, with16()...)), Hello{Versions: []uint16{0x0303}, Flaw: "the list of protocols (ALPN) is empty (RFC 7301 §3.1)"}},
		{"no groups", message(0x0303, ext(10, with16()...)), Hello{Versions: []uint16{0x0303}, Flaw: "the extension supported_groups is malformed"}},
		{"long name", message(0x0303, nameExt(long)), Hello{ServerName: long[:maxKept-60], Versions: []uint16{0x0303}}},
	} {
		c.want.Suites = suites
		for _, n := range []int{1, 3, 100, 1 << 14} {
			got, ok := collected(records(c.message, 1<<14), n)
			if !ok || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s by %d: %.300v", c.name, n, got)
			}
		}
		if got, _ := collected(records(c.message, 7), 5); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s in small records: %.300v", c.name, got)
		}
	}
}

// An incomplete hello is parsed as far as it goes; that it is incomplete is not
// reported as a flaw.
func TestPartOfAHello(t *testing.T) {
	whole := records(message(0x0303, nameExt("mail.example.com"), ext(10, with16(u16(29)...)...)), 1<<14)
	for n := range whole {
		h, ok := collected(whole[:n], 9)
		if h.Flaw != "" || ok != (n > recordHeader+header) {
			t.Errorf("%d bytes: %t, %q", n, ok, h.Flaw)
		}
	}
}

func TestNoHello(t *testing.T) {
	for _, text := range []string{"EHLO client.example\r\n", "\x15\x03\x01\x00\x02\x02\x28", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", ""} {
		if h, ok := collected([]byte(text), 100); ok {
			t.Errorf("%q: %+v", text, h)
		}
	}
}

func TestSSL2(t *testing.T) {
	specs := []byte{0, 0, 0x2f, 1, 0, 0x80, 0, 0, 0x05}
	body := slices.Concat([]byte{clientHello}, u16(0x0301, uint16(len(specs)), 0, 16), specs, make([]byte, 16))
	h, ok := collected(append([]byte{0x80, byte(len(body))}, body...), 4)
	want := Hello{Versions: []uint16{0x0301}, Suites: []uint16{0x2f, 0x05}, Flaw: "the hello is one of SSL 2.0 (RFC 6176)"}
	if !ok || !reflect.DeepEqual(h, want) {
		t.Errorf("%t, %+v", ok, h)
	}
}

// No client can make a Collector hold more than its bound.
func TestBound(t *testing.T) {
	var c Collector
	for range 100 {
		c.Add(records(bytes.Repeat([]byte{clientHello}, 1<<14), 1<<14))
	}
	if n := len(c.message); n > maxKept {
		t.Errorf("%d bytes are kept", n)
	}
}

var errRead = errors.New("read")

// readByTLS reports whether crypto/tls accepts a hello.
func readByTLS(b []byte) (read bool) {
	client, server := net.Pipe()
	_ = server.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		_, _ = client.Write(b)
		_ = client.Close()
	}()
	_ = tls.Server(server, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		read = true
		return nil, errRead
	}}).Handshake()
	_ = server.Close()
	return read
}

// No input makes the parser panic. A hello has a flaw exactly if crypto/tls
// refuses it.
func FuzzHello(f *testing.F) {
	for _, m := range [][]byte{
		message(0x0303), message(0x0303, nameExt("a.")), message(0x0303, nameExt("a", "b")), message(0x0303, ext(10, with16(u16(29)...)...), ext(23), ext(18)),
		message(0x0303, ext(43, with8(u16(0x0304)...)...), ext(51, with16(append(u16(29), with16(1, 2)...)...)...), ext(45, with8(1)...)),
		message(0x0303, ext(41, append(with16(append(with16(1), 0, 0, 0, 0)...), with16(with8(1)...)...)...)), message(0x0303, ext(5, 1, 0, 0, 0, 0), ext(11, with8(0)...)),
		message(0x0303, ext(0xff01, with8()...), ext(44, with16(1)...), ext(50, with16(u16(1)...)...), ext(13, with16(u16(1)...)...), ext(35, 1, 2), ext(16, with16(with8('a')...)...)),
	} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		for _, n := range []int{1, 50} {
			collected(m, n)
		}
		if len(m) < header || len(m) > maxKept || m[0] != clientHello {
			return
		}
		m[1], m[2], m[3] = 0, byte((len(m)-header)>>8), byte(len(m)-header)
		b := records(m, 1<<14)
		h, ok := collected(b, 1000)
		if bytes.Contains(m, []byte{0xfe, 0x0d}) {
			return // crypto/tls also checks the encrypted hello
		}
		if read := readByTLS(b); read != (ok && h.Flaw == "") {
			t.Errorf("crypto/tls reads it: %t, and the flaw is %q, of %x", read, h.Flaw, m)
		}
	})
}
