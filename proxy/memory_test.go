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
		reflect.TypeFor[relay](), reflect.TypeFor[heardConn](), reflect.TypeFor[wire.Records](),
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
	w := newWorld(t, nil)
	c := w.secured()
	c.say("ping")
	c.hear("ping")
	w.each(func(ses *session) {
		ses.mu.Lock()
		defer ses.mu.Unlock()
		if ses.relay == nil || ses.front != nil || ses.back != nil {
			t.Errorf("the session keeps %p and %p", ses.front, ses.back)
		}
		heard := ses.relay.up.from.(*tls.Conn).NetConn().(*heardConn)
		if heard.turn != nil || heard.offer != nil || heard.tail != nil {
			t.Errorf("its handshake keeps %p, %p and %p", heard.turn, heard.offer, heard.tail)
		}
	})
}
