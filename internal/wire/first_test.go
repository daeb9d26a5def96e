package wire

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// foreigners are first bytes of clients with another protocol.
var foreigners = map[string]Protocol{
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": TLS,
	"\x16\x03\x00\x00\x2f\x01\x00":                 TLS, // SSL 3.0
	"\x15\x03\x01\x00\x02\x01\x00":                 TLS, // an alert
	"\x80\x2e\x01\x00\x02\x00\x15":                 SSLv2,
	"\x80\x67\x01\x03\x01\x00\x4e":                 SSLv2, // offers TLS 1.0
	"GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n": HTTP,
	"GET /\n":                                               HTTP,
	"GET http://mail.example/ HTTP/1.1\r":                   HTTP,
	"POST /EWS/Exchange.asmx HTTP/1.1\r":                    HTTP,
	"CONNECT mail.example:143 HTTP/1.1\r":                   HTTP,
	"OPTIONS * HTTP/1.1\r\n":                                HTTP,
	"OPTIONS sip:nm SIP/2.0\r\n":                            HTTP,
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                      HTTP,
	"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n":            SSH,
	"SSH-2.0-Go\r\n":                                        SSH,
	"SSH-1.99-Cisco-1.25\n":                                 SSH,
	"SSH-2.0-8.35 FlowSsh: Bitvise SSH Client\r\n":          SSH,
	"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00":          RDP,
	"PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n":           PROXYHeader,
	"PROXY TCP6 2001:db8::6 2001:db8::1 1234 25\r\n":        PROXYHeader,
	"PROXY UNKNOWN\r\n":                                     PROXYHeader,
	"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c":                PROXYHeader,
	"\x05\x01\x00":                                          Binary, // SOCKS
	"\x00\x00\x00\x85\xff\x53\x4d":                          Binary, // SMB
	"\x10\x15\x00\x04MQTT\x04\x02\x00\x3c":                  Binary, // MQTT
	"0\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00": Binary, // LDAP
	"AMQP\x00\x00\x09\x01":                                  Binary,
	":\x00\x00\x00\xa7\x41\x00\x00":                         Binary, // MongoDB
	"\xff\xfd\x18\xff\xfd\x20":                              Binary, // Telnet
	"\x80\x01\x00\x01\x00\x00\x00\x04":                      Binary, // Thrift
	"PROPPATCH /dav/ HTTP/1.1\r\n":                          HTTP,
	"RPC_IN_DATA /rpc/rpcproxy.dll?mail:593 HTTP/1.1":       HTTP,
	"M-SEARCH * HTTP/1.1\r\n":                               HTTP,
	"REGISTER sip:mail.example SIP/2.0\r\n":                 HTTP,
}

// native are commands, and other lines of mail clients and people, which the
// gates reply to. A tag of IMAP may be nearly any text.
var native = []string{
	"EHLO client.example\r\n", "CAPA\r\n", "USER joe\r\n", "AUTHENTICATE \"PLAIN\"\r\n", "QUIT\r\n",
	"a LOGIN joe@mail.example pw\r\n", "GET1 CAPABILITY\r\n", "GET NOOP\r\n", "GET LOGIN a@b.example /\r\n", "OPTIONS CAPABILITY\r\n",
	"CONNECT STARTTLS\r\n", "POST ID (\"name\" \"a:b\")\r\n", "HEAD LOGIN {5}\r\n", "PRI AUTHENTICATE PLAIN\r\n", "PROXY NOOP\r\n", "PROXY1 TCP4\r\n",
	"SSH-x NOOP\r\n", "SSH-2.0-x NOOP\r\n", "SSH-2.0-x LOGIN a b\r\n", "SSH-1 LOGOUT\r\n", "SSH NOOP\r\n", "SSH- NOOP\r\n",
	"REPORT NOOP\r\n", "A LOGIN HTTP/1.1\r\n", "A ID NIL\r\n", "AB\r\n", "A\tB\r\n", "EHLO\r\n", "AUTH PLAIN\r\n",
	"GETTY NOOP\r\n", "PUTSCRIPT \"a\" {5+}\r\n", "DELE 1\r\n", "TOP 1 0\r\n", "HELP\r\n",
	"\r\n", "\n", "\r\nEHLO client.example\r\n", "\r\n\r\nEHLO client.example\r\n", "\tNOOP\r\n", " NOOP\r\n", "\xc3\xa9 NOOP\r\n", "\xef\xbb\xbfNOOP\r\n", "\x80\r\n",
	"GET " + strings.Repeat("x", 2*maxFirst), "SSH-2.0-" + strings.Repeat("x", 2*maxFirst),
}

