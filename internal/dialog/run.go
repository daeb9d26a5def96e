package dialog

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/proxy"
)

// patience bounds each step. It is far longer than a working gate needs.
const patience = 10 * time.Second

// Run runs every dialog that matches pattern as a subtest. newGate creates the
// gate from a dialog's options and the session's facts, which it may change;
// the session's id in the dialogs is ID.
func Run(t *testing.T, pattern string, newGate func(options map[string]string, s *gate.Session) Gate) {
	RunOn(t, pattern, newGate, func(*testing.T, *proxy.Server) {})
}

// RunOn is Run with servers that prepare may change before they listen.
func RunOn(t *testing.T, pattern string, newGate func(options map[string]string, s *gate.Session) Gate, prepare func(*testing.T, *proxy.Server)) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogs match %s (%v)", pattern, err)
	}
	ca := authority.New(t)
	certs := []tls.Certificate{ca.ECDSA(t, "mail.example.com"), ca.RSA(t, "mail.example.com")}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialog"), func(t *testing.T) {
			t.Parallel()
			r := &runner{t: t, script: load(t, file), certs: certs, events: &events{ended: make(chan gate.Reason, 1)}}
			r.prepare = prepare
			r.run(newGate)
		})
	}
}

// runner plays both ends of one dialog: the client and the backend.
type runner struct {
	t      *testing.T
	script script
	certs  []tls.Certificate

	client, backend net.Conn
	toClient        *bufio.Reader
	toBackend       *bufio.Reader
	dialled         chan net.Conn
	listener        net.Listener
	left            []net.Conn // the previous backends
	server          *proxy.Server
	prepare         func(*testing.T, *proxy.Server)
	events          *events
	taken           int // messages that were accepted
	watch           *watch
}

func (r *runner) run(newGate func(map[string]string, *gate.Session) Gate) {
	r.listen()
	r.serve(newGate)
	r.connect()
	if client, ok := r.client.(*tls.Conn); ok {
		_ = client.SetDeadline(time.Now().Add(patience))
		if err := client.Handshake(); err != nil { // now, so that the gate can dial before the client sends a command
			r.t.Fatal(err)
		}
	}
	for _, step := range r.script.steps {
		r.step(step)
	}
	_ = r.client.Close()
	for _, backend := range append(r.left, r.backend) {
		if backend != nil {
			_ = backend.Close()
		}
	}
	_ = r.listener.Close()
	for conn := range r.dialled { // the gate may have dialled again after the end of the dialog
		_ = conn.Close()
	}
	r.awaitEnd()
	if want := r.script.options["taken"]; want != "" && want != strconv.Itoa(r.taken) {
		r.t.Errorf("%d messages were accepted, not %s", r.taken, want)
	}
	for option, events := range map[string][]string{"logins": r.watch.logins, "denied": r.watch.denied, "refused": r.watch.refused, "messages": r.watch.messages} {
		if want, given := r.script.options[option]; given && want != strings.Join(events, "; ") {
			r.t.Errorf("the %s were\n%q, not\n%q", option, strings.Join(events, "; "), want)
		}
	}
}

// listen opens the backend's listener.
func (r *runner) listen() {
	r.listener = loopback.Listen(r.t)
	r.dialled = make(chan net.Conn, 8)
	go func() {
		defer close(r.dialled)
		for {
			conn, err := r.listener.Accept()
			if err != nil {
				return
			}
			r.dialled <- conn
		}
	}()
}

// connect opens the client's connection.
func (r *runner) connect() {
	client, err := net.Dial("tcp", r.server.Addresses()[0].String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = client
	if r.script.implicit {
		r.client = tls.Client(client, clientConfig())
	}
	r.toClient = bufio.NewReader(r.client)
}

func (r *runner) step(s step) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	_ = r.client.SetDeadline(deadline)
	if s.verb[0] == 'B' && s.text != "none" && r.backend == nil {
		select {
		case r.backend = <-r.dialled:
			r.toBackend = bufio.NewReader(r.backend)
		case <-time.After(patience):
			r.t.Fatalf("line %d: the backend was not dialled", s.line)
		}
	}
	if r.backend != nil {
		_ = r.backend.SetDeadline(deadline)
	}
	if err := r.act(s); err != nil {
		r.t.Fatalf("line %d: %s %s: %v", s.line, s.verb, s.text, err)
	}
}

func (r *runner) act(s step) error {
	switch s.verb {
	case "C:":
		return send(r.client, s.text+"\r\n")
	case "C|":
		return send(r.client, s.text)
	case "B>":
		return send(r.backend, s.text+"\r\n")
	case "B|":
		return send(r.backend, s.text)
	case "S:":
		return readLine(r.toClient, regexp.QuoteMeta(s.text))
	case "S~":
		return readLine(r.toClient, s.text)
	case "B<":
		return readLine(r.toBackend, regexp.QuoteMeta(s.text))
	case "B~":
		return readLine(r.toBackend, s.text)
	case "TLS":
		return r.handshake(s.text == "fails")
	case "C!":
		return r.client.Close()
	case "S!":
		return ended(r.toClient)
	}
	return r.backendEvent(s.text)
}

func (r *runner) backendEvent(text string) error {
	switch text {
	case "close":
		return r.backend.Close()
	case "TLS":
		return r.backendHandshake()
	case "next":
		r.left = append(r.left, r.backend)
		r.backend = nil
		return nil
	case "none":
		select {
		case <-r.dialled:
			return errDialled
		default:
			return nil
		}
	}
	return ended(r.toBackend)
}

func clientConfig() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "mail.example.com"}
}

func (r *runner) handshake(fails bool) error {
	if n := r.toClient.Buffered(); n > 0 {
		return errClearText
	}
	client := tls.Client(r.client, clientConfig())
	err := client.Handshake()
	if fails {
		if err == nil {
			return errHandshake
		}
		return nil
	}
	r.client = client
	r.toClient.Reset(client)
	return err
}

// backendHandshake is the backend's side of STARTTLS.
func (r *runner) backendHandshake() error {
	if n := r.toBackend.Buffered(); n > 0 {
		return errClearText
	}
	backend := tls.Server(r.backend, &tls.Config{Certificates: r.certs})
	r.backend = backend
	r.toBackend.Reset(backend)
	return backend.Handshake()
}

func send(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}
