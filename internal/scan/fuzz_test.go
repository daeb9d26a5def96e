package scan

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
)

// recorded is a connection that sends recorded bytes, and reads nothing.
type recorded struct {
	net.Conn
	*bytes.Reader
}

func (r recorded) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func (recorded) Write(p []byte) (int, error) { return len(p), nil }

func (recorded) SetDeadline(time.Time) error { return nil }

// Whatever a server sends, hello parses or refuses it, and ends.
func FuzzHello(f *testing.F) {
	for _, s := range services {
		said := s.greeting
		for _, answer := range s.answers {
			said += answer
		}
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		for protocol, d := range dialects {
			c, err := mailclient.New(recorded{Reader: bytes.NewReader(said)}, protocol, "scan.invalid", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			offered, _, err := d.hello(c)
			if err == nil && len(said) == 0 {
				t.Errorf("%s: %+v from nothing", protocol, offered)
			}
		}
	})
}
