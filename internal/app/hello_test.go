package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

const oddClients = `
certificates: [{cert: cert.pem, key: key.pem}, {cert: rsa.pem, key: rsa.key}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients: [example.com]}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", sni: strict}
`

// The parts of a ClientHello.
func u16s(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func with16(b ...byte) []byte { return append(u16s(uint16(len(b))), b...) }

func ext(kind uint16, data ...byte) []byte { return append(u16s(kind), with16(data...)...) }

func sni(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(append(list, 0), with16([]byte(name)...)...)
	}
	return ext(0, with16(list...)...)
}

func alpn(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(append(list, byte(len(name))), name...)
	}
	return ext(16, with16(list...)...)
}

// usual returns the extensions that ECDHE requires in TLS 1.2.
func usual() []byte {
	return slices.Concat(ext(10, with16(u16s(0x1a1a, 29, 23)...)...), ext(11, 1, 0), ext(13, with16(u16s(0x0a0a, 0x0403, 0x0804, 0x0401)...)...))
}

// clientHello returns a first record of a version, with GREASE (RFC 8701).
func clientHello(version uint16, suites []uint16, extensions ...[]byte) []byte {
	body := append(u16s(version), make([]byte, 32+1)...)
	body = append(body, with16(u16s(append([]uint16{0x8a8a}, suites...)...)...)...)
	body = append(body, 1, 0)
	if len(extensions) > 0 {
		body = append(body, with16(slices.Concat(extensions...)...)...)
	}
	message := append([]byte{1, byte(len(body) >> 16)}, with16(body...)...)
	var records []byte
	for part := range slices.Chunk(message, 1<<14) {
		records = append(append(records, 22, 3, 1), with16(part...)...)
	}
	return records
}

var (
	gcm = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	all = append(slices.Clone(gcm), tls.TLS_RSA_WITH_AES_128_GCM_SHA256)
)

// ssl2Hello returns a ClientHello of SSL 2.0 that offers TLS 1.0.
func ssl2Hello() []byte {
	body := slices.Concat([]byte{1, 3, 1}, u16s(3, 0, 16), []byte{0, 0, 0x2f}, make([]byte, 16))
	return append([]byte{0x80, byte(len(body))}, body...)
}

