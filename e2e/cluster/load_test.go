package cluster

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/test/mta"
)

// load runs the clients, without a pause: they log in to read mail, manage scripts,
// and send messages, directly and after a login.
type load struct {
	address  string // of the load balancer
	tls      *tls.Config
	password string
	counts   map[string]*count // of the services without mail
	senders  map[string]*mta.Sender

	enough  chan struct{}
	clients sync.WaitGroup
	mu      sync.Mutex
	letters []mta.Letter // after the end
}

// count counts the results of logins.
type count struct {
	done, unavailable atomic.Int64

	mu      sync.Mutex
	refused []string // replies that say that a right password is wrong
}

const (
	clientsOfService = 2
	pause            = 50 * time.Millisecond // of a client between two sessions
	clientPatience   = 15 * time.Second      // with one session
	mostLetters      = 100000
)

// startLoad starts the clients. They go on until stop is called.
func startLoad(t *testing.T, s *site) *load {
	t.Helper()
	l := &load{
		address: balancerAddress, tls: s.tls(), password: s.mail[0].Password,
		counts: map[string]*count{}, senders: map[string]*mta.Sender{}, enough: make(chan struct{}),
	}
	for n, each := range services {
		if each.protocol == "smtp" && !each.implicit {
			l.startSender(t.Context(), n, each)
			continue
		}
		l.counts[each.name] = &count{}
		for i := range clientsOfService {
			l.clients.Go(func() { l.repeat(each, fmt.Sprintf("%s-%d", each.name, i)) })
		}
	}
	t.Cleanup(l.stop)
	return l
}

// startSender starts to send mail. The number of the service makes its letters
// different from those of other services.
func (l *load) startSender(ctx context.Context, number int, of service) {
	sender := &mta.Sender{
		Address: func() string { return fmt.Sprintf("%s:%d", l.address, of.port) }, TLS: l.tls, To: "b@example.com",
		Letters: mostLetters + number, Sessions: clientsOfService, PerConnection: 3, Pause: pause, Enough: l.enough,
	}
	if of.name != "smtp" {
		sender.User, sender.Password = "sender", l.password
	}
	l.senders[of.name] = sender
	l.clients.Go(func() {
		letters := sender.Run(ctx)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.letters = append(l.letters, letters...)
	})
}

// stop ends all clients, after their current session or letter.
func (l *load) stop() {
	select {
	case <-l.enough:
	default:
		close(l.enough)
	}
	l.clients.Wait()
}

// repeat logs in again and again.
func (l *load) repeat(at service, user string) {
	c := l.counts[at.name]
	for {
		select {
		case <-l.enough:
			return
		case <-time.After(pause):
		}
		switch err := login(fmt.Sprintf("%s:%d", l.address, at.port), "", at, l.tls, user, l.password); {
		case err == nil:
			c.done.Add(1)
		case errors.Is(err, errPassword):
			c.mu.Lock()
			c.refused = append(c.refused, err.Error())
			c.mu.Unlock()
		default:
			c.unavailable.Add(1)
		}
	}
}

// progress returns what the clients of each service have achieved.
func (l *load) progress() map[string]int {
	all := map[string]int{}
	for name, c := range l.counts {
		all[name] = int(c.done.Load())
	}
	for name, s := range l.senders {
		all[name] = s.Sent()
	}
	return all
}

// wronglyRefused returns the replies that say that a right password is wrong.
func (l *load) wronglyRefused() (all []string) {
	for name, c := range l.counts {
		c.mu.Lock()
		for _, reply := range c.refused {
			all = append(all, name+": "+reply)
		}
		c.mu.Unlock()
	}
	for name, s := range l.senders {
		if n := s.BadPassword(); n > 0 {
			all = append(all, fmt.Sprintf("%s: %d logins", name, n))
		}
	}
	return all
}

// errPassword is the error of a login that is refused as if its password were
// wrong.
var errPassword = errors.New("the password is refused")

// temporary are parts of negative replies that say nothing about the password.
var temporary = []string{"UNAVAILABLE", "SYS/TEMP", "TRYLATER", "IN-USE", "BYE", "421", "454", "BAD"}

// login logs in, sends one command, and logs out. From is the client's address;
// empty: the usual one.
func login(address, from string, at service, settings *tls.Config, user, password string) error {
	dialer := net.Dialer{Timeout: clientPatience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	handshake := func(conn net.Conn) (net.Conn, error) {
		secure := tls.Client(conn, settings)
		return secure, secure.Handshake()
	}
	if err := conn.SetDeadline(time.Now().Add(clientPatience)); err != nil {
		return err
	}
	if at.implicit {
		if conn, err = handshake(conn); err != nil {
			return err
		}
	}
	m, err := mailclient.New(conn, at.protocol, "client.example", time.Now().Add(clientPatience))
	if err != nil {
		return err
	}
	if err := open(m, at, handshake); err != nil {
		return err
	}
	reply, err := authenticate[at.protocol](m, user, password)
	if err != nil {
		return err
	}
	return verdict(reply)
}

// open reads the greeting and starts TLS.
func open(m *mailclient.Conn, at service, handshake mailclient.Handshake) error {
	if _, err := m.Greeting(); err != nil {
		return err
	}
	if _, err := m.Capabilities(); err != nil || at.implicit {
		return err
	}
	if err := m.StartTLS(handshake); err != nil {
		return err
	}
	_, err := m.Capabilities()
	return err
}

// verdict is the error of a reply to a login.
func verdict(reply string) error {
	if strings.HasPrefix(reply, "OK") || strings.HasPrefix(reply, "+OK") || strings.HasPrefix(reply, "235") {
		return nil
	}
	for _, word := range temporary {
		if strings.Contains(reply, word) {
			return errors.New(reply)
		}
	}
	return fmt.Errorf("%w: %s", errPassword, reply)
}

// authenticate holds the login of each protocol. It returns the reply to the
// login. After a login it also sends a command, and logs out.
var authenticate = map[string]func(m *mailclient.Conn, user, password string) (reply string, err error){
	"imap": func(m *mailclient.Conn, user, password string) (string, error) {
		reply, _, err := m.Tagged(nil, "LOGIN %s %s", user, password)
		if err == nil && strings.HasPrefix(reply, "OK") {
			_, _, err = m.Tagged(nil, "SELECT INBOX")
		}
		return reply, err
	},
	"pop3": func(m *mailclient.Conn, user, password string) (string, error) {
		if _, err := m.Exchange("USER %s", user); err != nil {
			return "", err
		}
		reply, err := m.Exchange("PASS %s", password)
		if err == nil && strings.HasPrefix(reply, "+OK") {
			_, err = m.Exchange("STAT")
		}
		return reply, err
	},
	"sieve": func(m *mailclient.Conn, user, password string) (string, error) {
		reply, err := m.Exchange("AUTHENTICATE \"PLAIN\" \"%s\"", plain(user, password))
		if err == nil && strings.HasPrefix(reply, "OK") {
			_, err = m.Exchange("LISTSCRIPTS")
		}
		return reply, err
	},
	"smtp": func(m *mailclient.Conn, user, password string) (string, error) {
		reply, err := m.Command("AUTH PLAIN %s", plain(user, password))
		return reply.String(), err
	},
}

// plain is the token of SASL PLAIN (RFC 4616).
func plain(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}
