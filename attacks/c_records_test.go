package attacks

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// C2: CVE-2009-3555. A client cannot begin another handshake inside its
// session.
func TestC2_Renegotiation(t *testing.T) {
	t.Parallel()
	w := open(t)
	f := forge(w.dial(configs.IMAPS), tls.VersionTLS12)
	if _, err := f.socket.Write(f.seal12(23, []byte("a NOOP\r\n"))); err != nil {
		t.Fatal(err)
	}
	f.expect("a OK .*") // the reply shows that forged records are accepted
	hello := oldHello(tls.VersionTLS12, goodSuites)[5:]
	_, _ = f.socket.Write(f.seal12(22, hello))
	_, _ = f.socket.Write(f.seal12(23, []byte("b NOOP\r\n")))
	if rest, err := f.in.ReadString('\n'); err == nil {
		t.Errorf("after another ClientHello the proxy sends %q", rest)
	} else if alert, ok := errors.AsType[tls.AlertError](unwrapped(err)); ok && alert != unexpectedMessage {
		t.Errorf("alert %v", err)
	}
	_ = f.socket.Close()
	w.reasons(1)
}

func unwrapped(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// C3: a broken record ends its connection; the others go on.
func TestC3_RecordParser(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		for _, p := range corpus(t, "records.txt") {
			c := w.dial(service)
			if !service.Implicit() {
				c.greeting()
				c.want(starter[c.protocol], agreed[c.protocol])
			}
			c.send(p.text())
			closeWrite(c.socket)
			if said := c.ended(); said != "" {
				t.Errorf("%s is answered %q", p.name, said)
			}
		}
		for i, why := range w.reasons(len(corpus(t, "records.txt"))) {
			if why != gate.HandshakeFailed && !(service.Implicit() && why.Foreign()) {
				t.Errorf("session %d ended for %s", i, why)
			}
		}
		w.noneReceived("hello")
	})
	t.Run("fragments", func(t *testing.T) { // a ClientHello in fragments of one byte is accepted
		w := open(t)
		var pieces []byte
		for _, b := range oldHello(tls.VersionTLS12, goodSuites)[5:] {
			pieces = append(pieces, framed(22, []byte{b})...)
		}
		if got := w.hello(configs.IMAPS, pieces); got.alert == 0 && got.version != tls.VersionTLS12 {
			t.Errorf("answered %+v", got)
		}
	})
	t.Run("key updates", func(t *testing.T) {
		w := open(t)
		c := w.dial(configs.IMAPS)
		f := forge(c, tls.VersionTLS13)
		suite := c.Conn.(*tls.Conn).ConnectionState().CipherSuite
		_, _ = f.socket.Write(f.seal13(23, []byte("a NOOP\r\n")))
		f.expect("a OK .*")
		for range 1000 {
			if _, err := f.socket.Write(f.keyUpdate(suite)); err != nil {
				break
			}
		}
		_, _ = f.socket.Write(f.seal13(23, []byte("b NOOP\r\n")))
		if rest := c.rest(); rest != "" {
			t.Errorf("after a flood of key updates the proxy sends %q", rest)
		}
		w.reasons(1)
	})
	t.Run("early data", func(t *testing.T) {
		w := open(t)
		tickets := &cache{}
		c := w.dial(configs.IMAPS)
		c.handshake(&tls.Config{ServerName: hostname, ClientSessionCache: tickets})
		c.greeting()
		if tickets.state == nil {
			t.Fatal("no ticket")
		}
		if _, state, err := tickets.state.ResumptionState(); err != nil || state.EarlyData {
			t.Errorf("a ticket allows early data: %v, %v", state, err)
		}
	})
}

// cache keeps the last ticket, for all names.
type cache struct{ state *tls.ClientSessionState }

func (c *cache) Get(string) (*tls.ClientSessionState, bool)  { return c.state, c.state != nil }
func (c *cache) Put(_ string, state *tls.ClientSessionState) { c.state = state }
