package proxy

import (
	"crypto/tls"
	"reflect"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// relayedBytes is what the parts of a relayed session may hold in all, its
// sockets, its gate and its TLS aside. There may be ten thousand, for hours.
const relayedBytes = 1104

func TestRelayedSessionIsSmall(t *testing.T) {
	var held uintptr
	for _, part := range []reflect.Type{
		reflect.TypeFor[session](), reflect.TypeFor[limit.Slot](), reflect.TypeFor[gate.Session](),
		reflect.TypeFor[relay](), reflect.TypeFor[handshakeConn](), reflect.TypeFor[wire.Records](),
	} {
		t.Logf("%s: %d", part, part.Size())
		held += part.Size()
	}
	if held > relayedBytes {
		t.Errorf("the parts hold %d bytes, and may hold %d", held, relayedBytes)
	}
}

// What was needed until the login is gone when bytes are relayed.
func TestRelayedSessionKeepsNoBeginnings(t *testing.T) {
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
