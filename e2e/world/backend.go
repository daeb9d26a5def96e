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

// Backend is a server as many people have one: its neighbours relay, and
// passwords come in plaintext. It has one user.
type Backend struct {
	Dir            string
	User, Password string
	Root           *Root
	*Process       // its log is what the server says, to syslog too

	ports, headers map[string]int // by what it speaks there
	syslog         net.PacketConn
}

// backends says of each server in which root it is, what it speaks, and what it
// speaks behind a PROXY header too. Its settings are in testdata/matrix.
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

// StartBackend starts a server. It ends with its Stop.
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
	if b.ports, err = namedPorts(plan.ports); err != nil {
		return nil, err
	}
	if b.headers, err = namedPorts(plan.headers); err != nil {
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

func namedPorts(names []string) (map[string]int, error) {
	ports := make(map[string]int)
	for _, name := range names {
		l, port, err := FreePort()
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // only at the end, so that no port comes twice
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

// copyCertificate gives the server a certificate in files of its own. It is the
// RSA one: old servers know no other.
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

// Port returns where the server takes plaintext, by what it speaks there.
func (b *Backend) Port(name string) int { return b.ports[name] }

// Header returns where it wants a PROXY header first.
func (b *Backend) Header(name string) int { return b.headers[name] }

// Delivered waits for a message in the user's mailbox, by a line that it has
// and no other, and returns it as it was stored.
func (b *Backend) Delivered(line string) (message []byte, err error) {
	for deadline := time.Now().Add(Patience); message == nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err = filepath.WalkDir(filepath.Join(b.Dir, "home"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "tmp" {
				return nil // it was there a moment ago, or is not all there yet
			}
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(line)) {
				message = text
			}
			return nil
		})
	}
	if message == nil && err == nil {
		err = fmt.Errorf("no message with %q has come; the log ends with\n%s", line, b.Log.Tail())
	}
	return message, err
}

// Stop ends the server.
func (b *Backend) Stop() error { return errors.Join(b.Process.Stop(), b.syslog.Close()) }
