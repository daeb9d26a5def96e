package mailclient

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// server is a connection in memory to a server that sends replies.
type server struct {
	net.Conn
	replies  io.Reader
	received bytes.Buffer
}

func (s *server) Read(p []byte) (int, error)  { return s.replies.Read(p) }
func (s *server) Write(p []byte) (int, error) { return s.received.Write(p) }
func (*server) SetDeadline(time.Time) error   { return nil }

// pieces returns one text with each Read, as packets do.
type pieces []string

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

func open(t testing.TB, protocol string, replies ...string) (*Conn, *server) {
	t.Helper()
	all := pieces(replies)
	s := &server{replies: &all}
	c, err := New(s, protocol, "client.example", time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

var replies = map[string][]string{
	"smtp":  {"220-a\r\n220 b\r\n", "250-a\r\n250-STARTTLS\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH CRAM-MD5 PLAIN\r\n", "220 go\r\n"},
	"imap":  {"* OK hello\r\n", "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=LOGIN AUTH=PLAIN AUTH=CRAM-MD5\r\na1 OK\r\n", "a2 OK go\r\n"},
	"pop3":  {"+OK hello\r\n", "+OK\r\nSTLS\r\nSASL LOGIN PLAIN CRAM-MD5\r\n.\r\n", "+OK go\r\n"},
	"sieve": {"\"SASL\" \"LOGIN PLAIN CRAM-MD5\"\r\n\"STARTTLS\"\r\nOK\r\n", "", "OK go\r\n"},
}

func TestCapabilitiesAndStartTLS(t *testing.T) {
	for protocol, said := range replies {
		for _, injected := range []string{"", "more\r\n"} {
			said := slices.Clone(said)
			said[2] += injected
			if said[1] == "" {
				said = slices.Delete(said, 1, 2)
			}
			c, s := open(t, protocol, said...)
			if _, err := c.Greeting(); err != nil {
				t.Fatal(protocol, err)
			}
			all, err := c.Capabilities()
			if err != nil || !all.StartTLS || all.Command || !slices.Equal(all.Mechanisms, []string{"LOGIN", "PLAIN", "CRAM-MD5"}) {
				t.Errorf("%s: %+v, %v", protocol, all, err)
			}
			shaken := false
			err = c.StartTLS(func(conn net.Conn) (net.Conn, error) { shaken = true; return conn, nil })
			if shaken != (injected == "") || errors.Is(err, ErrInjected) != (injected != "") {
				t.Errorf("%s: %v after %q", protocol, err, s.received.String())
			}
		}
	}
}

// Greetings and replies that are not positive, or have no end, are errors.
func TestRejections(t *testing.T) {
	for protocol, greetings := range map[string][]string{
		"smtp":  {"554 go away\r\n", "what\r\n", "220 " + strings.Repeat("x", MaxLine), strings.Repeat("220-\r\n", MaxLines+1)},
		"imap":  {"* BYE\r\n", "* PREAUTH\r\n", ""},
		"pop3":  {"-ERR\r\n"},
		"sieve": {"BYE\r\n", strings.Repeat("\"X\"\r\n", MaxLines+1)},
	} {
		for _, greeting := range greetings {
			s := &server{replies: strings.NewReader(greeting)}
			c, err := New(s, protocol, "client.example", time.Now().Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if first, err := c.Greeting(); err == nil {
				t.Errorf("%s: the greeting %.20q is accepted", protocol, first)
			}
		}
	}
	if _, err := New(&server{}, "gopher", "", time.Time{}); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

// Whatever a server sends, it is understood or refused, and ends.
func FuzzServer(f *testing.F) {
	for _, said := range replies {
		f.Add(strings.Join(said, ""))
	}
	f.Fuzz(func(t *testing.T, said string) {
		for protocol := range dialects {
			c, err := New(&server{replies: strings.NewReader(said)}, protocol, "client.example", time.Now().Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Greeting(); err == nil && said == "" {
				t.Errorf("%s: a greeting from nothing", protocol)
			}
			_, _ = c.Capabilities()
			_ = c.StartTLS(func(conn net.Conn) (net.Conn, error) { return conn, nil })
		}
	})
}
