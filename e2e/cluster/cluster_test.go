package cluster

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// TestCluster lets everything fail in turn while clients of all protocols work.
// No acknowledged message may be lost or exist twice, and no right password may
// be refused.
func TestCluster(t *testing.T) {
	s := startSite(t)
	t.Logf("the seed is %d", *seed)
	l := startLoad(t, s)
	s.awaitProgress(t, l)
	for _, f := range s.failures() {
		s.cause(t, l, f)
	}
	s.awaitStore(t)
	l.stop()
	t.Run("Tickets", func(t *testing.T) { checkTickets(t, s) })
	t.Run("Guessing", func(t *testing.T) { checkGuessing(t, s) })
	for _, reply := range l.wronglyRefused() {
		t.Errorf("a right password was refused: %s", reply)
	}
	for _, problem := range mta.Check(l.letters, s.kept(t)) {
		t.Error(problem)
	}
	s.checkSecrets(t)
	s.checkTwins(t)
	for name, c := range l.counts {
		t.Logf("%s: %d sessions, %d not available", name, c.done.Load(), c.unavailable.Load())
	}
	t.Logf("mail: %+v", mta.Sum(l.letters))
}

var letterID = regexp.MustCompile(mta.IDHeader + `([0-9]+-of-[0-9]+)`)

// kept counts the letters that the mail servers have. Each must be complete.
func (s *site) kept(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, host := range s.mail {
		messages, err := host.Keeper.Kept()
		must(t, err)
		for _, text := range messages {
			m := letterID.FindSubmatch(text)
			if m == nil || !bytes.Contains(text, append([]byte("the end of "), m[1]...)) {
				t.Errorf("an unknown or incomplete message: %.1000q", text)
				continue
			}
			count[string(m[1])]++
		}
	}
	return count
}

// checkSecrets searches the logs of all instances for the password.
func (s *site) checkSecrets(t *testing.T) {
	t.Helper()
	for _, i := range s.instances {
		for _, p := range i.processes {
			if text := strings.Join(p.Log.Since(0), "\n"); strings.Contains(text, s.mail[0].Password) {
				t.Errorf("%s: the password is in the log", i.Name)
			}
		}
	}
}

// checkTickets resumes a TLS session of each instance at each other instance. An instance
// has the common keys after its next exchange with the store, within 30 seconds: it may
// have made its own while the store failed, or another instance may have started when the
// store's values were lost, and have stored new keys first.
func checkTickets(t *testing.T, s *site) {
	for _, from := range s.instances {
		var refusing string
		if !happens(func() bool { refusing = s.refusing(t, from); return refusing == "" }) {
			t.Errorf("a session of %s is not resumed at %s", from.Name, refusing)
		}
	}
}

// refusing returns an instance that does not resume a session of another one; empty:
// none.
func (s *site) refusing(t *testing.T, from *instance) string {
	t.Helper()
	settings := s.tls()
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if resumed(t, from, settings) {
		t.Errorf("%s: the first session is resumed", from.Name)
	}
	for _, at := range s.instances {
		if at != from && !resumed(t, at, settings) {
			return at.Name
		}
	}
	return ""
}

// resumed reports whether a session at an instance is a resumed one.
func resumed(t *testing.T, at *instance, settings *tls.Config) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", at.At(993), clientPatience)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(clientPatience)))
	secure := tls.Client(conn, settings)
	_, err = secure.Read(make([]byte, 1)) // the greeting, behind the ticket
	must(t, err)
	return secure.ConnectionState().DidResume
}

// guess is a way to guess passwords: the user and the client of each try.
type guess struct {
	prefix string // of the users' names
	user   func(i int) string
	client func(i int) string
}

// checkGuessing guesses passwords at all instances at the same time: of many
// users from one address, and of one user from many addresses.
func checkGuessing(t *testing.T, s *site) {
	var guessers sync.WaitGroup
	for _, g := range []guess{
		{"one-address", func(i int) string { return fmt.Sprintf("one-address-%d", i) }, func(int) string { return attackers[0] }},
		{"one-user", func(int) string { return "one-user" }, func(i int) string { return attackers[1:][i%(len(attackers)-1)] }},
	} {
		guessers.Go(func() { s.checkGuess(t, g) })
	}
	guessers.Wait()
}

// checkGuess makes more tries than the instances allow, and counts those that
// the mail servers have seen.
func (s *site) checkGuess(t *testing.T, g guess) {
	tries, least, most := 2*limit*len(s.instances), limit, limit+len(s.instances)
	marks := s.marks()
	for i := range tries {
		err := login(balancerAddress+":993", g.client(i), service{"imaps", "imap", 993, true}, s.tls(), g.user(i), "a-wrong-word")
		if !errors.Is(err, errPassword) {
			t.Errorf("%s: the reply to a wrong password is %v", g.prefix, err)
		}
	}
	n := 0
	for _, host := range s.mail {
		n += host.WrongPasswords(g.prefix)
	}
	if alone := s.alone(marks); alone != "" { // on a busy machine the store may be slow
		t.Logf("%s used no store for a moment", alone)
		most = limit * len(s.instances)
		least -= len(s.instances) // a change that was not confirmed in time may count twice
	}
	t.Logf("%s: %d of %d passwords were tried", g.prefix, n, tries)
	if n < least || n > most {
		t.Errorf("%s: %d passwords were tried, want %d to %d", g.prefix, n, least, most)
	}
}