func TestRecognise(t *testing.T) {
	for text, want := range foreigners {
		if p, decided := Recognise([]byte(text)); p != want || !decided {
			t.Errorf("%q is %v, decided %v", text, p, decided)
		}
	}
	for _, text := range native {
		if p, _ := Recognise([]byte(text)); p != Unrecognised {
			t.Errorf("%q is %v", text, p)
		}
		if p := RecogniseLine([]byte(strings.TrimRight(text, "\r\n"))); p != Unrecognised {
			t.Errorf("the line %q is %v", text, p)
		}
	}
}

// A request is recognised by its first line, whatever the method.
func TestRecogniseLineOfAnyMethod(t *testing.T) {
	for _, line := range []string{"BREW /pot HTTP/1.1", "PLAY rtsp://mail.example/ RTSP/1.0", "MESSAGE sip:a@mail.example SIP/2.0", "COPY /a HTTP/1.1\r\n"} {
		if p := RecogniseLine([]byte(line)); p != HTTP {
			t.Errorf("%q is %v", line, p)
		}
	}
	for _, line := range []string{"A LOGIN HTTP/1.1", "MAIL FROM:<a@example.com> BODY=8BITMIME", "A LOGIN a/b HTTP/1.1", "A FETCH HTTP/1.1 x", "USER HTTP/1.1"} {
		if p := RecogniseLine([]byte(line)); p != Unrecognised {
			t.Errorf("%q is %v", line, p)
		}
	}
}

// A decision does not change with more bytes, however they are divided.
func TestRecogniseByteByByte(t *testing.T) {
	check := func(text string, want Protocol) {
		for n := range len(text) {
			if p, decided := Recognise([]byte(text[:n])); decided && p != want || !decided && p != Unrecognised {
				t.Errorf("%q is %v, decided %v", text[:n], p, decided)
			}
		}
	}
	for text, want := range foreigners {
		check(text, want)
	}
	for _, text := range native {
		check(text, Unrecognised)
	}
}

// A client with another protocol is recognised by its first bytes, whether the
// line is complete, divided or without an end.
func TestReadCommandRecognises(t *testing.T) {
	for text, want := range foreigners {
		for name, size := range map[string]int{"whole": len(text), "by bytes": 1} {
			c, peer := pair(t, generous)
			go func() {
				for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
					if _, err := io.WriteString(peer, rest[:min(size, len(rest))]); err != nil {
						return
					}
				}
			}()
			var err error
			for ok := true; ok; { // the empty lines at the beginning of a PROXY header
				_, err = c.ReadCommand()
				ok = err == nil
			}
			if foreign, ok := errors.AsType[Foreign](err); !ok || foreign.Protocol != want {
				t.Errorf("%q %s: %v", text, name, err)
			}
		}
	}
}

// Commands are returned unchanged, and later lines are not checked as first
// bytes.
func TestReadCommandPassesCommands(t *testing.T) {
	for _, text := range native {
		line, ended := strings.CutSuffix(text, "\r\n")
		if !ended {
			continue
		}
		c, peer := pair(t, generous)
		send(t, peer, text+"\x16\x03\x01\r\n")
		for _, want := range strings.Split(line+"\r\n\x16\x03\x01", "\r\n") {
			if got, err := c.ReadCommand(); string(got) != want || err != nil {
				t.Errorf("%q: read %q, %v; want %q", text, got, err, want)
			}
		}
	}
}

// The protocol of a client that sends in the pause before the greeting is
// recognised too; it may be undecided until the pause ends.
func TestSpokeRecognises(t *testing.T) {
	for text, want := range foreigners {
		c, peer := pair(t, generous)
		send(t, peer, text)
		_, err := c.Spoke(20 * time.Second)
		if foreign, ok := errors.AsType[Foreign](err); !ok || foreign.Protocol != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	c, peer := pair(t, generous)
	send(t, peer, "EHLO spam.example\r\n")
	if spoke, err := c.Spoke(20 * time.Second); !spoke || err != nil {
		t.Errorf("a command: %v, %v", spoke, err)
	}
	c, peer = pair(t, generous)
	send(t, peer, "GE")
	if spoke, err := c.Spoke(50 * time.Millisecond); !spoke || err != nil {
		t.Errorf("half a word: %v, %v", spoke, err)
	}
}

// The lines of a backend are not checked for other protocols.
func TestReadLineRecognisesNothing(t *testing.T) {
	c, peer := pair(t, generous)
	send(t, peer, "GET / HTTP/1.1\r\n")
	if line, err := c.ReadLine(); string(line) != "GET / HTTP/1.1" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}

// Undecided first bytes do not extend the wait for a line.
func TestDoubtEnds(t *testing.T) {
	limits := generous
	limits.Wait = 50 * time.Millisecond
	c, peer := pair(t, limits)
	send(t, peer, "GET ")
	if _, err := c.ReadCommand(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
