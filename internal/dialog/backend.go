package dialog

import (
	"bufio"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// RunBackend runs every dialog that matches pattern. In these only the function
// talk and the backend take part. "option: ends REASON" is the reason for which
// talk must end; without it, talk must succeed.
func RunBackend(t *testing.T, pattern string, talk func(back *wire.Stream) error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogs match %s (%v)", pattern, err)
	}
	certs := []tls.Certificate{authority.New(t).ECDSA(t, "mail.example.com")}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialog"), func(t *testing.T) {
			r := &runner{t: t, script: load(t, file), certs: certs}
			ended := make(chan error, 1)
			r.listener = loopback.Listen(r.t)
			conn, err := net.Dial("tcp", r.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				back := r.backConn(conn)
				ended <- talk(back.ForGate())
				back.Abort()
			}()
			if r.backend, err = r.listener.Accept(); err != nil {
				t.Fatal(err)
			}
			r.toBackend = bufio.NewReader(r.backend)
			r.client = r.backend // the deadline is set on it
			for _, step := range r.script.steps {
				r.step(step)
			}
			_ = r.backend.Close()
			want := r.script.options["ends"]
			if want == "" {
				want = gate.Done.String()
			}
			select {
			case err := <-ended:
				if got := gate.ReasonOf(err).String(); got != want {
					t.Errorf("talk ended for %s (%v), not %s", got, err, want)
				}
			case <-time.After(patience):
				t.Fatal("talk does not end")
			}
		})
	}
}

// backConn returns our end of the connection to the backend.
func (r *runner) backConn(conn net.Conn) *wire.Conn {
	timeouts := upstream.Timeouts{Dial: patience, Reply: patience, Verdict: patience, Handshake: patience}
	var config *tls.Config
	if r.script.options["backend"] == "starttls" {
		config = clientConfig()
	}
	return upstream.NewConn(r.t.Context(), timeouts, conn, config, time.Time{})
}
