package world

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Backend is a server with a common configuration: clients in its network may
// relay, and passwords are accepted in plaintext. It has one user.
type Backend struct {
	Dir            string
	User, Password string
	Root           *Root
	*Process       // its log includes what the server sends to syslog

	ports, headers map[string]int // by protocol; headers: with a PROXY header
	syslog         net.PacketConn
}

// backends gives for each server the root that has it, its protocols, and the
// protocols that it also serves behind a PROXY header. Its settings are in
// testdata/matrix.
var backends = map[string]struct {
	set            string
	ports, headers []string
}{
	"postfix-dovecot": {postfixDovecot, []string{"smtp", "submission", "dovecot-submission", "imap", "pop3", "sieve"}, []string{"smtp", "imap", "pop3"}},
	"cyrus":           {eximCyrus, []string{"imap", "pop3", "sieve"}, nil},
	"exim":            {eximCyrus, []string{"smtp", "submission"}, []string{"smtp"}},
	"courier":         {"courier", []string{"smtp", "submission", "imap", "pop3"}, []string{"smtp", "imap", "pop3"}},
	"sendmail":        {"sendmail", []string{"smtp", "submission"}, nil},
	"opensmtpd":       {"opensmtpd", []string{"smtp", "submission"}, []string{"smtp"}},
}

// StartBackend starts a server. Its Stop ends it.
func (w *World) StartBackend(name string) (*Backend, error) {
	plan := backends[name]
	root, err := w.Root(plan.set)
	if err != nil {
		return nil, err
	}
	folder := name
	for i := 2; w.started[folder]; i++ {
		folder = fmt.Sprintf("%s-%d", name, i)
	}
	w.started[folder] = true
	b := &Backend{Dir: filepath.Join(w.Dir, folder), User: "joe", Password: BelieverPassword, Root: root}
	if b.ports, err = w.namedPorts(plan.ports); err != nil {
		return nil, err
	}
	if b.headers, err = w.namedPorts(plan.headers); err != nil {
		return nil, err
	}
	if err := errors.Join(w.folders(folder), w.fillAll("matrix/"+name, folder, b), b.copyCertificate(w.certificates[len(w.certificates)-1])); err != nil {
		return nil, err
	}
	log := newLog()
	if b.syslog, err = listenToSyslog(b.Dir, log); err != nil {
		return nil, err
	}
	if b.Process, err = run(name, log, root.Command(b.Dir, "sh", filepath.Join(b.Dir, "start.sh"))); err != nil {
		return nil, errors.Join(err, b.syslog.Close())
	}
	b.DiesOfSignal = true
	for _, port := range b.ports {
		err = errors.Join(err, b.ready(port))
	}
	return b, err
}

func (w *World) namedPorts(names []string) (map[string]int, error) {
	ports := make(map[string]int)
	for _, name := range names {
		var port int
		if err := w.freePorts(&port); err != nil {
			return nil, err
		}
		ports[name] = port
	}
	return ports, nil
}

// fillAll writes a folder of configurations to a folder of the world.
func (w *World) fillAll(name, to string, data any) error {
	files, err := fs.ReadDir(testdata, "testdata/"+name)
	for _, file := range files {
		err = errors.Join(err, w.fill(name+"/"+file.Name(), to+"/"+file.Name(), data))
	}
	return err
}

// copyCertificate writes the server's certificate and key to files in its
// folder. It uses the RSA certificate, because old servers support no other.
func (b *Backend) copyCertificate(from Pair) error {
	for to, from := range map[string]string{"tls.pem": from.Cert, "tls.key": from.Key} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(b.Dir, to), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Port returns the server's plaintext port for a protocol.
func (b *Backend) Port(name string) int { return b.ports[name] }

// Header returns the server's port for a protocol behind a PROXY header.
func (b *Backend) Header(name string) int { return b.headers[name] }

// Delivered waits for a message in the user's mailbox that has a line which is
// in no other message, and returns the message as it was stored.
func (b *Backend) Delivered(line string) (message []byte, err error) {
	for deadline := time.Now().Add(Patience); message == nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err = filepath.WalkDir(filepath.Join(b.Dir, "home"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "tmp" {
				return nil // moved meanwhile, or not complete yet
			}
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(line)) {
				message = text
			}
			return nil
		})
	}
	if message == nil && err == nil {
		err = fmt.Errorf("no message with %q has arrived; the log ends with\n%s", line, b.Log.Tail())
	}
	return message, err
}

// Stop ends the server.
func (b *Backend) Stop() error { return errors.Join(b.Process.Stop(), b.syslog.Close()) }
