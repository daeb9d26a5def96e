package dialog

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// echo is a gate that sends the backend's greeting to the client.
type echo struct{ greeting string }

func (*echo) Secure(*wire.Stream) error { return nil }

func (e *echo) Open(back *wire.Stream) error {
	line, err := back.ReadLine()
	e.greeting = string(line)
	return err
}

func (e *echo) Settle(front, _ *wire.Stream) error {
	front.Print(e.greeting, "\r\n")
	return gate.Because(gate.Done, nil)
}

func (*echo) Refuse(*wire.Stream, gate.Reason) {}

func TestImplicit(t *testing.T) {
	Run(t, "testdata/*.dialog", func(map[string]string, *gate.Session) Gate { return &echo{} })
}

func TestSaid(t *testing.T) {
	backend := Said(t, "testdata/*.dialog", 'B')
	if !slices.ContainsFunc(backend, func(s string) bool { return strings.HasSuffix(s, "\r\n") }) {
		t.Errorf("the backends send %q", backend)
	}
}
