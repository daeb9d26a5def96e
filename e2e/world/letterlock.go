package world

import (
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// Letterlock is one instance of the program under test.
type Letterlock struct {
	*Process
	addresses map[string]string
}

// listener is one of an instance's listeners. The name is the service's, but
// where there are two.
type listener struct {
	Name, Service string
	Backend       int
}

func (w *World) listeners() []listener {
	p := w.Ports
	return []listener{
		{"smtp", "smtp", p.SMTP},
		{"submission", "submission", p.Submission},
		{"submissions", "submissions", p.Submission},
		{"dovecot-submission", "submission", p.DovecotSubmission},
		{"imap", "imap", p.IMAP},
		{"imaps", "imaps", p.IMAP},
		{"pop3", "pop3", p.POP3},
		{"pop3s", "pop3s", p.POP3},
		{"sieve", "sieve", p.Sieve},
	}
}

// Serve starts an instance in front of the servers. When it is told to end,
// its sessions have until shutdown to end too.
func (w *World) Serve(shutdown time.Duration) (*Letterlock, error) {
	name := fmt.Sprintf("letterlock-%d", len(w.letterlocks)+1)
	listeners := w.listeners()
	err := w.fill("letterlock.yaml", name+".yaml", struct {
		*World
		Certificates []Pair
		Listeners    []listener
		Shutdown     time.Duration
	}{w, w.certificates, listeners, shutdown})
	if err != nil {
		return nil, err
	}
	p, err := Run(name, exec.Command(w.binary, "serve", "--config", w.Dir+"/"+name+".yaml"))
	if err != nil {
		return nil, err
	}
	l := &Letterlock{Process: p, addresses: make(map[string]string)}
	w.letterlocks = append(w.letterlocks, l)
	return l, l.learn(listeners)
}

var listening = regexp.MustCompile(`: listening.* address=(\S+)`)

// learn reads from the log where the instance listens: it was free to choose.
func (l *Letterlock) learn(listeners []listener) error {
	mark := 0
	for _, wanted := range listeners {
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

// Address is where the instance serves a listener.
func (l *Letterlock) Address(name string) string { return l.addresses[name] }

// Instances are all that were started.
func (w *World) Instances() []*Letterlock { return w.letterlocks }
