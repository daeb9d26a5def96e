package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// newXCLIENT starts an SMTP server that offers XCLIENT and replies to it as
// given, or not at all.
func newXCLIENT(t *testing.T, answer string) string {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 old ESMTP\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			verb, _, _ := strings.Cut(lines.Text(), " ")
			said := map[string]string{"EHLO": "250-old\r\n250 XCLIENT ADDR PORT\r\n", "XCLIENT": answer, "QUIT": "221 bye\r\n"}[verb]
			_, _ = io.WriteString(conn, said)
		}
	})
	return l.Addr().String()
}

// A backend that hangs in the handover, or refuses it, is passed over for one
// that does not, and known to be down.
func TestHandoverFailsOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, reason string }{
		"hangs":   {"", "timeout"},
		"refuses": {"550 5.7.0 Error: insufficient authorization\r\n", "550"},
	} {
		t.Run(name, func(t *testing.T) {
			bad, good := newXCLIENT(t, c.answer), newXCLIENT(t, "220 old ESMTP\r\n")
			w := newWorld(t, fmt.Sprintf(`
probe: false
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
timeouts: {dial: 5s}
backends: [{name: pair, addresses: ["%s", "%s"]}]
listeners: [{service: smtp, listen: "{host}:0", backend: pair, handover: xclient, greet_delay: 0s}]
`, bad, good))
			down := "backend is down\" backend=pair address=" + bad
			if !wait.Happens(func() bool { // either backend may be tried first
				if said := w.ehlo(); !strings.HasPrefix(said, "250") {
					t.Fatalf("the client reads %q\n%s", said, w.log)
				}
				return strings.Contains(w.log.String(), down)
			}) {
				t.Fatalf("the failed handover is not logged\n%s", w.log)
			}
			if !strings.Contains(w.log.String(), c.reason) {
				t.Errorf("no %q in the log\n%s", c.reason, w.log)
			}
		})
	}
}

// Where there is no other, the client receives a temporary failure.
func TestHandoverHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(`
probe: false
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
timeouts: {greeting: 1s}
listeners: [{service: smtp, listen: "{host}:0", backend: "%s", handover: xclient, greet_delay: 0s}]
`, newXCLIENT(t, "")))
	if said := w.ehlo(); !strings.HasPrefix(said, "421 4.3.2") {
		t.Errorf("the client reads %q", said)
	}
	if !wait.Happens(func() bool { return strings.Contains(w.log.String(), "outcome=backend-gone") }) {
		t.Errorf("unexpected log:\n%s", w.log)
	}
}

// ehlo returns the reply to the first EHLO of a new client, before TLS.
func (w *world) ehlo() string {
	w.Helper()
	client := w.smtp(0)
	defer func() { _ = client.Close() }()
	return client.write("EHLO client.example")
}