// An odd hello gets in, or gets a line in the log that says what was offered
// and what is wrong with it.
func TestOddHellos(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oddClients, putRSA)
	long := strings.Repeat("a", 5000)
	for n, c := range []struct {
		name     string
		listener int
		hello    []byte
		log      []string // nil: the handshake succeeds
	}{
		{"an ordinary one", 0, clientHello(0x0303, gcm, usual(), sni("mail.example.com")), nil},
		{"no name", 0, clientHello(0x0303, gcm, usual()), nil},
		{"another name", 0, clientHello(0x0303, gcm, usual(), sni("other.example.com")), nil},
		{"capitals", 0, clientHello(0x0303, gcm, usual(), sni("MAIL.Example.COM")), nil},
		{"capitals, strict", 2, clientHello(0x0303, gcm, usual(), sni("MAIL.Example.COM")), nil},
		{"an address", 0, clientHello(0x0303, gcm, usual(), sni("192.0.2.1")), nil},
		{"an IPv6 address", 0, clientHello(0x0303, gcm, usual(), sni("2001:db8::1")), nil},
		{"an underscore", 0, clientHello(0x0303, gcm, usual(), sni("_smtp._tcp.example.com")), nil},
		{"8-bit characters", 0, clientHello(0x0303, gcm, usual(), sni("b\u00fccher.example")), nil},
		{"a NUL", 0, clientHello(0x0303, gcm, usual(), sni("mail.example.com\x00.example.net")), nil},
		{"a long name", 0, clientHello(0x0303, gcm, usual(), sni(long)), nil},
		{"a protocol twice", 0, clientHello(0x0303, gcm, usual(), alpn("imap", "imap")), nil},
		{"GREASE among protocols", 0, clientHello(0x0303, gcm, usual(), alpn("\x0a\x0a", "imap"), ext(0x2a2a), ext(0x3a3a, 0)), nil},
		{"TLS 1.3, first of all unknown versions", 0, clientHello(0x0303, append([]uint16{tls.TLS_AES_128_GCM_SHA256}, gcm...), usual(), ext(43, append([]byte{6}, u16s(0x4a4a, 0x0304, 0x0303)...)...), ext(51, with16(u16s(0x1a1a, 1, 0x0000)[:5]...)...)), nil},
		{"no extension at all, on port 25", 1, clientHello(0x0303, all), nil},
		{"TLS 1.0 without extensions, on port 25", 1, clientHello(0x0301, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}), nil},
		{"SHA-1 alone, on port 25", 1, clientHello(0x0303, all, ext(10, with16(u16s(29, 23)...)...), ext(13, with16(u16s(0x0201, 0x0203)...)...)), nil},
		{"unknown groups, on port 25", 1, clientHello(0x0303, all, ext(10, with16(u16s(26, 27)...)...), ext(13, with16(u16s(0x0401)...)...)), nil},

		{"a dot after the name", 0, clientHello(0x0303, gcm, usual(), sni("mail.example.com.")), []string{"sni=mail.example.com.", "versions=TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", `flaw="the server name ends with a dot (RFC 6066 §3)"`}},
		{"no names", 0, clientHello(0x0303, gcm, usual(), sni()), []string{`sni=""`, "groups=", "X25519,P-256", `flaw="the list of server names is empty`}},
		{"an empty name", 0, clientHello(0x0303, gcm, usual(), sni("")), []string{`flaw="the server name is empty`}},
		{"two names", 0, clientHello(0x0303, gcm, usual(), sni("a.example", "b.example")), []string{"sni=a.example", `flaw="there are several server names`}},
		{"two lists of names", 0, clientHello(0x0303, gcm, usual(), sni("a.example"), sni("b.example")), []string{"sni=a.example", `flaw="the extension server_name is there twice`}},
		{"two lists of protocols", 0, clientHello(0x0303, gcm, usual(), alpn("imap"), alpn("imap")), []string{"alpn=imap", "is there twice"}},
		{"no protocols", 0, clientHello(0x0303, gcm, usual(), alpn()), []string{"alpn=", `flaw="the list of protocols (ALPN) is empty`}},
		{"an empty protocol", 0, clientHello(0x0303, gcm, usual(), alpn("imap", "")), []string{"alpn=", `flaw="a protocol (ALPN) is empty`}},
		{"no groups", 0, clientHello(0x0303, gcm, ext(10, 0, 0)), []string{`flaw="the extension supported_groups is malformed"`}},
		{"another protocol", 0, clientHello(0x0303, gcm, usual(), alpn("h2")), []string{"alpn=h2", "unsupported application protocols"}},
		{"another name, strict", 2, clientHello(0x0303, gcm, usual(), sni("other.example.com")), []string{"sni=other.example.com", "no certificates configured"}},
		{"SSL 3.0", 1, clientHello(0x0300, all), []string{"versions=SSLv3", "AES128-GCM-SHA256", "unsupported versions"}},
		{"SSL 2.0, on port 25", 1, ssl2Hello(), []string{"versions=TLSv1 ", "suites=AES128-SHA", `flaw="the hello is one of SSL 2.0`}},
		{"SSL 2.0", 0, ssl2Hello(), []string{"versions=TLSv1 ", `flaw="the hello is one of SSL 2.0`}},
		{"TLS 1.1", 0, clientHello(0x0302, gcm, usual()), []string{"versions=TLSv1.1", "unsupported versions"}},
		{"only static RSA", 0, clientHello(0x0303, all[2:], usual()), []string{"AES128-GCM-SHA256", "no cipher suite supported"}},
		{"SHA-1 alone", 0, clientHello(0x0303, all, ext(10, with16(u16s(29, 23)...)...), ext(13, with16(u16s(0x0201)...)...)), []string{"signatures=PKCS1WithSHA1", "signature algorithms"}},
		{"unknown groups", 0, clientHello(0x0303, gcm, ext(10, with16(u16s(26, 27)...)...), ext(13, with16(u16s(0x0403)...)...)), []string{"groups=", "CurveID(26)"}},
	} {
		client := network(n)
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}).DialContext(t.Context(), "tcp", w.Addresses()[c.listener].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if c.listener == 1 {
			startTLS(t, conn)
		}
		if _, err := conn.Write(c.hello); err != nil {
			t.Fatal(err)
		}
		received := make([]byte, 6)
		_, _ = io.ReadFull(conn, received)
		_ = conn.Close()
		if in := received[0] == 22 && received[5] == 2; c.log == nil {
			if !in {
				t.Errorf("%s: refused with % x: %s", c.name, received, w.failure(client))
			}
			continue
		}
		wait.Until(t, c.name+" is not in the log", func() bool { return w.failure(client) != "" })
		for _, want := range c.log {
			if line := w.failure(client); !strings.Contains(line, want) {
				t.Errorf("%s: the log lacks %q: %.1000s", c.name, want, line)
			}
		}
	}
}

