package scan

import (
	"bufio"
	"bytes"
	"net"
	"testing"
)

// deaf is a connection on which the peer reads nothing.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error) { return len(p), nil }

// Whatever a server says, it is understood or refused, and ends.
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
			o, err := d.hello(&conn{deaf{}, bufio.NewReaderSize(bytes.NewReader(said), maxLine)})
			if err == nil && len(said) == 0 {
				t.Errorf("%s: %+v from nothing", protocol, o)
			}
		}
	})
}
