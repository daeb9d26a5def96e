package world

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// Letterlock is one instance of the program under test.
type Letterlock struct {
	*Process
	config    string // the path of its configuration file
	listeners []Listener
	addresses map[string]string
}

// Listener is one of an instance's listeners.
type Listener struct {
	Name    string // the tests' name for it, which is not in the configuration
	Service string
	Backend int      // a port of 127.0.0.1; 0: none
	Keys    []string // further lines of the listener's configuration
}

// listeners returns the listeners for all services, in front of Postfix and
// Dovecot.
func (w *World) listeners() []Listener {
	p := w.Ports
	return []Listener{
		{"smtp", "smtp", p.SMTP, []string{"recipients: [example.com]"}},
		{"submission", "submission", p.Submission, nil},
		{"submissions", "submissions", p.Submission, nil},
		{"dovecot-submission", "submission", p.DovecotSubmission, nil},
		{"imap", "imap", p.IMAP, nil},
		{"imaps", "imaps", p.IMAP, nil},
		{"pop3", "pop3", p.POP3, nil},
		{"pop3s", "pop3s", p.POP3, nil},
		{"sieve", "sieve", p.Sieve, nil},
	}
}

// Serve starts an instance in front of the servers, with the shutdown timeout.
func (w *World) Serve(shutdown time.Duration) (*Letterlock, error) {
	return w.ServeCustom("timeouts: {shutdown: "+shutdown.String()+"}", w.listeners()...)
}

// ServeCustom starts an instance with the given listeners. top are further
// lines at the top of its configuration.
func (w *World) ServeCustom(top string, listeners ...Listener) (*Letterlock, error) {
	name := fmt.Sprintf("letterlock-%d", len(w.letterlocks)+1)
	err := w.fill("letterlock.yaml", name+".yaml", struct {
		*World
		Certificates []Pair
		Top          string
		Listeners    []Listener
	}{w, w.certificates, top, listeners})
	if err != nil {
		return nil, err
	}
	return w.serve(name, w.Dir+"/"+name+".yaml", listeners)
}

// StartAgain starts an instance with the configuration of one that has ended. Its
// listeners have other ports.
func (w *World) StartAgain(l *Letterlock) (*Letterlock, error) {
	return w.serve(fmt.Sprintf("letterlock-%d", len(w.letterlocks)+1), l.config, l.listeners)
}

func (w *World) serve(name, config string, listeners []Listener) (*Letterlock, error) {
	p, err := Run(name, exec.Command(w.binary, "serve", "--config", config))
	if err != nil {
		return nil, err
	}
	l := &Letterlock{Process: p, config: config, listeners: listeners, addresses: make(map[string]string)}
	w.letterlocks = append(w.letterlocks, l)
	return l, l.learn()
}

var listening = regexp.MustCompile(`: listening.* address=(\S+)`)

// learn reads the listeners' addresses from the log: the instance listens on
// free ports.
func (l *Letterlock) learn() error {
	mark := 0
	for _, wanted := range l.listeners {
		line, err := l.Log.Await(mark, Patience, "letterlock/"+wanted.Service+"[", "listening")
		if err != nil {
			return err
		}
		for i, each := range l.Log.Since(mark) {
			if each == line {
				mark += i + 1
				break
			}
		}
		match := listening.FindStringSubmatch(line)
		if match == nil {
			return fmt.Errorf("no address in %q", line)
		}
		l.addresses[wanted.Name] = match[1]
	}
	return nil
}

// Reload changes the configuration, makes the instance read it, and waits until
// the log has the result.
func (l *Letterlock) Reload(change func(string) string, want string) error {
	text, err := os.ReadFile(l.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.config, []byte(change(string(text))), 0o644); err != nil {
		return err
	}
	mark := len(l.Log.Since(0))
	if err := l.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	_, err = l.Log.Await(mark, Patience, want)
	return err
}

// Address returns the address of a listener of the instance.
func (l *Letterlock) Address(name string) string { return l.addresses[name] }

// Config returns the path of the instance's configuration file.
func (l *Letterlock) Config() string { return l.config }

// Instances returns all instances that were started.
func (w *World) Instances() []*Letterlock { return w.letterlocks }
