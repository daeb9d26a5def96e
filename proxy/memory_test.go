package proxy

import (
	"crypto/tls"
	"reflect"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// relayedBytes is the maximum size of the parts of a relayed session, without
// its sockets, its gate and its TLS. There may be ten thousand such sessions,
// for hours.
const relayedBytes = 1104

func TestRelayedSessionIsSmall(t *testing.T) {
	t.Parallel()
	var held uintptr
	for _, part := range []reflect.Type{
		reflect.TypeFor[session](), reflect.TypeFor[limit.Slot](), reflect.TypeFor[gate.Session](),
		reflect.TypeFor[relay](), reflect.TypeFor[handshakeConn](), reflect.TypeFor[wire.Records](),
	} {
		t.Logf("%s: %d", part, part.Size())
		held += part.Size()
	}
	if held > relayedBytes {
		t.Errorf("the parts have %d bytes, and the maximum is %d", held, relayedBytes)
	}
}

// A relayed session frees the fields that were only needed until the login.
func TestRelayedSessionFreesItsConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.secured()
	c.send("ping")
	c.expect("ping")
	w.each(func(ses *session) {
		ses.mu.Lock()
		defer ses.mu.Unlock()
		if ses.relay == nil || ses.front != nil || ses.back != nil {
			t.Errorf("the session keeps %p and %p", ses.front, ses.back)
		}
		if under := ses.relay.up.from.(*tls.Conn).NetConn().(*handshakeConn); under.pending != nil {
			t.Error("the session keeps the state of its handshake")
		}
	})
}
