package proxyheader

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

func TestHeaderLine(t *testing.T) {
	for name, c := range map[string]struct{ client, local, want string }{
		"IPv4":   {"192.0.2.1:4321", "192.0.2.25:25", "PROXY TCP4 192.0.2.1 192.0.2.25 4321 25\r\n"},
		"mapped": {"[::ffff:192.0.2.1]:4321", "192.0.2.25:25", "PROXY TCP4 192.0.2.1 192.0.2.25 4321 25\r\n"},
		"IPv6":   {"[2001:db8::1]:4321", "[2001:db8::25]:25", "PROXY TCP6 2001:db8::1 2001:db8::25 4321 25\r\n"},
		"zone":   {"[fe80::1%eth0]:4321", "[fe80::25%eth0]:25", "PROXY TCP6 fe80::1 fe80::25 4321 25\r\n"},
		"mixed":  {"192.0.2.1:4321", "[2001:db8::25]:25", "PROXY TCP4 192.0.2.1 0.0.0.0 4321 25\r\n"},
		"mixed6": {"[2001:db8::1]:4321", "192.0.2.25:25", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.25 4321 25\r\n"},
	} {
		session := Session{Client: netip.MustParseAddrPort(c.client), Local: netip.MustParseAddrPort(c.local), TLS: &tls.ConnectionState{}}
		if got, err := Format(1, session); string(got) != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestHeaderWithTLS(t *testing.T) {
	for _, c := range []struct {
		name, sni string
		tlvs      int
	}{
		{"short", "mail.example.com", 3},
		{"long", strings.Repeat("long.", 40) + "example", 2}, // the whole header would be too long for old receivers
		{"none", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			session := Session{
				Client: netip.MustParseAddrPort("[2001:db8::1]:4321"), Local: netip.MustParseAddrPort("[2001:db8::25]:993"),
				TLS: &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ServerName: c.sni, NegotiatedProtocol: "imap"},
			}
			text, err := Format(2, session)
			if err != nil || len(text) > maxLength {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
			h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(text)))
			if err != nil || h.SourceAddr.String() != "[2001:db8::1]:4321" || h.DestinationAddr.String() != "[2001:db8::25]:993" {
				t.Fatalf("%v, %v", h, err)
			}
			tlvs, err := h.TLVs()
			if err != nil || len(tlvs) != c.tlvs {
				t.Fatalf("%v, %v", tlvs, err)
			}
			ssl, err := tlvparse.SSL(tlvs[0])
			if err != nil || !ssl.ClientSSL() || ssl.Verified() {
				t.Fatalf("%v, %v", ssl, err)
			}
			version, _ := ssl.SSLVersion()
			cipher, _ := ssl.SSLCipher()
			if version != "TLSv1.2" || cipher != "ECDHE-RSA-AES128-GCM-SHA256" || string(tlvs[1].Value) != "imap" {
				t.Errorf("the header has %s, %s, %s", version, cipher, tlvs[1].Value)
			}
			if c.tlvs == 3 && string(tlvs[2].Value) != c.sni {
				t.Errorf("the name is %s", tlvs[2].Value)
			}
		})
	}
}

func TestChecksSendTheirOwnHeader(t *testing.T) {
	for version, want := range map[byte]string{0: "", 1: "PROXY UNKNOWN\r\n", 2: "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"} {
		ours, theirs := net.Pipe()
		go func() {
			if err := WriteLocal(ours, version); err != nil {
				t.Error(err)
			}
			_ = ours.Close()
		}()
		if got, _ := io.ReadAll(theirs); string(got) != want {
			t.Errorf("%q", got)
		}
	}
}
