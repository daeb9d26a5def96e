package proxyheader

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

// A header about 192.0.2.7, and invalid headers.
const goodV2 = v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00\x19"

func TestReadHeader(t *testing.T) {
	for name, c := range map[string]struct{ text, client string }{
		"v1":                 {"PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, IPv6":           {"PROXY TCP6 2001:db8::7 2001:db8::25 4321 25\r\n", "[2001:db8::7]:4321"},
		"v1, mapped":         {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, IPv4 in TCP6":   {"PROXY TCP6 192.0.2.7 192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, one of each":    {"PROXY TCP6 192.0.2.7 2001:db8::25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, the other":      {"PROXY TCP6 2001:db8::7 192.0.2.25 4321 25\r\n", "[2001:db8::7]:4321"},
		"v1, IPv6 in TCP4":   {"PROXY TCP4 192.0.2.7 2001:db8::25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, mapped in TCP4": {"PROXY TCP4 ::ffff:192.0.2.7 ::ffff:192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v1, unknown":        {"PROXY UNKNOWN\r\n", "local"},
		"v1, unknown, long":  {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "local"},
		"v2":                 {goodV2, "192.0.2.7:4321"},
		"v2, local":          {v2 + "\x20\x00\x00\x00", "local"},
		"v2, local, TLV":     {v2 + "\x20\x00\x00\x04\x04\x00\x01x", "local"},
		"v2, TLV":            {v2 + "\x21\x11\x00\x10\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00\x19\x04\x00\x01x", "192.0.2.7:4321"},

		"nothing":                  {"", ""},
		"a command":                {"EHLO client.example\r\n", ""},
		"a short command":          {"QUIT\r\n", ""},
		"TLS":                      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh", ""},
		"v1, lower case":           {"proxy TCP4 192.0.2.7 192.0.2.25 4321 25\r\n", ""},
		"v1, of 108 bytes":         {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", ""},
		"v1, without its end":      {"PROXY TCP4 192.0.2.7 192.0.2.25 4321 25", ""},
		"v1, bare LF":              {"PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\n", ""},
		"v1, two blanks":           {"PROXY TCP4  192.0.2.7 192.0.2.25 4321 25\r\n", ""},
		"v1, another family":       {"PROXY TCP4 2001:db8::7 2001:db8::25 4321 25\r\n", ""},
		"v1, a port too high":      {"PROXY TCP4 192.0.2.7 192.0.2.25 65536 25\r\n", ""},
		"v1, no address":           {"PROXY TCP4 localhost 192.0.2.25 4321 25\r\n", ""},
		"v1, IPv6 client in TCP4":  {"PROXY TCP4 2001:db8::7 192.0.2.25 4321 25\r\n", ""},
		"v1, a zone, one of each":  {"PROXY TCP6 fe80::1%eth0 192.0.2.25 4321 25\r\n", ""},
		"v1, IPv4 with zeros":      {"PROXY TCP6 192.0.02.7 192.0.2.25 4321 25\r\n", ""},
		"v1, a zone":               {"PROXY TCP6 fe80::1%eth0 fe80::2 4321 25\r\n", ""},
		"v2, half":                 {goodV2[:20], ""},
		"v2, too short for IPv4":   {v2 + "\x21\x11\x00\x0b\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00", ""},
		"v2, version 3":            {v2 + "\x31" + goodV2[13:], ""},
		"v2, another command":      {v2 + "\x22" + goodV2[13:], ""},
		"v2, another family":       {v2 + "\x21\x41" + goodV2[14:], ""},
		"v2, UDP":                  {v2 + "\x21\x12" + goodV2[14:], ""},
		"v2, unspecified":          {v2 + "\x21\x00\x00\x00", ""},
		"v2, TLV beyond its end":   {v2 + "\x21\x11\x00\x10\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00\x19\x04\x00\x02x", ""},
		"v2, half a TLV":           {v2 + "\x21\x11\x00\x0e\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00\x19\x04\x00", ""},
		"v2, a length of 64 KiB":   {v2 + "\x21\x11\xff\xff" + strings.Repeat("x", 65535), ""},
		"v2, shorter than it says": {v2 + "\x21\x11\x00\x20" + goodV2[16:], ""},
	} {
		t.Run(name, func(t *testing.T) {
			const rest = "EHLO behind the header\r\n"
			good := c.client != ""
			text := c.text
			if good {
				text += rest
			}
			r := iotest.OneByteReader(strings.NewReader(text))
			h, err := Read(r)
			if good != (err == nil) {
				t.Fatalf("%v", err)
			}
			if !good {
				return
			}
			if left, _ := io.ReadAll(r); string(left) != rest {
				t.Errorf("left is %q", left)
			}
			if got := h.Client.String(); h.Local != (c.client == "local") || !h.Local && got != c.client {
				t.Errorf("the client is %s (local: %v), want %s", got, h.Local, c.client)
			}
		})
	}
}

// FuzzReadHeader checks that no input causes a panic, and that no byte after
// the header is read.
func FuzzReadHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\nEHLO"))
	f.Add([]byte(goodV2 + "\x16\x03"))
	f.Add([]byte(v2 + "\x20\x00\x00\x04\x04\x00\x01x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		h, err := Read(r)
		if err != nil {
			return
		}
		used := len(text) - r.Len()
		if used > fixedV2+maxRestV2 || text[0] == 'P' && (used > maxV1 || !bytes.HasSuffix(text[:used], []byte("\r\n"))) {
			t.Errorf("%d bytes were used of %q", used, text)
		}
		if !h.Local && !h.Client.IsValid() {
			t.Errorf("a client without an address, in %q", text)
		}
	})
}
