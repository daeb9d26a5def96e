package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/letterlock/letterlock/internal/test/wait"
)

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

// A header about 192.0.2.7, and others that are not to be believed.
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
		"v2, UDP":                  {v2 + "\x21\x12" + goodV2[14:], "not TCP"},
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
			h, err := readHeader(r)
			if good != (err == nil) {
				t.Fatalf("%v", err)
			}
			if !good {
				return
			}
			if left, _ := io.ReadAll(r); string(left) != rest {
				t.Errorf("left is %q", left)
			}
			if got := about(h); got != c.client {
				t.Errorf("it is about %s, want %s", got, c.client)
			}
		})
	}
}

func about(h *proxyproto.Header) string {
	client, _, ok := h.TCPAddrs()
	switch {
	case h.Command.IsLocal():
		return "local"
	case !ok:
		return "not TCP"
	}
	return client.String()
}

// Whatever comes, there is no panic, and nothing behind the header is touched.
func FuzzReadHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\nEHLO"))
	f.Add([]byte(goodV2 + "\x16\x03"))
	f.Add([]byte(v2 + "\x20\x00\x00\x04\x04\x00\x01x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		h, err := readHeader(r)
		if err != nil {
			return
		}
		used := len(text) - r.Len()
		if used > fixed+maxRest || h.Version == 1 && (used > maxLine || !bytes.HasSuffix(text[:used], []byte("\r\n"))) {
			t.Errorf("%d bytes were used of %q", used, text)
		}
		if client, _, ok := h.TCPAddrs(); ok && !h.Command.IsLocal() && !addrPort(client).IsValid() {
			t.Errorf("a client without an address, in %q", text)
		}
	})
}

// behind is a proxy that takes loopback for its load balancer.
func behind(t *testing.T, change func(*setup)) *world {
	return newWorld(t, func(s *setup) {
		s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		if change != nil {
			change(s)
		}
	})
}

func TestBehindBalancer(t *testing.T) {
	w := behind(t, nil)
	for name, c := range map[string]struct{ header, client string }{
		"v1":    {"PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v2":    {goodV2, "192.0.2.7:4321"},
		"local": {v2 + "\x20\x00\x00\x00", "127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.dial()
			_, _ = io.WriteString(conn.Conn, c.header+"LOGIN\r\n") // in one piece with what follows
			conn.hear("hello")
			conn.hear("welcome")
			_ = conn.Conn.Close()
			wait.Until(t, "the session is not logged with its client", func() bool { return strings.Contains(w.log.String(), "client="+c.client) })
		})
	}
	if !strings.Contains(w.log.String(), "via=127.0.0.1") {
		t.Error("the log does not tell who has said it")
	}
}

func TestBadIntroductions(t *testing.T) {
	w := behind(t, nil)
	for _, text := range []string{"EHLO client.example\r\n", "PROXY TCP4 nobody\r\nxx", strings.Repeat("\x00", 50)} {
		conn := w.dial()
		_, _ = io.WriteString(conn.Conn, text)
		if _, err := conn.ReadByte(); err == nil {
			t.Errorf("%q was answered", text)
		}
	}
	if n := len(w.record.reasons()); n != 0 {
		t.Errorf("there were %d sessions", n)
	}
}

func TestSlowIntroduction(t *testing.T) {
	conn := behind(t, func(s *setup) { s.Timeouts.ProxyHeader = 50 * time.Millisecond }).dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 ")
	conn.hearEnd()
}

// An ordinary client that sends a header sends a wrong command.
func TestHeaderOfAClient(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\n")
	conn.hear("hello")
	_ = conn.Conn.Close()
	wait.Until(t, "no session", func() bool { return len(w.record.reasons()) == 1 })
	if strings.Contains(w.log.String(), "192.0.2.7") {
		t.Errorf("it was believed:\n%s", w.log)
	}
}

// The slots are those of the real clients, not of the balancer.
func TestSlotsBehindBalancer(t *testing.T) {
	w := behind(t, func(s *setup) { s.Limits.ConnectionsPerClient = 1 })
	from := func(client string) client {
		conn := w.dial()
		_, _ = io.WriteString(conn.Conn, "PROXY TCP4 "+client+" 192.0.2.25 4321 25\r\n")
		return conn
	}
	from("192.0.2.7").hear("hello")
	from("192.0.2.8").hear("hello")
	again := from("192.0.2.7")
	again.hear("bye busy")
	again.hearEnd()
}

func TestShutdownWhileWaitingForHeaders(t *testing.T) {
	before := runtime.NumGoroutine()
	w := behind(t, func(s *setup) { s.Timeouts.ProxyHeader = time.Minute })
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY")
	wait.Until(t, "it is not waited for", func() bool { return w.slots.Usage().All() == 1 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.ReadByte(); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is still there: %v", err)
	}
	wait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+1 })
}
