package app

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// mailServer is an IMAP server with some users, by name and password. It
// records the commands that it receives.
type mailServer struct {
	net.Listener
	users map[string]string

	mu    sync.Mutex
	lines []string
}

func newMailServer(t *testing.T, users map[string]string) *mailServer {
	t.Helper()
	s := &mailServer{Listener: loopback.Listen(t), users: users}
	loopback.Serve(s.Listener, s.serve)
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	_, _ = io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5] ready\r\n")
	lines := bufio.NewScanner(conn)
	next := func() string {
		if !lines.Scan() {
			return ""
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, lines.Text())
		return lines.Text()
	}
	for {
		words := strings.Fields(next())
		if len(words) < 2 {
			return
		}
		tag, name, password := words[0], "", ""
		switch strings.ToUpper(words[1]) {
		case "LOGIN":
			name, password = strings.Trim(words[2], `"`), strings.Trim(words[3], `"`)
		case "AUTHENTICATE":
			_, _ = io.WriteString(conn, "+ \r\n")
			token, _ := base64.StdEncoding.DecodeString(next())
			if fields := strings.Split(string(token), "\x00"); len(fields) == 3 {
				name, password = fields[1], fields[2]
			}
		case "LOGOUT":
			return
		default:
			_, _ = io.WriteString(conn, tag+" OK done\r\n")
			continue
		}
		if want, known := s.users[name]; known && want == password {
			_, _ = fmt.Fprintf(conn, "%s OK [CAPABILITY IMAP4rev1] in at %s\r\n", tag, s.Addr())
		} else {
			_, _ = io.WriteString(conn, tag+" NO wrong\r\n")
		}
	}
}

// commands returns the commands since the last call.
func (s *mailServer) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

func putRoutes(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The whole proxy between a client and two servers.
func TestRoutes(t *testing.T) {
	t.Parallel()
	old := newMailServer(t, map[string]string{"alice": "one"})
	far := newMailServer(t, map[string]string{"carol@example.org": "two", "alice": "three"})
	path := filepath.Join(t.TempDir(), "users")
	putRoutes(t, path, "@example.org "+far.Addr().String()+"\nghost reject\n")
	w := newWorld(t, fmt.Sprintf(`
probe: false
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
listeners: [{service: imaps, listen: "{host}:0", backend: "%s", routes: "%s"}]
`, old.Addr(), path))
	write := func(line, answer string) {
		t.Helper()
		conn, err := w.dial(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		r := bufio.NewReader(conn)
		if greeting, err := r.ReadString('\n'); err != nil || strings.Contains(greeting, "CRAM-MD5") {
			t.Fatalf("%q, %v: a mechanism that sends the user name too late", greeting, err)
		}
		_, _ = io.WriteString(conn, line+"\r\n")
		if got, err := r.ReadString('\n'); err != nil || strings.TrimRight(got, "\r\n") != answer {
			t.Errorf("%s\n got %q, %v\nwant %q", line, got, err, answer)
		}
	}
	in := func(s *mailServer) string { return fmt.Sprintf("a OK [CAPABILITY IMAP4rev1] in at %s", s.Addr()) }
	plain := base64.StdEncoding.EncodeToString([]byte("\x00carol@example.org\x00two"))

	write("a LOGIN alice one", in(old))
	if len(far.commands()) > 0 {
		t.Error("another backend received alice's login")
	}
	old.commands()
	write("a AUTHENTICATE PLAIN "+plain, in(far))
	if received := strings.Join(old.commands(), "\n"); strings.Contains(received, plain) || strings.Contains(received, "AUTHENTICATE") {
		t.Errorf("the first backend received a login that is not for it:\n%s", received)
	}
	if received := far.commands(); !slices.Contains(received, plain) {
		t.Errorf("the response did not come as it was sent: %q", received)
	}

	// A login of an unknown user is refused by the same server and with the
	// same text as a wrong password; the password does not reach the server.
	write("a LOGIN alice wrong", "a NO wrong")
	write("a LOGIN ghost secret", "a NO wrong")
	received := strings.Join(old.commands(), "\n")
	if !strings.Contains(received, `LOGIN "ghost" "`) || strings.Contains(received, "secret") {
		t.Errorf("the server received\n%s", received)
	}

	putRoutes(t, path, "alice "+far.Addr().String()+"\n")
	w.now.Load().maintenance.files.Reload()
	write("a LOGIN alice three", in(far))

	putRoutes(t, path, "alice "+old.Addr().String()+"\n\nbob nowhere\n/(/ reject\n")
	w.now.Load().maintenance.files.Reload()
	write("a LOGIN alice three", in(far))
	for _, words := range []string{path + ":3: there is no backend named nowhere", path + ":4: ", "what it held before stays in use"} {
		if !strings.Contains(w.log.String(), words) {
			t.Errorf("no %q in the log\n%s", words, w.log)
		}
	}
	for _, secret := range []string{"secret", plain, "three"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%s is in the log\n%s", secret, w.log)
		}
	}
}

// A backend that only the routes name is probed like all others.
func TestRoutedBackendsAreProbed(t *testing.T) {
	t.Parallel()
	old, far, later := newMailServer(t, nil), newRelay(t), newRelay(t)
	path := filepath.Join(t.TempDir(), "users")
	putRoutes(t, path, "* "+far.Addr().String()+"\n")
	w := newWorld(t, fmt.Sprintf(`
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
listeners: [{service: imaps, listen: "{host}:0", backend: "%s", routes: "%s"}]
`, old.Addr(), path))
	w.probing.Wait()
	if far.sessions.Load() == 0 {
		t.Error("the backend has no session")
	}
	sessions := far.sessions.Load()
	putRoutes(t, path, "* "+far.Addr().String()+"\nx "+later.Addr().String()+"\n")
	w.now.Load().maintenance.files.Reload()
	w.probing.Wait()
	if later.sessions.Load() == 0 || far.sessions.Load() != sessions {
		t.Errorf("%d and %d sessions behind a change", later.sessions.Load(), far.sessions.Load()-sessions)
	}
}