// network returns an address in a separate network: for one network, only a few
// failures a minute are logged.
func network(n int) string { return fmt.Sprintf("127.0.%d.1", n+1) }

// failure returns the log line about a client's failed handshake.
func (w *world) failure(client string) string {
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "["+client+"] failed") {
			return line
		}
	}
	return ""
}

// putRSA adds an RSA certificate to the folder.
func putRSA(w *world) {
	cert := w.ca.RSA(w.T, "mail.example.com")
	w.putAs(cert, "rsa.pem", "rsa.key")
}

func startTLS(t *testing.T, conn net.Conn) {
	t.Helper()
	lines := bufio.NewReader(conn)
	for _, command := range []string{"", "EHLO odd.example", "STARTTLS"} {
		if command != "" {
			_, _ = io.WriteString(conn, command+"\r\n")
		}
		for line := "-"; len(line) < 4 || line[3] == '-'; {
			var err error
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// OpenSSL gets in with what it can be made to offer, or the log says why not.
func TestOddHellosOfOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("LETTERLOCK_E2E") != "" {
			t.Fatal(err)
		}
		t.Skip("openssl is not installed")
	}
	w, n := newWorld(t, oddClients, putRSA), 0
	for args, want := range map[string]string{
		"-servername mail.example.com.":                                `flaw="the server name ends with a dot (RFC 6066 §3)"`,
		"-servername MAIL.example.com":                                 "",
		"-servername under_score.example.com":                          "",
		"-servername 192.0.2.1":                                        "",
		"-noservername":                                                "",
		"-alpn imap,imap":                                              "",
		"-alpn h2,imap":                                                "",
		"-alpn h2":                                                     "alpn=h2",
		"-tls1_2 -sigalgs RSA+SHA1 -cipher ALL:@SECLEVEL=0":            "signatures=PKCS1WithSHA1",
		"-tls1_2 -sigalgs RSA+SHA256":                                  "",
		"smtp -tls1_2 -sigalgs RSA+SHA1 -cipher ALL:@SECLEVEL=0":       "",
		"smtp -tls1 -cipher ALL:@SECLEVEL=0":                           "",
		"smtp -tls1_2 -sigalgs RSA+SHA224 -cipher ALL:@SECLEVEL=0":     "",
		"smtp -tls1_2 -groups brainpoolP256r1 -cipher ALL:@SECLEVEL=0": "",
		"-tls1_1 -cipher ALL:@SECLEVEL=0":                              "versions=TLSv1.1",
	} {
		n++
		client, listener, flags := network(n), 0, strings.Fields(args)
		if flags[0] == "smtp" {
			listener, flags = 1, append([]string{"-starttls", "smtp"}, flags[1:]...)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		flags = append([]string{"s_client", "-brief", "-bind", client, "-connect", w.Addresses()[listener].String()}, flags...)
		out, _ := exec.CommandContext(ctx, "openssl", flags...).CombinedOutput()
		cancel()
		if in := strings.Contains(string(out), "CONNECTION ESTABLISHED"); in != (want == "") {
			t.Errorf("%s: handshake succeeded: %t\n%s", args, in, out)
		}
		wait.Until(t, fmt.Sprintf("%s: the log lacks %q", args, want), func() bool { return strings.Contains(w.failure(client), want) })
	}
}
